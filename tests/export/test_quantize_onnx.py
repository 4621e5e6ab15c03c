"""Quantized exported models predict nearly the same as in float32, and the differences are measured."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc

from spacy_zh_tw_ner.export import quantize_onnx as module
from spacy_zh_tw_ner.export.quantize_onnx import quantize_onnx
from spacy_zh_tw_ner.runtime import load
from tests.pipelines import ENTITIES, SENTENCE


@pytest.fixture
def folder(tiny_onnx: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_onnx[1], tmp_path / "onnx"))


def gold(nlp: spacy.Language) -> Doc:
    doc = nlp.make_doc(SENTENCE)
    doc.ents = [doc.char_span(start, end, label) for start, end, label in ENTITIES]  # type: ignore[misc]
    return doc


def test_the_int8_graph_replaces_that_of_float32(tiny_onnx: tuple[Path, Path], folder: Path) -> None:
    nlp = spacy.load(tiny_onnx[0])
    found = quantize_onnx(nlp, folder, golds=[gold(nlp)] * (module.AT_ONCE + 1))
    names = ["model.onnx", "model.onnx.data", "pieces.npz", "pipeline.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert 0 < found.difference < 0.1
    assert 0.95 * found.characters < found.same <= found.characters == 2064
    assert min(found.speed, found.speed_before) > 0
    assert found.size == sum((folder / name).stat().st_size for name in names[:2])
    assert found.size_before == (tiny_onnx[1] / "model.onnx").stat().st_size > found.size
    assert (found.f_score_before, found.f_score) == (100.0, 100.0)
    before, after = (json.loads((path / "pipeline.json").read_text("utf-8")) for path in (tiny_onnx[1], folder))
    assert (before.pop("weights"), after.pop("weights")) == ("float32", "int8")
    hashes = after.pop("sha256")
    assert before.pop("sha256")["pieces.npz"] == hashes["pieces.npz"]
    assert hashes == {name: sha256((folder / name).read_bytes()).hexdigest() for name in names[:3]}
    assert before == after


def test_f_is_not_measured_without_gold_documents(tiny_onnx: tuple[Path, Path], folder: Path) -> None:
    found = quantize_onnx(spacy.load(tiny_onnx[0]), folder)
    assert (found.f_score_before, found.f_score) == (None, None)


def test_the_runtime_finds_the_same_entities_with_int8(tiny_onnx: tuple[Path, Path], folder: Path) -> None:
    nlp = spacy.load(tiny_onnx[0])
    quantize_onnx(nlp, folder)
    (found,) = load(folder, threads=1)([SENTENCE])
    assert [each[:3] for each in found] == ENTITIES


def test_a_loss_of_precision_is_measured(
    tiny_onnx: tuple[Path, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacy_zh_tw_ner.export.int8_graph.LARGEST_WEIGHT", 1)
    found = quantize_onnx(spacy.load(tiny_onnx[0]), folder)
    assert found.same < found.characters - 5
    assert found.difference > 0.5


def test_f_is_measured_with_min_score_and_temperature(tiny_onnx: tuple[Path, Path], folder: Path) -> None:
    nlp = spacy.load(tiny_onnx[0])
    nlp.get_pipe("ner").min_score = 1.0  # type: ignore[attr-defined]
    nlp.get_pipe("ner").temperature = 50.0  # type: ignore[attr-defined]
    assert quantize_onnx(nlp, folder, golds=[gold(nlp)]).f_score_before == 0.0
