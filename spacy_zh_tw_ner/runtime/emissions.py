"""Compute the emissions of texts with ONNX Runtime, in batches of windows.

    text ──▶ characters ──▶ wordpiece ids ──windows──▶ batches ──session──▶ emissions

The tokens are the same as with the tokenizer of the pipeline, and the wordpieces the same as with the tokenizer of the
base model.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import Errors, TextError, UnreadableFileError
from ..safe_points import safe_point
from ..tag_scheme import WHITE_SPACE
from ..tokenization.clause_cuts import CLAUSE_ENDS, Window, cut_at_clauses
from ..untrusted import origin, reading
from .folder import GRAPH, Exported
from .onnx_session import open_session

IndicesT: TypeAlias = npt.NDArray[np.int32]
EmissionsT: TypeAlias = npt.NDArray[np.float32]
# Largest number of wordpieces, including padding, in a run of the graph: one long window, or some sentences. Larger
# batches are not faster, and need more memory.
MAX_PADDED = 256
SPACE = ord(" ")
_WHITE_SPACE = np.array(sorted(map(ord, WHITE_SPACE)), dtype=np.uint32)
_CLAUSE_ENDS = np.array(sorted(map(ord, CLAUSE_ENDS)), dtype=np.uint32)


class Characters(NamedTuple):
    """Tokens of a text, each one character long, as arrays.

    offsets: (n_tokens,) offset of each token in the text. ids: (n_wordpieces,) wordpiece ids of all tokens, in order.
    counts: (n_tokens,) number of wordpieces of each token. clause_ends: (n_clauses,) indices of the tokens that end a
    clause, ascending. is_white_space: (n_tokens,) whether each token is white space.
    """

    offsets: IndicesT  # (n_tokens,) offset of each token in the text
    ids: IndicesT  # (n_wordpieces,) wordpiece ids of all tokens
    counts: IndicesT  # (n_tokens,) number of wordpieces of each token
    clause_ends: npt.NDArray[np.int64]  # (n_clauses,) ascending indices of the tokens that end a clause
    is_white_space: npt.NDArray[np.bool_]  # (n_tokens,)


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """Return the code points of a text, (n_characters,).

    RAISES (TextError): If the text has a lone surrogate.
    """
    try:
        return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    except UnicodeEncodeError as error:
        raise TextError(Errors.ZT001.format(code=ord(text[error.start]), index=error.start)) from None


def read_characters(text: str, exported: Exported) -> Characters:
    """Tokenize a text into characters, and look up their wordpieces.

    text (str): The text.
    exported (Exported): Holds the wordpieces of all code points.
    RETURNS (Characters): One token for each code point, except a single space between two tokens: as in spaCy, it
        belongs to the token before it.
    RAISES (TextError): If the text has a lone surrogate.
    """
    codes = code_points(text)
    is_space = codes == SPACE
    # A space between two tokens is not a token: as in spaCy it is the trailing space of the first one.
    between = is_space.copy()
    between[1:] &= ~is_space[:-1]
    between[:1] = between[-1:] = False
    offsets = np.flatnonzero(~between).astype(np.int32)
    codes = codes[offsets]
    counts = exported.counts[codes]  # (n_tokens,)
    ends = np.cumsum(counts, dtype=np.int32)
    # (n_wordpieces,) difference between the index of each wordpiece in `exported.ids` and in this text
    shifts = np.repeat(exported.firsts[codes] - (ends - counts), counts)
    ids = exported.ids[shifts + np.arange(counts.sum(), dtype=np.int32)]
    clause_ends = np.flatnonzero(np.isin(codes, _CLAUSE_ENDS))
    return Characters(offsets, ids, counts, clause_ends, np.isin(codes, _WHITE_SPACE))


class _TextWindow(NamedTuple):
    """A window of a text, with its wordpieces.

    The own tokens of a window are the tokens whose emissions are taken from this window. All other tokens of the window
    are context.

    text: Index of the text. window: The start and end of the window and of its own tokens, as token indices.
    ids: Wordpiece ids, with the special wordpieces around the window.
    starts, counts: (n_own_tokens,) index of the first wordpiece of each own token in `ids`, and number of wordpieces.
    """

    text: int  # index of the text
    window: Window
    ids: IndicesT  # wordpiece ids, with prefix and suffix
    starts: IndicesT  # (n_own_tokens,) index of the first wordpiece of each own token in `ids`
    counts: IndicesT  # (n_own_tokens,) number of wordpieces of each own token


class Emitter:
    """Computes the emissions of texts with ONNX Runtime.

    folder (Path): Folder of the exported model.
    exported (Exported): Settings and wordpieces of the model.
    threads (int): CPU threads; 0 for one per core.
    RAISES (ZhTwNerError): If onnxruntime is not installed, cannot load the graph, or the graph does not fit the
        settings.
    """

    def __init__(self, folder: Path, exported: Exported, threads: int = 0) -> None:
        self._exported, self._path = exported, folder / GRAPH
        self._session = open_session(folder / GRAPH, threads)
        with reading(folder / GRAPH, Errors.ZT633):
            self._require_matching_graph()

    def _require_matching_graph(self) -> None:
        """Check the number of embeddings and of tags of the graph, by running it on the largest wordpiece id.

        The constructor calls this method.

        RAISES (UnreadableFileError): If the graph has too few embeddings, or another number of tags.
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
        """Compute the emissions of texts; return a list with one array (n_tokens, n_tags) per text."""
        emissions = [np.empty((len(text.counts), self._exported.n_tags), dtype=np.float32) for text in texts]
        windows = [window for index, text in enumerate(texts) for window in self._cut(text, index)]
        # Windows of similar lengths share a batch, to reduce padding.
        for batch in _batches(sorted(windows, key=lambda window: -len(window.ids))):
            for (text, window, *_), found in zip(batch, self._run(batch), strict=True):
                emissions[text][window.own_start : window.own_end] = found
        return emissions

    def chunks(self, text: Characters) -> Iterator[EmissionsT]:
        """Compute the emissions of a long text, one batch of windows at a time.

        After each batch, `safe_point` is called. There, a service processes waiting short texts in the same thread, or
        cancels the long text.

        text (Characters): The tokens of the text.
        YIELDS (EmissionsT): (n, n_tags) emissions of the next n tokens.
        """
        for batch in _batches(self._cut(text)):
            yield from self._run(batch)
            safe_point()

    def _cut(self, text: Characters, index: int = 0) -> Iterator[_TextWindow]:
        """Yield the windows of a text, cut at clause ends, with special wordpieces such as [CLS] and [SEP] around each.

        text (Characters): The tokens of the text.
        index (int): Index of the text, which each window stores.
        """
        known = self._exported
        # (n_tokens + 1,) number of wordpieces before each token
        before = np.concatenate([[0], np.cumsum(text.counts)], dtype=np.int32)
        for window in cut_at_clauses(text.counts, text.clause_ends, size=known.size, overlap=known.overlap):
            ids = text.ids[before[window.start] : before[window.end]]
            own = slice(window.own_start, window.own_end)
            yield _TextWindow(
                index,
                window,
                np.concatenate([known.prefix, ids, known.suffix]),
                before[own] - before[window.start] + len(known.prefix),
                text.counts[own],
            )

    def _run(self, batch: Sequence[_TextWindow]) -> Iterator[EmissionsT]:
        """Run the graph on a batch; yield the emissions of each window's own tokens, (n_own_tokens, n_tags)."""
        lengths = np.array([len(window.ids) for window in batch])
        input_ids = np.full((len(batch), lengths.max()), self._exported.pad, dtype=np.int64)
        for row, window in zip(input_ids, batch, strict=True):
            row[: len(window.ids)] = window.ids
        mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
        with reading(self._path, Errors.ZT633):
            (found,) = self._session.run(None, {"input_ids": input_ids, "attention_mask": mask})
        for of_wordpieces, window in zip(found, batch, strict=True):
            end = int(window.starts[-1] + window.counts[-1])
            # The pipeline applies the head to the mean of a token's wordpieces. The head is linear, so the mean of the
            # emissions of the wordpieces is the same.
            emissions: EmissionsT = np.add.reduceat(of_wordpieces[:end], window.starts)
            emissions /= window.counts[:, None]
            yield emissions


def _batches(windows: Iterable[_TextWindow]) -> Iterator[list[_TextWindow]]:
    """Group windows into batches of at most MAX_PADDED wordpieces, including padding to the longest window."""
    batch: list[_TextWindow] = []
    longest = 0
    for window in windows:
        longest = max(longest, len(window.ids))
        if batch and (len(batch) + 1) * longest > MAX_PADDED:
            yield batch
            batch, longest = [], len(window.ids)
        batch.append(window)
    if batch:
        yield batch
