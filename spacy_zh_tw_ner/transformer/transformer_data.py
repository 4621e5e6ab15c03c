"""hidden → what `doc._.trf_data` holds of a document.

A hidden state takes some hundred times the memory of the character it stands for. Of a long document none are held,
but only how to have them, a stretch at a time. Whoever knows to ask for stretches, as our head does, needs the memory
of one; whoever does not finds what other documents have, computed when asked.

Import it late: spacy-transformers takes seconds.
"""

from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
from spacy_transformers.data_classes import TransformerData, WordpieceBatch
from thinc.api import get_array_module
from thinc.types import Floats2d, Ints1d, Ragged
from transformers.modeling_outputs import BaseModelOutput


def one_to_one(length: int) -> Ragged:
    """An alignment in which each token has one row."""
    return Ragged(cast(Ints1d, np.arange(length)), cast(Ints1d, np.ones(length, dtype="i")))


def data_of(rows: Floats2d) -> TransformerData:
    """Wrap hidden states.

    rows (Floats2d): (n_tokens, width), one vector a token.
    RETURNS (TransformerData): Of a document of so many tokens.
    """
    # The parts lie behind one another in rows, and not in windows of one length: nothing is padded or copied.
    if not len(rows):
        return TransformerData.empty()
    return TransformerData(WordpieceBatch.empty(), BaseModelOutput(last_hidden_state=rows), one_to_one(len(rows)))


class LongData(TransformerData):
    """Stands in for the data of a long document.

    n_tokens (int): Of the document.
    encode (Callable[[], Iterator[Floats2d]]): Gives (n, width) hidden states in the order of the document, anew each
        time it is called.
    """

    def __init__(self, n_tokens: int, encode: Callable[[], Iterator[Floats2d]]) -> None:
        self.n_tokens, self._encode = n_tokens, encode

    def chunks(self) -> Iterator[TransformerData]:
        """YIELDS (TransformerData): The data of each chunk, as of a document of its own."""
        return map(data_of, self._encode())

    @property
    def wordpieces(self) -> WordpieceBatch:  # type: ignore[override]
        """None are kept of any document."""
        return WordpieceBatch.empty()

    @property
    def align(self) -> Ragged:  # type: ignore[override]
        """Of the whole document."""
        return one_to_one(self.n_tokens)

    @property
    def model_output(self) -> BaseModelOutput:
        """All hidden states, computed for each who asks."""
        stretches = list(self._encode())
        xp = get_array_module(stretches[0])  # type: ignore[no-untyped-call]
        return BaseModelOutput(last_hidden_state=xp.concatenate(stretches))
