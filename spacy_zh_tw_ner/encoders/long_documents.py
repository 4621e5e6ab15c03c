"""Process long documents in chunks, because not all of their hidden states fit into memory.

    doc ──encoder──▶ hidden states of one chunk ──head──▶ emissions of one chunk ──▶ disk ──CRF──▶ entities

Encoders that can do this have the hook `encode_chunks`; see `EncoderHooks`.
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
CHUNK = 1_024  # the same where other work may interrupt, and the most tokens between two safe points
LISTENER = "transformer-listener"
POOLING = "trfs2arrays"
ResultT = TypeVar("ResultT")


def is_long(doc: Doc) -> bool:
    """Return whether a document is so long that it is encoded in chunks."""
    return len(doc) > (min(LONG, CHUNK) if is_interruptible() else LONG)


def chunk_size(n_tokens: int) -> int:
    """Return how many tokens to encode at a time: `n_tokens`, or fewer where other work may interrupt."""
    return min(n_tokens, CHUNK) if is_interruptible() else n_tokens


def map_by_length(
    docs: Sequence[Doc], short: Callable[[list[Doc]], Iterable[ResultT]], long: Callable[[Doc], ResultT]
) -> list[ResultT]:
    """Process short documents as one batch, and each long document alone.

    docs (Sequence[Doc]): The documents.
    short (Callable): Takes all short documents, returns one result each.
    long (Callable): Takes one long document.
    RETURNS (list): One result per document, in their order.
    """
    are_long = [is_long(doc) for doc in docs]
    batch = [doc for doc, alone in zip(docs, are_long, strict=True) if not alone]
    results = iter(short(batch) if batch else ())
    return [long(doc) if alone else next(results) for doc, alone in zip(docs, are_long, strict=True)]


def encode_chunks(model: Model[Any, Any], doc: Doc) -> Iterator[Any] | None:
    """Compute the output of a layer for a long document, a chunk at a time.

    model (Model): One of: an encoder with the hook `encode_chunks`; a listener of spacy-transformers, if the document
        holds `transformer_data.LongData`; either of them, followed by the layer that pools wordpieces.
    doc (Doc): The document.
    RETURNS (Optional[Iterator]): Hidden states in document order, before the pooling if there is one; None for other
        models.
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

    vocab (Vocab): The vocabulary that has their strings.
    attributes (npt.NDArray[np.uint64]): (n_tokens, 3) ORTH, NORM and SPACY.
    RETURNS (Doc): The document, whose tokens have these norms.
    """
    doc = Doc(vocab, words=attributes[:, 0].tolist(), spaces=attributes[:, 2].astype(bool).tolist())
    return doc.from_array([NORM], cast(Ints2d, attributes[:, 1:2]))


def copy_tokens(doc: Doc, start: int, end: int) -> Doc:
    """Create a document from some tokens of another."""
    span: Any = doc[start:end]
    return make_doc(doc.vocab, span.to_array([ORTH, NORM, SPACY]))
