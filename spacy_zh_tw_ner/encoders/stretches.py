"""Encode long documents in slices, where not all hidden states fit into memory.

An encoder that can do so has a function in `attrs["in_stretches"]` that takes it and a document, and gives the hidden
states in order, as many at a time as it likes; or None, if it turns out that it cannot. An embedding has one in
`attrs["reach"]`, which says how many tokens on either side of a token its vector depends on.
"""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from spacy.attrs import NORM, ORTH, SPACY  # type: ignore[import-not-found]
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d, Ints2d

from ..safe_points import is_interruptible

LONG = 16_384  # tokens; a document that has more is long
SLICED = 1_024  # the same where other work may interrupt, and tokens that are encoded between two safe points
LISTENER = "transformer-listener"
POOLING = "trfs2arrays"


def is_long(doc: Doc) -> bool:
    """Return whether a document is so long that it is encoded in slices."""
    return len(doc) > (min(LONG, SLICED) if is_interruptible() else LONG)


def slice_size(n_tokens: int) -> int:
    """Return how many tokens to encode at a time: `n_tokens`, or fewer where other work may interrupt."""
    return min(n_tokens, SLICED) if is_interruptible() else n_tokens


def in_stretches(model: Model[Any, Any], doc: Doc) -> Iterator[Any] | None:
    """Compute what a layer makes of a long document.

    model (Model): An encoder; a listener of spacy-transformers, which finds `LongData` on the document; or either with
        the layer behind it that pools wordpieces.
    doc (Doc): The document.
    RETURNS (Optional[Iterator]): Hidden states in order, or what the pooling takes; None where it cannot.
    """
    if "in_stretches" in model.attrs:
        return cast("Iterator[Floats2d] | None", model.attrs["in_stretches"](model, doc))
    if model.name == LISTENER:
        data: Any = doc._.trf_data if Doc.has_extension("trf_data") else None
        return data.stretches() if hasattr(data, "stretches") else None
    if len(model.layers) == 2 and model.layers[1].name == POOLING:
        found = in_stretches(model.layers[0], doc)
        return None if found is None else (model.layers[1].predict([part])[0] for part in found)
    return None


def make_doc(vocab: Vocab, attributes: npt.NDArray[np.uint64]) -> Doc:
    """Put tokens together.

    vocab (Vocab): That knows them.
    attributes (npt.NDArray[np.uint64]): (n_tokens, 3) ORTH, NORM and SPACY.
    RETURNS (Doc): Of these tokens, with their own norms.
    """
    doc = Doc(vocab, words=attributes[:, 0].tolist(), spaces=attributes[:, 2].astype(bool).tolist())
    return doc.from_array([NORM], cast(Ints2d, attributes[:, 1:2]))


def copy_tokens(doc: Doc, start: int, end: int) -> Doc:
    """Make a document of some tokens of another."""
    span: Any = doc[start:end]
    return make_doc(doc.vocab, span.to_array([ORTH, NORM, SPACY]))
