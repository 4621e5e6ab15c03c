"""tokens → pieces: each token's ids, looked up by its norm.

A token is one character, mostly, and there are a few thousand of them: the tokenizer of the model cuts each of them
once, as `is_split_into_words` does, and from then on a batch is one search in a sorted table.
"""

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from spacy.strings import StringStore

from ..errors import Errors

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

KeysT: TypeAlias = npt.NDArray[np.uint64]
IdsT: TypeAlias = npt.NDArray[np.int32]
NEIGHBOUR = "中"  # stands before each token that is cut, which so is never the first of its sentence
MAX_TOKENS = 100_000  # that are remembered
MAX_PIECES = 32
AT_ONCE = 65_536  # tokens that are looked up: a step takes many times the memory of what it finds


class Pieces(NamedTuple):
    """ids: (n_pieces,) of all tokens, one behind the other. counts: (n_tokens,) how many each has, 1 or more."""

    ids: IdsT
    counts: IdsT


class _Table(NamedTuple):
    keys: KeysT  # (n,) sorted
    firsts: IdsT  # (n,) where the ids of each begin
    counts: IdsT  # (n,)
    ids: IdsT


_EMPTY = _Table(np.empty(0, np.uint64), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32))


class PieceTable:
    """The pieces that a model's tokenizer makes of single tokens.

    Threads may share one: the table is never changed, only replaced.

    tokenizer (PreTrainedTokenizerBase): A fast one.
    max_pieces (int): Of one token; the rest is cut off. Nothing but a long run of Latin letters comes near it.
    RAISES (ValueError): If it is slow, or knows no id for padding or for what it cannot read.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", max_pieces: int = MAX_PIECES) -> None:
        if not tokenizer.is_fast:
            raise ValueError(Errors.ZT310.format(kind=type(tokenizer).__name__))
        self.tokenizer, self.max_pieces = tokenizer, max_pieces
        self.pad_id = _first_id(tokenizer, "pad_token_id", "eos_token_id", "unk_token_id")
        # A byte-level tokenizer knows every byte and has no [UNK]; what it drops altogether reads as padding does.
        self.unknown_id = _first_id(tokenizer, "unk_token_id", "pad_token_id", "eos_token_id")
        self.prefix, self.suffix = _special_ids(tokenizer)
        self._table = _EMPTY

    @property
    def n_special(self) -> int:
        """Special pieces around each window."""
        return len(self.prefix) + len(self.suffix)

    def __call__(self, norms: KeysT, strings: StringStore) -> Pieces:
        """Look tokens up.

        norms (KeysT): (n_tokens,) keys of the norms.
        strings (StringStore): Where the keys are from.
        RETURNS (Pieces): One or more for each token.
        """
        if len(norms) <= AT_ONCE:
            return self._look_up(norms, strings)
        found = [self._look_up(norms[first : first + AT_ONCE], strings) for first in range(0, len(norms), AT_ONCE)]
        return Pieces(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def _look_up(self, norms: KeysT, strings: StringStore) -> Pieces:
        table = self._table
        places = _find(table, norms)
        if places is None:
            table = self._table = self._learn(table, np.unique(norms), strings)
            places = _find(table, norms)
            assert places is not None
        counts = table.counts[places]
        ends = np.cumsum(counts)
        if len(ends) and ends[-1] == len(ends):
            return Pieces(table.ids[table.firsts[places]], counts)
        # shape: (n_pieces,) where the token of each begins in the table, and how far into it the piece is
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
        return Pieces(table.ids[np.repeat(table.firsts[places], counts) + within], counts)

    def _learn(self, table: _Table, norms: KeysT, strings: StringStore) -> _Table:
        """A table that holds these, too. Where it grows too large, what it held before is forgotten."""
        if len(table.keys) + len(norms) > MAX_TOKENS:
            table = _EMPTY
        new = norms[~np.isin(norms, table.keys)]
        cut = self._cut([strings[key] for key in new.tolist()])
        counts = np.array([len(ids) for ids in cut], dtype=np.int32)
        firsts = (len(table.ids) + np.cumsum(counts) - counts).astype(np.int32)
        keys = np.concatenate([table.keys, new])
        order = np.argsort(keys)
        flat = np.array([id_ for ids in cut for id_ in ids], dtype=np.int32)
        return _Table(
            keys[order],
            np.concatenate([table.firsts, firsts])[order],
            np.concatenate([table.counts, counts])[order],
            np.concatenate([table.ids, flat]),
        )

    def _cut(self, words: list[str]) -> list[list[int]]:
        """Have the tokenizer cut words; each stands behind another, as in a sentence."""
        if not words:
            return []
        encoded = self.tokenizer(
            [[NEIGHBOUR, word] for word in words], is_split_into_words=True, add_special_tokens=False
        )
        found = []
        for i, ids in enumerate(encoded["input_ids"]):
            own = [id_ for id_, word in zip(ids, encoded.word_ids(i), strict=True) if word == 1]
            found.append(own[: self.max_pieces] or [self.unknown_id])
        return found


def _find(table: _Table, norms: KeysT) -> npt.NDArray[np.int64] | None:
    """Places of keys in a table, or None where one is missing."""
    if not len(table.keys):
        return None if len(norms) else np.empty(0, dtype=np.int64)
    places = np.searchsorted(table.keys, norms)
    places[places == len(table.keys)] = 0
    return places if np.array_equal(table.keys[places], norms) else None


def _first_id(tokenizer: "PreTrainedTokenizerBase", *names: str) -> int:
    for name in names:
        if getattr(tokenizer, name) is not None:
            return int(getattr(tokenizer, name))
    raise ValueError(Errors.ZT311.format(kind=type(tokenizer).__name__, names=", ".join(names)))


def _special_ids(tokenizer: "PreTrainedTokenizerBase") -> tuple[list[int], list[int]]:
    """Ids that the tokenizer puts before and behind a sequence, such as [CLS] and [SEP]."""
    encoded = tokenizer([NEIGHBOUR], is_split_into_words=True)
    ids, words = list(encoded["input_ids"]), encoded.word_ids()
    own = [i for i, word in enumerate(words) if word is not None]
    return (ids[: own[0]], ids[own[-1] + 1 :]) if own else (ids, [])
