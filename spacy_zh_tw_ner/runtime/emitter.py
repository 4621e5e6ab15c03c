"""pieces → emissions: what ONNX Runtime is given, and what is taken from it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import Errors
from ..tokenization.clause_cuts import Window, cut_at_clauses
from .characters import Characters
from .folder import GRAPH, Exported

EmissionsT = npt.NDArray[np.float32]
# Pieces with padding that run at once: one long window, or some sentences. More are no faster, and need more memory.
MAX_PADDED = 256


class _Piece(NamedTuple):
    """A window of a text, and how many pieces it has, those around it included."""

    text: int
    window: Window
    length: int


class Emitter:
    """Runs the graph.

    folder (Path): Where it is.
    exported (Exported): What stands beside it.
    threads (int): CPU threads; 0 for one a core.
    RAISES (ValueError): Where onnxruntime is not installed.
    """

    def __init__(self, folder: Path, exported: Exported, threads: int = 0) -> None:
        try:
            from onnxruntime import InferenceSession, SessionOptions
        except ImportError as error:
            raise ValueError(Errors.ZT632.format(path=folder)) from error
        options = SessionOptions()
        options.intra_op_num_threads = threads
        # An arena keeps the most that any batch has needed; every batch has another shape.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        self._session = InferenceSession(str(folder / GRAPH), options, providers=["CPUExecutionProvider"])
        self._exported = exported

    def __call__(self, texts: Sequence[Characters]) -> list[EmissionsT]:
        """(n_tokens, n_tags) of each text."""
        known = self._exported
        n_around = len(known.prefix) + len(known.suffix)
        # shape: (n_tokens + 1,) how many pieces come before each token
        before = [np.concatenate([[0], np.cumsum(text.counts)]) for text in texts]
        emissions = [np.empty((len(text.counts), len(known.tags)), dtype=np.float32) for text in texts]
        windows = [
            _Piece(index, window, int(before[index][window.end] - before[index][window.start]) + n_around)
            for index, text in enumerate(texts)
            for window in cut_at_clauses(text.counts, text.clause_ends, size=known.size, overlap=known.overlap)
        ]
        for batch in _batches(windows):
            input_ids = np.full((len(batch), batch[0].length), known.pad, dtype=np.int64)
            mask = np.zeros_like(input_ids)
            for row, (index, window, length) in enumerate(batch):
                ids = texts[index].ids[before[index][window.start] : before[index][window.end]]
                input_ids[row, :length] = np.concatenate([known.prefix, ids, known.suffix])
                mask[row, :length] = 1
            (found,) = self._session.run(None, {"input_ids": input_ids, "attention_mask": mask})
            for row, (index, window, _) in enumerate(batch):
                own = slice(window.own_start, window.own_end)
                first = len(known.prefix) - before[index][window.start]
                starts, counts = before[index][own] + first, texts[index].counts[own]
                rows = found[row, : starts[-1] + counts[-1]]
                # The mean over the pieces of a token: the head is linear.
                emissions[index][own] = np.add.reduceat(rows, starts) / counts[:, None]
        return emissions


def _batches(windows: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """Windows of about one length, the longest first."""
    batch: list[_Piece] = []
    for window in sorted(windows, key=lambda each: -each.length):
        if batch and (len(batch) + 1) * batch[0].length > MAX_PADDED:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch
