"""A float32 graph → one whose matrix products are done in 8 bits, and whose weights are mapped from disk.

    MatMul(hidden, weight)  →  DynamicQuantizeLinear(hidden) ┐
                               MatMulInteger(·, int8 weight) ┴ Cast → Mul by both scales

These are operators of ONNX itself; ONNX Runtime makes one of them all. A weight has one scale a column, for a column is
an output ("per channel"); hidden states have one scale and one zero point for all that is read at once. Products of two
hidden states, which attention takes, stay in float32, and so do biases, norms and the head, whose emissions are added
up along a text. Tables of which rows are picked (embeddings) have one scale a row; what is picked becomes float32.

A random 12 × 768 BERT becomes 98 MiB, of 388, and reads 2.6 to 3.1 times as many pieces a second (24 to 512 at once,
one thread of an AMD EPYC with VNNI, ONNX Runtime 1.31; with its products of blocks, `MatMulNBits`, less than twice).
What it costs, for a 3 × 192 BERT trained on the embedded corpus (dev and test together):

                              root mean square error of emissions     F
    float32                                                         62.58
    as here                   1.08 %                                62.48
    embeddings in 16 bits     0.97 %                                62.11     and 16 MiB more of the 12 × 768 in memory
    weights in 8 bits, not 7  0.84 %                                62.36
    both                      0.69 %                                62.53
    `int8`, by torch          0.69 %
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

# CPUs without VNNI add two products, each of a hidden state (at most 255) and a weight, in 16 bits, which hold
# 2 · 255 · 64 and no more. So a bit of each weight is left out, as `reduce_range` does in onnxruntime.quantization.
WHOLE = 64
FLOAT = 1  # `onnx.TensorProto.FLOAT`
LARGE = 1024  # bytes; what is smaller stays in the graph, and as it is
PAGE = 4096  # bytes; what is mapped begins where a page does


def write_int8(source: Path, target: Path) -> None:
    """Round the weights of a graph.

    source (Path): What `onnx_graph.write_graph` wrote.
    target (Path): The new file. Its weights stand beside it, under its name with `.data` behind.
    """
    import onnx

    model = onnx.load(source)
    graph = _Graph(model.graph.initializer)
    # Nodes stand in the order in which they run, and so the last product is the head's.
    *products, _ = (node.output[0] for node in model.graph.node if graph.has_matrix(node, "MatMul", 1))
    for node in model.graph.node:
        if node.output[0] in products:
            graph.multiply_rounded(node)
        elif graph.has_matrix(node, "Gather", 0):
            graph.pick_rounded(node)
        else:
            graph.nodes.append(node)
    used = {name for node in graph.nodes for name in node.input}
    tensors = [tensor for name, tensor in graph.tensors.items() if name in used]
    _put_beside(tensors, target.with_name(f"{target.name}.data"))
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend(graph.nodes)
    model.graph.initializer.extend(tensors)
    onnx.save(model, target)


class _Graph:
    """What a graph is made of anew.

    tensors (Iterable[TensorProto]): Its weights. Those that are rounded are added, and take the place of the others.
    """

    def __init__(self, tensors: Iterable["TensorProto"]) -> None:
        self.tensors = {tensor.name: tensor for tensor in tensors}
        self.nodes: list[NodeProto] = []
        self._rounded = dict[str, list[str]]()  # names of hidden states, and what was made of them

    def has_matrix(self, node: "NodeProto", kind: str, index: int) -> bool:
        """Tell whether a node is of a kind, and reads a matrix of weights in this place."""
        tensor = self.tensors.get(node.input[index]) if node.op_type == kind else None
        return tensor is not None and len(tensor.dims) == 2

    def multiply_rounded(self, node: "NodeProto") -> None:
        """Do a product in 8 bits."""
        (hidden, weight), output = node.input, node.output[0]
        if hidden not in self._rounded:  # query, key and value read the same
            self._rounded[hidden] = [f"{hidden}_uint8{part}" for part in ("", "_scale", "_zero")]
            self._add("DynamicQuantizeLinear", [hidden], self._rounded[hidden])
        states, scale, zero = self._rounded[hidden]
        rounded, scales = self._round(weight, axis=0, whole=WHOLE)
        self._add("MatMulInteger", [states, rounded, zero], [f"{output}_int32"])
        self._add("Cast", [f"{output}_int32"], [f"{output}_int32_float"], to=FLOAT)
        self._add("Mul", [scale, scales], [f"{output}_int32_scale"])
        self._add("Mul", [f"{output}_int32_float", f"{output}_int32_scale"], [output])

    def pick_rounded(self, node: "NodeProto") -> None:
        """Have rows picked from a table in 8 bits."""
        (table, index), output = node.input, node.output[0]
        rounded, scales = self._round(table, axis=1, whole=127)
        self._add("Gather", [rounded, index], [f"{output}_rows"])
        self._add("Gather", [scales, index], [f"{output}_rows_scale"])
        self._add("Cast", [f"{output}_rows"], [f"{output}_rows_float"], to=FLOAT)
        self._add("Mul", [f"{output}_rows_float", f"{output}_rows_scale"], [output])

    def _round(self, name: str, *, axis: int, whole: int) -> tuple[str, str]:
        """Names of a matrix in whole numbers, and of what its rows or columns are multiplied by."""
        from onnx import numpy_helper

        rounded, scales = f"{name}_int8", f"{name}_int8_scale"
        if rounded not in self.tensors:  # layers may share their weights
            matrix: npt.NDArray[np.float32] = numpy_helper.to_array(self.tensors[name])
            scale = np.abs(matrix).max(axis=axis, keepdims=axis == 1).clip(min=np.finfo(np.float32).tiny) / whole
            self.tensors[rounded] = numpy_helper.from_array(np.rint(matrix / scale).astype(np.int8), rounded)
            self.tensors[scales] = numpy_helper.from_array(scale, scales)
        return rounded, scales

    def _add(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))


def _put_beside(tensors: Iterable["TensorProto"], path: Path) -> None:
    """Write tensors into a file, and have them say where they stand in it."""
    from onnx import external_data_helper

    with path.open("wb") as file:
        for tensor in tensors:
            if len(tensor.raw_data) < LARGE:
                continue
            file.write(bytes(-file.tell() % PAGE))
            # The name of a file in the same folder.
            external_data_helper.set_external_data(tensor, path.name, file.tell(), len(tensor.raw_data))
            file.write(tensor.raw_data)
            tensor.ClearField("raw_data")
