"""Compute masks of the tags that each token may have, from white space and from gold annotations.

No entity may begin or end with white space. Training and decoding use the same mask, so probabilities are relative to
the paths that can be decoded. The mask is computed from the text of the tokens, and is not saved with a pipeline.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from spacy.attrs import ENT_IOB, LENGTH, ORTH  # type: ignore[import-not-found]
from spacy.strings import StringStore
from spacy.tokens import Doc, Span
from spacy.training import Example

from ..crf import constrain_emissions
from ..crf.transitions import FloatsT
from ..entities import Entity
from ..tag_scheme import WHITE_SPACE, BoolsT, TagScheme, WhiteSpace, trim_white_space, whole_entities
from .partial_annotations import allow_alternatives, has_same_tokens

IOB_OUTSIDE = 2  # value of token.ent_iob for tokens outside of entities
CHUNK = 65_536  # number of tokens whose attributes are in memory at a time
# String ids of all white space characters.
_IDS = np.sort(np.array([StringStore().add(character) for character in WHITE_SPACE], dtype=np.uint64))


def find_white_space(parts: Sequence[Doc | Span]) -> WhiteSpace:
    """Find tokens that are white space, or begin or end with it.

    parts (Sequence[Doc | Span]): Documents or parts of documents, with tokens of any length.
    RETURNS (WhiteSpace): Three (n_tokens,) boolean masks for the concatenated tokens of all parts: the token begins
        with white space; it ends with white space; it is white space only.
    """
    some: list[Any] = [part for part in parts if len(part)]  # spaCy's types lack `Span.to_array`
    attributes = [part.to_array([ORTH, LENGTH]) for part in some]
    if not attributes:
        nothing = np.zeros(0, dtype=bool)
        return WhiteSpace(nothing, nothing, nothing)
    ids, lengths = np.concatenate(attributes).T
    # Most tokens are one character, and are looked up by string id: searchsorted finds the position of the id.
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


def find_white_space_in_long(doc: Doc) -> WhiteSpace:
    """Find tokens that are white space, or begin or end with it, in chunks of a long document, in bounded memory.

    RETURNS (WhiteSpace): Three (n_tokens,) boolean masks: the token begins with white space; it ends with white space;
        it is white space only.
    """
    found = [find_white_space([doc[start : start + CHUNK]]) for start in range(0, len(doc), CHUNK)]
    return WhiteSpace(*map(np.concatenate, zip(*found, strict=True)))


def mask_edges(emissions: FloatsT, parts: Sequence[Doc | Span], scheme: TagScheme) -> FloatsT:
    """Forbid the tags that would make white space the first or last character of an entity.

    The emissions of forbidden tags become PENALTY, so low that no path through them has any probability.

    emissions (np.ndarray): (n_tokens, n_tags) emissions of the concatenated parts.
    parts (Sequence[Doc | Span]): Documents or parts of documents.
    scheme (TagScheme): Tag scheme of the component.
    RETURNS (np.ndarray): (n_tokens, n_tags) masked copy; `emissions` itself if no tag is forbidden.
    """
    return constrain_emissions(emissions, *scheme.illegal_cells(find_white_space(parts)))


@dataclass
class GoldProblems:
    """Problems of gold entities in a batch, for warnings.

    n_unusable: Number of annotations that fit no legal tag sequence.
    first_unusable: Beginning of the text with the first of these annotations.
    n_trimmed: Number of entities from whose edges white space was removed.
    first_trimmed: Text of the first of these entities.
    labels: Label that is not in the tag scheme → number of its entities.
    n_overlapping: Number of spans that overlap a longer one of the same group, and are not used.
    first_overlapping: Text of the first of these spans.
    """

    n_unusable: int = 0
    first_unusable: str = ""
    n_trimmed: int = 0
    first_trimmed: str = ""
    labels: Counter[str] = field(default_factory=Counter)
    n_overlapping: int = 0
    first_overlapping: str = ""

    def add_unusable(self, n: int, text: str) -> None:
        """Add to the count of annotations that fit no legal tag sequence.

        n (int): Number of such annotations in a text; may be 0.
        text (str): The text. If it is the first with such annotations, its beginning is stored in `first_unusable`.
        """
        if n and not self.n_unusable:
            self.first_unusable = text[:40]
        self.n_unusable += n


def read_gold(examples: Iterable[Example], scheme: TagScheme) -> tuple[BoolsT, GoldProblems]:
    """Convert gold annotations to a gold mask.

    White space at the edges of entities is removed, because no tag path with it can be decoded.

    examples (Iterable[Example]): Examples. The rows of the mask are the tokens of their predicted documents.
    scheme (TagScheme): Tag scheme of the component.
    RETURNS (tuple[np.ndarray, GoldProblems]): The gold mask, (n_rows, n_tags) bool: the tags that each token may have;
        and counts of annotations with problems, such as white space at the edges of an entity.
    """
    masks, problems = [], GoldProblems()
    for example in examples:
        gold, n_unusable = example.reference, 0
        if has_same_tokens(example):
            # The usual case: equal tokens. Computing spaCy's alignment would take a tenth of the training time.
            entities = [Entity(ent.start, ent.end, ent.label_) for ent in gold.ents]
            outside = gold.to_array(ENT_IOB) == IOB_OUTSIDE
        else:
            biluo = example.get_aligned_ner()
            entities, n_unusable = whole_entities(biluo)
            outside = np.array([tag == "O" for tag in biluo], dtype=bool)
        problems.labels.update(entity.label for entity in entities if entity.label not in scheme.labels)
        if entities:
            white_space = find_white_space([example.predicted])
            entities, outside, n_left_out = trim_counted(entities, outside, white_space, example.predicted, problems)
            n_unusable += n_left_out
        problems.add_unusable(n_unusable, gold.text)
        mask = scheme.gold_mask(entities, outside)
        allow_alternatives(mask, example, scheme)
        masks.append(mask)
    return np.concatenate(masks), problems


def trim_counted(
    entities: list[Entity], outside: BoolsT, white_space: WhiteSpace, doc: Doc, problems: GoldProblems
) -> tuple[list[Entity], BoolsT, int]:
    """Remove white space from the edges of entities, and count the trimmed entities in `problems`.

    entities (list[Entity]): Gold entities of a document.
    outside (np.ndarray): (n_tokens,) bool: tokens that are annotated as O.
    white_space (WhiteSpace): White space in the tokens of the document.
    doc (Doc): The document.
    problems (GoldProblems): Counts of a batch, which are changed in place.
    RETURNS (tuple[list[Entity], np.ndarray, int]): The entities after trimming; a mask as `outside`, which includes the
        tokens that were removed from entities; and the number of dropped entities. An entity is dropped if its first or
        last token has white space at the edge of the entity and also other characters, and so cannot be trimmed.
        Entities of white space only are removed without being counted as dropped.
    """
    entities, outside, trimmed, n_dropped = trim_white_space(entities, outside, white_space)
    if trimmed and not problems.n_trimmed:
        problems.first_trimmed = doc[trimmed[0].start : trimmed[0].end].text
    problems.n_trimmed += len(trimmed)
    return entities, outside, n_dropped
