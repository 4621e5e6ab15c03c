"""The commands of spaCy work with the configs and pipelines of this package, and with those of `init-config`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy.cli
import srsly
from spacy.cli._util import app
from spacy.tokens import DocBin
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_zh_tw_ner.planning.presets import preset_names, preset_notes, read_config
from spacy_zh_tw_ner.planning.recipe import find_transformer
from tests.cli.helpers import succeeds
from tests.test_configs import CONFIGS, FAMILIES, sizes_of

WHOLE = [path.stem for path in CONFIGS]


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert (result.exit_code, result.exception) == (0, None), result.output
    return result.output


@pytest.fixture(scope="module")
def corpus(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a corpus with enough sentences for `debug data`."""
    path = tmp_path_factory.mktemp("corpus") / "train.spacy"
    docs = list(DocBin().from_disk(tiny_corpus / "train.spacy").get_docs(spacy.blank("zh_tw").vocab))
    DocBin(docs=docs * 13).to_disk(path)
    return path


@pytest.fixture
def options(corpus: Path, tiny_checkpoint: Callable[[str], Path]) -> Callable[[str], list[object]]:
    """Return a function that gives overrides for a config: the tiny corpus, and a tiny base model."""

    def make(whole: str) -> list[object]:
        found: dict[str, Any] = {"paths.train": corpus, "paths.dev": corpus}
        if whole in FAMILIES:
            found["paths.base"] = base = tiny_checkpoint(FAMILIES[whole])
            found |= sizes_of(base) if whole == "curated" else {}
        return [part for key, value in found.items() for part in (f"--{key}", value)]

    return make


def check_config(config: Path, options: list[object], *, model: bool = True) -> None:
    assert "Config is valid" in run("debug", "config", config, *options)
    said = run("debug", "data", config, *options)
    assert "Pipeline can be initialized with data" in said
    assert "Corpus is loadable" in said
    if model:
        for component in load_config(config)["nlp"]["pipeline"]:
            if component != "doc_cleaner":
                assert "model looks good" in run("debug", "model", config, component, "-DIM", *options)


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_commands_of_spacy_accept_complete_configs(
    name: str, options: Callable[[str], list[object]], tmp_path: Path
) -> None:
    config = next(path for path in CONFIGS if path.stem == name)
    check_config(config, options(name))
    filled = tmp_path / "filled.cfg"
    run("init", "fill-config", config, filled)
    check_config(filled, options(name), model=False)
    assert "variable" in run("debug", "config", filled, *options(name), "--show-variables", "--show-functions").lower()
    component = "spans" if name == "spans" else "ner"
    if component == "ner":  # `debug diff-config` of spaCy takes the names of components for factories
        run("debug", "diff-config", filled)
    for i, source in enumerate((config, filled)):
        run("assemble", source, tmp_path / f"assembled{i}", *options(name))
    assert spacy.load(tmp_path / "assembled0").get_pipe(component).labels == ("GPE", "ORG", "PERSON")  # type: ignore[attr-defined]
    run("init", "labels", filled, tmp_path / "labels", *options(name))
    assert srsly.read_json(tmp_path / "labels" / f"{component}.json") == ["GPE", "ORG", "PERSON"]


@pytest.mark.slow
@pytest.mark.parametrize("name", preset_names())
def test_commands_of_spacy_accept_presets(name: str, options: Callable[[str], list[object]], tmp_path: Path) -> None:
    config = tmp_path / "own.cfg"
    succeeds("init-config", config, "--preset", name)
    overrides = options(preset_notes(name)["extends"])
    if preset_notes(name)["extends"] in FAMILIES:
        section, model = find_transformer(read_config(config))
        if model.get("memory", {}).get("freeze_layers"):
            overrides += [f"--{section}.memory.freeze_layers", 1]  # the checkpoint has two
    check_config(config, overrides, model=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file", "ignore::pytest.PytestUnraisableExceptionWarning")  # by spaCy
def test_commands_of_spacy_accept_trained_pipelines(
    tiny_pipeline: Path, tiny_corpus: Path, corpus: Path, tiny_texts: list[str], tmp_path: Path
) -> None:
    dev = tiny_corpus / "dev.spacy"
    assert "ents_f" in run("find-threshold", tiny_pipeline, dev, "ner", "min_score", "ents_f", "-n", 3)
    assert "NER F" in run("benchmark", "accuracy", tiny_pipeline, dev)
    assert "words/s" in run("benchmark", "speed", tiny_pipeline, dev, "--batches", 30, "--warmup", 0)
    srsly.write_jsonl(tmp_path / "texts.jsonl", [{"text": text} for text in tiny_texts])
    further = tmp_path / "further.cfg"
    succeeds("init-config", further, "--source", tiny_pipeline, "--train", corpus, "--dev", corpus)
    check_config(further, [])
    run("init", "fill-config", further, tmp_path / "filled.cfg")
    check_config(tmp_path / "filled.cfg", [], model=False)
    run("assemble", further, tmp_path / "assembled")
    run("debug", "profile", tiny_pipeline, tmp_path / "texts.jsonl", "-n", 20)
    run("apply", tiny_pipeline, tmp_path / "texts.jsonl", tmp_path / "found.spacy")


def test_debug_accepts_a_partial_config(options: Callable[[str], list[object]], tmp_path: Path) -> None:
    """Regression test with the smallest config."""
    config = next(path for path in CONFIGS if path.stem == "bilstm")
    small = ["--components.ner.model.tok2vec.tok2vec.hidden_width", 8, "--components.ner.model.tok2vec.n_targets", 32]
    check_config(config, options("bilstm") + small, model=False)
