"""Quantize an exported model to int8 weights, and measure the change.

    MatMul(hidden, weight)  →  DynamicQuantizeLinear(hidden) ┐
                               MatMulInteger(·, int8 weight) ┴ Cast → Mul by both scales

These are operators of ONNX itself, which ONNX Runtime fuses into one. A weight has one scale a column, and a column is
an output ("per channel"); hidden states have one scale and one zero point a batch. Products of two hidden states, as
attention has them, stay in float32, and so do biases, norms and the head, whose emissions are added up along a text.
Embedding tables have one scale a row; rows become float32 when they are looked up. Weights are mapped from disk.

Weights of products use 7 of the 8 bits, so that sums of products fit into 16 bits on CPUs without VNNI.

A random 12 × 768 BERT shrinks from 388 to 98 MiB and reads 2.6 to 3.1 times as many wordpieces per second (24 to 512
per call, one thread of an AMD EPYC with VNNI, ONNX Runtime 1.31). Block-wise quantization (`MatMulNBits`) is less than
twice as fast as float32. The cost, for a 3 × 192 BERT trained on the embedded corpus (dev and test together):

                                               root mean square error of     F
                                               emissions, of float32's
    float32                                                                62.58
    this module (weights 7, embeddings 8 bits)           1.08 %            62.48
    embeddings in 16 bits                                0.97 %            62.11   (12 × 768: 16 MiB more memory)
    weights in 8 bits                                    0.84 %            62.36
    embeddings in 16 bits, weights in 8                  0.69 %            62.53
    8-bit layers in torch (`quantize`)                   0.69 %
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..components.crf_component import score_ner
from ..components.crf_ner import CRFEntityRecognizer
from ..components.inspection import find_recognizer
from ..components.tag_masks import find_white_space
from ..entity_decoding import EntityDecoder
from .check_onnx import ExportComparison, Session, compare, random_texts
from .export_onnx import find_encoder, write_metadata

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

AT_ONCE = 32  # documents
# Without VNNI, a CPU adds two products of a hidden state (at most 255) and a weight in 16 bits, which hold at most
# 2 · 255 · 64. So weights have 7 bits, as with `reduce_range` in onnxruntime.quantization.
LARGEST_WEIGHT = 64
FLOAT = 1  # `onnx.TensorProto.FLOAT`
LARGE = 1024  # bytes; smaller tensors stay in the graph
PAGE = 4096  # bytes; mapped tensors begin at multiples of it


@dataclass(frozen=True)
class QuantizedComparison(ExportComparison):
    """Differences between a graph in 8 bits and the one in float32, called `before`.

    size, size_before (int): Bytes of the graph and its weights.
    f_score, f_score_before (float | None): Micro F of exact spans, 0 to 100; None without gold documents.
    """

    size: int
    size_before: int
    f_score: float | None = None
    f_score_before: float | None = None


def quantize_onnx(
    nlp: Language, folder: Path, name: str | None = None, golds: Sequence[Doc] = ()
) -> QuantizedComparison:
    """Replace a graph in float32 by one in 8 bits.

    nlp (Language): The pipeline, after `write_onnx`.
    folder (Path): The folder that `write_onnx` has written.
    name (Optional[str]): The component, as for `write_onnx`.
    golds (Sequence[Doc]): Documents with entities, to measure F on: emissions are ONNX Runtime's, and the component
        decodes them, with its `min_score` and temperature. Gazetteers are not exported and do not count here.
    RETURNS (QuantizedComparison): The differences.
    """
    with TemporaryDirectory(dir=folder) as temporary:
        before = Path(temporary)
        for path in folder.glob("model.onnx*"):
            path.rename(before / path.name)
        write_int8(before / "model.onnx", folder / "model.onnx")
        found = _compare(nlp, find_recognizer(nlp, name, CRFEntityRecognizer), before, folder, golds)
    pipeline = folder / "pipeline.json"
    write_metadata(folder, {**json.loads(pipeline.read_text(encoding="utf-8")), "weights": "int8"})
    return found


def _compare(
    nlp: Language, ner: CRFEntityRecognizer, before: Path, after: Path, golds: Sequence[Doc]
) -> QuantizedComparison:
    encoder = find_encoder(nlp, ner)
    sessions = [Session(folder / "model.onnx", encoder) for folder in (before, after)]
    size_before, size = (sum(path.stat().st_size for path in each.glob("model.onnx*")) for each in (before, after))
    texts = random_texts(encoder, after / "pieces.npz")
    found = compare(nlp, texts, ner.transitions(), sessions[0].emissions, sessions[1].emissions)
    f_score_before, f_score = (_f_score(nlp, ner, session, golds) if golds else None for session in sessions)
    return QuantizedComparison(
        **asdict(found), size=size, size_before=size_before, f_score=f_score, f_score_before=f_score_before
    )


def _f_score(nlp: Language, ner: CRFEntityRecognizer, session: Session, golds: Sequence[Doc]) -> float:
    examples = []
    decoder = EntityDecoder(ner.scheme, ner.transitions(), temperature=ner.temperature, min_score=ner.min_score)
    for start in range(0, len(golds), AT_ONCE):
        some = golds[start : start + AT_ONCE]
        docs = [nlp.make_doc(gold.text) for gold in some]
        lengths = [len(doc) for doc in docs]
        ner.set_annotations(docs, decoder.decode(session.emissions(docs), lengths, find_white_space(docs)))
        examples += [Example(doc, gold) for doc, gold in zip(docs, some, strict=True)]
    return 100 * float(score_ner(examples)["ents_f"] or 0.0)


def write_int8(source: Path, target: Path) -> None:
    """Quantize the weights of a graph.

    source (Path): A file that `export_onnx.write_graph` has written.
    target (Path): The new file. Its weights are in a second file, its name with `.data` appended.
    """
    import onnx

    model = onnx.load(source)
    graph = _Graph(model.graph.initializer)
    # Nodes are in the order in which they run, and so the last product is the head's.
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
    """Nodes and weights of the quantized graph.

    tensors (Iterable[TensorProto]): Weights of the graph in float32. Quantized ones are added.
    """

    def __init__(self, tensors: Iterable["TensorProto"]) -> None:
        self.tensors = {tensor.name: tensor for tensor in tensors}
        self.nodes: list[NodeProto] = []
        self._inputs = dict[str, list[str]]()  # names of hidden states → of their values, scale and zero point

    def has_matrix(self, node: "NodeProto", kind: str, index: int) -> bool:
        """Return whether a node is of a kind, and its input at this index is a matrix of weights."""
        tensor = self.tensors.get(node.input[index]) if node.op_type == kind else None
        return tensor is not None and len(tensor.dims) == 2

    def quantize_product(self, node: "NodeProto") -> None:
        """Add the nodes of a product in 8 bits."""
        (hidden, weight), output = node.input, node.output[0]
        if hidden not in self._inputs:  # query, key and value have the same input
            self._inputs[hidden] = [f"{hidden}_uint8{part}" for part in ("", "_scale", "_zero")]
            self._add("DynamicQuantizeLinear", [hidden], self._inputs[hidden])
        states, scale, zero = self._inputs[hidden]
        quantized, scales = self._quantize(weight, axis=0, largest=LARGEST_WEIGHT)
        self._add("MatMulInteger", [states, quantized, zero], [f"{output}_int32"])
        self._add("Cast", [f"{output}_int32"], [f"{output}_int32_float"], to=FLOAT)
        self._add("Mul", [scale, scales], [f"{output}_int32_scale"])
        self._add("Mul", [f"{output}_int32_float", f"{output}_int32_scale"], [output])

    def quantize_table(self, node: "NodeProto") -> None:
        """Add the nodes of a lookup in an embedding table in 8 bits."""
        (table, index), output = node.input, node.output[0]
        quantized, scales = self._quantize(table, axis=1, largest=127)
        self._add("Gather", [quantized, index], [f"{output}_rows"])
        self._add("Gather", [scales, index], [f"{output}_rows_scale"])
        self._add("Cast", [f"{output}_rows"], [f"{output}_rows_float"], to=FLOAT)
        self._add("Mul", [f"{output}_rows_float", f"{output}_rows_scale"], [output])

    def _quantize(self, name: str, *, axis: int, largest: int) -> tuple[str, str]:
        """Quantize a matrix. RETURNS (tuple[str, str]): Names of its values and of its scales along the axis."""
        from onnx import numpy_helper

        quantized, scales = f"{name}_int8", f"{name}_int8_scale"
        if quantized not in self.tensors:  # layers may share their weights
            matrix: npt.NDArray[np.float32] = numpy_helper.to_array(self.tensors[name])
            scale = np.abs(matrix).max(axis=axis, keepdims=axis == 1).clip(min=np.finfo(np.float32).tiny) / largest
            self.tensors[quantized] = numpy_helper.from_array(np.rint(matrix / scale).astype(np.int8), quantized)
            self.tensors[scales] = numpy_helper.from_array(scale, scales)
        return quantized, scales

    def _add(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))


def _write_external(tensors: Iterable["TensorProto"], path: Path) -> None:
    """Move large tensors into a file; each refers to its place in it."""
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
