"""Pipelines, checkpoints and exported models of earlier versions load, and find the same entities as then."""

import json
import re
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.training.initialize import init_nlp
from spacy.util import load_config

from spacy_zh_tw_ner.runtime import load
from spacy_zh_tw_ner.training.loop import CHECKPOINT, train

VERSIONS = sorted(path for path in (Path(__file__).parent / "saved").iterdir() if path.name.startswith("v"))
PIPELINES = ("bilstm", "transformer_full", "transformer_adapter", "transformer_in_head", "transformer_int8")
versions = pytest.mark.parametrize("saved", VERSIONS, ids=lambda path: path.name)


def expected(saved: Path, name: str) -> tuple[list[str], list[list[tuple[Any, ...]]]]:
    """Return the texts, and the entities that a pipeline found in each: start, end, label and score."""
    content = json.loads((saved / "expected.json").read_text(encoding="utf-8"))
    return content["texts"], [[tuple(found) for found in of_text] for of_text in content["entities"][name]]


def assert_equal(found: list[list[tuple[Any, ...]]], wanted: list[list[tuple[Any, ...]]]) -> None:
    assert [[entity[:3] for entity in of_text] for of_text in found] == [[e[:3] for e in of_text] for of_text in wanted]
    scores = [entity[3] for of_text in wanted for entity in of_text]
    assert scores
    assert [entity[3] for of_text in found for entity in of_text] == pytest.approx(scores, abs=0.01)


@versions
@pytest.mark.parametrize("name", PIPELINES)
def test_a_saved_pipeline_finds_the_same_entities(name: str, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved)  # the adapter names its base model by a relative path
    texts, wanted = expected(saved, name)
    nlp = spacy.load(name)
    found = [[(ent.start_char, ent.end_char, ent.label_, ent._.score) for ent in nlp(text).ents] for text in texts]
    assert_equal(found, wanted)


@versions
def test_an_exported_model_finds_the_same_entities(saved: Path) -> None:
    texts, wanted = expected(saved, "exported")
    assert_equal([list(found) for found in load(saved / "exported")(texts)], wanted)


@versions
def test_a_saved_checkpoint_is_resumed(saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(saved)
    config = load_config("checkpoint.cfg")
    shutil.copy("checkpoint.safetensors", tmp_path / CHECKPOINT)
    log = StringIO()
    train(init_nlp(config.interpolate()), tmp_path, resume=True, stdout=log, stderr=log)
    steps = [int(step) for step in re.findall(r"^ +\d+ +(\d+) ", log.getvalue(), re.MULTILINE)]
    assert steps[-2:] == [30, 40], log.getvalue()
    assert 10 not in steps
    nlp = spacy.load(tmp_path / "model-best")
    assert [ent.label_ for ent in nlp("蔡英文總統在臺北市接見台積電董事長。").ents] == ["PERSON", "GPE", "ORG"]
