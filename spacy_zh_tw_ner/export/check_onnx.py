"""Compare an exported model with the pipeline that it was exported from."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from spacy.language import Language
from spacy.tokens import Doc

from ..components.calibration import run_before
from ..components.crf_ner import CRFEntityRecognizer
from ..crf import decode
from ..crf.transitions import FloatsT
from ..errors import Errors
from ..runtime.onnx_session import import_onnxruntime
from ..transformer.batches import MicroBatch, cut_documents, make_micro_batches
from ..transformer.model import shim_of
from ..types import Tok2VecT

TOLERANCE = 1e-4  # of emissions, beside the largest of them
# Characters of the texts that are read together; the last is longer than a window of usual size.
BATCHES = ((1,), (7,), (1, 2, 3, 5, 8, 13, 21, 34, 55, 89), (64,) * 16, (120, 700))
OTHERS = " 。\nA1\u3000🙂\ue000"  # one character in ten
T = TypeVar("T")


@dataclass(frozen=True)
class Agreement:
    """What was found.

    difference (float): The largest of emissions, beside the largest emission.
    characters (int): That were read. Their tags were all equal.
    speed, speed_before (float): Characters a second by ONNX Runtime, and by the pipeline, on as many threads.
    """

    difference: float
    characters: int
    speed: float
    speed_before: float


def check_onnx(nlp: Language, ner: CRFEntityRecognizer, encoder: Tok2VecT, folder: Path) -> Agreement:
    """Read random texts with both.

    nlp (Language): The pipeline, in float32.
    ner (CRFEntityRecognizer): Its component.
    encoder (Model[list[Doc], list[Floats2d]]): What the component reads.
    folder (Path): Where model.onnx and pieces.npz are.
    RETURNS (Agreement): How well they agree.
    RAISES (ValueError): If they do not: emissions that are too far apart, or another tag.
    """
    session = Session(folder / "model.onnx", encoder)
    transitions = ner.transitions()
    worst = largest = clock = clock_before = 0.0
    n_characters = n_other = 0
    for i, batch in enumerate(random_texts(encoder, folder / "pieces.npz")):
        docs = [nlp.make_doc(text) for text in batch]
        if not i:  # what is made once is not to be counted
            session.emissions(docs)
        found, seconds = timed(partial(session.emissions, docs))
        clock += seconds
        (rows, lengths), seconds = timed(partial(_emissions, nlp, ner, docs))
        clock_before += seconds
        worst = max(worst, float(np.abs(rows - found).max()))
        largest = max(largest, float(np.abs(rows).max()))
        n_other += int((decode(rows, lengths, transitions) != decode(found, lengths, transitions)).sum())
        n_characters += len(rows)
    difference = worst / max(largest, 1e-9)
    if not difference <= TOLERANCE or n_other:
        raise ValueError(
            Errors.ZT551.format(difference=difference, tolerance=TOLERANCE, other=n_other, total=n_characters)
        )
    return Agreement(difference, n_characters, n_characters / clock, n_characters / clock_before)


class Session:
    """Runs a graph over documents, in the windows of the pipeline.

    path (Path): The graph.
    encoder (Model[list[Doc], list[Floats2d]]): Whose pieces and windows these are.
    """

    def __init__(self, path: Path, encoder: Tok2VecT) -> None:
        onnxruntime = import_onnxruntime()

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._encoder = encoder

    def emissions(self, docs: Sequence[Doc]) -> FloatsT:
        """(n_tokens, n_tags) of all documents."""
        shim = shim_of(self._encoder)
        get_spans, limit = self._encoder.attrs["get_spans"], shim.backbone.max_length
        cut = cut_documents(docs, shim.table, get_spans, max_length=limit)
        batches = make_micro_batches(cut, shim.table, max_length=limit)
        parts = [self._pieces(batch) for batch in batches]
        rows = torch.zeros(sum(map(len, docs)), parts[0].shape[1])
        for batch, part in zip(batches, parts, strict=True):
            rows.index_add_(0, batch.tokens, part * batch.shares[:, None])
        return rows.numpy()

    def _pieces(self, batch: MicroBatch) -> torch.Tensor:
        inputs = {"input_ids": batch.input_ids.numpy(), "attention_mask": batch.attention_mask.numpy()}
        (emissions,) = self._session.run(None, inputs)
        return torch.from_numpy(emissions).flatten(0, 1)[batch.places]


def _emissions(nlp: Language, ner: CRFEntityRecognizer, docs: list[Doc]) -> tuple[FloatsT, list[int]]:
    return ner.emissions(run_before(nlp, ner, docs))


def random_texts(encoder: Tok2VecT, pieces: Path) -> Iterator[list[str]]:
    """Make up texts of characters that a model knows, and some others.

    encoder (Model[list[Doc], list[Floats2d]]): The model.
    pieces (Path): Its pieces.npz.
    YIELDS (list[str]): Texts that are read together, always the same.
    """
    with np.load(pieces, allow_pickle=False) as arrays:
        ids, counts = arrays["ids"], arrays["counts"]
    known = np.flatnonzero(ids[np.cumsum(counts) - counts] != shim_of(encoder).table.unknown_id)
    random = np.random.default_rng(0)
    others = np.array([ord(char) for char in OTHERS])
    for lengths in BATCHES:
        batch = []
        for length in lengths:
            chosen = np.where(random.random(length) < 0.1, random.choice(others, length), random.choice(known, length))
            batch.append("".join("\ufffd" if 0xD800 <= c < 0xE000 else chr(c) for c in chosen.tolist()))
        yield batch


def timed(run: Callable[[], T]) -> tuple[T, float]:
    """Run something. RETURNS (tuple[T, float]): What it gives, and seconds."""
    start = time.perf_counter()
    return run(), time.perf_counter() - start
