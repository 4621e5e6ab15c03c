"""Mask emissions so that no entity begins or ends with white space.

The mask is computed from the text of the tokens and is not part of a saved pipeline. Training and decoding use the same
mask, so probabilities are those of the paths that can be decoded.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from spacy.attrs import LENGTH, ORTH  # type: ignore[import-not-found]
from spacy.strings import StringStore
from spacy.tokens import Doc, Span

from ..crf import constrain_emissions
from ..crf.transitions import FloatsT
from ..tag_scheme import TagScheme, WhiteSpace
from ..white_space import WHITE_SPACE

_IDS = np.sort(np.array([StringStore().add(character) for character in WHITE_SPACE], dtype=np.uint64))


def find_white_space(parts: Sequence[Doc | Span]) -> WhiteSpace:
    """Find white space in tokens.

    parts (Sequence[Doc | Span]): Documents or parts of them, with tokens of any length.
    RETURNS (WhiteSpace): (n_tokens,) masks for the concatenated tokens of all parts.
    """
    some: list[Any] = [part for part in parts if len(part)]  # spaCy's types lack `Span.to_array`
    attributes = [part.to_array([ORTH, LENGTH]) for part in some]
    if not attributes:
        nothing = np.zeros(0, dtype=bool)
        return WhiteSpace(nothing, nothing, nothing)
    ids, lengths = np.concatenate(attributes).T
    # Most tokens are one character, looked up by its id: searchsorted finds the position of the id if it is there.
    whole = _IDS[np.searchsorted(_IDS, ids).clip(max=len(_IDS) - 1)] == ids
    several = lengths > 1
    if not several.any():
        return WhiteSpace(whole, whole, whole)
    first, last = whole.copy(), whole.copy()
    bounds = accumulate(map(len, some), initial=0)
    for part, (begin, end) in zip(some, pairwise(bounds), strict=True):
        for token in np.flatnonzero(several[begin:end]).tolist():
            text = part[token].text
            first[begin + token], last[begin + token] = text[0].isspace(), text[-1].isspace()
            whole[begin + token] = text.isspace()
    return WhiteSpace(first, last, whole)


def mask_edges(emissions: FloatsT, parts: Sequence[Doc | Span], scheme: TagScheme) -> FloatsT:
    """Forbid the tags that would make white space the first or last character of an entity.

    emissions (np.ndarray): (n_tokens, n_tags) of all parts, in their order.
    parts (Sequence[Doc | Span]): Documents or parts of them.
    scheme (TagScheme): What the tags mean.
    RETURNS (np.ndarray): (n_tokens, n_tags); the same array if there is no white space.
    """
    return constrain_emissions(emissions, *scheme.illegal_cells(find_white_space(parts)))
