"""The notebook runs, and the container and workflow files fit the package."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
import yaml
from spacy.language import Language

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "notebooks" / "quickstart.ipynb"
DOCKERFILE = ROOT / "Dockerfile"


@pytest.mark.slow
def test_the_notebook_runs(tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = spacy.load

    def load_it(name: str | Path, **settings: Any) -> Language:
        return load(tiny_pipeline if name == "zh_tw_ner" else name, **settings)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(spacy, "load", load_it)
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in cells)
    names: dict[str, Any] = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), NOTEBOOK.name, "exec"), names)
    assert names["html"].count("<mark") == len(names["doc"].ents) > 0
    assert ("端午節", "FESTIVAL") in [(ent.text, ent.label_) for ent in names["learnt"].ents]


def test_containers_run_as_an_unprivileged_user() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[2:]
    assert [stage.split()[2] for stage in stages] == ["slim", "full"]
    for stage in stages:
        assert stage.index("USER ner") < stage.index("CMD")
    service = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["ner"]
    assert service["build"]["target"] in {stage.split()[2] for stage in stages}
    assert service["ports"] == ["127.0.0.1:8000:8000"]


def test_files_that_the_images_copy_exist() -> None:
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert "setup.cfg" in kept
    assert [name for name in kept if not (ROOT / name).exists()] == []


def test_the_slim_image_installs_the_packages_in_the_docs() -> None:
    packages = re.search(r"pip install -c constraints.txt (numpy .*)", DOCKERFILE.read_text(encoding="utf-8"))
    assert packages is not None
    assert f"pip install {packages[1]}" in (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_slim_installation_serves_without_torch_and_spacy(tmp_path: Path) -> None:
    """The pip commands of the Dockerfile run in a new virtual environment, since Docker is not available everywhere."""
    stage = DOCKERFILE.read_text(encoding="utf-8").partition(" AS slim")[2].partition("FROM ")[0]
    lines = re.findall(r"^RUN python (-m pip .*)$", stage, re.MULTILINE)
    assert len(lines) == 2
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    for line in lines:
        done = subprocess.run([python, *line.split()], cwd=ROOT, capture_output=True, text=True, check=False)
        if "No matching distribution" in done.stderr or "Could not fetch" in done.stderr:
            pytest.skip("no package index can be reached")
        assert done.returncode == 0, done.stderr
    command = [python, "-m", "spacy_zh_tw_ner", "serve", "--help"]
    assert "--port" in subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    code = "import importlib.util as u; print([n for n in ('torch', 'spacy', 'transformers') if u.find_spec(n)])"
    assert subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize("path", [".github/workflows/ci.yml", ".pre-commit-config.yaml", "CITATION.cff"])
def test_yaml_files_can_be_parsed(path: str) -> None:
    if not (ROOT / path).exists():
        pytest.skip("an sdist has no such files")
    assert yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
