"""Without optional packages, features that need none of them work; the others name the pip command in one line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FeaturesT = dict[str, tuple[list[str], str]]

ROOT = Path(__file__).parents[1]
SAVED = ROOT / "tests" / "saved" / "v0_1_0"
ADAPTERS = ["accelerate", "bitsandbytes", "peft", "spacy_curated_transformers"]
TRANSFORMERS = [*ADAPTERS, "curated_transformers", "spacy_transformers", "tokenizers", "transformers"]
EXTRAS = ["fastapi", "numba", "onnx", "onnxruntime", "onnxscript", "opencc", "prometheus_client", "pyarrow", "ray"]
PRESIDIO = ["presidio_analyzer", "presidio_anonymizer"]  # spaCy loads a factory of the first, which imports regex
EXTRAS += [*PRESIDIO, "regex", "resvg_py", "seqeval", "starlette", "uvicorn"]

SMALL = """
import json, sys, spacy
text = "蔡英文總統在臺北市接見台積電董事長。"
assert spacy.blank("zh_tw")(text).text == text
nlp = spacy.load(sys.argv[1])
entities = [[ent.start_char, ent.end_char, ent.label_] for ent in nlp(text).ents]
from typer.testing import CliRunner
from spacy_zh_tw_ner.cli import zh_tw_ner_cli
helped = CliRunner().invoke(zh_tw_ner_cli, ["--help"])
print(json.dumps([entities, helped.exit_code, [name.partition(".")[0] for name in sys.modules]]))
"""

COMMANDS = """
import json, sys, warnings
from typer.testing import CliRunner
from spacy_zh_tw_ner.cli import zh_tw_ner_cli
warnings.simplefilter("ignore")
found = {}
for name, words in json.loads(sys.argv[1]).items():
    result = CliRunner().invoke(zh_tw_ner_cli, words)
    found[name] = [result.exit_code, result.output]
print(json.dumps(found))
"""

# Feature → arguments of a command that needs it, and a pattern for the extra or package in the pip command
PIPELINE, DEV = str(SAVED / "bilstm"), str(SAVED / "corpus" / "dev.spacy")
PATHS = ["--paths.train", DEV, "--paths.dev", DEV, "--paths.base", str(SAVED / "base"), "--gpu-id", "-1"]
FEATURES: FeaturesT = {
    "conversion of scripts": (["convert", "text.txt", "text.spacy", "--script", "s2tw"], "opencc"),
    "Parquet": (["annotate", "text.txt", "out.parquet", "--pipeline", PIPELINE], "parquet|pyarrow"),
    "Ray": (["annotate", "text.txt", "out.jsonl", "--pipeline", PIPELINE, "--engine", "ray"], "ray"),
    "exported models": (["annotate", "text.txt", "o.jsonl", "--pipeline", str(SAVED / "exported")], "onnxruntime"),
    "service": (["serve", PIPELINE], "serve|fastapi"),
    "export": (["export-onnx", str(SAVED / "transformer_full"), "exported"], "onnx"),
    "seqeval": (["evaluate", PIPELINE, DEV, "--seqeval"], "evaluate|seqeval"),
    "pictures as PNG": (["evaluate", PIPELINE, DEV, "--figure", "figure.png"], "evaluate|resvg-py"),
    "Transformers": (["evaluate", str(SAVED / "transformer_full"), DEV], "spacy-transformers"),
    "Transformers in the head": (["evaluate", str(SAVED / "transformer_in_head"), DEV], "spacy-transformers"),
    "training of Transformers": (["train", "transformer", "--output", "trained", *PATHS], "spacy-transformers"),
    "curated Transformers": (["train", "curated", "--output", "trained", *PATHS], "spacy-curated-transformers"),
    "checkpoints": (["from-hf", str(SAVED / "base"), "pipeline"], "transformers"),
    "base models": (["fetch-base", "e5-small", "base"], "transformers"),
    "plans": (["plan", "12gb-start"], "spacy-transformers"),
    "presets": (["init-config", "own.cfg", "--preset", "12gb-start"], "spacy-transformers"),
}
WITH_TRANSFORMERS: FeaturesT = {
    "LoRA": (["train", "lora", "--output", "trained", *PATHS], "peft"),
    "4 bits": (["train", "qlora", "--output", "trained", *PATHS], "bitsandbytes"),
}
WITH_OPENCC: FeaturesT = {
    "graphemes": (["convert", "records.jsonl", "out.spacy", "--offsets", "grapheme", "--script", "none"], "regex"),
}


def run(folder: Path, hidden: list[str], code: str, *arguments: str) -> Any:
    """Run code in a process with hidden packages, and return the JSON that it prints.

    The packages are also hidden from the processes that it starts.
    """
    hide = f"from tests.missing_packages import hide\nhide(*{hidden!r})\n"
    (folder / "sitecustomize.py").write_text(hide, encoding="utf-8")  # Python imports it when it starts
    paths = [str(folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def run_all(folder: Path, features: FeaturesT, hidden: list[str]) -> dict[str, tuple[int, str]]:
    """Return exit status and output of each command."""
    (folder / "text.txt").write_text("[台北市](GPE)这个夏天\n", encoding="utf-8")
    family = '{"text": "👨‍👩‍👧在臺北市", "label": [[2, 5, "GPE"]]}\n'
    (folder / "records.jsonl").write_text(family, encoding="utf-8")
    found = run(folder, hidden, COMMANDS, json.dumps({name: words for name, (words, _) in features.items()}))
    return {name: (status, said) for name, (status, said) in found.items()}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    return run_all(tmp_path_factory.mktemp("missing"), FEATURES, TRANSFORMERS + EXTRAS)


def check(result: tuple[int, str], package: str) -> None:
    """Check for exit status 1, and for one line with a pip command."""
    status, said = result
    assert status == 1, said
    assert "Traceback" not in said
    (line,) = (line for line in said.splitlines() if "pip install" in line)
    (command,) = re.findall(r"`(pip install [^`]*)`", line)
    assert re.search(rf"[ \[\"]({package})(?![\w-])", command), line
    assert re.search(r"\[ZT\d{3}\]", line)


def test_a_minimal_installation_predicts_and_prints_help(tmp_path: Path) -> None:
    expected = json.loads((SAVED / "expected.json").read_text(encoding="utf-8"))
    entities, status, imported = run(tmp_path, TRANSFORMERS + EXTRAS, SMALL, PIPELINE)
    assert entities == [ent[:3] for ent in expected["entities"]["bilstm"][0]]
    assert status == 0
    assert "torch" in imported
    assert not {*imported} & {*TRANSFORMERS, *EXTRAS}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_missing_package_is_a_one_line_error_with_a_pip_command(
    feature: str, results: dict[str, tuple[int, str]]
) -> None:
    check(results[feature], FEATURES[feature][1])


@pytest.mark.slow
def test_8_bit_weights_for_cpus_need_no_bitsandbytes(tmp_path: Path) -> None:
    command = ["evaluate", str(SAVED / "transformer_int8"), DEV]
    ((status, said),) = run_all(tmp_path, {"8 bits": (command, "")}, ["bitsandbytes"]).values()
    assert status == 0, said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("features", "hidden"), [(WITH_TRANSFORMERS, ADAPTERS), (WITH_OPENCC, [*TRANSFORMERS, *PRESIDIO, "regex"])]
)
def test_a_missing_package_is_reported_if_others_are_installed(
    features: FeaturesT, hidden: list[str], tmp_path: Path
) -> None:
    results = run_all(tmp_path, features, hidden)
    for name, (_, package) in features.items():
        check(results[name], package)
