"""Test the complete report of an evaluation."""

import json
from pathlib import Path

import pytest
from spacy.language import Language

from spacy_zh_tw_ner.evaluation.predictions import read_golds
from spacy_zh_tw_ner.evaluation.report import EvaluateSettings, EvaluationReport, evaluate, surfaces_of

SETTINGS = EvaluateSettings(resamples=50, known=frozenset({"臺北市", "台積電"}), scripts=True)


@pytest.fixture(scope="module")
def report(tiny_nlp: Language, tiny_corpus: Path) -> EvaluationReport:
    return evaluate(tiny_nlp, list(read_golds(tiny_nlp, tiny_corpus / "test.spacy")), SETTINGS)


def test_all_groupings_count_the_same_entities(report: EvaluationReport) -> None:
    gold = report.exact.micro.gold
    assert gold == 18
    assert report.boundary.gold == report.types.micro.gold == gold
    for groups in (report.exact.groups, report.lengths, report.surfaces):
        assert sum(scores.gold for scores in groups.values()) == gold
    assert report.surfaces["seen"].gold == 5
    assert report.scripts["variants swapped"].scores.gold == gold


def test_boundary_and_type_scores_are_at_least_exact_scores(report: EvaluationReport) -> None:
    assert report.boundary.f.value >= report.exact.micro.f.value
    assert report.types.micro.f.value >= report.exact.micro.f.value


def test_mistakes_sum_to_the_counts(report: EvaluationReport) -> None:
    _, wrong, missed = report.table.counts.sum(axis=(0, 1))
    kinds = report.mistakes
    both = kinds["boundary"] + kinds["type"] + kinds["both"]
    assert (kinds["spurious"] + both, kinds["missed"] + both) == (wrong, missed)


def test_report_can_be_written_as_json(report: EvaluationReport) -> None:
    found = json.loads(json.dumps(report.to_json()))
    assert list(found) == [
        "documents", "micro", "macro", "per_type", "boundary", "type", "by_length", "by_surface", "by_script",
        "mistakes", "confusion", "seqeval", "calibration",
    ]  # fmt: skip
    assert found["documents"] == 8
    assert found["seqeval"] is None
    low, high = found["micro"]["f_interval"]
    assert low <= found["micro"]["f"] <= high


def test_results_that_were_not_requested_are_null(tiny_nlp: Language, tiny_corpus: Path) -> None:
    golds = list(read_golds(tiny_nlp, tiny_corpus / "test.spacy", limit=2))
    found = evaluate(tiny_nlp, golds, EvaluateSettings(resamples=5)).to_json()
    assert [name for name, value in found.items() if value is None] == ["by_surface", "by_script", "seqeval"]


def test_surfaces_are_the_texts_of_all_entities(tiny_nlp: Language, tiny_corpus: Path) -> None:
    golds = list(read_golds(tiny_nlp, tiny_corpus / "test.spacy", limit=2))
    assert surfaces_of(golds) == {"蔡英文", "臺北市", "台積電", "新竹市"}
