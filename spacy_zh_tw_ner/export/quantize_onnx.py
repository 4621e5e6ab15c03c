"""Quantize an exported model to int8 weights, and measure the change.

    MatMul(hidden, weight)  →  DynamicQuantizeLinear(hidden) ┐
                               MatMulInteger(·, int8 weight) ┴ Cast → Mul by both scales

These are standard ONNX operators, which ONNX Runtime fuses into one. Weights are quantized per channel: one scale per
column, that is, per output. Hidden states have one scale and one zero point per batch. These stay in float32: products
of two hidden states (attention), biases, norms, and the head, because the CRF sums its emissions along a text.
Embedding tables have one scale per row; a row is converted to float32 when it is looked up. Weights are memory-mapped.

Weights of products use 7 of the 8 bits, so that sums of products fit into 16 bits on CPUs without VNNI.

A random BERT with 12 layers of width 768 shrinks from 388 to 98 MiB, and processes 2.6 to 3.1 times as many wordpieces
per second (24 to 512 per call, one thread of an AMD EPYC with VNNI, ONNX Runtime 1.31). Block-wise quantization
(`MatMulNBits`) is less than twice as fast as float32. Loss of accuracy of a BERT with 3 layers of width 192, trained
on the corpus in `assets/taiwan`, and evaluated on its dev and test splits together:

                                               root mean square error of     F
                                               emissions, relative
    float32                                                                62.58
    this module (weights 7, embeddings 8 bits)           1.08 %            62.48
    embeddings in 16 bits                                0.97 %            62.11   (16 MiB more for width 768)
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

AT_ONCE = 32  # documents per batch when F is measured
# Without VNNI, a CPU adds two products of a hidden state (at most 255) and a weight in 16 bits (at most 32767), which
# hold 2 · 255 · 64. So weights have 7 bits, as with `reduce_range` in onnxruntime.quantization.
LARGEST_WEIGHT = 64
FLOAT = 1  # `onnx.TensorProto.FLOAT`
LARGE = 1024  # bytes; smaller tensors stay in the file of the graph
PAGE = 4096  # bytes; alignment of memory-mapped tensors


@dataclass(frozen=True)
class QuantizedComparison(ExportComparison):
    """Emissions, speed, size and F of the quantized graph, compared with the float32 graph.

    size: Bytes of the graph and its weights. f_score: Micro F of exact spans, 0 to 100; None without gold documents.
    Fields whose names end in `_before` belong to the float32 graph.
    """

    size: int  # bytes of the quantized graph and its weights
    size_before: int
    f_score: float | None = None  # micro F of exact spans, 0 to 100; None without gold documents
    f_score_before: float | None = None


def quantize_onnx(
    nlp: Language, folder: Path, name: str | None = None, golds: Sequence[Doc] = ()
) -> QuantizedComparison:
    """Replace the float32 graph of an exported model by one with int8 weights, and measure the change.

    nlp (Language): The exported pipeline, after the call of `write_onnx`, which merges adapters and converts weights to
        float32.
    folder (Path): The folder that `write_onnx` has written.
    name (Optional[str]): Name of the exported recognizer, if the pipeline has several.
    golds (Sequence[Doc]): Gold documents to measure F on. The emissions come from ONNX Runtime, and are decoded with
        the recognizer's `min_score` and temperature, without gazetteers, which are not exported.
    RETURNS (QuantizedComparison): Differences between both graphs.
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
    """Compare the quantized graph with the float32 graph, on random texts and on gold documents.

    nlp (Language), ner (CRFEntityRecognizer): The exported pipeline, and its exported recognizer.
    before (Path): Folder of the float32 graph, `model.onnx`.
    after (Path): Folder of the quantized graph, `model.onnx`, and of `pieces.npz`, which has the wordpieces of each
        character. Random texts consist of these characters.
    golds (Sequence[Doc]): Gold documents to measure F on; if empty, F is None.
    """
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
    """Return the micro F (0 to 100) that a graph reaches on gold documents.

    The emissions come from the graph in `session`, and are decoded with the settings of the recognizer `ner`.
    """
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
        self._inputs = dict[str, list[str]]()  # hidden states → their quantized values, scale, zero point

    def has_matrix(self, node: "NodeProto", kind: str, index: int) -> bool:
        """Return whether a node is of the type `kind`, such as "MatMul", and its input `index` is a weight matrix."""
        tensor = self.tensors.get(node.input[index]) if node.op_type == kind else None
        return tensor is not None and len(tensor.dims) == 2

    def quantize_product(self, node: "NodeProto") -> None:
        """Add nodes that compute a product of hidden states and a weight matrix in 8 bits, in place of `node`."""
        (hidden, weight), output = node.input, node.output[0]
        if hidden not in self._inputs:  # quantized once: query, key and value have the same input
            self._inputs[hidden] = [f"{hidden}_uint8{part}" for part in ("", "_scale", "_zero")]
            self._add("DynamicQuantizeLinear", [hidden], self._inputs[hidden])
        states, scale, zero = self._inputs[hidden]
        quantized, scales = self._quantize(weight, axis=0, largest=LARGEST_WEIGHT)
        self._add("MatMulInteger", [states, quantized, zero], [f"{output}_int32"])
        self._add("Cast", [f"{output}_int32"], [f"{output}_int32_float"], to=FLOAT)
        self._add("Mul", [scale, scales], [f"{output}_int32_scale"])
        self._add("Mul", [f"{output}_int32_float", f"{output}_int32_scale"], [output])

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
