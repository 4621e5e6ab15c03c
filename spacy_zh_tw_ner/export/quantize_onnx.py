"""Replace the graph of an exported model by one with int8 weights, and measure the change."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

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
from .int8_graph import write_int8

AT_ONCE = 32  # documents per batch when F is measured


@dataclass(frozen=True)
class QuantizedComparison(ExportComparison):
    """Emissions, speed, size and F of the quantized graph, compared with the float32 graph.

    size: Bytes of the graph and its weights. f_score: Micro F of exact spans, 0 to 100; None without gold documents.
    Fields whose names end in `_before` belong to the float32 graph.
    """

    size: int
    size_before: int
    f_score: float | None = None
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
