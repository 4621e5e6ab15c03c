"""Process long documents in chunks, so that not all of their hidden states are in memory at the same time.

    doc ──encoder──▶ hidden states of one chunk ──head──▶ emissions of one chunk ──▶ disk ──CRF──▶ entities

Encoders that can do this have the hook `encode_chunks`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from spacy.attrs import NORM, ORTH, SPACY  # type: ignore[import-not-found]
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Ints2d

from ..safe_points import is_interruptible
from . import hooks_of

LONG = 16_384  # tokens; a document that has more is long
# Tokens between two safe points, at which other work may interrupt. While it may, documents over CHUNK tokens are long.
CHUNK = 1_024
LISTENER = "transformer-listener"
POOLING = "trfs2arrays"
ResultT = TypeVar("ResultT")


def is_long(doc: Doc) -> bool:
    """Return whether a document is so long that it is encoded in chunks.

    It is long with more than LONG (16,384) tokens. The limit is CHUNK (1,024) tokens while `safe_points` has a function
    that does other work between chunks, such as short texts of other requests.
    """
    return len(doc) > (min(LONG, CHUNK) if is_interruptible() else LONG)


def chunk_size(n_tokens: int) -> int:
    """Return the number of tokens to encode at a time.

    After each chunk comes a safe point: a place where the thread may do other work, such as short texts of other
    requests. The function that does this work is installed by `safe_points.interrupted_by`.

    n_tokens (int): The number of tokens if no such function is installed.
    RETURNS (int): `n_tokens`. If such a function is installed: at most CHUNK (1,024).
    """
    return min(n_tokens, CHUNK) if is_interruptible() else n_tokens


def map_by_length(
    docs: Sequence[Doc], short: Callable[[list[Doc]], Iterable[ResultT]], long: Callable[[Doc], ResultT]
) -> list[ResultT]:
    """Process short documents as one batch, and each long document alone.

    docs (Sequence[Doc]): The documents.
    short (Callable): Takes the list of all short documents, and returns one result for each.
    long (Callable): Takes one long document, and returns its result.
    RETURNS (list): One result per document, in the order of the documents.
    """
    are_long = [is_long(doc) for doc in docs]
    batch = [doc for doc, alone in zip(docs, are_long, strict=True) if not alone]
    results = iter(short(batch) if batch else ())
    return [long(doc) if alone else next(results) for doc, alone in zip(docs, are_long, strict=True)]


def encode_chunks(model: Model[Any, Any], doc: Doc) -> Iterator[Any] | None:
    """Compute the hidden states of a long document in chunks.

    model (Model): One of: an encoder with the hook `encode_chunks`; a listener of spacy-transformers, if
        `doc._.trf_data` is a `LongData`, which computes hidden states on demand; either of them, followed by the layer
        that pools wordpieces.
    doc (Doc): The document.
    RETURNS (Optional[Iterator]): Chunks in document order: arrays of hidden states, (n, width); for a listener without
        the pooling layer, `TransformerData`. None for other models, which can only encode whole documents.
    """
    hooks = hooks_of(model)
    if "encode_chunks" in hooks:
        return hooks["encode_chunks"](model, doc)
    if model.name == LISTENER:
        data: Any = doc._.trf_data if Doc.has_extension("trf_data") else None
        return cast("Iterator[Any]", data.chunks()) if hasattr(data, "chunks") else None
    if len(model.layers) == 2 and model.layers[1].name == POOLING:
        found = encode_chunks(model.layers[0], doc)
        return None if found is None else (model.layers[1].predict([part])[0] for part in found)
    return None


def make_doc(vocab: Vocab, attributes: npt.NDArray[np.uint64]) -> Doc:
    """Create a document from token attributes.

    vocab (Vocab): The vocabulary that has the strings of the tokens.
    attributes (npt.NDArray[np.uint64]): (n_tokens, 3) values of ORTH, NORM and SPACY.
    RETURNS (Doc): The document.
    """
    doc = Doc(vocab, words=attributes[:, 0].tolist(), spaces=attributes[:, 2].astype(bool).tolist())
    return doc.from_array([NORM], cast(Ints2d, attributes[:, 1:2]))


def copy_tokens(doc: Doc, start: int, end: int) -> Doc:
    """Create a document from the tokens `start` to `end` (exclusive) of another, with their norms and spaces."""
    span: Any = doc[start:end]
    return make_doc(doc.vocab, span.to_array([ORTH, NORM, SPACY]))
