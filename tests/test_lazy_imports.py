"""spaCy loads every plugin's factories on each `spacy.blank()`: what is slow to import waits until it is used."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SLOW = ("peft", "bitsandbytes", "fastapi", "starlette", "uvicorn", "prometheus_client", "opencc", "pyarrow", "ray")
SLOW += ("onnx", "onnxruntime", "onnxscript")

RESOLVE = """
import importlib, json, sys
from configparser import ConfigParser
setup = ConfigParser(interpolation=None)
setup.read(sys.argv[1], encoding="utf-8")
for group, lines in setup["options.entry_points"].items():
    for line in lines.strip().splitlines():
        module, _, attribute = line.partition("=")[2].strip().partition(":")
        getattr(importlib.import_module(module), attribute)
print(json.dumps(sorted(sys.modules)))
"""
BLANK = """
import json, sys, spacy
nlp = spacy.blank("zh_tw")
assert nlp("台北").text == "台北"
print(json.dumps(sorted(sys.modules)))
"""


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "setup.cfg")], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.fixture(scope="module")
def resolved() -> set[str]:
    return modules_after(RESOLVE)


@pytest.mark.parametrize("package", [*SLOW, "transformers", "spacy_transformers", "numba"])
def test_resolving_every_entry_point_does_not_import(package: str, resolved: set[str]) -> None:
    assert "spacy_zh_tw_ner" in resolved
    assert package not in resolved


def test_a_blank_pipeline_imports_nothing_slow_of_ours() -> None:
    # spacy-transformers, whose factories spaCy loads as well, brings transformers along, and that pyarrow where it is.
    assert not modules_after(BLANK) & (set(SLOW) - {"pyarrow"})
