"""A pipeline that has learnt the tiny corpus finds what is changed in it, and the report is written for all tools."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from spacy.language import Language

from spacy_zh_tw_ner.corpora.annotation_checks import Tally
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, read_records
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.error_detection.find_errors import (
    find_errors,
    read_corpus,
    require_known_labels,
    write_report,
)
from spacy_zh_tw_ner.error_detection.sites import count_names, judge
from spacy_zh_tw_ner.errors import CorpusError, PipelineMismatchError

from .helpers import records_of


@pytest.fixture(scope="module")
def tiny_records(tiny_source: Path) -> list[Record]:
    return read_corpus(tiny_source / "train.txt")


def changed(records: list[Record], text: str, *entities: Entity) -> list[Record]:
    return [replace(one, entities=list(entities)) if one.text.startswith(text) else one for one in records]


@pytest.mark.parametrize(
    ("text", "entities", "kind"),
    [
        ("昨天林佳龍", [Entity(2, 5, "PERSON")], "missed"),
        ("我們去吃飯", [Entity(2, 4, "GPE")], "spurious"),
        ("昨天林佳龍", [Entity(2, 5, "ORG"), Entity(7, 10, "GPE")], "type"),
        ("昨天林佳龍", [Entity(3, 5, "PERSON"), Entity(7, 10, "GPE")], "boundary"),
    ],
)
def test_a_wrong_annotation_is_ranked_first(
    tiny_nlp: Language, tiny_records: list[Record], text: str, entities: list[Entity], kind: str
) -> None:
    records = changed(tiny_records, text, *entities)
    report = find_errors(records, [(tiny_nlp, range(len(records)))])
    first = report.sentences[0]
    assert first.record.text.startswith(text)
    assert [one.kind for one in first.suspects] == [kind]
    assert first.cost > first.best_cost + 1
    assert first.suspects[0].score > max(one.score for one in report.sentences[1:])


def test_several_pipelines_judge_their_own_sentences(tiny_nlp: Language, tiny_records: list[Record]) -> None:
    whole = find_errors(tiny_records, [(tiny_nlp, range(8))])
    parts = find_errors(tiny_records, [(tiny_nlp, [1, 3, 5, 7]), (tiny_nlp, [6, 4, 2, 0])])
    assert [one.record for one in whole.sentences] == [one.record for one in parts.sentences]
    assert [one.score for one in whole.sentences] == pytest.approx([one.score for one in parts.sentences], abs=1e-4)


def test_a_corpus_without_entities_is_judged_by_a_pipeline(tiny_nlp: Language, tiny_records: list[Record]) -> None:
    records = [replace(record, entities=[]) for record in tiny_records]
    report = find_errors(records, [(tiny_nlp, range(8))])
    assert report.sentences[-1].record.text == "我們去吃飯吧！"
    assert {one.kind for sentence in report.sentences for one in sentence.suspects} == {"missed"}


def test_sites_are_gold_entities_and_probable_ones(tiny_nlp: Language, tiny_records: list[Record]) -> None:
    records = changed(tiny_records, "昨天林佳龍", Entity(2, 5, "PERSON"))
    judgements, wrong = judge(tiny_nlp, records, count_names(records), {})
    assert wrong == []
    (found,) = [one for one, record in zip(judgements, records, strict=True) if record.text.startswith("昨天林")]
    assert [(site.entity, site.is_gold) for site in found.sites] == [
        (Entity(2, 5, "PERSON"), True),
        (Entity(7, 10, "GPE"), False),
    ]
    assert min(site.probability for site in found.sites) > 0.5
    assert found.reading == (Entity(2, 5, "PERSON"), Entity(7, 10, "GPE"))


def test_the_files_of_a_report_can_be_read_again(
    tiny_nlp: Language, tiny_records: list[Record], tmp_path: Path
) -> None:
    records = changed(tiny_records, "昨天林佳龍", Entity(2, 5, "PERSON"))
    report = find_errors(records, [(tiny_nlp, range(8))])
    write_report(tmp_path, report, title="tiny", header={"corpus": "tiny"}, most=3)
    data = json.loads((tmp_path / "errors.json").read_text(encoding="utf-8"))
    assert (data["corpus"], data["sentences"], len(data["ranking"])) == ("tiny", 8, 8)
    assert data["ranking"][0]["suspects"][0]["kind"] == "missed"
    assert "台中市" in (tmp_path / "errors.html").read_text(encoding="utf-8")
    for name in ("label-studio.json", "doccano.jsonl"):
        found = list(read_records([tmp_path / name], ConvertSettings(script="none"), Tally()))
        expected = [one.record for one in report.sentences[:3]]
        assert [(one.text, one.entities) for one in found] == [(one.text, one.entities) for one in expected]


def test_all_splits_of_a_folder_are_read(tiny_source: Path, tiny_corpus: Path) -> None:
    assert len(read_corpus(tiny_source)) == 24
    assert len(read_corpus(tiny_corpus)) == 24
    assert len(read_corpus(tiny_corpus / "dev.spacy")) == 8


def test_a_missing_or_empty_corpus_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="ZT202"):
        read_corpus(tmp_path / "missing.txt")
    with pytest.raises(CorpusError, match="ZT203"):
        read_corpus(tmp_path)


def test_labels_that_the_pipeline_lacks_are_reported(tiny_nlp: Language, tmp_path: Path) -> None:
    some = records_of("[台積電](ORG)的[晶片](PRODUCT)", "[晶片](PRODUCT)")
    message = require_known_labels(tiny_nlp, some, "tiny", tmp_path)
    assert message is not None
    assert message.startswith(f"[ZT762] The pipeline tiny lacks these labels of {tmp_path}")
    assert "PRODUCT (2)" in message
    assert require_known_labels(tiny_nlp, records_of("[台積電](ORG)"), "tiny", tmp_path) is None
    with pytest.raises(PipelineMismatchError, match=r"ZT761.*GPE, ORG, PERSON.*PRODUCT \(1\)"):
        require_known_labels(tiny_nlp, records_of("[晶片](PRODUCT)"), "tiny", tmp_path)
