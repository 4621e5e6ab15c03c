"""Packages that are slow to import are not imported by `spacy.blank()`, which loads the factories of all plugins."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SLOW = ("peft", "bitsandbytes", "fastapi", "starlette", "uvicorn", "prometheus_client", "opencc", "pyarrow", "ray")
SLOW += ("onnx", "onnxruntime", "onnxscript", "presidio_analyzer", "presidio_anonymizer")

RESOLVE_AND_RUN = """
import importlib, json, sys
from configparser import ConfigParser
setup = ConfigParser(interpolation=None)
setup.read(sys.argv[1], encoding="utf-8")
for group, lines in setup["options.entry_points"].items():
    for line in lines.strip().splitlines():
        module, _, attribute = line.partition("=")[2].strip().partition(":")
        getattr(importlib.import_module(module), attribute)
print(json.dumps(sorted(sys.modules)))
import spacy
nlp = spacy.blank("zh_tw")
assert nlp("台北").text == "台北"
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def imported() -> tuple[set[str], set[str]]:
    """Return the imported packages after resolving all entry points, and after `spacy.blank("zh_tw")`."""
    command = [sys.executable, "-c", RESOLVE_AND_RUN, str(ROOT / "setup.cfg")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    resolved, blank = done.stdout.splitlines()[-2:]
    return tuple({name.partition(".")[0] for name in json.loads(line)} for line in (resolved, blank))  # type: ignore[return-value]


@pytest.mark.parametrize("package", [*SLOW, "transformers", "spacy_transformers", "numba"])
def test_resolving_every_entry_point_does_not_import(package: str, imported: tuple[set[str], set[str]]) -> None:
    assert "spacy_zh_tw_ner" in imported[0]
    assert package not in imported[0]


def test_a_blank_pipeline_imports_no_slow_packages(imported: tuple[set[str], set[str]]) -> None:
    # spaCy also loads the factories of spacy-transformers, which imports transformers, and this pyarrow if installed.
    assert "transformers" in imported[1]
    # So does Presidio's analyzer, which registers a factory.
    assert not imported[1] & (set(SLOW) - {"pyarrow", "presidio_analyzer"})
