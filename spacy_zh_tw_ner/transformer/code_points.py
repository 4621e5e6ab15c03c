"""The pieces of every character, as arrays: what reads text where there is no tokenizer."""

from collections.abc import Callable
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
from spacy.attrs import NORM  # type: ignore[import-not-found]
from spacy.tokens import Doc

from .wordpieces import KeysT, PieceTable

END = 0x110000
# The planes that hold writing, and the selectors of variants. What is left has no characters, or private ones.
RANGES = ((0, 0x20000), (0x20000, 0x34000), (0xE0000, 0xE0200))
STEP = 0x4000
SURROGATES = range(0xD800, 0xE000)


class CodePointPieces(NamedTuple):
    """ids: int32, (n,) of all code points, one behind the other. counts: int32, (0x110000,) how many each has."""

    ids: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]


def code_point_pieces(table: PieceTable, tokenize: Callable[[str], Doc]) -> CodePointPieces:
    """Cut every character as a pipeline would: first its norm, then the pieces of that.

    table (PieceTable): The pieces of norms.
    tokenize (Callable[[str], Doc]): Makes each character one token, whatever its neighbours are.
    RETURNS (CodePointPieces): One piece or more each. Surrogates read as U+FFFD does, and what stands in no plane with
        writing as what the tokenizer does not know.
    """
    ids, counts, done = [], np.ones(END, dtype=np.int32), 0
    for start, end in [(n, min(n + STEP, last)) for first, last in RANGES for n in range(first, last, STEP)]:
        chars = (chr(c) if c not in SURROGATES else "\ufffd" for c in range(start, end))
        # Of two spaces between tokens, the second is a token.
        doc = tokenize("".join(chars).replace(" ", "  "))
        pieces = table(cast(KeysT, doc.to_array(NORM)), doc.vocab.strings)
        counts[start:end] = pieces.counts
        ids += [np.full(start - done, table.unknown_id), pieces.ids]
        done = end
    ids.append(np.full(END - done, table.unknown_id))
    return CodePointPieces(np.concatenate(ids).astype(np.int32), counts)
