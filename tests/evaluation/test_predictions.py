"""Exact spans are counted as spaCy and conlleval count them."""

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.scorer import Scorer, get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example, offsets_to_biluo_tags

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.evaluation.predictions import Counts, count_exact, doc_entities, micro

NLP = spacy.blank("zh_tw")
EntsT = list[tuple[int, int, str]]


def make(text: str, ents: EntsT) -> Doc:
    doc = NLP.make_doc(text)
    doc.set_ents([Span(doc, start, end, label=label) for start, end, label in ents], default="outside")
    return doc


@st.composite
def annotations(draw: st.DrawFn, length: int) -> EntsT:
    cuts = sorted(draw(st.sets(st.integers(0, length), max_size=8)))
    return [(a, b, draw(st.sampled_from(["A", "B", "C"]))) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]


@st.composite
def pairs(draw: st.DrawFn) -> list[tuple[Doc, Doc]]:
    found = []
    for _ in range(draw(st.integers(0, 4))):
        text = "臺北市政府警察局大安分局"[: draw(st.integers(1, 12))]
        gold = draw(annotations(len(text)))
        # As a pipeline is: often right.
        predicted = draw(st.one_of(st.just(gold), annotations(len(text))))
        found.append((make(text, gold), make(text, predicted)))
    return found


@given(pairs())
def test_counts_are_those_of_spacy(found: list[tuple[Doc, Doc]]) -> None:
    by_label = count_exact(found)
    scores = get_ner_prf([Example(predicted, gold) for gold, predicted in found])
    for label, counts in by_label.items():
        expected = scores["ents_per_type"][label]
        assert (counts.precision, counts.recall) == pytest.approx((expected["p"], expected["r"]))
        assert counts.f_score == pytest.approx(expected["f"])
    assert list(by_label) == sorted(scores["ents_per_type"] or {})
    if found:
        total = micro(by_label)
        assert total.f_score == pytest.approx(scores["ents_f"] or 0.0)
        spans = Scorer.score_spans([Example(predicted, gold) for gold, predicted in found], "ents")
        assert (total.precision, total.recall) == pytest.approx((spans["ents_p"] or 0.0, spans["ents_r"] or 0.0))


@given(pairs())
def test_counts_are_those_of_conlleval_on_strict_tags(found: list[tuple[Doc, Doc]]) -> None:
    seqeval = pytest.importorskip("seqeval.metrics.v1")
    iob2 = pytest.importorskip("seqeval.scheme").IOB2
    gold, predicted = ([_iob2(pair[i]) for pair in found] for i in (0, 1))
    total = micro(count_exact(found))
    if total.tp + total.fp + total.fn:  # seqeval takes no empty list
        p, r, f, _ = seqeval.precision_recall_fscore_support(
            gold, predicted, average="micro", scheme=iob2, zero_division=0
        )
        assert (total.precision, total.recall, total.f_score) == pytest.approx((p, r, f))


def _iob2(doc: Doc) -> list[str]:
    tags = offsets_to_biluo_tags(doc, [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents])
    return [tag.replace("U-", "B-").replace("L-", "I-") for tag in tags]


def test_a_wrong_end_or_label_is_both_wrong_and_missed() -> None:
    gold = make("臺北市的台積電和我", [(0, 3, "GPE"), (4, 7, "ORG"), (8, 9, "PERSON")])
    predicted = make("臺北市的台積電和我", [(0, 2, "GPE"), (4, 7, "PRODUCT"), (8, 9, "PERSON")])
    assert count_exact([(gold, predicted)]) == {
        "GPE": Counts(0, 1, 1),
        "ORG": Counts(0, 0, 1),
        "PERSON": Counts(1, 0, 0),
        "PRODUCT": Counts(0, 1, 0),
    }


def test_documents_are_told_apart() -> None:
    gold, predicted = make("臺北", [(0, 2, "GPE")]), make("臺北", [])
    assert count_exact([(gold, predicted), (predicted, gold)]) == {"GPE": Counts(0, 1, 1)}


def test_documents_tokenized_in_two_ways_compare() -> None:
    gold = Doc(NLP.vocab, words=["臺北市", "的", "夏天"], spaces=[False] * 3, ents=["B-GPE", "O", "O"])
    assert count_exact([(gold, make("臺北市的夏天", [(0, 3, "GPE")]))]) == {"GPE": Counts(1, 0, 0)}
    assert doc_entities(gold) == {Entity(0, 3, "GPE")}


def test_documents_without_gold_are_passed_over() -> None:
    unknown = NLP.make_doc("臺北市")
    assert count_exact([(unknown, make("臺北市", [(0, 3, "GPE")]))]) == {}
    assert count_exact([(make("臺北市", []), make("臺北市", [(0, 3, "GPE")]))]) == {"GPE": Counts(0, 1, 0)}


def test_what_the_gold_leaves_open_is_neither_right_nor_wrong() -> None:
    gold = NLP.make_doc("臺北市的台積電")
    gold.set_ents([Span(gold, 0, 3, label="GPE")], default="missing")
    predicted = make("臺北市的台積電", [(0, 3, "GPE"), (4, 7, "ORG")])
    scores = get_ner_prf([Example(predicted, gold)])
    assert (scores["ents_p"], scores["ents_r"]) == (1.0, 1.0)
    total = micro(count_exact([(gold, predicted)]))
    assert (total.precision, total.recall) == (1.0, 1.0)


@pytest.mark.parametrize("found", [[], [(make("好", []), make("好", []))], [(make("", []), make("", []))]])
def test_no_predictions_give_zero_and_not_nan(found: list[tuple[Doc, Doc]]) -> None:
    total = micro(count_exact(found))
    assert (total.precision, total.recall, total.f_score) == (0.0, 0.0, 0.0)


def test_shares_are_given_as_percentages_with_two_digits() -> None:
    assert Counts(2, 1, 1).to_json() == {"p": 66.67, "r": 66.67, "f": 66.67, "gold": 3}
    assert Counts(1, 0, 2).to_json() == {"p": 100.0, "r": 33.33, "f": 50.0, "gold": 3}
    assert Counts().to_json() == {"p": 0.0, "r": 0.0, "f": 0.0, "gold": 0}


def test_micro_adds_up_labels() -> None:
    assert micro({"A": Counts(1, 2, 3), "B": Counts(10, 20, 30)}) == Counts(11, 22, 33)


def test_a_pipeline_is_scored_as_nlp_evaluate_scores_it(tiny_nlp: Language) -> None:
    texts = ["蔡英文在臺北市。", "鴻海的郭台銘去台中市。", "好"]
    golds = [make(text, ents) for text, ents in zip(texts, [[(0, 3, "PERSON")], [(0, 2, "GPE")], []], strict=True)]
    total = micro(count_exact((gold, tiny_nlp(gold.text)) for gold in golds))
    scores = tiny_nlp.evaluate([Example(tiny_nlp.make_doc(gold.text), gold) for gold in golds])
    assert total.f_score == pytest.approx(scores["ents_f"])
