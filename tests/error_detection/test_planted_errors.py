"""Planted errors are changes that a corpus can hold, in equal numbers of four ways, and reproducible."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.error_detection.planted_errors import WAYS, plant_errors

from .helpers import records_of


@st.composite
def corpora(draw: st.DrawFn) -> list[Record]:
    """Draw sentences with entities that do not overlap."""
    records = []
    for _ in range(draw(st.integers(1, 8))):
        text = draw(st.text("台積電在 ", min_size=1, max_size=12))
        cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
        spans = zip(cuts[::2], cuts[1::2], strict=False)
        entities = [Entity(a, b, draw(st.sampled_from("XYZ"))) for a, b in spans if text[a:b] == text[a:b].strip()]
        records.append(Record(text, entities, ""))
    return records


@given(corpora(), st.floats(0.05, 2.0), st.integers(0, 99))
def test_planted_errors_are_annotations_that_a_corpus_can_hold(records: list[Record], share: float, seed: int) -> None:
    before = [list(record.entities) for record in records]
    found, errors = plant_errors(records, share, seed)
    assert plant_errors(records, share, seed) == (found, errors)
    assert [record.entities for record in records] == before
    for record, own in zip(records, found, strict=True):
        assert all(one.end <= two.start for one, two in pairwise(own))
        surfaces = [record.text[e.start : e.end] for e in own]
        assert all(surface and surface == surface.strip() for surface in surfaces)
    for i, record in enumerate(records):
        changed = [error for error in errors if error.sentence == i]
        removed = Counter(error.before for error in changed if error.before is not None)
        added = Counter(error.after for error in changed if error.after is not None)
        # An entity that was dropped may be invented again.
        assert Counter(found[i]) == Counter(record.entities) - removed + added


def test_each_way_has_the_same_number() -> None:
    lines = [f"昨天[王小明{i}](PERSON)在[高雄市](GPE)說了很多很多話" for i in range(40)]
    errors = plant_errors(records_of(*lines), 0.2, 0)[1]
    assert Counter(error.way for error in errors) == dict.fromkeys(WAYS, 4)
    assert len({(error.sentence, error.before) for error in errors if error.before}) == 12
    for error in errors:
        assert (error.before is None) == (error.way == "invented")
        assert (error.after is None) == (error.way == "dropped")
        if error.way == "relabelled" and error.before and error.after:
            assert error.before[:2] == error.after[:2]
            assert error.before.label != error.after.label
        if error.way == "shifted" and error.before and error.after:
            assert abs(sum(error.before[:2]) - sum(error.after[:2])) in (1, 2)


def test_a_corpus_with_one_label_gets_no_other_label() -> None:
    records = records_of("[鴻海](ORG)設廠", "[台積電](ORG)設廠")
    assert "relabelled" not in {error.way for error in plant_errors(records, 1.0, 0)[1]}


def test_a_corpus_without_entities_gets_none() -> None:
    assert plant_errors(records_of("吃飯"), 0.5, 0) == ([[]], [])
