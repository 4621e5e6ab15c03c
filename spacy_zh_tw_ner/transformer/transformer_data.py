"""Build `doc._.trf_data` from hidden states.

The hidden states of a document take several hundred times the memory of its text. The hidden states of a long document
are not stored: `LongData` encodes the document again on demand, in chunks. The components of this package read one
chunk at a time, and need the memory of one chunk. For other listeners, `LongData` has the same attributes as the data
of a short document, and computes them when they are read.

Import this module inside functions only: the import of spacy-transformers takes seconds.
"""

from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
from spacy_transformers.data_classes import TransformerData, WordpieceBatch
from thinc.api import get_array_module
from thinc.types import Floats2d, Ints1d, Ragged
from transformers.modeling_outputs import BaseModelOutput


def one_to_one(length: int) -> Ragged:
    """Return the alignment in which token i has row i of the hidden states.

    length (int): Number of tokens.
    """
    return Ragged(cast(Ints1d, np.arange(length)), cast(Ints1d, np.ones(length, dtype="i")))


def data_of(rows: Floats2d) -> TransformerData:
    """Wrap the hidden states of a document, (n_tokens, width), as `TransformerData`."""
    # There is one row per token, without windows: nothing is padded or copied.
    if not len(rows):
        return TransformerData.empty()
    return TransformerData(WordpieceBatch.empty(), BaseModelOutput(last_hidden_state=rows), one_to_one(len(rows)))


class LongData(TransformerData):
    """`TransformerData` of a long document, which computes the hidden states on demand.

    n_tokens (int): Number of tokens of the document.
    encode (Callable[[], Iterator[Floats2d]]): Each call encodes the document, and yields (n, width) hidden states in
        order.
    """

    def __init__(self, n_tokens: int, encode: Callable[[], Iterator[Floats2d]]) -> None:
        self.n_tokens, self._encode = n_tokens, encode

    def chunks(self) -> Iterator[TransformerData]:
        """Encode the document in chunks.

        YIELDS (TransformerData): The hidden states of each chunk. Its token indices begin at 0.
        """
        return map(data_of, self._encode())

    @property
    def wordpieces(self) -> WordpieceBatch:  # type: ignore[override]
        """Wordpieces. They are always empty, because the Transformer of this package does not store them."""
        return WordpieceBatch.empty()

    @property
    def align(self) -> Ragged:  # type: ignore[override]
        """Alignment of the whole document: token i has row i of the hidden states."""
        return one_to_one(self.n_tokens)

    @property
    def model_output(self) -> BaseModelOutput:
        """Hidden states of the whole document, (n_tokens, width), computed on each access."""
        chunks = list(self._encode())
        xp = get_array_module(chunks[0])  # type: ignore[no-untyped-call]
        return BaseModelOutput(last_hidden_state=xp.concatenate(chunks))
