"""Entities are converted to BIOES tags and back."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.tag_scheme import TagScheme, WhiteSpace, trim_white_space, whole_entities

LABELS = ("PERSON", "B-GPE", "地名")  # labels may have hyphens and Chinese characters
SCHEME = TagScheme(LABELS)


@st.composite
def annotated(draw: st.DrawFn, max_length: int = 20) -> tuple[int, list[Entity]]:
    """Draw the length of a text, and entities that may be adjacent but do not overlap."""
    length = draw(st.integers(0, max_length))
    cuts = draw(st.lists(st.integers(0, length), unique=True).map(sorted))
    labels = draw(st.lists(st.sampled_from([None, *LABELS]), min_size=len(cuts), max_size=len(cuts)))
    pieces = zip(cuts, cuts[1:], labels, strict=False)
    return length, [Entity(start, end, label) for start, end, label in pieces if label is not None]


def path_of(length: int, entities: list[Entity]) -> np.ndarray:
    tags = np.zeros(length, dtype=np.int64)
    for entity in entities:
        tags[entity.start : entity.end] = SCHEME.path(entity)
    return tags


def biluo_of(length: int, entities: list[Entity]) -> list[str | None]:
    tags: list[str | None] = ["O"] * length
    for start, end, label in entities:
        kinds = ["U"] if end - start == 1 else ["B", *["I"] * (end - start - 2), "L"]
        tags[start:end] = [f"{kind}-{label}" for kind in kinds]
    return tags


def gold_mask(scheme: TagScheme, biluo: list[str | None]) -> tuple[np.ndarray, int]:
    """Return the gold mask of spaCy's gold tags, and the number of fragments."""
    entities, n_fragments = whole_entities(biluo)
    return scheme.gold_mask(entities, np.array([tag == "O" for tag in biluo], dtype=bool)), n_fragments


def is_legal(tags: list[int]) -> bool:
    legal = SCHEME.legal_transitions
    steps = all(legal.matrix[i, j] for i, j in pairwise(tags))
    return steps and (not tags or bool(legal.start[tags[0]] and legal.end[tags[-1]]))


def test_tags_are_o_then_four_per_label() -> None:
    assert TagScheme(("A", "B")).tags == ("O", "B-A", "I-A", "E-A", "S-A", "B-B", "I-B", "E-B", "S-B")
    assert len(TagScheme(("A", "B"))) == 9
    assert TagScheme(()).tags == ("O",)


@settings(deadline=None)
@given(annotated())
def test_entities_survive_conversion_to_a_legal_path(case: tuple[int, list[Entity]]) -> None:
    length, entities = case
    tags = path_of(length, entities)
    assert SCHEME.entities(tags) == entities
    assert is_legal(tags.tolist())


def test_every_legal_path_is_the_path_of_its_entities() -> None:
    scheme = TagScheme(("A", "B"))
    legal = scheme.legal_transitions
    n_legal = 0
    for path in product(range(len(scheme)), repeat=4):
        if legal.start[path[0]] and legal.end[path[-1]] and legal.matrix[path[:-1], path[1:]].all():
            n_legal += 1
            tags = np.zeros(4, dtype=np.int64)
            for entity in scheme.entities(np.array(path)):
                tags[entity.start : entity.end] = scheme.path(entity)
            assert tuple(tags.tolist()) == path
    # Number of ways to divide n tokens into O and entities of two labels: a(n) = a(n−1) + 2 · Σ a(n−k); here n = 4.
    assert n_legal == 153


def test_the_path_of_an_entity_has_one_tag_per_token() -> None:
    for length, kinds in ((1, "S"), (2, "BE"), (3, "BIE"), (5, "BIIIE")):
        tags = [SCHEME.tags[i] for i in SCHEME.path(Entity(3, 3 + length, "B-GPE"))]
        assert tags == [f"{kind}-B-GPE" for kind in kinds]


def test_legal_transitions_follow_bioes() -> None:
    scheme = TagScheme(("A", "B"))
    legal, at = scheme.legal_transitions, scheme.tags.index
    begins = {at(tag) for tag in ("O", "B-A", "S-A", "B-B", "S-B")}
    after = {
        **dict.fromkeys(("O", "E-A", "S-A", "E-B", "S-B"), begins),
        **{f"{kind}-{label}": {at(f"I-{label}"), at(f"E-{label}")} for kind in "BI" for label in "AB"},
    }
    assert {tag: set(np.flatnonzero(legal.matrix[at(tag)]).tolist()) for tag in scheme.tags} == after
    assert set(np.flatnonzero(legal.start).tolist()) == begins
    assert {scheme.tags[i] for i in np.flatnonzero(legal.end)} == {"O", "E-A", "S-A", "E-B", "S-B"}


def test_without_labels_only_o_is_legal() -> None:
    legal = TagScheme(()).legal_transitions
    assert (legal.matrix.tolist(), legal.start.tolist(), legal.end.tolist()) == ([[True]], [True], [True])


@settings(deadline=None)
@given(annotated())
def test_complete_gold_allows_only_its_own_path(case: tuple[int, list[Entity]]) -> None:
    length, entities = case
    allowed, n_fragments = gold_mask(SCHEME, biluo_of(length, entities))
    assert allowed.shape == (length, len(SCHEME))
    assert n_fragments == 0
    assert (allowed.sum(1) == 1).all()
    assert allowed.argmax(1).tolist() == path_of(length, entities).tolist()


@settings(deadline=None)
@given(annotated(), st.data())
def test_tokens_without_annotation_allow_all_tags(case: tuple[int, list[Entity]], data: st.DataObject) -> None:
    length, entities = case
    biluo = biluo_of(length, entities)
    outside = [i for i, tag in enumerate(biluo) if tag == "O"]
    unknown = data.draw(st.lists(st.sampled_from(outside), unique=True)) if outside else []
    for i in unknown:
        biluo[i] = data.draw(st.sampled_from([None, "-"]))
    allowed, n_fragments = gold_mask(SCHEME, biluo)
    assert n_fragments == 0
    assert allowed[unknown].all()
    known = [i for i in range(length) if i not in unknown]
    assert (allowed[known].sum(1) == 1).all()
    assert allowed[known, path_of(length, entities)[known]].all()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([None, "-", "O", "", *(f"{k}-{x}" for k in "BILU" for x in ("PERSON", "地名", "ALIEN"))]),
        max_size=8,
    )
)
def test_a_legal_path_exists_for_any_gold(biluo: list[str | None]) -> None:
    allowed, _ = gold_mask(SCHEME, biluo)
    legal = SCHEME.legal_transitions
    reached = legal.start
    for i, row in enumerate(allowed):
        reached = row & (reached if i == 0 else (reached[:, None] & legal.matrix).any(0))
    assert not biluo or (reached & legal.end).any()


@pytest.mark.parametrize(
    ("biluo", "n_fragments", "free"),
    [
        (["B-PERSON", "I-PERSON", "O"], 1, [0, 1]),  # no end
        (["O", "I-PERSON", "L-PERSON"], 1, [1, 2]),  # no begin
        (["L-PERSON", "O"], 1, [0]),
        (["B-PERSON", "L-地名", "O"], 2, [0, 1]),  # two labels: a begin without an end and an end without a begin
        (["B-PERSON", "B-PERSON", "L-PERSON"], 1, [0]),
        (["B-PERSON"], 1, [0]),  # at the end of the text
        (["B-PERSON", None, "L-PERSON"], 2, [0, 1, 2]),
    ],
)
def test_fragments_are_counted_and_allow_all_tags(biluo: list[str | None], n_fragments: int, free: list[int]) -> None:
    allowed, seen = gold_mask(SCHEME, biluo)
    assert seen == n_fragments
    assert np.flatnonzero(allowed.all(1)).tolist() == free


def test_an_unknown_label_allows_all_tags_and_is_no_fragment() -> None:
    allowed, n_fragments = gold_mask(SCHEME, ["U-ALIEN", "O", "B-ALIEN", "L-ALIEN", "U-PERSON"])
    assert n_fragments == 0
    assert allowed.all(1).tolist() == [True, False, True, True, False]
    assert [SCHEME.tags[i] for i in np.flatnonzero(allowed[4])] == ["S-PERSON"]


def test_an_empty_text_has_an_empty_mask() -> None:
    allowed, n_fragments = gold_mask(SCHEME, [])
    assert (allowed.shape, n_fragments) == ((0, 13), 0)
    assert SCHEME.entities(np.zeros(0, dtype=np.int64)) == []


@settings(deadline=None)
@given(annotated(), st.lists(st.sampled_from(["甲", "乙", "O"]), min_size=1, unique=True))
def test_appending_labels_keeps_all_indices(case: tuple[int, list[Entity]], more: list[str]) -> None:
    length, entities = case
    grown = TagScheme((*LABELS, *more))
    assert grown.tags[: len(SCHEME)] == SCHEME.tags
    assert [grown.path(entity) for entity in entities] == [SCHEME.path(entity) for entity in entities]
    assert grown.entities(path_of(length, entities)) == entities
    old, new = SCHEME.legal_transitions, grown.legal_transitions
    n = len(SCHEME)
    assert (new.matrix[:n, :n] == old.matrix).all()
    assert (new.start[:n] == old.start).all()
    assert (new.end[:n] == old.end).all()


def test_a_label_may_look_like_a_tag() -> None:
    scheme = TagScheme(("O", "B-PER"))
    assert scheme.entities(np.array([*scheme.path(Entity(0, 2, "O")), *scheme.path(Entity(2, 3, "B-PER"))])) == [
        Entity(0, 2, "O"),
        Entity(2, 3, "B-PER"),
    ]
    allowed, n_fragments = gold_mask(scheme, ["U-O", "O", "B-B-PER", "L-B-PER"])
    assert n_fragments == 0
    assert [scheme.tags[i] for i in allowed.argmax(1)] == ["S-O", "O", "B-B-PER", "E-B-PER"]


def white_space(text: str) -> WhiteSpace:
    """Return the masks of a text with one token per character."""
    flags = np.array([char.isspace() for char in text], dtype=bool)
    return WhiteSpace(flags, flags, flags)


def test_white_space_is_never_at_the_edge_of_an_entity() -> None:
    cells = set(zip(*(part.tolist() for part in SCHEME.illegal_cells(white_space("林 華\n"))), strict=True))
    edges = [i for i, tag in enumerate(SCHEME.tags) if tag[0] in "BES"]
    assert cells == set(product([1, 3], edges))
    assert SCHEME.illegal_cells(white_space("林華"))[0].size == 0


def test_white_space_inside_a_token_forbids_the_edge_on_that_side() -> None:
    first, last, whole = np.array([[True, False], [False, True], [False, False]])
    cells = SCHEME.illegal_cells(WhiteSpace(first, last, whole))
    illegal = [{SCHEME.tags[t][0] for r, t in zip(*cells, strict=True) if r == row} for row in range(2)]
    assert illegal == [{"B", "S"}, {"E", "S"}]


def test_white_space_is_trimmed_from_gold() -> None:
    text = " \n林 華 \t 好"
    entities = [Entity(0, 6, "PERSON"), Entity(6, 8, "地名"), Entity(8, 9, "地名")]
    kept, outside, trimmed, n_left_out = trim_white_space(entities, np.zeros(9, dtype=bool), white_space(text))
    assert kept == [Entity(2, 5, "PERSON"), Entity(8, 9, "地名")]
    assert outside.tolist() == [True, True, False, False, False, True, True, True, False]
    assert (trimmed, n_left_out) == (entities[:2], 0)


def test_gold_entities_that_end_inside_a_token_are_dropped() -> None:
    first, last, whole = (np.array(flags, dtype=bool) for flags in ([1, 0, 1], [0, 0, 1], [0, 0, 1]))
    kept, outside, trimmed, n_left_out = trim_white_space(
        [Entity(0, 3, "PERSON")], np.zeros(3, dtype=bool), WhiteSpace(first, last, whole)
    )
    assert (kept, outside.tolist(), len(trimmed), n_left_out) == ([], [False, False, True], 1, 1)
