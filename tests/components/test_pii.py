"""`zh_tw_pii` in pipelines: conflicts with a recognizer, settings, saved files, and the contents of a DocBin."""

import pickle
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

from spacy_zh_tw_ner.components.pii import PiiFinder, get_rule
from spacy_zh_tw_ner.components.span_annotations import write_scores
from spacy_zh_tw_ner.entities import Entity, Prediction
from spacy_zh_tw_ner.taiwan import LABELS

NLP = spacy.blank("zh_tw")
TEXT = "王小明的身分證是A123456789，住臺北市大安區泰順街5號，手機0912-345-678。"
EXPECTED = [("A123456789", "NATIONAL_ID"), ("臺北市大安區泰順街5號", "ADDRESS"), ("0912-345-678", "PHONE")]


def entities(doc: Doc) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for ent in doc.ents]


def recognized(text: str, scores: dict[tuple[str, str], float], nlp: Language = NLP) -> Doc:
    """Make a document with the entities of a recognizer."""
    doc = nlp.make_doc(text)
    ents = []
    for surface, label in scores:
        start = text.index(surface)
        span = doc.char_span(start, start + len(surface), label=label)
        assert span is not None
        ents.append(span)
    doc.ents = ents
    found = tuple(Entity(span.start, span.end, span.label_) for span in ents)
    write_scores(doc, Prediction(found, tuple(scores.values())))
    return doc


def test_it_is_added_by_name() -> None:
    nlp = spacy.blank("zh_tw")
    pii = nlp.add_pipe("zh_tw_pii", config={"labels": ["PHONE"], "min_score": 0.6})
    assert isinstance(pii, PiiFinder)
    assert (pii.name, pii.labels, pii.min_score) == ("zh_tw_pii", ("PHONE",), 0.6)
    assert entities(nlp(TEXT)) == EXPECTED[-1:]


def test_entities_have_scores_and_rules() -> None:
    doc = PiiFinder()(NLP.make_doc(TEXT))
    assert entities(doc) == EXPECTED
    assert [ent._.rule for ent in doc.ents] == ["national_id_checksum", "address_in_district", "phone"]
    assert [ent._.score for ent in doc.ents] == [0.99, 0.97, 0.98]
    assert doc.spans["pii"].attrs == {
        "scores": [0.99, 0.97, 0.98],
        "rules": ["national_id_checksum", "address_in_district", "phone"],
    }
    assert doc[0:3]._.rule is None
    assert doc.text == TEXT


def test_after_a_recognizer_the_largest_sum_of_scores_is_kept() -> None:
    scores = {
        ("王小明", "PERSON"): 0.4,
        ("臺北市", "GPE"): 0.99,
        ("大安區", "GPE"): 0.99,
        ("泰順街", "FAC"): 0.99,
        ("0912", "CARDINAL"): 0.9,
    }
    doc = PiiFinder()(recognized(TEXT, scores))
    assert entities(doc) == [("王小明", "PERSON"), *EXPECTED]
    assert [ent._.score for ent in doc.ents] == [0.4, 0.99, 0.97, 0.98]
    assert doc.ents[0]._.rule is None


def test_a_doubtful_finding_loses_to_a_longer_entity() -> None:
    text = "請洽04595257號文件"
    rival = {("04595257號文件", "WORK_OF_ART"): 0.9}
    assert entities(PiiFinder(min_score=0.3)(recognized(text, rival))) == [("04595257號文件", "WORK_OF_ART")]
    priority = PiiFinder(min_score=0.3, priority=5.0)
    assert entities(priority(recognized(text, rival))) == [("04595257", "COMPANY_ID")]


def test_names_are_found_only_if_wanted() -> None:
    doc = spacy.blank("zh_tw")("收件人：單小姐\n08:15 倪爸 我到了")
    assert not PiiFinder()(doc).ents
    finder = PiiFinder(names=True)
    assert [(ent.text, ent.label_, ent._.rule) for ent in finder(doc).ents] == [
        ("單小姐", "PERSON", "person_field"),
        ("倪爸", "PERSON", "person_speaker"),
    ]
    assert finder.labels[-2:] == ("PERSON", "ORG")
    assert PiiFinder().from_bytes(finder.to_bytes()).names


def test_settings_of_a_version_without_names_are_read() -> None:
    old = b'{"labels": null, "min_score": 0.5, "priority": 0.5, "overwrite": false}'
    assert not PiiFinder(names=True).from_bytes(old).names


def test_entities_without_a_score_are_kept_unless_overwrite_is_true() -> None:
    for overwrite, expected in ((False, ("0912", "CODE")), (True, ("0912-345-678", "PHONE"))):
        doc = NLP.make_doc("手機0912-345-678，王小明")
        doc.ents = [Span(doc, 2, 6, "CODE", kb_id="Q1"), Span(doc, 15, 18, "PERSON", kb_id="Q2")]
        PiiFinder(overwrite=overwrite)(doc)
        assert entities(doc) == [expected, ("王小明", "PERSON")]
        assert doc.ents[-1].kb_id_ == "Q2"


def test_before_a_recognizer_findings_are_kept(tiny_nlp: Language) -> None:
    doc = tiny_nlp(PiiFinder()(tiny_nlp.make_doc(TEXT)))
    assert set(EXPECTED) <= set(entities(doc))
    assert [ent._.score for ent in doc.ents if ent.label_ == "NATIONAL_ID"] == [0.99]
    assert [ent._.rule for ent in doc.ents if ent.label_ == "NATIONAL_ID"] == ["national_id_checksum"]


def test_it_works_after_a_trained_recognizer(tiny_nlp: Language) -> None:
    doc = PiiFinder()(tiny_nlp("蔡英文在臺北市，統一編號04595257。"))
    assert ("04595257", "COMPANY_ID") in entities(doc)
    assert ("臺北市", "GPE") in entities(doc)
    assert all(ent._.score is not None for ent in doc.ents)


def test_a_docbin_keeps_scores_and_rules() -> None:
    doc = PiiFinder()(NLP.make_doc(TEXT))
    (copy,) = DocBin(docs=[doc], store_user_data=True).get_docs(NLP.vocab)
    for loaded in (copy, Doc(NLP.vocab).from_bytes(doc.to_bytes()), pickle.loads(pickle.dumps(doc))):
        assert entities(loaded) == EXPECTED
        assert [ent._.rule for ent in loaded.ents] == [ent._.rule for ent in doc.ents]
        assert [ent._.score for ent in loaded.ents] == [ent._.score for ent in doc.ents]


def test_rules_survive_retokenizing() -> None:
    doc = PiiFinder()(NLP.make_doc(TEXT))
    with doc.retokenize() as retokenizer:
        for ent in doc.ents:
            retokenizer.merge(ent)
    assert [ent._.rule for ent in doc.ents] == ["national_id_checksum", "address_in_district", "phone"]


def test_tokens_of_another_language_are_covered_whole() -> None:
    doc = PiiFinder()(spacy.blank("en")("His ID is A123456789."))
    assert any("A123456789" in ent.text for ent in doc.ents)


def test_running_twice_changes_nothing() -> None:
    pii = PiiFinder()
    doc = pii(NLP.make_doc(TEXT))
    before = [(ent.text, ent.label_, ent._.score, ent._.rule) for ent in doc.ents]
    assert [(ent.text, ent.label_, ent._.score, ent._.rule) for ent in pii(doc).ents] == before


@given(st.text("A1290-０９ \n號路統編電話市大安區臺北abc@.:年月日", max_size=60), st.floats(0, 1), st.booleans())
def test_any_text_keeps_its_characters_and_earlier_entities(text: str, min_score: float, overwrite: bool) -> None:
    doc = NLP.make_doc(text)
    earlier = [] if overwrite or len(doc) < 2 else [Span(doc, 0, 2, "X")]
    doc.ents = earlier
    PiiFinder(min_score=min_score, overwrite=overwrite)(doc)
    assert doc.text == text
    assert set(earlier) <= set(doc.ents)
    assert all(ent._.score is not None and ent._.rule is not None for ent in doc.ents if ent.label_ != "X")


@pytest.mark.parametrize("text", ["", " ", "\n", "好"])
def test_nothing_found_leaves_a_document_as_it_is(text: str) -> None:
    doc = PiiFinder()(NLP.make_doc(text))
    assert (doc.text, doc.ents, len(doc.spans["pii"])) == (text, (), 0)


def test_settings_are_saved(tmp_path: Path) -> None:
    pii = PiiFinder(labels=["PHONE", "EMAIL"], min_score=0.25, priority=0.75, overwrite=True)
    pii.to_disk(tmp_path / "pii")
    loaded = [
        PiiFinder().from_bytes(pii.to_bytes()),
        PiiFinder().from_disk(tmp_path / "pii"),
        pickle.loads(pickle.dumps(pii)),
    ]
    for copy in loaded:
        assert copy.labels == ("PHONE", "EMAIL")
        assert (copy.min_score, copy.priority, copy.overwrite) == (0.25, 0.75, True)
    assert PiiFinder().from_bytes(PiiFinder().to_bytes()).labels == LABELS


def test_a_pipeline_is_saved(tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("zh_tw_pii")
    nlp.initialize()
    nlp.to_disk(tmp_path)
    assert entities(spacy.load(tmp_path)(TEXT)) == EXPECTED
    assert entities(spacy.blank("zh_tw").from_config(nlp.config).from_bytes(nlp.to_bytes())(TEXT)) == EXPECTED


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": ["PHONES"]}, r"\[ZT850\] zh_tw_pii has no rules for the label 'PHONES'. Choose from NATIONAL_ID"),
        ({"min_score": 1.5}, r"\[ZT106\] min_score must be from 0 to 1 \(got 1.5\)"),
        ({"priority": -1.0}, r"\[ZT851\] zh_tw_pii: priority must be .* \(got -1.0\)"),
        ({"priority": float("inf")}, r"\[ZT851\]"),
    ],
)
def test_invalid_settings_are_errors(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PiiFinder(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"labels": "PHONE", "min_score": 0.5, "priority": 0.5, "overwrite": false}',
        b'{"labels": [1], "min_score": 0.5, "priority": 0.5, "overwrite": false}',
        b'{"labels": ["X"], "min_score": 0.5, "priority": 0.5, "overwrite": false}',
        b'{"labels": null, "min_score": "a", "priority": 0.5, "overwrite": false}',
        b'{"labels": null, "min_score": true, "priority": 0.5, "overwrite": false}',
        b'{"labels": null, "min_score": 0.5, "priority": NaN, "overwrite": false}',
        b'{"labels": null, "min_score": 0.5, "priority": 0.5, "overwrite": 1}',
    ],
)
def test_damaged_settings_are_reported(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "pii").write_bytes(data)
    with pytest.raises(ValueError, match=r"\[ZT"):
        PiiFinder().from_disk(tmp_path / "pii")


def test_an_extension_of_another_package_is_a_warning() -> None:
    PiiFinder()
    other = Span.get_extension("rule")
    assert other[2] is get_rule
    Span.remove_extension("rule")
    Span.set_extension("rule", default="theirs")
    try:
        with pytest.warns(UserWarning, match=r"\[ZT858\]"):
            PiiFinder()
    finally:
        Span.remove_extension("rule")
        PiiFinder()
