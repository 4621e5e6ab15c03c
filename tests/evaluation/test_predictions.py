"""Test the comparison of gold and predicted documents, and that scores equal those of spaCy and conlleval."""

from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.scorer import Scorer, get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example, offsets_to_biluo_tags

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError
from spacy_zh_tw_ner.evaluation.bootstrap import Summary, summarize
from spacy_zh_tw_ner.evaluation.entity_counts import count_entities, micro_f
from spacy_zh_tw_ner.evaluation.predictions import compare, entity_of, read_golds

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
        # As for a real pipeline, the prediction is often right.
        predicted = draw(st.one_of(st.just(gold), annotations(len(text))))
        found.append((make(text, gold), make(text, predicted)))
    return found


def counts(found: list[tuple[Doc, Doc]]) -> dict[str, list[int]]:
    """Return label → numbers of right, wrong and missed entities."""
    table = count_entities(compare(found))
    return dict(zip(table.groups, table.counts.sum(axis=0).tolist(), strict=True))


def scores(found: list[tuple[Doc, Doc]]) -> Summary:
    return summarize(count_entities(compare(found)), resamples=1)


@given(pairs())
def test_scores_equal_those_of_spacy(found: list[tuple[Doc, Doc]]) -> None:
    ours, examples = scores(found), [Example(predicted, gold) for gold, predicted in found]
    theirs = get_ner_prf(examples)
    for label, (p, r, f, _) in ours.groups.items():
        expected = theirs["ents_per_type"][label]
        assert (p.value, r.value, f.value) == pytest.approx((expected["p"], expected["r"], expected["f"]))
    assert list(ours.groups) == sorted(theirs["ents_per_type"] or {})
    if found:
        assert ours.micro.f.value == pytest.approx(theirs["ents_f"] or 0.0)
        assert micro_f(found) == pytest.approx(100 * (theirs["ents_f"] or 0.0))
        spans = Scorer.score_spans(examples, "ents")
        expected = (spans["ents_p"] or 0.0, spans["ents_r"] or 0.0)
        assert (ours.micro.p.value, ours.micro.r.value) == pytest.approx(expected)


@given(pairs())
def test_scores_equal_those_of_conlleval_on_strict_tags(found: list[tuple[Doc, Doc]]) -> None:
    seqeval = pytest.importorskip("seqeval.metrics.v1")
    iob2 = pytest.importorskip("seqeval.scheme").IOB2
    gold, predicted = ([_iob2(pair[i]) for pair in found] for i in (0, 1))
    if counts(found):  # seqeval raises for an empty list
        p, r, f, _ = seqeval.precision_recall_fscore_support(
            gold, predicted, average="micro", scheme=iob2, zero_division=0
        )
        assert tuple(estimate.value for estimate in scores(found).micro[:3]) == pytest.approx((p, r, f))


def _iob2(doc: Doc) -> list[str]:
    tags = offsets_to_biluo_tags(doc, [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents])
    return [tag.replace("U-", "B-").replace("L-", "I-") for tag in tags]


def test_entity_with_wrong_end_or_label_is_wrong_and_missed() -> None:
    gold = make("臺北市的台積電和我", [(0, 3, "GPE"), (4, 7, "ORG"), (8, 9, "PERSON")])
    predicted = make("臺北市的台積電和我", [(0, 2, "GPE"), (4, 7, "PRODUCT"), (8, 9, "PERSON")])
    assert counts([(gold, predicted)]) == {
        "GPE": [0, 1, 1],
        "ORG": [0, 0, 1],
        "PERSON": [1, 0, 0],
        "PRODUCT": [0, 1, 0],
    }


def test_entities_are_compared_within_their_document() -> None:
    gold, predicted = make("臺北", [(0, 2, "GPE")]), make("臺北", [])
    assert counts([(gold, predicted), (predicted, gold)]) == {"GPE": [0, 1, 1]}


def test_documents_with_different_tokens_can_be_compared() -> None:
    gold = Doc(NLP.vocab, words=["臺北市", "的", "夏天"], spaces=[False] * 3, ents=["B-GPE", "O", "O"])
    assert counts([(gold, make("臺北市的夏天", [(0, 3, "GPE")]))]) == {"GPE": [1, 0, 0]}
    assert [entity_of(ent) for ent in gold.ents] == [Entity(0, 3, "GPE")]


def test_documents_without_gold_annotations_are_ignored() -> None:
    unknown = NLP.make_doc("臺北市")
    assert counts([(unknown, make("臺北市", [(0, 3, "GPE")]))]) == {}
    assert counts([(make("臺北市", []), make("臺北市", [(0, 3, "GPE")]))]) == {"GPE": [0, 1, 0]}


def test_predictions_in_unannotated_text_are_ignored() -> None:
    gold = NLP.make_doc("臺北市的台積電")
    gold.set_ents([Span(gold, 0, 3, label="GPE")], default="missing")
    predicted = make("臺北市的台積電", [(0, 3, "GPE"), (4, 7, "ORG")])
    theirs = get_ner_prf([Example(predicted, gold)])
    assert (theirs["ents_p"], theirs["ents_r"]) == (1.0, 1.0)
    micro = scores([(gold, predicted)]).micro
    assert (micro.p.value, micro.r.value) == (1.0, 1.0)


@pytest.mark.parametrize("found", [[], [(make("好", []), make("好", []))], [(make("", []), make("", []))]])
def test_no_predictions_give_zero_and_not_nan(found: list[tuple[Doc, Doc]]) -> None:
    assert [estimate.value for estimate in scores(found).micro[:3]] == [0.0, 0.0, 0.0]
    assert micro_f(found) == 0.0


def test_json_has_percentages_with_two_digits() -> None:
    gold = make("臺北市的台積電和我", [(0, 3, "A"), (4, 7, "A"), (8, 9, "A")])
    predicted = make("臺北市的台積電和我", [(0, 3, "A"), (4, 7, "A"), (7, 8, "A")])
    found = scores([(gold, predicted)]).to_json()["groups"]["A"]  # type: ignore[index]
    assert {key: found[key] for key in ("p", "r", "f", "gold")} == {"p": 66.67, "r": 66.67, "f": 66.67, "gold": 3}
    found = scores([(gold, make(gold.text, [(0, 3, "A")]))]).to_json()["micro"]
    assert {key: found[key] for key in ("p", "r", "f", "gold")} == {"p": 100.0, "r": 33.33, "f": 50.0, "gold": 3}  # type: ignore[index]


def test_micro_f_equals_that_of_nlp_evaluate(tiny_nlp: Language) -> None:
    texts = ["蔡英文在臺北市。", "鴻海的郭台銘去台中市。", "好"]
    golds = [make(text, ents) for text, ents in zip(texts, [[(0, 3, "PERSON")], [(0, 2, "GPE")], []], strict=True)]
    evaluated = tiny_nlp.evaluate([Example(tiny_nlp.make_doc(gold.text), gold) for gold in golds])
    assert micro_f((gold, tiny_nlp(gold.text)) for gold in golds) == pytest.approx(100 * evaluated["ents_f"])


def test_folder_with_several_splits_raises(nlp: Language, tiny_corpus: Path) -> None:
    with pytest.raises(CorpusError, match=r"\[ZT732\] .*train\.spacy, dev\.spacy, test\.spacy"):
        read_golds(nlp, tiny_corpus)
    assert len(list(read_golds(nlp, tiny_corpus / "dev.spacy"))) == 8
