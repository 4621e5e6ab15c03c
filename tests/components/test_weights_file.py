"""Test that the weights of a Transformer are saved in a separate file of the pipeline, and loaded from it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.util import load_model_from_config

from tests.pipelines import SENTENCE, make_pipeline

LIMIT = 200_000  # bytes; more than tokenizer and config of a tiny component take without weights


@pytest.fixture
def folder(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> Path:
    make_pipeline(tiny_checkpoint("bert"), tmp_path / "pipeline")
    return tmp_path / "pipeline"


def found(nlp: Language) -> list[tuple[str, float]]:
    return [(ent.text, ent._.score) for ent in nlp(SENTENCE).ents]


def files(folder: Path) -> list[Path]:
    return sorted((folder / "weights").iterdir())


def test_pipeline_with_a_weights_file_can_be_moved_and_overwritten(folder: Path, tmp_path: Path) -> None:
    nlp = spacy.load(folder)
    expected = found(nlp)
    (file,) = files(folder)
    assert (folder / "transformer" / "model").stat().st_size < LIMIT < file.stat().st_size + LIMIT
    nlp.to_disk(folder)  # the folder that it was loaded from
    assert files(folder) == [file]
    folder.rename(tmp_path / "moved")
    again = spacy.load(tmp_path / "moved")
    assert found(again) == found(nlp) == expected


def test_changed_weights_replace_the_old_file(folder: Path) -> None:
    nlp = spacy.load(folder)
    (before,) = files(folder)
    parameters = [
        p for layer in nlp.get_pipe("transformer").model.walk() for s in layer.shims for p in s._model.parameters()
    ]
    parameters[0].data += 1
    expected = found(nlp)
    nlp.to_disk(folder)
    (after,) = files(folder)
    assert after.name != before.name
    assert found(spacy.load(folder)) == expected


def test_bytes_and_single_components_contain_the_weights(folder: Path, tmp_path: Path) -> None:
    nlp = spacy.load(folder)
    data = nlp.to_bytes()
    empty = load_model_from_config(nlp.config)
    assert found(empty.from_bytes(data)) == found(nlp)
    nlp.get_pipe("transformer").to_disk(tmp_path / "alone")
    other = load_model_from_config(nlp.config).from_bytes(data)
    assert found(other) == found(nlp)
    other.get_pipe("transformer").from_disk(tmp_path / "alone")
    assert found(other) == found(nlp)


def test_folders_without_a_weights_file_load(folder: Path, tmp_path: Path) -> None:
    nlp = spacy.load(folder)
    Language.to_disk(nlp, tmp_path / "old")  # as plain spaCy does: weights are in the component's file
    assert not (tmp_path / "old" / "weights").exists()
    assert found(spacy.load(tmp_path / "old")) == found(nlp)


def test_missing_weights_raise(folder: Path) -> None:
    nlp = spacy.load(folder)
    with pytest.raises(ValueError, match="ZT620"):
        nlp.get_pipe("transformer").from_disk(folder / "transformer", exclude=["vocab"])
    files(folder)[0].unlink()
    with pytest.raises(ValueError, match="ZT621"):
        spacy.load(folder)
