"""text → characters and their subword ids, equal to those of `CharTokenizer` and the model's tokenizer."""

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import Errors
from ..tag_scheme import WHITE_SPACE
from ..tokenization.clause_cuts import CLAUSE_ENDS
from .folder import Exported

# A long text is mostly these.
IndicesT: TypeAlias = npt.NDArray[np.int32]
SPACE = ord(" ")
_WHITE_SPACE = np.array(sorted(map(ord, WHITE_SPACE)), dtype=np.uint32)
_CLAUSE_ENDS = np.array(sorted(map(ord, CLAUSE_ENDS)), dtype=np.uint32)


class Characters(NamedTuple):
    """The tokens of a text.

    offsets: (n_tokens,) where in the text each stands; it is one character long.
    ids: (n_pieces,) of all tokens, one behind the other. counts: (n_tokens,) how many pieces each has.
    clause_ends: tokens that end a clause, in order. is_white_space: (n_tokens,) bool.
    """

    offsets: IndicesT
    ids: IndicesT
    counts: IndicesT
    clause_ends: npt.NDArray[np.int64]
    is_white_space: npt.NDArray[np.bool_]


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """Take a text apart.

    RETURNS (npt.NDArray[np.uint32]): (n_characters,)
    RAISES (ValueError): For a lone surrogate.
    """
    try:
        return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    except UnicodeEncodeError as error:
        raise ValueError(Errors.ZT001.format(code=ord(text[error.start]), index=error.start)) from None


def read_characters(text: str, exported: Exported) -> Characters:
    """Cut a text into tokens, and these into pieces.

    text (str): Any text that is valid Unicode.
    exported (Exported): Knows the pieces.
    RETURNS (Characters): Every code point but single spaces between two others.
    RAISES (ValueError): For a lone surrogate.
    """
    codes = code_points(text)
    is_space = codes == SPACE
    # A space behind a character and before another belongs to the first.
    between = is_space.copy()
    between[1:] &= ~is_space[:-1]
    between[:1] = between[-1:] = False
    offsets = np.flatnonzero(~between).astype(np.int32)
    codes = codes[offsets]
    counts = exported.counts[codes]
    ends = np.cumsum(counts, dtype=np.int32)
    # Of each piece, how far behind its own place it stands among the pieces of all code points.
    ids = exported.ids[
        np.repeat(exported.firsts[codes] - (ends - counts), counts) + np.arange(counts.sum(), dtype=np.int32)
    ]
    clause_ends = np.flatnonzero(np.isin(codes, _CLAUSE_ENDS))
    return Characters(offsets, ids, counts, clause_ends, np.isin(codes, _WHITE_SPACE))
