"""Build `doc._.trf_data` from hidden states.

The hidden states of a document take several hundred times the memory of its text. Those of a long document are not
kept: `LongData` encodes the document again on demand, in chunks. The components of this package read it by chunks, and
need the memory of one chunk. Other listeners find the same attributes as for a short document, computed on access.

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
    """Return the alignment in which token i has row i, for `length` tokens."""
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

        YIELDS (TransformerData): Data of each chunk, as if it were a document.
        """
        return map(data_of, self._encode())

    @property
    def wordpieces(self) -> WordpieceBatch:  # type: ignore[override]
        """Wordpieces: empty, as for short documents."""
        return WordpieceBatch.empty()

    @property
    def align(self) -> Ragged:  # type: ignore[override]
        """Alignment of the whole document; see `one_to_one`."""
        return one_to_one(self.n_tokens)

    @property
    def model_output(self) -> BaseModelOutput:
        """Hidden states of the whole document, (n_tokens, width), computed on each access."""
        chunks = list(self._encode())
        xp = get_array_module(chunks[0])  # type: ignore[no-untyped-call]
        return BaseModelOutput(last_hidden_state=xp.concatenate(chunks))
