"""Convert entities to BIOES tags and back, and define the legal transitions.

BIOES: Begin, Inside, Outside, End, Single (Ratinov and Roth 2009 call it BILOU). B or S marks the first token of an
entity, and E or S the last one. So the probability of the tags of an entity is the probability that an entity has
exactly these ends.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from .entities import Entity

TagsT: TypeAlias = npt.NDArray[np.integer]  # (n_tokens,), one tag index per token
BoolsT: TypeAlias = npt.NDArray[np.bool_]

OUTSIDE = 0
KINDS = ("B", "I", "E", "S")
# spaCy writes L for the last token and U for a single one.
FROM_BILUO = {"B": "B", "I": "I", "L": "E", "U": "S"}
# Characters with which no entity begins or ends. These are the characters for which `str.isspace()` is true: those with
# Unicode's property White_Space, and the information separators U+001C to U+001F. Zero-width characters (U+200B,
# U+2060, U+FEFF) do not belong to them: they are format characters, which may be at the edge of a name, and which
# `str.strip` keeps, too.
WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


class LegalTransitions(NamedTuple):
    """Masks of the tag sequences that a CRF may predict.

    matrix: (n_tags, n_tags) bool; [i, j] is True if tag j may follow tag i.
    start: (n_tags,) bool; True for tags with which a text may begin.
    end: (n_tags,) bool; True for tags with which a text may end.
    """

    matrix: BoolsT
    start: BoolsT
    end: BoolsT


class WhiteSpace(NamedTuple):
    """Masks of white space in the tokens of a text, (n_tokens,) each.

    first: Whether the first character of a token is white space. last: Whether its last character is.
    whole: Whether all of its characters are.
    """

    first: BoolsT
    last: BoolsT
    whole: BoolsT


class TagScheme:
    """Tags of a list of labels: O, then B, I, E and S of each label. A new label adds four tags at the end.

    labels (Sequence[str]): Entity labels; their order determines the tag indices.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.tags = ("O", *(f"{kind}-{label}" for label in labels for kind in KINDS))
        self._first = {label: 1 + len(KINDS) * i for i, label in enumerate(labels)}

    def __len__(self) -> int:
        return len(self.tags)

    @cached_property  # used for every batch
    def legal_transitions(self) -> LegalTransitions:
        """Masks of legal transitions: B and I are followed by I or E of the same label, other tags by B, S or O."""
        kind = np.array([tag[0] for tag in self.tags])
        # Index of the label of each tag; −1 for O.
        label = np.array([-1, *np.repeat(np.arange(len(self.labels)), len(KINDS))])
        is_open, continues = np.isin(kind, ("B", "I")), np.isin(kind, ("I", "E"))
        same = label[:, None] == label[None, :]
        # shape: (n_tags, n_tags)
        matrix = np.where(is_open[:, None], continues[None, :] & same, ~continues[None, :])
        return LegalTransitions(matrix, ~continues, ~is_open)

    def illegal_cells(self, white_space: WhiteSpace) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return the tags that are illegal because an entity would begin or end with white space.

        B and S are illegal on a token that begins with white space, E and S on a token that ends with it. O and I are
        legal on every token, so that every text has a legal path.

        white_space (WhiteSpace): White space in the tokens of a text.
        RETURNS (tuple[npt.NDArray, npt.NDArray]): Token indices in ascending order, (n_cells,), and the illegal tag of
            each, (n_cells,).
        """
        tokens = np.flatnonzero(white_space.first | white_space.last)
        begins, ends = self._edge_tags
        # shape: (n_white, n_tags)
        cells = white_space.first[tokens, None] & begins | white_space.last[tokens, None] & ends
        rows, tags = np.nonzero(cells)
        return tokens[rows], tags

    @cached_property
    def _edge_tags(self) -> tuple[BoolsT, BoolsT]:
        """Return two (n_tags,) masks: tags of the first and of the last token of an entity."""
        kind = np.array([tag[0] for tag in self.tags])
        return np.isin(kind, ("B", "S")), np.isin(kind, ("E", "S"))

    def patterns(self) -> TagsT:
        """Return the tag indices of B, I, E and S of each label, (n_labels, 4)."""
        return np.arange(1, len(self)).reshape(-1, len(KINDS))

    def path(self, entity: Entity) -> list[int]:
        """Return the tag index of each token of an entity: S for a single token, otherwise B, then I, then E."""
        begin = self._first[entity.label]
        inner = entity.end - entity.start - 2
        return [begin + 3] if inner < 0 else [begin, *[begin + 1] * inner, begin + 2]

    def entities(self, tags: TagsT) -> list[Entity]:
        """Convert a legal tag sequence to entities.

        tags (TagsT): (n_tokens,) tag indices.
        RETURNS (list[Entity]): Entities in the order of the text, with offsets in tokens.
        """
        found, start = [], 0
        for i in np.flatnonzero(tags).tolist():
            label, kind = divmod(int(tags[i]) - 1, len(KINDS))
            if KINDS[kind] in ("B", "S"):
                start = i
            if KINDS[kind] in ("E", "S"):
                found.append(Entity(start, i + 1, self.labels[label]))
        return found

    def gold_mask(self, entities: Iterable[Entity], outside: BoolsT) -> BoolsT:
        """Convert gold annotations to a mask of the tags that each token may have.

        A token that is neither in an entity nor outside of entities has no annotation, and may have any tag. So may the
        tokens of entities whose label is not in the scheme.

        entities (Iterable[Entity]): Gold entities, with offsets in tokens.
        outside (BoolsT): (n_tokens,) whether a token is annotated as outside of entities.
        RETURNS (BoolsT): (n_tokens, n_tags) mask, True for allowed tags.
        """
        mask = np.ones((len(outside), len(self)), dtype=bool)
        mask[outside, OUTSIDE + 1 :] = False
        for entity in entities:
            if entity.label in self._first:
                mask[entity.start : entity.end] = False
                mask[np.arange(entity.start, entity.end), self.path(entity)] = True
        return mask


def trim_white_space(
    entities: Iterable[Entity], outside: BoolsT, white_space: WhiteSpace
) -> tuple[list[Entity], BoolsT, list[Entity], int]:
    """Trim white space from both ends of gold entities. Trimmed tokens become outside of entities.

    entities (Iterable[Entity]): Gold entities, with offsets in tokens.
    outside (BoolsT): (n_tokens,) whether a token is annotated as outside of entities.
    white_space (WhiteSpace): White space in the tokens.
    RETURNS (tuple[list[Entity], BoolsT, list[Entity], int]): The entities after trimming; the new `outside`; the
        original entities that trimming has changed or removed; and the number of dropped entities. An entity is dropped
        if it still begins or ends with white space, because the token there also contains other characters. Entities of
        white space only are removed without being counted as dropped.
    """
    kept, trimmed, n_dropped = [], [], 0
    for entity in entities:
        start, end = entity.start, entity.end
        while start < end and white_space.whole[start]:
            start += 1
        while start < end and white_space.whole[end - 1]:
            end -= 1
        if (start, end) != (entity.start, entity.end):
            trimmed.append(entity)
            outside = outside.copy()
            outside[entity.start : start] = outside[end : entity.end] = True
        if start == end:
            continue
        if white_space.first[start] or white_space.last[end - 1]:
            n_dropped += 1
        else:
            kept.append(Entity(start, end, entity.label))
    return kept, outside, trimmed, n_dropped


def whole_entities(biluo: Iterable[str | None]) -> tuple[list[Entity], int]:
    """Convert the aligned gold tags of spaCy to entities.

    biluo (Iterable[Optional[str]]): Result of `Example.get_aligned_ner()`; None and "-" mean no annotation.
    RETURNS (tuple[list[Entity], int]): Complete entities, with offsets in tokens; and the number of incomplete
        entities, which have an end inside a token.
    """
    whole: list[Entity] = []
    n_fragments, start, current = 0, -1, None
    for i, tag in enumerate([*biluo, "O"]):
        kind, _, label = (tag or "-").partition("-")
        kind = FROM_BILUO.get(kind, "O")
        if current is not None and (kind not in ("I", "E") or label != current):
            n_fragments, current = n_fragments + 1, None
        if kind == "S":
            whole.append(Entity(i, i + 1, label))
        elif kind == "B":
            start, current = i, label
        elif kind in ("I", "E") and current is None:
            n_fragments += kind == "E"
        elif kind == "E":
            whole.append(Entity(start, i + 1, label))
            current = None
    return whole, n_fragments
