"""Look up the wordpieces of tokens. A token is identified by its norm, and by its text for the case of its letters.

Most tokens are one character, and there are a few thousand of them: `token_splitting` splits each of them once, and
from then on a batch is one search in a sorted table.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from spacy.strings import StringStore
from spacy.tokens import Doc

from ..errors import BaseModelError, Errors, Warnings
from .kept_characters import N_CODE_POINTS
from .settings import LOOKUP
from .token_splitting import NEIGHBOUR, TokenSplitter

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

KeysT: TypeAlias = npt.NDArray[np.uint64]
IdsT: TypeAlias = npt.NDArray[np.int32]
MAX_TOKENS = 100_000  # in the table
MAX_WORDPIECES = 32
AT_ONCE = 65_536  # tokens in one lookup, which takes many times the memory of its result
ODD = np.uint64(0x9E3779B97F4A7C15)  # spreads the differences of keys over all bits

# Planes of writing systems, and variation selectors. The other code points are unassigned or private.
RANGES = ((0, 0x20000), (0x20000, 0x34000), (0xE0000, 0xE0200))
STEP = 0x4000
SURROGATES = range(0xD800, 0xE000)


class Wordpieces(NamedTuple):
    """Wordpieces of tokens.

    ids: (n_wordpieces,) ids of all tokens in order.
    counts: (n_tokens,) number of wordpieces of each token, 1 or more.
    """

    ids: IdsT
    counts: IdsT


class _Table(NamedTuple):
    keys: KeysT  # (n,) sorted
    firsts: IdsT  # (n,) index of the first id of each key
    counts: IdsT  # (n,)
    ids: IdsT


_EMPTY = _Table(np.empty(0, np.uint64), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32))


class WordpieceTable:
    """Cache of the wordpieces that a model's tokenizer splits single tokens into.

    Several threads may share an instance: its arrays are replaced as a whole, and never changed in place.

    tokenizer (PreTrainedTokenizerBase): A fast tokenizer.
    max_wordpieces (int): Largest number of wordpieces of one token. Further wordpieces of a token, such as a long word
        in Latin letters, are dropped.
    lookup (int): Rules by which tokens are split, see `TokenSplitter`.
    RAISES (ValueError): If the tokenizer is slow, or has no id for padding or for unknown characters.
    """

    def __init__(
        self, tokenizer: "PreTrainedTokenizerBase", max_wordpieces: int = MAX_WORDPIECES, lookup: int = LOOKUP
    ) -> None:
        if not tokenizer.is_fast:
            raise BaseModelError(Errors.ZT310.format(kind=type(tokenizer).__name__))
        self.tokenizer, self.max_wordpieces = tokenizer, max_wordpieces
        self.pad_id = _first_id(tokenizer, "pad_token_id", "eos_token_id", "unk_token_id")
        # A byte-level tokenizer has ids for all bytes and no [UNK]; characters that it drops are encoded as padding.
        self.unknown_id = _first_id(tokenizer, "unk_token_id", "pad_token_id", "eos_token_id")
        self.prefix, self.suffix = _special_ids(tokenizer)
        self._splitter = TokenSplitter(tokenizer, lookup)
        self._table = _EMPTY
        self._has_warned = False

    @property
    def n_special(self) -> int:
        """Number of special wordpieces around each window."""
        return len(self.prefix) + len(self.suffix)

    def __call__(self, norms: KeysT, strings: StringStore, texts: KeysT | None = None) -> Wordpieces:
        """Return the wordpieces of tokens. Tokens that the table does not have yet are split and added to it.

        norms (KeysT): (n_tokens,) hash of each token's norm, which is in lower case.
        strings (StringStore): The string store that has the strings of these hashes.
        texts (Optional[KeysT]): (n_tokens,) hash of each token's text, which has the case of letters; None to look up
            the norms in lower case.
        RETURNS (Wordpieces): One or more wordpieces for each token.
        """
        texts = norms if texts is None else texts
        if len(norms) <= AT_ONCE:
            return self._look_up(norms, texts, strings)
        chunks = [slice(first, first + AT_ONCE) for first in range(0, len(norms), AT_ONCE)]
        found = [self._look_up(norms[chunk], texts[chunk], strings) for chunk in chunks]
        return Wordpieces(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def split(self, texts: Sequence[str], norms: Sequence[str]) -> list[list[int]]:
        """Split tokens into wordpieces, without using the table.

        texts, norms (Sequence[str]): The text and the norm of each token.
        RETURNS (list[list[int]]): The ids of the wordpieces of each token, from one to `max_wordpieces`.
        """
        return [ids[: self.max_wordpieces] or [self.unknown_id] for ids in self._splitter(texts, norms)]

    def _look_up(self, norms: KeysT, texts: KeysT, strings: StringStore) -> Wordpieces:
        table = self._table
        keys = norms + (texts - norms) * ODD  # (n_tokens,) modulo 2**64; that of the norm where it equals the text
        places = _find(table, keys)
        if places is None:
            table = self._table = self._extended(table, keys, norms, texts, strings)
            places = _find(table, keys)
            assert places is not None
        counts = table.counts[places]
        ends = np.cumsum(counts)
        if len(ends) and ends[-1] == len(ends):
            return Wordpieces(table.ids[table.firsts[places]], counts)
        # (n_wordpieces,) position of each wordpiece within its token
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
        return Wordpieces(table.ids[np.repeat(table.firsts[places], counts) + within], counts)

    def _extended(self, table: _Table, keys: KeysT, norms: KeysT, texts: KeysT, strings: StringStore) -> _Table:
        """Return a copy of a table to which the tokens that it lacks are added, with their wordpieces.

        If it would have more than MAX_TOKENS tokens, the tokens that were in the table are dropped.

        keys (KeysT): (n_tokens,) key of each token in the table, computed from its norm and text.
        norms, texts (KeysT): (n_tokens,) hashes of its norm and of its text in the string store `strings`.
        """
        keys, first = np.unique(keys, return_index=True)
        if len(table.keys) + len(keys) > MAX_TOKENS:
            table = _EMPTY
        is_new = ~np.isin(keys, table.keys)
        new, first = keys[is_new], first[is_new]
        new_texts, new_norms = ([strings[key] for key in of_tokens[first].tolist()] for of_tokens in (texts, norms))
        split = self.split(new_texts, new_norms)
        self._warn_of_outside(new_texts, new_norms)
        counts = np.array([len(ids) for ids in split], dtype=np.int32)
        firsts = (len(table.ids) + np.cumsum(counts) - counts).astype(np.int32)
        keys = np.concatenate([table.keys, new])
        order = np.argsort(keys)
        flat = np.array([id_ for ids in split for id_ in ids], dtype=np.int32)
        return _Table(
            keys[order],
            np.concatenate([table.firsts, firsts])[order],
            np.concatenate([table.counts, counts])[order],
            np.concatenate([table.ids, flat]),
        )

    def _warn_of_outside(self, texts: Sequence[str], norms: Sequence[str]) -> None:
        """Warn if the vocabulary was trimmed and lacks a character of a token. Only the first such token is reported.

        texts, norms (Sequence[str]): The text and the norm of each token.
        """
        if self._has_warned:
            return
        pairs = zip(texts, norms, strict=True)
        outside = next((text for text, norm in pairs if self._splitter.is_outside(text, norm)), None)
        if outside is not None:
            self._has_warned = True
            codes = " ".join(f"U+{ord(char):04X}" for char in outside)
            warnings.warn(Warnings.ZT256.format(text=outside, codes=codes), stacklevel=2)


class CodePointWordpieces(NamedTuple):
    """Wordpieces of every Unicode code point.

    ids: int32, (n,) ids of all code points in order.
    counts: int32, (0x110000,) number of wordpieces of each code point.
    """

    ids: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]


def code_point_wordpieces(table: WordpieceTable, tokenize: Callable[[str], Doc]) -> CodePointWordpieces:
    """Return the wordpieces into which a pipeline splits each code point.

    Exported models look up wordpieces in this result, because they have no tokenizer.

    table (WordpieceTable): Table of the wordpieces of each token.
    tokenize (Callable[[str], Doc]): Tokenizer of the pipeline, which makes each character one token with a norm.
    RETURNS (CodePointWordpieces): Surrogates have the wordpieces of U+FFFD. Code points outside of RANGES, which
        are unassigned or private, have the id of unknown characters.
    """
    ids, counts, done = [], np.ones(N_CODE_POINTS, dtype=np.int32), 0
    for start, end in [(n, min(n + STEP, last)) for first, last in RANGES for n in range(first, last, STEP)]:
        chars = (chr(c) if c not in SURROGATES else "\ufffd" for c in range(start, end))
        # Of two spaces between tokens, the second is a token.
        doc = tokenize("".join(chars).replace(" ", "  "))
        split = table.split([token.text for token in doc], [token.norm_ for token in doc])
        counts[start:end] = list(map(len, split))
        ids += [np.full(start - done, table.unknown_id), np.array([id_ for ids_ in split for id_ in ids_])]
        done = end
    ids.append(np.full(N_CODE_POINTS - done, table.unknown_id))
    return CodePointWordpieces(np.concatenate(ids).astype(np.int32), counts)


def _find(table: _Table, norms: KeysT) -> npt.NDArray[np.int64] | None:
    """Return the index in a table of the key of each token; None if the table lacks one of them.

    table (_Table): The table, sorted by key.
    norms (KeysT): (n_tokens,) keys, which are computed from the hashes of norm and text of each token.
    RETURNS (Optional[np.ndarray]): (n_tokens,) indices.
    """
    if not len(table.keys):
        return None if len(norms) else np.empty(0, dtype=np.int64)
    places = np.searchsorted(table.keys, norms)
    places[places == len(table.keys)] = 0
    return places if np.array_equal(table.keys[places], norms) else None


def _first_id(tokenizer: "PreTrainedTokenizerBase", *names: str) -> int:
    """Return the first special id that a tokenizer has, among attributes such as "pad_token_id".

    tokenizer (PreTrainedTokenizerBase): The tokenizer.
    names (str): Names of the attributes, in the order in which they are tried.
    RAISES (BaseModelError): If all of them are None.
    """
    for name in names:
        if getattr(tokenizer, name) is not None:
            return int(getattr(tokenizer, name))
    raise BaseModelError(Errors.ZT311.format(kind=type(tokenizer).__name__, names=", ".join(names)))


def _special_ids(tokenizer: "PreTrainedTokenizerBase") -> tuple[list[int], list[int]]:
    """Return the ids that the tokenizer adds before and after a sequence, such as [CLS] and [SEP]."""
    encoded = tokenizer([NEIGHBOUR], is_split_into_words=True)
    ids, words = list(encoded["input_ids"]), encoded.word_ids()
    own = [i for i, word in enumerate(words) if word is not None]
    return (ids[: own[0]], ids[own[-1] + 1 :]) if own else (ids, [])
