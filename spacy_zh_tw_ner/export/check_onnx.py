"""Run an exported graph over documents, and compare its emissions and tags with those of the pipeline."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from spacy.language import Language
from spacy.tokens import Doc

from ..components.crf_ner import CRFEntityRecognizer
from ..components.inspection import run_before
from ..crf import decode
from ..crf.transitions import FloatsT, Transitions
from ..encoders import Tok2VecT
from ..errors import Errors, PipelineError
from ..runtime.onnx_session import import_onnxruntime
from ..transformer.batches import MicroBatch, make_micro_batches
from ..transformer.model import shim_of
from ..transformer.windows import cut_documents

TOLERANCE = 1e-4  # of emissions, relative to the largest
# Characters of the texts of a batch; the last text is longer than a window of the default size.
BATCHES = ((1,), (7,), (1, 2, 3, 5, 8, 13, 21, 34, 55, 89), (64,) * 16, (120, 700))
OTHERS = " 。\nA1\u3000🙂\ue000"  # one character in ten
T = TypeVar("T")
EmissionsT: TypeAlias = Callable[[list[Doc]], FloatsT]  # documents → (n_tokens, n_tags) of all of them


@dataclass(frozen=True)
class ExportComparison:
    """Differences between two models that read the same random texts.

    difference (float): Largest difference of two emissions, relative to the largest emission.
    characters, same (int): Number of characters, and of those with the same tag.
    speed, speed_before (float): Characters a second of the second and of the first model, on as many threads.
    """

    difference: float
    characters: int
    same: int
    speed: float
    speed_before: float


def check_onnx(nlp: Language, ner: CRFEntityRecognizer, encoder: Tok2VecT, folder: Path) -> ExportComparison:
    """Check that an exported graph agrees with its pipeline.

    nlp (Language): The pipeline, in float32.
    ner (CRFEntityRecognizer): Its component.
    encoder (Model[list[Doc], list[Floats2d]]): The encoder of the component.
    folder (Path): The folder of model.onnx and pieces.npz.
    RETURNS (ExportComparison): Of the pipeline and the graph.
    RAISES (ValueError): If emissions are too far apart, or a tag differs.
    """

    def of_pipeline(docs: list[Doc]) -> FloatsT:
        return ner.emissions(run_before(nlp, ner, docs))[0]

    session = Session(folder / "model.onnx", encoder)
    texts = random_texts(encoder, folder / "pieces.npz")
    found = compare(nlp, texts, ner.transitions(), of_pipeline, session.emissions)
    other = found.characters - found.same
    if not found.difference <= TOLERANCE or other:
        raise PipelineError(
            Errors.ZT551.format(difference=found.difference, tolerance=TOLERANCE, other=other, total=found.characters)
        )
    return found


def compare(
    nlp: Language, texts: Iterator[list[str]], transitions: Transitions, before: EmissionsT, after: EmissionsT
) -> ExportComparison:
    """Compare two models.

    nlp (Language): Makes documents of texts.
    texts (Iterator[list[str]]): Batches.
    transitions (Transitions): Used to decode the emissions of both.
    before, after (EmissionsT): The models.
    """
    worst = largest = 0.0
    n_characters = n_same = 0
    clocks = [0.0, 0.0]
    for i, batch in enumerate(texts):
        docs = [nlp.make_doc(text) for text in batch]
        lengths = [len(doc) for doc in docs]
        if not i:  # lazy loading and compilation are not measured
            before(docs), after(docs)
        (rows, seconds_before), (found, seconds) = timed(partial(before, docs)), timed(partial(after, docs))
        clocks = [clocks[0] + seconds_before, clocks[1] + seconds]
        worst = max(worst, float(np.abs(rows - found).max()))
        largest = max(largest, float(np.abs(rows).max()))
        n_same += int((decode(rows, lengths, transitions) == decode(found, lengths, transitions)).sum())
        n_characters += len(rows)
    speed_before, speed = (n_characters / clock for clock in clocks)
    return ExportComparison(worst / max(largest, 1e-9), n_characters, n_same, speed, speed_before)


class Session:
    """Runs a graph over documents, in the windows of the pipeline.

    path (Path): The graph.
    encoder (Model[list[Doc], list[Floats2d]]): Its wordpieces and windows are used.
    """

    def __init__(self, path: Path, encoder: Tok2VecT) -> None:
        onnxruntime = import_onnxruntime()

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._encoder = encoder

    def emissions(self, docs: list[Doc]) -> FloatsT:
        """Return the emissions of all documents, (n_tokens, n_tags)."""
        shim = shim_of(self._encoder)
        get_spans, limit = self._encoder.attrs["get_spans"], shim.backbone.max_length
        cut = cut_documents(docs, shim.table, get_spans, max_length=limit)
        batches = make_micro_batches(cut, shim.table, max_length=limit)
        parts = [self._of_wordpieces(batch) for batch in batches]  # each (n_wordpieces, n_tags)
        rows = torch.zeros(sum(map(len, docs)), parts[0].shape[1])
        for batch, part in zip(batches, parts, strict=True):
            rows.index_add_(0, batch.tokens, part * batch.shares[:, None])
        return rows.numpy()

    def _of_wordpieces(self, batch: MicroBatch) -> torch.Tensor:
        inputs = {"input_ids": batch.input_ids.numpy(), "attention_mask": batch.attention_mask.numpy()}
        (emissions,) = self._session.run(None, inputs)
        return torch.from_numpy(emissions).flatten(0, 1)[batch.places]


def random_texts(encoder: Tok2VecT, pieces: Path) -> Iterator[list[str]]:
    """Generate texts of characters in a model's vocabulary, and of some others.

    encoder (Model[list[Doc], list[Floats2d]]): The model.
    pieces (Path): Its pieces.npz.
    YIELDS (list[str]): Batches, always the same.
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
    """Call a function. RETURNS (tuple[T, float]): Its result, and seconds."""
    start = time.perf_counter()
    return run(), time.perf_counter() - start
