"""Test that seqeval's report agrees with our scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.evaluation import report as report_module
from spacy_zh_tw_ner.evaluation.bootstrap import summarize
from spacy_zh_tw_ner.evaluation.entity_counts import count_entities
from spacy_zh_tw_ner.evaluation.predictions import ComparedDoc
from spacy_zh_tw_ner.evaluation.report import MODES, iob2_tags, seqeval_reports

from .helpers import document, documents


@given(st.lists(documents(), max_size=4))
def test_both_modes_agree_with_our_scores(found: list[ComparedDoc]) -> None:
    pytest.importorskip("seqeval")
    summary = summarize(count_entities(found), resamples=2)
    reports = seqeval_reports(found)
    assert list(reports) == list(MODES)
    for report in reports.values():
        averages = {name: report.pop(name, None) for name in ("micro avg", "macro avg", "weighted avg")}
        assert set(report) == set(summary.groups)
        for label, row in report.items():
            scores = summary.groups[label]
            expected = (scores.p.value, scores.r.value, scores.f.value, scores.gold)
            assert tuple(row.values()) == pytest.approx(expected)
        if summary.groups:
            for name, scores in (("micro avg", summary.micro), ("macro avg", summary.macro)):
                row = averages[name]
                assert row is not None
                assert row["f1-score"] == pytest.approx(scores.f.value)


def test_entities_become_iob2_tags() -> None:
    entities = [Entity(0, 3, "A"), Entity(3, 4, "A"), Entity(5, 7, "B-C")]
    assert iob2_tags(entities, 8) == ["B-A", "I-A", "I-A", "B-A", "O", "B-B-C", "I-B-C", "O"]


def test_missing_seqeval_raises_with_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_module, "has_seqeval", lambda: False)
    with pytest.raises(ValueError, match=r"^\[ZT402\] .*pip install .*\[evaluate\]"):
        seqeval_reports([document("A", "A")])
