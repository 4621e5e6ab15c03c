"""tokens → vectors, from nothing: hashed character uni-, bi- and trigrams, and radicals.

N-grams are hashed straight into rows of a table (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask
Learning"), so there is no vocabulary to build or to ship, and every character has a vector. Rows of bi- and trigrams
start at zero: an n-gram never seen in training then says nothing, where a random row would say something false.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
from spacy.attrs import NORM  # type: ignore[import-not-found]
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d, Ints1d

from ..errors import (
    Errors,
    SettingError,
)
from ..tag_scheme import BoolsT
from ..untrusted import require
from ..untrusted.thinc_models import require_param
from . import EncoderHooks, HiddenT, Tok2VecT
from .torch_interop import flatten, unflatten

ArrayT: TypeAlias = npt.NDArray[np.float32]
KeysT: TypeAlias = npt.NDArray[np.uint64]
RowsT: TypeAlias = npt.NDArray[np.int64]
FIRST, LAST = 0x4E00, 0x9FFF  # of the unified ideographs; those of the extensions lie elsewhere
STARTS = sorted(ord(unicodedata.normalize("NFKC", chr(radical))) for radical in range(0x2F00, 0x2FD6))
N_KINDS = 256
N_ROWS = 1 + len(STARTS) + N_KINDS
RADICAL = 0  # stands for it where 1, 2 and 3 stand for n-grams
# (offset of the first token, number of tokens): the bigrams that end and begin at a token stand side by side.
WINDOWS = {1: ((0, 1),), 2: ((-1, 2), (0, 2)), 3: ((-1, 3),), RADICAL: ((0, 1),)}
EDGE = np.uint64(1)  # the key of what lies before and behind a text


def build_char_ngram_embed_v1(
    widths: Sequence[int], rows: Sequence[int], min_count: int = 1, dropout: float = 0.0, radical_width: int = 0
) -> Tok2VecT:
    """Registered as `spacy-zh-tw-ner.CharNgramEmbed.v1`.

    widths (Sequence[int]): Width of the vector of a unigram, a bigram and a trigram; 0 leaves one out. A token has two
        bigrams, the one it ends and the one it begins, which share a table.
    rows (Sequence[int]): Rows of the three tables.
    min_count (int): Bi- and trigrams that stand in the training corpus less often than this are not learnt, only
        memorised: their rows stay zero. The component that owns this model counts them when it is initialized.
    dropout (float): Share of the bi- and trigrams that are left out while training.
    radical_width (int): Width of the vector of the character's radical or kind, see `radicals`; 0 leaves it out.
    RETURNS (Model[list[Doc], list[Floats2d]]): One vector a token, of the width of all its n-grams together.
    RAISES (ZhTwNerError): Unless there are as many widths as rows, up to three, and a width is not 0.
    """
    if len(widths) != len(rows) or not 1 <= len(widths) <= max(WINDOWS) or not any(widths):
        raise SettingError(Errors.ZT301.format(widths=list(widths), rows=list(rows)))
    tables = {n: (width, size) for n, (width, size) in enumerate(zip(widths, rows, strict=True), start=1) if width}
    if radical_width:
        tables[RADICAL] = (radical_width, N_ROWS)
    settings = {"tables": tables, "min_count": min_count, "dropout": dropout}
    hooks: EncoderHooks = {"observe": observe, "adopt": adopt, "reach": reach, "check": check}
    model: Tok2VecT = Model(
        "char_ngram_embed",
        forward,
        init=init,
        dims={"nO": sum(width * len(WINDOWS[n]) for n, (width, _) in tables.items())},
        params={f"E{n}": None for n in tables},
        attrs={**settings, "rare": {}, **hooks},
    )
    return model


def init(model: Tok2VecT, X: list[Doc] | None = None, Y: HiddenT | None = None) -> None:
    """Draw the tables of unigrams and radicals, and set the others to zero."""
    for n, (width, size) in model.attrs["tables"].items():
        table = model.ops.alloc2f(size, width)
        if n < 2:
            drawn = np.random.normal(0.0, 0.1, (size, width)).astype(np.float32)
            table += model.ops.asarray2f(cast(Floats2d, drawn))
        model.set_param(f"E{n}", table)


def observe(model: Tok2VecT, docs: Iterable[Doc]) -> None:
    """Count the n-grams of the training corpus, and note which rows are too rare to learn."""
    counts = {f"E{n}": np.zeros(size, dtype=np.int64) for n, (_, size) in model.attrs["tables"].items() if n > 1}
    for doc in docs:
        # A table that is read at two places has the same n-grams at both, one token apart; the last one counts.
        for name, rows in dict(look_up(model, [doc])).items():
            if name in counts:
                np.add.at(counts[name], rows, 1)
    model.attrs["rare"] = {name: count < model.attrs["min_count"] for name, count in counts.items()}


def adopt(model: Tok2VecT, known: Tok2VecT) -> None:
    """Go on learning the n-grams that another model has learnt, however rare they are in this corpus."""
    rare, learnt = model.attrs["rare"], known.attrs["rare"]
    model.attrs["rare"] = {name: rows & learnt[name] if name in learnt else rows for name, rows in rare.items()}


def reach(model: Tok2VecT) -> int:
    """Tokens on either side of a token that its vector depends on."""
    places = [(offset, offset + span - 1) for n in model.attrs["tables"] for offset, span in WINDOWS[n]]
    return max(max(-first, last) for first, last in places)


def check(model: Tok2VecT) -> None:
    """Check tables that were loaded.

    RAISES (UnreadableFileError): For tables or notes on rare rows that are not of the config's sizes.
    """
    for n, (width, size) in model.attrs["tables"].items():
        require_param(model, f"E{n}", (size, width))
        rare = model.attrs["rare"].get(f"E{n}")
        fits = rare is None or (getattr(rare, "shape", None), getattr(rare, "dtype", None)) == ((size,), np.bool_)
        require(fits, f"rare.E{n}", "another array", f"{size} booleans")


def look_up(model: Tok2VecT, docs: list[Doc]) -> list[tuple[str, RowsT]]:
    """Find the rows of all tokens: for each vector of a token the table and (n_tokens,) rows of it."""
    norms = [np.empty(0, dtype=np.uint64), *(cast(KeysT, doc.to_array(NORM)) for doc in docs)]
    found = []
    for n, (_, size) in model.attrs["tables"].items():
        if n == RADICAL:
            found.append((f"E{n}", _radical_rows(docs)))
            continue
        for offset, span in WINDOWS[n]:
            keys = np.concatenate([ngram_keys(of_doc, offset, span) for of_doc in norms])
            found.append((f"E{n}", (keys % np.uint64(size)).astype(np.int64)))
    return found


def _radical_rows(docs: list[Doc]) -> RowsT:
    if not docs:
        return np.empty(0, dtype=np.int64)
    # A batch has few different characters.
    keys, places = np.unique(np.concatenate([doc.to_array(NORM) for doc in docs]), return_inverse=True)
    rows = [radical_row(docs[0].vocab.strings[key]) for key in keys.tolist()]
    return np.array(rows, dtype=np.int64)[places]


def forward(model: Tok2VecT, docs: list[Doc], is_train: bool) -> tuple[HiddenT, Callable[[HiddenT], list[Doc]]]:
    """Look the n-grams of all documents up at once."""
    lengths = [len(doc) for doc in docs]
    lookups = look_up(model, docs)
    tables = {name: cast(ArrayT, model.get_param(name)) for name, _ in lookups}
    kept = [_kept(model, name, rows) if is_train else np.ones(len(rows), dtype=bool) for name, rows in lookups]
    xp = model.ops.xp
    parts = [
        tables[name][xp.asarray(rows)] * xp.asarray(keep)[:, None]
        for (name, rows), keep in zip(lookups, kept, strict=True)
    ]

    def backprop(gradients: HiddenT) -> list[Doc]:
        flat, start = cast(ArrayT, flatten(model.ops, gradients)[0]), 0
        for (name, rows), keep in zip(lookups, kept, strict=True):
            n_rows, width = tables[name].shape
            part = flat[xp.asarray(keep), start : start + width]
            gradient = model.ops.alloc2f(n_rows, width)
            places = model.ops.asarray1i(cast(Ints1d, rows[keep].astype(np.int32)))
            model.ops.scatter_add(gradient, places, model.ops.as_contig(cast(Floats2d, part)))
            model.inc_grad(name, gradient)
            start += width
        return []

    vectors: Floats2d = xp.hstack(parts)
    return unflatten(model.ops, vectors, lengths), backprop


def _kept(model: Tok2VecT, name: str, rows: RowsT) -> BoolsT:
    """Which n-grams of a batch take part in training: none that is rare, nor what dropout takes. (n_tokens,)"""
    rare = model.attrs["rare"].get(name)
    kept: BoolsT = np.ones(len(rows), dtype=bool) if rare is None else ~rare[rows]
    if name not in ("E0", "E1"):
        kept &= np.random.random(len(rows)) >= model.attrs["dropout"]  # seeded by spaCy
    return kept


def ngram_keys(norms: KeysT, offset: int, span: int) -> KeysT:
    """Hash the `span` tokens from `offset` on, for every token of a document.

    norms (KeysT): (n_tokens,) key of each token's norm in the string store, which is the same in every process.
    offset (int): First token of the n-gram, relative to the token it belongs to.
    span (int): Number of tokens.
    RETURNS (KeysT): (n_tokens,)
    """
    padded = np.pad(norms.astype(np.uint64), span, constant_values=EDGE)
    first = span + offset
    keys = np.full(len(norms), np.uint64(span), dtype=np.uint64)
    for i in range(span):
        keys = _mix(keys ^ padded[first + i : first + i + len(norms)])
    return keys


def _mix(keys: KeysT) -> KeysT:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014): each bit of the key changes half of the result's."""
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


@lru_cache(maxsize=2**16)
def radical_row(norm: str) -> int:
    """Number the radical of a token's first character or, where it is no ideograph, its kind.

    norm (str): Of the token.
    RETURNS (int): 1 to 214 for the Kangxi radicals; behind them a kind, by general category and block of 256; 0 for
        an empty norm.
    """
    if not norm:
        return 0
    code = ord(norm[0])
    if FIRST <= code <= LAST:
        return bisect_right(STARTS, code)
    category = unicodedata.category(norm[0])
    return 1 + len(STARTS) + (31 * (ord(category[0]) * 128 + ord(category[1])) + (code >> 8)) % N_KINDS
