"""Suspects have the kinds of annotators' errors, and names are counted."""

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.error_detection.report import JudgedSentence, make_report
from spacy_zh_tw_ner.error_detection.sites import Judgement
from spacy_zh_tw_ner.error_detection.suspects_page import render_suspects

from .helpers import records_of


def judgement(*reading: Entity, cost: float = 1.0) -> Judgement:
    return Judgement(cost, 0.5, reading, (0.9,) * len(reading), (), ())


def only(line: str, *reading: Entity, score: float = 0.8) -> JudgedSentence:
    (record,) = records_of(line)
    scores = dict.fromkeys((*record.entities, *reading), score)
    (sentence,) = make_report([record], [judgement(*reading)], [score], [scores]).sentences
    return sentence


def test_suspects_have_the_kinds_of_annotators_errors() -> None:
    ner = Entity(0, 3, "ORG")
    assert [one.kind for one in only("台積電設廠", ner).suspects] == ["missed"]
    assert [one.kind for one in only("[台積電](ORG)設廠").suspects] == ["spurious"]
    assert [one.kind for one in only("[台積](ORG)電設廠", ner).suspects] == ["boundary"]
    assert [one.kind for one in only("[台積電](GPE)設廠", ner).suspects] == ["type"]
    assert [one.kind for one in only("[台積](GPE)電設廠", ner).suspects] == ["both"]
    assert only("[台積電](ORG)設廠", ner).suspects == ()


def test_gold_scores_are_probabilities_that_the_annotation_is_right() -> None:
    assert only("[台積電](ORG)設廠", score=0.75).gold_scores == (0.25,)


def test_sentences_are_sorted_by_the_product_of_score_and_cost() -> None:
    records = records_of("[甲](X)", "[乙](X)", "[丙](X)")
    judgements = [judgement(cost=1.0), judgement(cost=3.0), judgement(cost=2.0)]
    report = make_report(records, judgements, [0.9, 0.1, 0.1], [{}, {}, {}])
    assert [one.record.text for one in report.sentences] == ["甲", "乙", "丙"]
    assert (report.n_likely, round(report.expected, 3)) == (1, 1.1)


def test_names_are_counted_by_label_and_without_annotation() -> None:
    records = records_of("[鴻海](ORG)設廠", "[鴻海](ORG)與[鴻海](PER)", "鴻海沒有到場", "[台積電](ORG)")
    missed = Entity(0, 2, "ORG")
    judgements = [judgement(missed), judgement(missed, Entity(3, 5, "ORG")), judgement(missed), judgement()]
    scores: list[dict[Entity, float]] = [{}, {Entity(3, 5, "PER"): 0.5}, {missed: 0.75}, {Entity(0, 3, "ORG"): 0.1}]
    report = make_report(records, judgements, [0.0] * 4, scores)
    (surface,) = report.surfaces  # 台積電 has one suspect, and is annotated everywhere
    assert (surface.surface, surface.labels, surface.unannotated) == ("鴻海", {"ORG": 2, "PER": 1}, 1)
    assert (surface.suspects, surface.score) == (2, 1.25)


def test_unjudged_annotations_are_no_suspects() -> None:
    (record,) = records_of("[台積電](NEW)設廠")
    found = Judgement(0.0, 0.0, (), (), (), (Entity(0, 3, "NEW"),))
    (sentence,) = make_report([record], [found], [0.0], [{}]).sentences
    assert (sentence.suspects, sentence.gold_scores) == ((), (1.0,))
    assert sentence.to_json()["unjudged"] == [Entity(0, 3, "NEW")]


def test_the_page_shows_both_readings_and_escapes_text() -> None:
    (record,) = records_of("<b>[台積](<x>)電")
    report = make_report([record], [judgement(Entity(3, 6, "ORG"))], [0.987], [{Entity(3, 5, "<x>"): 0.9}])
    page = render_suspects(report, title="<title>")
    assert page.count("&lt;b&gt;") == 2
    assert "<x>" not in page
    assert "{{" not in page
    assert '<article class="pair both errors' in page
    assert "98.7 %" in page
    assert '<mark class="wrong" title="0.100"' in page
