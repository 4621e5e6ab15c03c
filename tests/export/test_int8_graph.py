"""Products of an int8 graph are nearly those in float32, and its weights are stored once."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper, save
from onnx import load as load_graph
from onnxruntime import InferenceSession

from spacy_zh_tw_ner.export.int8_graph import LARGEST_WEIGHT, PAGE, write_int8

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


def test_a_row_of_large_values_does_not_change_the_others_after_a_wide_layer(tmp_path: Path) -> None:
    """Pre-trained encoders have such rows in front of the second layer of a feed-forward block."""
    rows = normal(6, 4 * WIDTH)
    rows[2] *= 1000
    rows[4] = 0
    weight = normal(4 * WIDTH, WIDTH)
    path = tmp_path / "float32.onnx"
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["rows", "down"], ["narrow"]),
            helper.make_node("MatMul", ["rows", "down"], ["same"]),
            helper.make_node("MatMul", ["narrow", "head"], ["emissions"]),
        ],
        "graph",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["length", 4 * WIDTH])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("narrow", "same", "emissions")],
        [numpy_helper.from_array(array, name) for name, array in {"down": weight, "head": normal(WIDTH, 5)}.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    write_int8(path, tmp_path / "model.onnx")
    session = InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    narrow, same = session.run(["narrow", "same"], {"rows": rows})
    expected = rows @ weight
    error = np.abs(narrow - expected).max(1)
    assert np.all(error <= 0.05 * np.abs(expected).max(1))
    assert np.array_equal(narrow, same)
    (alone,) = session.run(["narrow"], {"rows": rows[:1]})
    assert np.array_equal(alone, narrow[:1])
