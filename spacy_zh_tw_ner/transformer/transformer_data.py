"""hidden states → the content of `doc._.trf_data`.

A hidden state takes some hundred times the memory of its character. For a long document they are not kept: its data
encodes it again on demand, in chunks. Our head asks for chunks, and needs the memory of one; other listeners find the
attributes that the data of short documents has, computed on access.

Import this module late: spacy-transformers takes seconds.
"""

from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
from spacy_transformers.data_classes import TransformerData, WordpieceBatch
from thinc.api import get_array_module
from thinc.types import Floats2d, Ints1d, Ragged
from transformers.modeling_outputs import BaseModelOutput


def one_to_one(length: int) -> Ragged:
    """Return an alignment in which each token has one row."""
    return Ragged(cast(Ints1d, np.arange(length)), cast(Ints1d, np.ones(length, dtype="i")))


def data_of(rows: Floats2d) -> TransformerData:
    """Wrap the hidden states of a document, (n_tokens, width)."""
    # Rows are in the order of the tokens, not in windows of one length: nothing is padded or copied.
    if not len(rows):
        return TransformerData.empty()
    return TransformerData(WordpieceBatch.empty(), BaseModelOutput(last_hidden_state=rows), one_to_one(len(rows)))


class LongData(TransformerData):
    """Data of a long document, without hidden states.

    n_tokens (int): Of the document.
    encode (Callable[[], Iterator[Floats2d]]): Each call encodes the document, and returns (n, width) hidden states in
        order.
    """

    def __init__(self, n_tokens: int, encode: Callable[[], Iterator[Floats2d]]) -> None:
        self.n_tokens, self._encode = n_tokens, encode

    def chunks(self) -> Iterator[TransformerData]:
        """YIELDS (TransformerData): The data of each chunk, as of a document of its own."""
        return map(data_of, self._encode())

    @property
    def wordpieces(self) -> WordpieceBatch:  # type: ignore[override]
        """Empty, as for short documents."""
        return WordpieceBatch.empty()

    @property
    def align(self) -> Ragged:  # type: ignore[override]
        """Alignment of the whole document."""
        return one_to_one(self.n_tokens)

    @property
    def model_output(self) -> BaseModelOutput:
        """All hidden states, computed on each access."""
        chunks = list(self._encode())
        xp = get_array_module(chunks[0])  # type: ignore[no-untyped-call]
        return BaseModelOutput(last_hidden_state=xp.concatenate(chunks))
