"""Decode one sequence of any length in bounded memory: chunk by chunk, with the same result as in one piece.

Neighbouring chunks share one row: the last row of a chunk is the first row of the next. Given the tag of that row, the
tokens before it and after it are independent (Lafferty, McCallum and Pereira 2001). So each chunk can be computed as a
separate sequence:

    chunk 1   ├────────────┤                  end scores: log β of its last row
    chunk 2                ├────────────┤     emissions of its first row: log α of that row
    chunk 3                             ├───  (for the best path: the score of the best path up to that row)

α and β are the forward and backward variables. A first pass computes α from the first chunk to the last, a second pass
β from the last to the first. A span from row a to row c may contain the row b that two chunks share. The probability of
its tags is then p(a … c) = p(a … b) · p(b … c) / p(b).
"""

from collections.abc import Callable, Iterator, Sequence
from tempfile import TemporaryFile
from typing import NoReturn, Protocol, TypeVar

import numpy as np

from ..errors import Errors, OutputError
from ..safe_points import safe_point
from .layout import check_finite
from .posterior import Posterior, infer
from .probable_spans import NO_SPANS, Segment, extend_spans
from .reference import run_reference
from .transitions import PENALTY, FloatsT, IntsT, Transitions
from .viterbi import best_paths

CHUNK = 4096  # rows whose forward and backward variables are held at a time
ResultT = TypeVar("ResultT")


class RowsT(Protocol):
    """Protocol of (n_rows, n_tags) emissions that are read in slices: an array, or a `DiskArray`."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> FloatsT: ...


class DiskArray:
    """An array (n_rows, n_columns) of float32 in a temporary file: rows are appended, and read in slices.

    The file is in the folder for temporary files (`TMPDIR`) and has no name. The operating system removes it at the end
    of the `with` block, and also if the process is killed.

    n_columns (int): Number of columns.
    RAISES (OutputError): If the file cannot be created.
    """

    def __init__(self, n_columns: int) -> None:
        self._n_rows, self._n_columns = 0, n_columns
        try:
            # Not memory-mapped: the pages of a mapped file count as memory of the process.
            self._file = TemporaryFile()  # noqa: SIM115
        except OSError as error:
            self._raise_output_error(error)

    def __len__(self) -> int:
        return self._n_rows

    def __enter__(self) -> "DiskArray":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, rows: FloatsT) -> None:
        """Append rows, (n, n_columns).

        RAISES (OutputError): If they cannot be written, for example because the disk is full.
        """
        try:
            self._file.seek(4 * self._n_columns * self._n_rows)
            self._file.write(np.ascontiguousarray(rows, dtype=np.float32).data)
            self._file.flush()
        except OSError as error:
            self._raise_output_error(error)
        self._n_rows += len(rows)

    def __getitem__(self, rows: slice) -> FloatsT:
        first, end, _ = rows.indices(self._n_rows)
        values = np.empty((max(0, end - first), self._n_columns), dtype=np.float32)
        self._file.seek(4 * self._n_columns * first)
        self._file.readinto(values.data)
        return values

    def _raise_output_error(self, error: OSError) -> NoReturn:
        """Raise an OutputError that reports how much has been written."""
        mib, reason = 4 * self._n_columns * self._n_rows / 2**20, error.strerror or error
        raise OutputError(Errors.ZT611.format(rows=self._n_rows, mib=mib, reason=reason)) from None


class LongSequence:
    """Find the best path, path probabilities and probable spans of one sequence, in bounded memory.

    The results are those of `viterbi.decode`, `posterior.infer` and `probable_spans.probable_segments`, which need
    memory for the whole sequence.

    rows (RowsT): (n_rows, n_tags) emissions. They are read several times.
    transitions (Transitions): Constrained transition scores.
    size (int): Number of rows per chunk.
    compiled (Optional[bool]): True for compiled loops, False for numpy; None for compiled if numba is installed.
    """

    def __init__(
        self, rows: RowsT, transitions: Transitions, *, size: int = CHUNK, compiled: bool | None = None
    ) -> None:
        self._rows, self._transitions, self._size, self._compiled = rows, transitions, size, compiled
        # The first row of each chunk. A sequence of one row is one chunk.
        self._firsts = range(0, max(len(rows) - 1, min(len(rows), 1)), size)
        self._in_log_space: set[int] = set()

    def decode(self) -> IntsT:
        """Find the most probable legal tags.

        RETURNS (np.ndarray): (n_rows,) a tag index for each row.
        RAISES (SettingError): If there is no legal path.
        RAISES (TrainingError): If emissions are not finite.
        """
        tags, border_scores = np.empty(len(self._rows), np.int64), self._border_array()
        for i, first in enumerate(self._firsts):
            paths = best_paths(*self._chunk(first, border_scores[i]), compiled=self._compiled)
            border_scores[i + 1] = paths.finals[0] - paths.finals.max()
        end: FloatsT | None = None
        for i, first in reversed(list(enumerate(self._firsts))):
            emissions, lengths, transitions = self._chunk(first, border_scores[i], end)
            path = best_paths(emissions, lengths, transitions, compiled=self._compiled).tags
            tags[first : first + len(path)] = path
            end = np.full_like(transitions.end, PENALTY)
            end[path[0]] = 0.0
        return tags

    def path_probabilities(self, tags: IntsT, starts: Sequence[int], ends: Sequence[int]) -> FloatsT:
        """Return the probabilities of some parts of a path: that all tokens of a part have the tags of the path.

        tags (np.ndarray): (n_rows,) the path: a tag for every row of the sequence.
        starts, ends (Sequence[int]): First row of each part, and the row after its last.
        RETURNS (np.ndarray): (n_parts,) float64, from 0 to 1.
        """
        begin, end = np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64)

        def multiply(posteriors: Iterator[tuple[int, Posterior]]) -> FloatsT:
            product = np.ones(len(begin))
            for first, posterior in posteriors:
                after = first + posterior.lengths[0]
                here = np.flatnonzero((begin < after) & (end > first))
                inside = [(np.clip(values[here], first, after) - first).tolist() for values in (begin, end)]
                path = tags[first:after]
                p = posterior.path_probabilities(path, *inside)
                if first:
                    continued = begin[here] <= first
                    border = posterior.path_probabilities(path, [0], [1])
                    with np.errstate(divide="ignore", invalid="ignore"):
                        p[continued] = np.minimum(np.nan_to_num(p[continued] / border, nan=0.0), 1.0)
                product[here] *= p
            return product

        return self._collect(multiply)

    def probable_segments(self, patterns: IntsT, threshold: float) -> list[Segment]:
        """Find every span with a probability of at least `threshold`, overlapping ones included.

        patterns (np.ndarray): (n_kinds, 4) the tag indices of B, I, E and S of each kind (label).
        threshold (float): Probability, greater than 0.
        RETURNS (list[Segment]): The spans, in no particular order: first row, row after the last, index of the kind in
            `patterns`, and probability.
        """

        def collect(posteriors: Iterator[tuple[int, Posterior]]) -> list[Segment]:
            found, partial = [], NO_SPANS
            for first, posterior in posteriors:
                here, partial = extend_spans(posterior, patterns, threshold, before=first, partial=partial)
                found += here
            return found

        return self._collect(collect)

    def _collect(self, function: Callable[[Iterator[tuple[int, Posterior]]], ResultT]) -> ResultT:
        """Call a function with an iterator over the chunks, and return its result.

        If chunks underflow in float32, the function is called again, with forward variables that were computed in log
        space for these chunks.

        function (Callable): Takes an iterator over the chunks, from the last to the first, and returns any result. A
            chunk is a pair: the index of its first row, and a `Posterior` (the probabilities of its tags and paths).
        """
        while True:
            unstable: set[int] = set()
            found = function(self._posteriors(unstable))
            if unstable <= self._in_log_space:
                return found
            self._in_log_space |= unstable

    def _posteriors(self, unstable: set[int]) -> Iterator[tuple[int, Posterior]]:
        """Yield the index of the first row, and the `Posterior`, of each chunk, from the last chunk to the first.

        A `Posterior` has the probabilities of the tags and paths of a chunk.

        unstable (set[int]): An empty set. Changed in place: for each chunk that underflows in float32, the index of
            its first row is added. `_collect` then repeats the computation in log space for these chunks.
        """
        alphas = self._border_array()
        for i, first in enumerate(self._firsts):
            emissions, lengths, transitions = self._chunk(first, alphas[i])
            if first in self._in_log_space:
                incoming = run_reference(emissions, transitions).log_alpha[-1]
            else:
                posterior = infer(emissions, lengths, transitions, compiled=self._compiled)
                incoming = _at(posterior.log_alpha, lengths[0] - 1, emissions.shape[1])
            alphas[i + 1] = _in_float32(incoming)
        end: FloatsT | None = None
        for i, first in reversed(list(enumerate(self._firsts))):
            emissions, lengths, transitions = self._chunk(first, alphas[i], end)
            posterior = infer(emissions, lengths, transitions, compiled=self._compiled)
            if posterior.in_log_space:
                unstable.add(first)
            yield first, posterior
            end = _in_float32(_at(posterior.log_beta, 0, emissions.shape[1]))

    def _border_array(self) -> FloatsT:
        """Allocate an array (n_chunks + 1, n_tags) for values of each tag, such as log α, at the ends of chunks.

        Entry i is for the first row of chunk i, and entry i + 1 for its last row (the first row of chunk i + 1).

        One array is used for all chunks, because many small arrays, allocated between large arrays, would keep the heap
        from shrinking when the large arrays are freed.
        """
        return np.empty((len(self._firsts) + 1, len(self._transitions.start)), np.float32)

    def _chunk(
        self, first: int, incoming: FloatsT, end: FloatsT | None = None
    ) -> tuple[FloatsT, list[int], Transitions]:
        """Return a chunk as a separate sequence, in the form of arguments for the CRF of short sequences.

        The chunk has the fixed number of rows, and the first row of the next chunk, so that neighbours share one row.
        The scores before the chunk are in its first emissions, and those after it in its end scores.

        first (int): First row of the chunk.
        incoming (np.ndarray): (n_tags,) log α or path scores at this row, emissions included; unused at row 0.
        end (Optional[np.ndarray]): (n_tags,) log β at the last row; None in the first pass, which does not use it.
        RETURNS (tuple): (n, n_tags) emissions, [n], and the transitions with the start and end scores of the chunk.
        """
        safe_point()
        emissions, transitions = self._rows[first : first + self._size + 1].astype(np.float32), self._transitions
        check_finite(emissions, before=first)
        if first:
            emissions[0] = incoming
            transitions = transitions._replace(start=np.zeros_like(transitions.start))
        if first + len(emissions) < len(self._rows):
            transitions = transitions._replace(end=np.zeros_like(transitions.end) if end is None else end)
        return emissions, [len(emissions)], transitions


def _at(log_values: Callable[[IntsT, IntsT], FloatsT], row: int, n_tags: int) -> FloatsT:
    """Return log α or log β of all tags at one row, (n_tags,).

    log_values (Callable): The method `log_alpha` or `log_beta` of a `Posterior`. It takes an array of rows and one of
        tags, and returns one value for each pair.
    row (int): Index of the row in the chunk of this `Posterior`.
    """
    tags = np.arange(n_tags)
    return log_values(np.full_like(tags, row), tags)


def _in_float32(logs: FloatsT) -> FloatsT:
    """Subtract the maximum from (n_tags,) logarithms, and convert them to float32.

    −∞, and values below PENALTY, are replaced by PENALTY, the finite score of forbidden transitions.
    """
    values: FloatsT = np.maximum(logs - logs.max(), PENALTY).astype(np.float32)
    return values
