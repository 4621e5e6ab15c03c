"""Quantize an exported model to 8-bit weights, and measure the change."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..components.crf_ner import CRFEntityRecognizer, score_ner
from ..components.inspection import find_recognizer
from ..components.tag_masks import find_white_space
from ..crf import Transitions, decode
from ..entity_decoding import NO_EVIDENCE, EntityDecoder
from .check_onnx import Session, random_texts, timed
from .export_onnx import find_encoder, write_about
from .onnx_int8 import write_int8

AT_ONCE = 32  # documents


@dataclass(frozen=True)
class Rounding:
    """What was found. What is called `before` is of float32.

    size, size_before (int): Bytes of the graph and its weights.
    difference (float): The largest of emissions, beside the largest emission.
    characters, same (int): That were read, random ones; and how many of them kept their tag.
    speed, speed_before (float): Characters a second of these.
    f_score, f_score_before (float | None): Micro F of exact spans, 0 to 100; None where there was no gold.
    """

    size: int
    size_before: int
    difference: float
    characters: int
    same: int
    speed: float
    speed_before: float
    f_score: float | None = None
    f_score_before: float | None = None


def round_onnx(nlp: Language, folder: Path, name: str | None = None, golds: Sequence[Doc] = ()) -> Rounding:
    """Put a graph in 8 bits in the place of one in float32.

    nlp (Language): The pipeline, after `write_onnx`.
    folder (Path): What that has written.
    name (Optional[str]): The component, as `write_onnx` had it.
    golds (Sequence[Doc]): Documents with entities, to measure F on: emissions are ONNX Runtime's, and the component
        decodes them, with its `min_score` and temperature. Word lists are no part of the folder, nor of these figures.
    RETURNS (Rounding): What has changed.
    """
    with TemporaryDirectory(dir=folder) as temporary:
        before = Path(temporary)
        for path in folder.glob("model.onnx*"):
            path.rename(before / path.name)
        write_int8(before / "model.onnx", folder / "model.onnx")
        rounding = _compare(nlp, find_recognizer(nlp, name), before, folder, golds)
    pipeline = folder / "pipeline.json"
    write_about(folder, {**json.loads(pipeline.read_text(encoding="utf-8")), "weights": "int8"})
    return rounding


def _compare(nlp: Language, ner: CRFEntityRecognizer, before: Path, after: Path, golds: Sequence[Doc]) -> Rounding:
    encoder = find_encoder(nlp, ner)
    sessions = [Session(folder / "model.onnx", encoder) for folder in (before, after)]
    sizes = [sum(path.stat().st_size for path in folder.glob("model.onnx*")) for folder in (before, after)]
    transitions = ner.transitions()
    worst = largest = 0.0
    n_characters = n_same = 0
    clocks = [0.0, 0.0]
    for i, batch in enumerate(random_texts(encoder, after / "pieces.npz")):
        docs = [nlp.make_doc(text) for text in batch]
        lengths = [len(doc) for doc in docs]
        if not i:  # what is made once is not to be counted
            for session in sessions:
                session.emissions(docs)
        (rows, seconds_before), (rounded, seconds) = (timed(partial(s.emissions, docs)) for s in sessions)
        clocks = [clocks[0] + seconds_before, clocks[1] + seconds]
        worst = max(worst, float(np.abs(rows - rounded).max()))
        largest = max(largest, float(np.abs(rows).max()))
        n_same += int((decode(rows, lengths, transitions) == decode(rounded, lengths, transitions)).sum())
        n_characters += len(rows)
    speed_before, speed = (n_characters / clock for clock in clocks)
    f_score_before, f_score = (_f_score(nlp, ner, s, transitions, golds) if golds else None for s in sessions)
    return Rounding(
        size=sizes[1],
        size_before=sizes[0],
        difference=worst / max(largest, 1e-9),
        characters=n_characters,
        same=n_same,
        speed=speed,
        speed_before=speed_before,
        f_score=f_score,
        f_score_before=f_score_before,
    )


def _f_score(
    nlp: Language, ner: CRFEntityRecognizer, session: Session, transitions: Transitions, golds: Sequence[Doc]
) -> float:
    examples = []
    decoder = EntityDecoder(ner.scheme, transitions, temperature=ner.temperature, min_score=ner.min_score)
    for start in range(0, len(golds), AT_ONCE):
        some = golds[start : start + AT_ONCE]
        docs = [nlp.make_doc(gold.text) for gold in some]
        scores = decoder.prepare(session.emissions(docs), find_white_space(docs), NO_EVIDENCE)
        ner.set_annotations(docs, decoder.decode(scores, [len(doc) for doc in docs]))
        examples += [Example(doc, gold) for doc, gold in zip(docs, some, strict=True)]
    return 100 * float(score_ner(examples)["ents_f"] or 0.0)
