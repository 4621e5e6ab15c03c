"""Agreement between annotators, and its page."""

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.annotators import SharedText, match_texts
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.evaluation.agreement import AgreementReport, measure_agreement, n_differences
from spacy_zh_tw_ner.evaluation.agreement_page import render_agreement

PERSON, GPE = Entity(0, 3, "PERSON"), Entity(4, 7, "GPE")
LONGER, ORG = Entity(4, 8, "GPE"), Entity(4, 7, "ORG")
TEXTS = ("蔡英文到臺北市府。", "林佳龍在台中市區。", "陳建仁說新竹市長。")


def report_of(**annotators: list[list[Entity]]) -> AgreementReport:
    """Measure annotators with one list of entities for each of TEXTS."""
    records = {
        name: [
            Record(text, entities, f"{name}:{i}") for i, (text, entities) in enumerate(zip(TEXTS, read, strict=False))
        ]
        for name, read in annotators.items()
    }
    return measure_agreement(records, match_texts(records))


def test_f_is_of_exact_entities() -> None:
    report = report_of(a=[[PERSON, GPE], [PERSON], []], b=[[PERSON, LONGER], [PERSON, ORG], []])
    (pair,) = report.pairs
    assert pair.texts == report.shared == 3
    assert pair.f == pytest.approx(100 * 2 * 2 / (3 + 4))
    assert report.mean == pair.f
    assert {label: round(f, 1) for label, f in report.means_by_label().items()} == {"GPE": 0, "ORG": 0, "PERSON": 100}
    assert pair.differences["boundaries"] == 1
    assert pair.differences["only second"] == 1
    assert [one.origin for one in report.differing] == ["a:0", "a:1"]


def test_labels_that_differ_count_for_boundaries() -> None:
    (pair,) = report_of(a=[[PERSON, GPE]], b=[[PERSON, ORG]]).pairs
    assert (pair.f, pair.boundaries) == (pytest.approx(50.0), pytest.approx(100.0))
    assert pair.differences["label"] == 1


def test_the_mean_is_over_all_pairs() -> None:
    report = report_of(a=[[PERSON]], b=[[PERSON]], c=[[GPE]])
    assert [(pair.first, pair.second, pair.f) for pair in report.pairs] == [
        ("a", "b", 100),
        ("a", "c", 0),
        ("b", "c", 0),
    ]
    assert report.mean == pytest.approx(100 / 3)
    assert json.loads(json.dumps(report.to_json()))["mean_f"] == 33.33


def test_pairs_without_common_texts_or_entities_are_left_out() -> None:
    records = {"a": [Record("甲", [], "a:1")], "b": [Record("甲", [], "b:1"), Record("乙", [PERSON], "b:2")]}
    records["c"] = [Record("乙", [PERSON], "c:1")]
    report = measure_agreement(records, match_texts(records))
    assert [(pair.first, pair.second) for pair in report.pairs] == [("b", "c")]
    assert [message[:7] for message in report.messages] == ["[ZT834]", "[ZT833]"]
    empty = measure_agreement(
        {"a": records["a"], "b": records["b"][:1]}, [SharedText("甲", dict.fromkeys("ab", frozenset()), "")]
    )
    assert empty.mean is None
    assert empty.to_json()["mean_f"] is None


def test_a_label_of_one_annotator_is_reported() -> None:
    report = report_of(a=[[GPE]], b=[[Entity(4, 7, "地名")]])
    assert [message[:7] for message in report.messages] == ["[ZT835]", "[ZT835]"]
    assert "Only b uses the label 地名 (1 entities)" in report.messages[1]


ENTITIES = st.lists(st.sampled_from([PERSON, GPE, LONGER, ORG]), max_size=2, unique_by=lambda entity: entity.start)


@given(first=st.lists(ENTITIES, min_size=3, max_size=3), second=st.lists(ENTITIES, min_size=3, max_size=3))
def test_f_does_not_depend_on_the_order_of_the_annotators(
    first: list[list[Entity]], second: list[list[Entity]]
) -> None:
    one, two = report_of(a=first, b=second), report_of(a=second, b=first)
    assert one.mean == pytest.approx(two.mean)
    assert len(one.differing) == sum(set(a) != set(b) for a, b in zip(first, second, strict=True))
    assert [n_differences(text) for text in one.differing] == sorted(map(n_differences, one.differing), reverse=True)


def test_the_page_shows_the_readings_and_escapes_them() -> None:
    odd = Record("<b>&", [Entity(0, 1, "<LAW>")], "a:1"), Record("<b>&", [], "b:1")
    records = {"<i>": [odd[0]], "b": [odd[1]]}
    page = render_agreement(measure_agreement(records, match_texts(records)))
    assert "<LAW>" not in page
    assert "<i>" not in page
    assert '<mark class="wrong"' in page
    parser = HTMLParser()
    parser.feed(page)
    parser.close()
    same = render_agreement(report_of(a=[[PERSON], [GPE]], b=[[PERSON], [GPE, PERSON]]))
    assert same.count("<article>") == 1
    assert same.count("<mark ") == 3
    assert "{{" not in same
    assert same.count('class="wrong"') == 1
