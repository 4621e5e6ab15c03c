"""The documented command that installs only the runtime is enough to use an exported model."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAVED = ROOT / "tests" / "saved" / "v0_1_0"
SOURCES = ("spacy_zh_tw_ner", "configs", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")

READ = """
import json, sys
from importlib.util import find_spec
from spacy_zh_tw_ner.runtime import load
found = load(sys.argv[1])(sys.argv[2:])
print(json.dumps([found, [name for name in ("spacy", "thinc", "torch", "transformers") if find_spec(name)]]))
"""


def documented_line() -> str:
    text = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^python -m pip install .* numpy onnxruntime$", text, re.MULTILINE)
    return str(line)


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / "spacy_zh_tw_ner").is_dir(), reason="needs the source tree")
@pytest.mark.skipif(sys.platform == "win32", reason="the documented command needs bash")
def test_the_runtime_needs_only_numpy_and_onnxruntime(tmp_path: Path) -> None:
    clone, environment = tmp_path / "clone", tmp_path / "environment"
    clone.mkdir()
    for name in SOURCES:  # pip builds in a copy, so it writes nothing into the repository
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, clone / name)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    variables["PATH"] = os.pathsep.join([str(environment / "bin"), os.environ["PATH"]])

    def run(*command: str | Path, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=variables, cwd=cwd, capture_output=True, encoding="utf-8", check=False)

    if run("python", "-m", "pip", "download", "--no-deps", "numpy").returncode != 0:
        pytest.skip("no package index can be reached")
    done = run("bash", "-c", documented_line(), cwd=clone)
    assert done.returncode == 0, done.stderr
    expected = json.loads((SAVED / "expected.json").read_text(encoding="utf-8"))
    done = run("python", "-c", READ, SAVED / "exported", *expected["texts"])
    assert done.returncode == 0, done.stderr
    found, heavy = json.loads(done.stdout)
    assert heavy == []
    for of_text, wanted in zip(found, expected["entities"]["exported"], strict=True):
        assert [entity[:3] for entity in of_text] == [entity[:3] for entity in wanted]
        assert [entity[3] for entity in of_text] == pytest.approx([entity[3] for entity in wanted], abs=0.01)
