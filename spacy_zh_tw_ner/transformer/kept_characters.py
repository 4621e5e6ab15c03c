"""Store in tokenizer_config.json which characters a trimmed tokenizer has kept.

Trimming removes wordpieces from the vocabulary of a tokenizer. Special wordpieces are kept, and those into which single
characters are split: by default all characters, or only the characters of a given set.
"""

import re
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from ..untrusted import require, require_type, whole_number

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MaskT: TypeAlias = npt.NDArray[np.bool_]  # (0x110000,) by code point
N_CODE_POINTS = 0x110000
CHARACTERS_KEY = "zh_tw_ner_characters"  # key in tokenizer_config.json
RANGE = re.compile("([0-9A-F]{1,6})(?:-([0-9A-F]{1,6}))?")
ALL = np.ones(N_CODE_POINTS, bool)


def kept_characters(tokenizer: "PreTrainedTokenizerBase") -> MaskT | None:
    """Return the characters whose wordpieces were kept when a tokenizer was trimmed.

    tokenizer (PreTrainedTokenizerBase): Any tokenizer.
    RETURNS (Optional[MaskT]): (0x110000,) bool, True for each code point that was kept; None for a tokenizer that was
        not trimmed.
    RAISES (UnreadableFileError): If the list of characters in tokenizer_config.json is damaged.
    """
    ranges = tokenizer.init_kwargs.get(CHARACTERS_KEY)
    if ranges is None:
        return None
    found = np.zeros(N_CODE_POINTS, bool)
    for part in require_type(CHARACTERS_KEY, ranges, str).split():
        match = RANGE.fullmatch(part)
        require(match is not None, CHARACTERS_KEY, part, "ranges of code points, such as 4E00-9FFF")
        assert match is not None
        first, last = (
            whole_number(CHARACTERS_KEY, int(bound, 16), 0, N_CODE_POINTS - 1)
            for bound in (match[1], match[2] or match[1])
        )
        found[first : last + 1] = True
    return found


def character_ranges(characters: MaskT) -> str:
    """Return kept characters as text: ranges of hexadecimal code points, such as "20-7E 4E00-9FFF".

    This is the text that `kept_characters` parses.

    characters (MaskT): (0x110000,) bool: whether each code point was kept.
    """
    # (2 n,) first code point of each range, and the one after its last
    edges = np.flatnonzero(np.diff(characters, prepend=False, append=False)).tolist()
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return " ".join(f"{first:X}" if first + 1 == end else f"{first:X}-{end - 1:X}" for first, end in pairs)
