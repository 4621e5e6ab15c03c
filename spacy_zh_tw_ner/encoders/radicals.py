"""characters → radicals: what 鋼, 銅 and 鐵 have in common, known of characters that no corpus has shown.

No table is needed. The block of unified ideographs is in the order of the 214 Kangxi radicals, and each radical's part
of it begins with the radical itself (The Unicode Standard, chapter 18.1), to which the block of radicals, U+2F00 to
U+2FD5, is compatible.
"""

import unicodedata
from bisect import bisect_right
from functools import lru_cache

FIRST, LAST = 0x4E00, 0x9FFF  # of the unified ideographs; those of the extensions lie elsewhere
STARTS = sorted(ord(unicodedata.normalize("NFKC", chr(radical))) for radical in range(0x2F00, 0x2FD6))
N_KINDS = 256
N_ROWS = 1 + len(STARTS) + N_KINDS


@lru_cache(maxsize=2**16)
def radical_row(norm: str) -> int:
    """Number the radical of a token's first character or, where it is no ideograph, its kind.

    norm (str): Of the token.
    RETURNS (int): 1 to 214 for the Kangxi radicals; behind them a kind, by general category and block of 256; 0 for
        an empty norm.
    """
    if not norm:
        return 0
    code = ord(norm[0])
    if FIRST <= code <= LAST:
        return bisect_right(STARTS, code)
    category = unicodedata.category(norm[0])
    return 1 + len(STARTS) + (31 * (ord(category[0]) * 128 + ord(category[1])) + (code >> 8)) % N_KINDS
