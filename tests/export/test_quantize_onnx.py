"""Quantized exported models predict nearly the same as in float32, and the differences are measured."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import spacy
from onnx import ModelProto, TensorProto, helper, numpy_helper, save
from onnx import load as load_graph
from onnxruntime import InferenceSession
from spacy.tokens import Doc

from spacy_zh_tw_ner.export import quantize_onnx as module
from spacy_zh_tw_ner.export.quantize_onnx import LARGEST_WEIGHT, PAGE, quantize_onnx, write_int8
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
    monkeypatch.setattr("spacy_zh_tw_ner.export.quantize_onnx.LARGEST_WEIGHT", 1)
    found = quantize_onnx(spacy.load(tiny_onnx[0]), folder)
    assert found.same < found.characters - 5
    assert found.difference > 0.5


def test_f_is_measured_with_min_score_and_temperature(tiny_onnx: tuple[Path, Path], folder: Path) -> None:
    nlp = spacy.load(tiny_onnx[0])
    nlp.get_pipe("ner").min_score = 1.0  # type: ignore[attr-defined]
    nlp.get_pipe("ner").temperature = 50.0  # type: ignore[attr-defined]
    assert quantize_onnx(nlp, folder, golds=[gold(nlp)]).f_score_before == 0.0


WIDTH, ROWS = 64, 200
Floats = npt.NDArray[np.float32]


def normal(*shape: int) -> Floats:
    return np.random.default_rng(len(shape)).standard_normal(shape, np.float32)


def write_model(path: Path, **weights: Floats) -> Path:
    """Write a graph with an embedding table, two layers that share a weight, an attention product and a head."""
    tensors = {"table": normal(ROWS, WIDTH), "layer": normal(WIDTH, WIDTH) / 8, "head": normal(WIDTH, 5), **weights}
    steps = [
        ("Gather", ["table", "ids"], "picked"),
        ("MatMul", ["picked", "layer"], "query"),
        ("Transpose", ["query"], "key"),
        ("MatMul", ["query", "key"], "attention"),
        ("Softmax", ["attention"], "shares"),
        ("MatMul", ["shares", "picked"], "mixed"),
        ("MatMul", ["mixed", "layer"], "hidden"),
        ("MatMul", ["hidden", "head"], "emissions"),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output]) for kind, inputs, output in steps],
        "graph",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["length"])],
        [helper.make_tensor_value_info("emissions", TensorProto.FLOAT, ["length", 5])],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    write_int8(write_model(tmp_path / "float32.onnx"), tmp_path / "model.onnx")
    return tmp_path / "float32.onnx", tmp_path / "model.onnx"


def run(path: Path, output: str = "emissions") -> Floats:
    model: ModelProto = load_graph(path)
    if output != "emissions":
        model.graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run([output], {"ids": np.arange(0, ROWS, 3)})
    return np.asarray(found)


def weights_of(path: Path) -> dict[str, npt.NDArray[Any]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in load_graph(path).graph.initializer}


def test_int8_emissions_are_nearly_the_same(both: tuple[Path, Path]) -> None:
    before, after = map(run, both)
    assert 0 < np.abs(after - before).max() < 0.05 * np.abs(before).max()


def test_the_head_and_attention_products_stay_in_float32(both: tuple[Path, Path]) -> None:
    kinds = [node.op_type for node in load_graph(both[1]).graph.node]
    assert (kinds.count("MatMulInteger"), kinds.count("MatMul")) == (2, 3)
    found, expected = weights_of(both[1]), weights_of(both[0])
    assert np.array_equal(found["head"], expected["head"])
    assert sorted(found) == [
        "head",
        "layer_int8",
        "layer_int8_scale",
        "table_int8",
        "table_int8_scale",
    ]  # the shared weight is stored once


def test_sums_of_two_products_fit_into_16_bits(both: tuple[Path, Path]) -> None:
    assert int(np.abs(weights_of(both[1])["layer_int8"]).max()) == LARGEST_WEIGHT
    assert 2 * 255 * LARGEST_WEIGHT < 2**15 <= 2 * 255 * (LARGEST_WEIGHT + 1)


def test_columns_and_rows_have_their_own_scales(tmp_path: Path) -> None:
    layer, table = normal(WIDTH, WIDTH), normal(ROWS, WIDTH)
    layer[:, 1] *= 1e-6
    layer[:, 2] = table[3] = 0
    table[6] *= 1e-6
    source = write_model(tmp_path / "float32.onnx", layer=layer, table=table)
    write_int8(source, tmp_path / "model.onnx")
    query, rounded = (run(path, "query") for path in (source, tmp_path / "model.onnx"))
    error = np.abs(rounded - query).max(0)
    assert error[1] < 0.05 * np.abs(query[:, 1]).max()
    assert error[2] == 0
    picked, rounded = (run(path, "picked") for path in (source, tmp_path / "model.onnx"))
    assert np.abs(rounded - picked)[2].max() < 0.01 * np.abs(picked[2]).max()
    assert not rounded[1].any()


def test_large_weights_are_page_aligned_in_a_second_file(both: tuple[Path, Path]) -> None:
    path = both[1]
    graph, beside = load_graph(path, load_external_data=False).graph, path.with_name("model.onnx.data")
    places = {
        tensor.name: {entry.key: entry.value for entry in tensor.external_data}
        for tensor in graph.initializer
        if tensor.data_location == TensorProto.EXTERNAL
    }
    assert sorted(places) == ["head", "layer_int8", "table_int8"]
    assert {place["location"] for place in places.values()} == {
        "model.onnx.data"
    }  # relative, so that the folder can be moved
    assert all(int(place["offset"]) % PAGE == 0 for place in places.values())
    assert beside.stat().st_size < both[0].stat().st_size / 2
    emissions = run(path)
    session = InferenceSession(path, providers=["CPUExecutionProvider"])  # maps the weights from the file
    (mapped,) = session.run(None, {"ids": np.arange(0, ROWS, 3)})
    assert np.array_equal(mapped, emissions)
