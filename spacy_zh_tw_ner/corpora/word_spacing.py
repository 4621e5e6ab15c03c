"""Decide between which tokens a space is written: between words in Latin, Cyrillic, Greek and similar scripts."""

import re
from collections.abc import Sequence

# Letters of scripts that separate words by spaces: not Thai to Myanmar, Khmer, Chinese and Japanese. Hangul is one of
# them.
LETTER = r"[^\W\d_\u0e00-\u109f\u1780-\u17ff\u2e80-\uabff\ud7b0-\U0010ffff]"
HAS_LETTER = re.compile(LETTER)
HAS_WORD = re.compile(LETTER + "{2}")
ENDS_WORD = re.compile(rf"(?:{LETTER}|[0-9\u0300-\u036f])\.?$")  # "St." has its full stop
BEGINS_WORD = re.compile(rf"{LETTER}|[0-9]")
CLITIC = re.compile("n['’]t", re.IGNORECASE)  # of don't, as the Penn Treebank cuts it


def blanks_before(tokens: Sequence[str]) -> list[bool]:
    """Return before which tokens of a sentence a space is written.

    Tokens of single letters are characters, between which there is none, unless some token of the sentence shows that
    they are words.

    tokens (Sequence[str]): The tokens of one sentence.
    RETURNS (list[bool]): One a token, the first False.
    """
    if not any(map(HAS_WORD.search, tokens)):
        return [False] * len(tokens)
    words = [HAS_LETTER.search(token) is not None for token in tokens]
    return [i > 0 and words[i] and words[i - 1] and _parted(tokens[i - 1], tokens[i]) for i in range(len(tokens))]


def _parted(left: str, right: str) -> bool:
    """Return whether a space is written between two tokens that contain letters."""
    return bool(ENDS_WORD.search(left) and BEGINS_WORD.match(right)) and CLITIC.fullmatch(right) is None
