"""Compare the emissions and tags of an exported graph with those of its pipeline."""

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

TOLERANCE = 1e-4  # largest difference of emissions, relative to the largest emission
# Lengths of the random texts of each batch in characters; the last text is longer than a default window.
BATCHES = ((1,), (7,), (1, 2, 3, 5, 8, 13, 21, 34, 55, 89), (64,) * 16, (120, 700))
OTHERS = " 。\nA1\u3000🙂\ue000"  # unusual characters, one tenth of a random text
T = TypeVar("T")
EmissionsT: TypeAlias = Callable[[list[Doc]], FloatsT]  # documents → (n_tokens, n_tags) of all of them


@dataclass(frozen=True)
class ExportComparison:
    """Comparison of two models on the same random texts: difference of emissions, number of equal tags, and speed.

    difference: Largest absolute difference of two emissions, relative to the largest emission of the first model.
    characters: Number of characters in all texts.
    same: Number of characters to which both models give the same tag.
    speed: Characters per second of the second model.
    speed_before: Characters per second of the first model, with the same number of threads.
    """

    difference: float
    characters: int
    same: int
    speed: float
    speed_before: float


def check_onnx(nlp: Language, ner: CRFEntityRecognizer, encoder: Tok2VecT, folder: Path) -> ExportComparison:
    """Check that an exported graph agrees with its pipeline on random texts.

    nlp (Language): The pipeline, in float32.
    ner (CRFEntityRecognizer): The exported recognizer.
    encoder (Model[list[Doc], list[Floats2d]]): The encoder of the recognizer.
    folder (Path): The folder of model.onnx (the graph) and pieces.npz (the wordpieces of all characters).
    RETURNS (ExportComparison): Differences between the pipeline and the graph.
    RAISES (PipelineError): If emissions differ by more than TOLERANCE, or a tag differs.
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
    """Compare the emissions, tags and speed of two models.

    nlp (Language): The pipeline, which tokenizes the texts.
    texts (Iterator[list[str]]): Batches of texts.
    transitions (Transitions): Transitions to decode the emissions of both models.
    before (EmissionsT): Function that computes the emissions of documents, (n_tokens, n_tags), with the first model.
    after (EmissionsT): Function that computes the emissions of documents with the second model.
    RETURNS (ExportComparison): Differences between both models.
    """
    worst = largest = 0.0
    n_characters = n_same = 0
    clocks = [0.0, 0.0]
    for i, batch in enumerate(texts):
        docs = [nlp.make_doc(text) for text in batch]
        lengths = [len(doc) for doc in docs]
        if not i:  # warm-up: lazy loading and compilation are not measured
            before(docs), after(docs)
        (expected, seconds_before), (found, seconds) = timed(partial(before, docs)), timed(partial(after, docs))
        clocks = [clocks[0] + seconds_before, clocks[1] + seconds]
        worst = max(worst, float(np.abs(expected - found).max()))
        largest = max(largest, float(np.abs(expected).max()))
        n_same += int((decode(expected, lengths, transitions) == decode(found, lengths, transitions)).sum())
        n_characters += len(expected)
    speed_before, speed = (n_characters / clock for clock in clocks)
    return ExportComparison(worst / max(largest, 1e-9), n_characters, n_same, speed, speed_before)


class Session:
    """Computes the emissions of documents with an ONNX graph, after cutting them into the windows of the pipeline.

    path (Path): File of the graph.
    encoder (Model[list[Doc], list[Floats2d]]): The encoder of the pipeline, which determines the wordpieces and
        windows.
    """

    def __init__(self, path: Path, encoder: Tok2VecT) -> None:
        onnxruntime = import_onnxruntime()

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._encoder = encoder

    def emissions(self, docs: list[Doc]) -> FloatsT:
        """Return the emissions of the tokens of all documents, (n_tokens, n_tags)."""
        shim = shim_of(self._encoder)
        get_spans, limit = self._encoder.attrs["get_spans"], shim.backbone.max_length
        cut = cut_documents(docs, shim.table, get_spans, max_length=limit)
        batches = make_micro_batches(cut, shim.table, max_length=limit)
        parts = [self._run(batch) for batch in batches]  # each (n_wordpieces, n_tags)
        emissions = torch.zeros(sum(map(len, docs)), parts[0].shape[1])
        for batch, part in zip(batches, parts, strict=True):
            emissions.index_add_(0, batch.tokens, part * batch.shares[:, None])
        return emissions.numpy()

    def _run(self, batch: MicroBatch) -> torch.Tensor:
        """Run the graph on a batch of windows, parts of documents that fit into the model.

        RETURNS (torch.Tensor): (n_wordpieces, n_tags) emissions of the wordpieces of each window, without those of the
            context around it.
        """
        inputs = {"input_ids": batch.input_ids.numpy(), "attention_mask": batch.attention_mask.numpy()}
        (emissions,) = self._session.run(None, inputs)
        return torch.from_numpy(emissions).flatten(0, 1)[batch.places]


def random_texts(encoder: Tok2VecT, pieces: Path) -> Iterator[list[str]]:
    """Generate random texts of the characters that the model can encode.

    One tenth of the characters are white space, punctuation, an emoji and other unusual characters.

    encoder (Model[list[Doc], list[Floats2d]]): The encoder. Characters that its tokenizer maps to the unknown wordpiece
        are not used.
    pieces (Path): File with the wordpieces of all characters (pieces.npz).
    YIELDS (list[str]): Batches of texts; the same in every call.
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
    """Call a function, and return its result and the seconds that it took."""
    start = time.perf_counter()
    return run(), time.perf_counter() - start
