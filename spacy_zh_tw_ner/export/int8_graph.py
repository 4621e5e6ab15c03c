"""Quantize the weights of an ONNX graph to int8.

    MatMul(hidden, weight)  →  DynamicQuantizeLinear(hidden) ┐
                               MatMulInteger(·, int8 weight) ┴ Cast → Mul by both scales

These are standard ONNX operators, which ONNX Runtime fuses into one. Weights are quantized per channel: one scale per
column, that is, per output. Hidden states have one scale and one zero point per batch. Only the inputs of a layer with
more inputs than outputs, the second one of a feed-forward block, have one scale per row, the vector of a wordpiece:
pre-trained encoders have wordpieces with values there that are many times as large as those of all others. These stay
in float32: products of two hidden states (attention), biases, norms, and the head, because the CRF sums its emissions
along a text. Embedding tables have one scale per row; a row is converted to float32 when it is looked up. Weights are
memory-mapped.

Weights of products use 7 of the 8 bits, so that sums of products fit into 16 bits on CPUs without VNNI.

A random BERT with 12 layers of width 768 shrinks from 388 to 98 MiB, and processes 2.6 to 3.1 times as many wordpieces
per second (24 to 512 per call, one thread of an AMD EPYC with VNNI, ONNX Runtime 1.31). Block-wise quantization
(`MatMulNBits`) is less than twice as fast as float32. Loss of accuracy of a BERT with 3 layers of width 192, trained
on the corpus in `assets/taiwan`, and evaluated on its dev and test splits together, all with one scale per batch:

                                               root mean square error of     F
                                               emissions, relative
    float32                                                                62.58
    weights in 7, embeddings in 8 bits                   1.08 %            62.48
    embeddings in 16 bits                                0.97 %            62.11   (16 MiB more for width 768)
    weights in 8 bits                                    0.84 %            62.36
    embeddings in 16 bits, weights in 8                  0.69 %            62.53
    8-bit layers in torch (`quantize`)                   0.69 %

multilingual-e5-small, trained on UNER Chinese-GSD (one thread, with VNNI):

                                      error    F on dev   F on test   characters/s
    float32                                     67.60       80.08        3,100
    one scale per batch               4.2 %     68.18       78.53        8,900
    this module                       2.9 %     67.60       80.66        8,200
    one scale per row in all layers   2.2 %     67.40       80.79        7,200
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

# Without VNNI, a CPU adds two products of a hidden state (at most 255) and a weight in 16 bits (at most 32767), which
# hold 2 · 255 · 64. So weights have 7 bits, as with `reduce_range` in onnxruntime.quantization.
LARGEST_WEIGHT = 64
FLOAT = 1  # `onnx.TensorProto.FLOAT`
LARGE = 1024  # bytes; smaller tensors stay in the file of the graph
PAGE = 4096  # bytes; alignment of memory-mapped tensors


def write_int8(source: Path, target: Path) -> None:
    """Quantize the weights of a graph to int8.

    source (Path): File of a graph that `export_onnx.write_graph` has written.
    target (Path): File of the new graph. Large weights go to a second file, `<target>.data`.
    """
    import onnx

    model = onnx.load(source)
    graph = _Graph(model.graph.initializer)
    # Nodes are in topological order, so the last product is that of the head, which stays in float32.
    *products, _ = (node.output[0] for node in model.graph.node if graph.has_matrix(node, "MatMul", 1))
    for node in model.graph.node:
        if node.output[0] in products:
            graph.quantize_product(node)
        elif graph.has_matrix(node, "Gather", 0):
            graph.quantize_table(node)
        else:
            graph.nodes.append(node)
    used = {name for node in graph.nodes for name in node.input}
    tensors = [tensor for name, tensor in graph.tensors.items() if name in used]
    _write_external(tensors, target.with_name(f"{target.name}.data"))
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend(graph.nodes)
    model.graph.initializer.extend(tensors)
    onnx.save(model, target)


class _Graph:
    """Nodes and weights of a quantized graph, which `write_int8` builds node by node from a float32 graph.

    For each node of the float32 graph, in order, the caller either calls a `quantize_…` method, which adds quantized
    operators to the list `nodes`, or appends the unchanged node to this list. The attribute `tensors` is a dictionary:
    name → weight. It has the weights of both graphs; the caller keeps those that `nodes` use.

    tensors (Iterable[TensorProto]): Weights of the float32 graph.
    """

    def __init__(self, tensors: Iterable["TensorProto"]) -> None:
        self.tensors = {tensor.name: tensor for tensor in tensors}
        self.nodes: list[NodeProto] = []
        # Hidden states, and whether by row → their quantized values, scale, zero point
        self._inputs = dict[tuple[str, bool], list[str]]()

    def has_matrix(self, node: "NodeProto", kind: str, index: int) -> bool:
        """Return whether a node is of the type `kind`, such as "MatMul", and its input `index` is a weight matrix."""
        tensor = self.tensors.get(node.input[index]) if node.op_type == kind else None
        return tensor is not None and len(tensor.dims) == 2

    def quantize_product(self, node: "NodeProto") -> None:
        """Add nodes that compute a product of hidden states and a weight matrix in 8 bits, in place of `node`."""
        (hidden, weight), output = node.input, node.output[0]
        n_in, n_out = self.tensors[weight].dims
        by_row = n_in > n_out
        if (hidden, by_row) not in self._inputs:  # quantized once: query, key and value have the same input
            self._inputs[hidden, by_row] = self._quantize_rows(hidden) if by_row else self._quantize_batch(hidden)
        states, scale, zero = self._inputs[hidden, by_row]
        product = f"{output}_of_unit_rows" if by_row else output
        quantized, scales = self._quantize(weight, axis=0, largest=LARGEST_WEIGHT)
        self._add("MatMulInteger", [states, quantized, zero], [f"{output}_int32"])
        self._add("Cast", [f"{output}_int32"], [f"{output}_int32_float"], to=FLOAT)
        self._add("Mul", [scale, scales], [f"{output}_int32_scale"])
        self._add("Mul", [f"{output}_int32_float", f"{output}_int32_scale"], [product])
        if by_row:
            self._add("Mul", [product, f"{hidden}_largest"], [output])

    def _quantize_batch(self, hidden: str) -> list[str]:
        """Add a node that quantizes hidden states with one scale; return the names of states, scale and zero point."""
        found = [f"{hidden}_uint8{part}" for part in ("", "_scale", "_zero")]
        self._add("DynamicQuantizeLinear", [hidden], found)
        return found

    def _quantize_rows(self, hidden: str) -> list[str]:
        """Add nodes that divide each row of hidden states by its largest absolute value, and quantize the result.

        hidden (str): Name of the hidden states. The largest values of the rows get the name `<hidden>_largest`.
        RETURNS (list[str]): Names of the quantized states, and of their scale and zero point.
        """
        axis = self._constant("last_axis", np.array([-1], dtype=np.int64))
        tiny = self._constant("tiny", np.finfo(np.float32).tiny)  # rows of zeros are not divided by 0
        scale, zero = self._constant("row_scale", np.float32(1 / 127)), self._constant("row_zero", np.uint8(128))
        self._add("Abs", [hidden], [f"{hidden}_abs"])
        self._add("ReduceMax", [f"{hidden}_abs", axis], [f"{hidden}_max"], keepdims=1)
        self._add("Max", [f"{hidden}_max", tiny], [f"{hidden}_largest"])
        self._add("Div", [hidden, f"{hidden}_largest"], [f"{hidden}_unit"])
        self._add("QuantizeLinear", [f"{hidden}_unit", scale, zero], [f"{hidden}_unit_uint8"])
        return [f"{hidden}_unit_uint8", scale, zero]

    def _constant(self, name: str, value: npt.NDArray[Any] | np.generic) -> str:
        """Add a constant to the weights of the graph, unless it has one of this name; return the name."""
        from onnx import numpy_helper

        if name not in self.tensors:
            self.tensors[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def quantize_table(self, node: "NodeProto") -> None:
        """Add nodes that look up 8-bit rows of an embedding table and convert them to float32, in place of `node`."""
        (table, index), output = node.input, node.output[0]
        quantized, scales = self._quantize(table, axis=1, largest=127)
        self._add("Gather", [quantized, index], [f"{output}_rows"])
        self._add("Gather", [scales, index], [f"{output}_rows_scale"])
        self._add("Cast", [f"{output}_rows"], [f"{output}_rows_float"], to=FLOAT)
        self._add("Mul", [f"{output}_rows_float", f"{output}_rows_scale"], [output])

    def _quantize(self, name: str, *, axis: int, largest: int) -> tuple[str, str]:
        """Quantize a weight matrix to int8, and add it and its scales to the weights of the graph.

        If the matrix was quantized in an earlier call, nothing is added.

        name (str): Name of the matrix.
        axis (int): 0 for one scale per column, 1 for one scale per row.
        largest (int): Quantized value of the largest absolute weight of a column or row, at most 127.
        RETURNS (tuple[str, str]): Names of the int8 matrix and of its scales.
        """
        from onnx import numpy_helper

        quantized, scales = f"{name}_int8", f"{name}_int8_scale"
        if quantized not in self.tensors:  # layers may share their weights
            matrix: npt.NDArray[np.float32] = numpy_helper.to_array(self.tensors[name])
            scale = np.abs(matrix).max(axis=axis, keepdims=axis == 1).clip(min=np.finfo(np.float32).tiny) / largest
            self.tensors[quantized] = numpy_helper.from_array(np.rint(matrix / scale).astype(np.int8), quantized)
            self.tensors[scales] = numpy_helper.from_array(scale, scales)
        return quantized, scales

    def _add(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        """Add a node to the quantized graph.

        kind (str): Operator of ONNX, such as "MatMulInteger".
        inputs, outputs (list[str]): Names of its input and output tensors.
        attributes (Any): Attributes of the operator.
        """
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))


def _write_external(tensors: Iterable["TensorProto"], path: Path) -> None:
    """Move the data of tensors of LARGE bytes or more to a file, in place.

    Each of these tensors then has the name of the file, and its offset in the file, in place of its data.

    tensors (Iterable[TensorProto]): Weights of the graph. Smaller ones are not changed.
    path (Path): The new file, which must be in the folder of the graph.
    """
    from onnx import external_data_helper

    with path.open("wb") as file:
        for tensor in tensors:
            if len(tensor.raw_data) < LARGE:
                continue
            file.write(bytes(-file.tell() % PAGE))
            # ONNX requires a path relative to the graph: the files are in the same folder.
            external_data_helper.set_external_data(tensor, path.name, file.tell(), len(tensor.raw_data))
            file.write(tensor.raw_data)
            tensor.ClearField("raw_data")
