"""tokens → embeddings, without pre-training: hashed character uni-, bi- and trigrams, and radicals.

N-grams are hashed to rows of a table (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning"), so
no vocabulary is built or saved, and every character has a vector. Rows of bi- and trigrams are initialized with zeros,
so that n-grams that do not occur in training add no noise.

Characters with the same radical, such as 鋼, 銅 and 鐵, share a vector, even if they do not occur in training. The
radical follows from the code point: the block of unified ideographs is in the order of the 214 Kangxi radicals, and the
characters of each radical begin with the radical itself (The Unicode Standard, chapter 18.1). The NFKC forms of the
block U+2F00 to U+2FD5 are these first characters.
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
FIRST, LAST = 0x4E00, 0x9FFF  # block of the unified ideographs, without its extensions
STARTS = sorted(ord(unicodedata.normalize("NFKC", chr(radical))) for radical in range(0x2F00, 0x2FD6))
N_KINDS = 256  # rows for characters that are not unified ideographs
N_ROWS = 1 + len(STARTS) + N_KINDS
RADICAL = 0  # key of the table of radicals; 1, 2 and 3 are the tables of uni-, bi- and trigrams
# n-grams of a token: (offset of the first token, number of tokens). One bigram ends at the token, one begins at it.
WINDOWS = {1: ((0, 1),), 2: ((-1, 2), (0, 2)), 3: ((-1, 3),), RADICAL: ((0, 1),)}
EDGE = np.uint64(1)  # key that represents the positions before and after a text


def build_char_ngram_embed_v1(
    widths: Sequence[int], rows: Sequence[int], min_count: int = 1, dropout: float = 0.0, radical_width: int = 0
) -> Tok2VecT:
    """Registered as `spacy-zh-tw-ner.CharNgramEmbed.v1`: vectors of hashed character n-grams and radicals.

    widths (Sequence[int]): Width of the vectors of unigrams, bigrams and trigrams; 0 for none. A token has two bigrams,
        which share a table: one ends and one begins at the token.
    rows (Sequence[int]): Number of rows of each of the three tables.
    min_count (int): Smallest number of occurrences in the training corpus, counted when the component is initialized.
        Table rows of bi- and trigrams with fewer occurrences are not trained, and stay zero.
    dropout (float): Share of the bi- and trigrams that are dropped in training.
    radical_width (int): Width of the vectors of radicals; 0 for none. Characters without a radical, such as digits,
        get the vector of their kind (Unicode category and block).
    RETURNS (Model[list[Doc], list[Floats2d]]): One vector per token, the concatenation of the vectors of its n-grams.
    RAISES (ZhTwNerError): If `widths` and `rows` differ in length or have more than three values, or all widths are 0.
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
    """Initialize the tables of unigrams and radicals with random numbers, and the other tables with zeros.

    thinc calls this function in `Model.initialize`.

    model (Model): The layer. Its parameters, one table for each kind of n-gram, are set.
    X (Optional[list[Doc]]), Y (Optional): Not used.
    """
    for n, (width, size) in model.attrs["tables"].items():
        table = model.ops.alloc2f(size, width)
        if n < 2:
            drawn = np.random.normal(0.0, 0.1, (size, width)).astype(np.float32)
            table += model.ops.asarray2f(cast(Floats2d, drawn))
        model.set_param(f"E{n}", table)


def observe(model: Tok2VecT, docs: Iterable[Doc]) -> None:
    """Count the n-grams of the training corpus, and store which table rows are too rare to train.

    This is the hook `observe` in the layer's `attrs`. The recognizer that has the layer calls it once in `initialize`.

    model (Model): The layer. Its attribute "rare" is set: name of a table, such as "E2" → (n_rows,) bool, True for rows
        whose n-grams occur less often than `min_count`.
    docs (Iterable[Doc]): All documents of the training corpus.
    """
    counts = {f"E{n}": np.zeros(size, dtype=np.int64) for n, (_, size) in model.attrs["tables"].items() if n > 1}
    for doc in docs:
        # The bigram that ends at a token is the one that begins at the token before: count each bigram once.
        for name, rows in dict(look_up(model, [doc])).items():
            if name in counts:
                np.add.at(counts[name], rows, 1)
    model.attrs["rare"] = {name: count < model.attrs["min_count"] for name, count in counts.items()}


def adopt(model: Tok2VecT, trained: Tok2VecT) -> None:
    """Mark table rows as not rare if a trained layer has trained them. They are then trained further.

    This is the hook `adopt` in the layer's `attrs`. It is called when a new pipeline starts with the weights of a
    trained one, after these were copied. Only rows that are rare in the corpora of both pipelines stay untrained.

    model (Model): The new layer, after `observe` has marked its rare rows. Its attribute "rare" is changed.
    trained (Model): The trained layer.
    """
    rare, learnt = model.attrs["rare"], trained.attrs["rare"]
    model.attrs["rare"] = {name: rows & learnt[name] if name in learnt else rows for name, rows in rare.items()}


def reach(model: Tok2VecT) -> int:
    """Return the largest distance, in tokens, at which a token affects the vector of another token.

    This is the hook `reach` in the layer's `attrs`. An encoder on top of this layer calls it to know how many more
    tokens at each side a chunk of a long document needs.
    """
    places = [(offset, offset + span - 1) for n in model.attrs["tables"] for offset, span in WINDOWS[n]]
    return max(max(-first, last) for first, last in places)


def check(model: Tok2VecT) -> None:
    """Check the tables of a layer that was loaded from a file.

    This is the hook `check` in the layer's `attrs`. The component that has the layer calls it after loading.

    RAISES (UnreadableFileError): If tables, or masks of rare rows, do not have the sizes of the config.
    """
    for n, (width, size) in model.attrs["tables"].items():
        require_param(model, f"E{n}", (size, width))
        rare = model.attrs["rare"].get(f"E{n}")
        fits = rare is None or (getattr(rare, "shape", None), getattr(rare, "dtype", None)) == ((size,), np.bool_)
        require(fits, f"rare.E{n}", "another array", f"{size} booleans")


def look_up(model: Tok2VecT, docs: list[Doc]) -> list[tuple[str, RowsT]]:
    """Find the table rows whose vectors are concatenated to the vector of each token.

    RETURNS (list[tuple[str, np.ndarray]]): One pair per kind of n-gram, such as "the bigram that ends at the token":
        the name of its table, and (n_tokens,) row indices in this table, one per token of all documents.
    """
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
    """Return the index of each token in the table of radicals, (n_tokens,) for all documents together."""
    if not docs:
        return np.empty(0, dtype=np.int64)
    # A batch has few distinct characters: look up each once.
    keys, places = np.unique(np.concatenate([doc.to_array(NORM) for doc in docs]), return_inverse=True)
    rows = [radical_row(docs[0].vocab.strings[key]) for key in keys.tolist()]
    return np.array(rows, dtype=np.int64)[places]


def forward(model: Tok2VecT, docs: list[Doc], is_train: bool) -> tuple[HiddenT, Callable[[HiddenT], list[Doc]]]:
    """Return one array of token vectors per document, (n_tokens, nO), and the backward pass.

    The vector of a token is the concatenation of the vectors of its n-grams and of its radical.
    """
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
    """Return a (n_tokens,) mask for training: True for n-grams that are neither rare nor removed by dropout.

    name (str): Name of the table, such as "E2".
    rows (np.ndarray): (n_tokens,) index of the table row of each token's n-gram.
    """
    rare = model.attrs["rare"].get(name)
    kept: BoolsT = np.ones(len(rows), dtype=bool) if rare is None else ~rare[rows]
    if name not in ("E0", "E1"):
        kept &= np.random.random(len(rows)) >= model.attrs["dropout"]  # seeded by spaCy
    return kept


def ngram_keys(norms: KeysT, offset: int, span: int) -> KeysT:
    """Hash the `span` tokens from `offset` on, for every token of a document.

    norms (KeysT): (n_tokens,) string store keys of the norms; they are the same in every process.
    offset (int): First token of the n-gram, relative to the token that the n-gram belongs to: −1 is the token before.
    span (int): Number of tokens of the n-gram. Positions outside of the document have the key EDGE.
    RETURNS (KeysT): (n_tokens,) hash of the n-gram of each token.
    """
    padded = np.pad(norms.astype(np.uint64), span, constant_values=EDGE)
    first = span + offset
    keys = np.full(len(norms), np.uint64(span), dtype=np.uint64)
    for i in range(span):
        keys = _mix(keys ^ padded[first + i : first + i + len(norms)])
    return keys


def _mix(keys: KeysT) -> KeysT:
    """Hash each uint64 key with the finalizer of SplitMix64 (Steele, Lea and Flood 2014); return a new array."""
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


@lru_cache(maxsize=2**16)
def radical_row(norm: str) -> int:
    """Return the row of a token in the table of radicals.

    norm (str): Norm of the token, whose first character determines the row.
    RETURNS (int): 1 to 214, the number of its Kangxi radical, if it is a unified ideograph. Otherwise a larger number,
        hashed from its general category and its block of 256 code points. 0 for an empty norm.
    """
    if not norm:
        return 0
    code = ord(norm[0])
    if FIRST <= code <= LAST:
        return bisect_right(STARTS, code)
    category = unicodedata.category(norm[0])
    return 1 + len(STARTS) + (31 * (ord(category[0]) * 128 + ord(category[1])) + (code >> 8)) % N_KINDS
