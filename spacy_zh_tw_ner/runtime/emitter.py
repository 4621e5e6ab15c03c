"""subword ids → emissions, computed by ONNX Runtime."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import Errors, UnreadableFileError
from ..onnx_runtime import import_onnxruntime
from ..safe_points import safe_point
from ..tokenization.clause_cuts import Window, cut_at_clauses
from ..untrusted import origin, reading
from .characters import Characters, IndicesT
from .folder import GRAPH, Exported
from .graph_file import require_own_weights

EmissionsT = npt.NDArray[np.float32]
# Pieces with padding that run at once: one long window, or some sentences. More are no faster, and need more memory.
MAX_PADDED = 256


class _Read(NamedTuple):
    """A window of a text, its pieces with those that stand around it, and where its tokens begin among them."""

    text: int
    window: Window
    ids: IndicesT
    starts: IndicesT
    counts: IndicesT


class Emitter:
    """Runs the graph.

    folder (Path): Where it is.
    exported (Exported): What stands beside it.
    threads (int): CPU threads; 0 for one a core.
    RAISES (ValueError): Where onnxruntime is not installed, or cannot read the graph.
    """

    def __init__(self, folder: Path, exported: Exported, threads: int = 0) -> None:
        try:
            onnxruntime = import_onnxruntime()
        except ImportError as error:
            raise ValueError(Errors.ZT632.format(path=folder)) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # What is planned for one shape is kept, and every batch has another.
        options.enable_mem_pattern = False
        # Nor is a core kept busy waiting for the next batch.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        require_own_weights(folder / GRAPH)
        self._exported, self._path = exported, folder / GRAPH
        with reading(folder / GRAPH, Errors.ZT633):
            self._session = onnxruntime.InferenceSession(
                str(folder / GRAPH), options, providers=["CPUExecutionProvider"]
            )
            self._require_matching_graph()

    def _require_matching_graph(self) -> None:
        """Run the graph on the largest subword id, which fails if the graph has fewer embeddings.

        RAISES (UnreadableFileError): If the graph does not give emissions for the tags of the folder.
        """
        known = self._exported
        ids = np.array([[*known.prefix, int(known.ids.max()), *known.suffix, known.pad]], dtype=np.int64)
        (found,) = self._session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        shape = (*ids.shape, known.n_tags)
        if found.shape != shape:
            raise UnreadableFileError(
                Errors.ZT649.format(origin=origin(), what="the output", seen=found.shape, expected=shape)
            )

    def __call__(self, texts: Sequence[Characters]) -> list[EmissionsT]:
        """(n_tokens, n_tags) of each text."""
        emissions = [np.empty((len(text.counts), self._exported.n_tags), dtype=np.float32) for text in texts]
        windows = [read for index, text in enumerate(texts) for read in self._cut(text, index)]
        # Those of about one length together.
        for batch in _batches(sorted(windows, key=lambda read: -len(read.ids))):
            for read, found in zip(batch, self._run(batch), strict=True):
                emissions[read.text][read.window.own_start : read.window.own_end] = found
        return emissions

    def stretches(self, text: Characters) -> Iterator[EmissionsT]:
        """(n_tokens, n_tags) of a text, some tokens at a time, in order."""
        for batch in _batches(self._cut(text)):
            yield from self._run(batch)
            safe_point()

    def _cut(self, text: Characters, index: int = 0) -> Iterator[_Read]:
        """The windows of a text, in order."""
        known = self._exported
        # shape: (n_tokens + 1,) pieces before each token
        before = np.concatenate([[0], np.cumsum(text.counts)], dtype=np.int32)
        for window in cut_at_clauses(text.counts, text.clause_ends, size=known.size, overlap=known.overlap):
            ids = text.ids[before[window.start] : before[window.end]]
            own = slice(window.own_start, window.own_end)
            yield _Read(
                index,
                window,
                np.concatenate([known.prefix, ids, known.suffix]),
                before[own] - before[window.start] + len(known.prefix),
                text.counts[own],
            )

    def _run(self, batch: Sequence[_Read]) -> Iterator[EmissionsT]:
        """The emissions of the tokens of which each window is asked."""
        lengths = np.array([len(read.ids) for read in batch])
        input_ids = np.full((len(batch), lengths.max()), self._exported.pad, dtype=np.int64)
        for row, read in zip(input_ids, batch, strict=True):
            row[: len(read.ids)] = read.ids
        mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
        with reading(self._path, Errors.ZT633):
            (found,) = self._session.run(None, {"input_ids": input_ids, "attention_mask": mask})
        for rows, read in zip(found, batch, strict=True):
            ends = int(read.starts[-1] + read.counts[-1])
            # The mean over the pieces of a token: the head is linear.
            emissions: EmissionsT = np.add.reduceat(rows[:ends], read.starts)
            emissions /= read.counts[:, None]
            yield emissions


def _batches(windows: Iterable[_Read]) -> Iterator[list[_Read]]:
    """As many in turn as may be padded to the longest."""
    batch: list[_Read] = []
    longest = 0
    for window in windows:
        longest = max(longest, len(window.ids))
        if batch and (len(batch) + 1) * longest > MAX_PADDED:
            yield batch
            batch, longest = [], len(window.ids)
        batch.append(window)
    if batch:
        yield batch
