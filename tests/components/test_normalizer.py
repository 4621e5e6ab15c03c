"""Normal forms that the component sets, in documents, saved files and other containers of spaCy."""

import pickle
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

from spacy_zh_tw_ner.components.normalizer import SPANS_KEY, Normalizer, register_extensions
from spacy_zh_tw_ner.components.span_annotations import register_extension as register_scores
from spacy_zh_tw_ner.recognizers.spacy_recognizer import SpacyRecognizer

NLP = spacy.blank("zh_tw")
TEXT = "他昨天花了三萬五，約三百多元。"
FORMS = [("昨天", "2026-11-28"), ("三萬五", "TWD 35000"), ("三百多元", None)]


def make_doc(nlp: Language = NLP) -> Doc:
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, 1, 3, "DATE"), Span(doc, 5, 8, "MONEY"), Span(doc, 10, 14, "MONEY")]
    doc._.reference_date = "2026-11-29"
    return doc


def forms(doc: Doc) -> list[tuple[str, str | None]]:
    return [(ent.text, ent._.normalized) for ent in doc.ents]


def test_entities_get_normal_forms() -> None:
    assert forms(Normalizer()(make_doc())) == FORMS


def test_it_works_in_saved_pipelines(tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    ruler: Any = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERCENT", "pattern": [{"TEXT": char} for char in "三成五"]}])
    nlp.add_pipe("zh_tw_normalizer", config={"labels": ["PERCENT"], "currency": None})
    nlp.to_disk(tmp_path)
    for other in (nlp, spacy.load(tmp_path), spacy.blank("zh_tw", config=nlp.config).from_bytes(nlp.to_bytes())):
        assert [forms(doc) for doc in other.pipe(["有三成五", "沒有"])] == [[("三成五", "0.35")], []]


def test_labels_and_currency_are_settings() -> None:
    doc = Normalizer(labels=["MONEY"], currency="USD")(make_doc())
    assert [form for _, form in forms(doc)] == [None, "USD 35000", None]
    assert [form for _, form in forms(Normalizer(currency=None)(make_doc()))] == ["2026-11-28", None, None]


def test_a_second_run_replaces_normal_forms() -> None:
    doc = Normalizer()(make_doc())
    doc._.reference_date = date(2026, 3, 1)
    assert forms(Normalizer(labels=["DATE"])(doc)) == [("昨天", "2026-02-28"), ("三萬五", None), ("三百多元", None)]
    doc.ents = []
    Normalizer()(doc)
    assert len(doc.spans[SPANS_KEY]) == 0


def test_a_form_belongs_to_one_entity() -> None:
    doc = Normalizer()(make_doc())
    assert doc[1:3]._.normalized is None
    assert Span(doc, 1, 3, "DATE")._.normalized == "2026-11-28"
    assert Span(doc, 1, 2, "DATE")._.normalized is None
    assert Span(doc, 1, 1, "DATE")._.normalized is None


def test_nothing_is_added_to_a_document_without_normal_forms() -> None:
    doc = Normalizer()(NLP.make_doc("好"))
    assert (len(doc.spans), doc.user_data) == (0, {})


def without_user_data(doc: Doc) -> Doc:
    return next(iter(DocBin().from_bytes(DocBin(docs=[doc]).to_bytes()).get_docs(NLP.vocab)))


def copies(doc: Doc) -> Iterator[Doc]:
    yield without_user_data(doc)
    yield Doc(NLP.vocab).from_bytes(doc.to_bytes())
    yield doc.copy()
    yield pickle.loads(pickle.dumps(doc))
    yield doc[:].as_doc(copy_user_data=True)
    with pytest.warns(UserWarning, match="W101"):  # spaCy merges no extension attributes of documents
        yield Doc.from_docs([doc])


def test_containers_keep_normal_forms() -> None:
    for copied in copies(Normalizer()(make_doc())):
        assert forms(copied) == FORMS


def test_containers_keep_the_reference_date() -> None:
    doc = make_doc()
    assert Doc(NLP.vocab).from_bytes(doc.to_bytes())._.reference_date == date(2026, 11, 29)
    assert without_user_data(doc)._.reference_date is None


def test_merged_tokens_keep_normal_forms() -> None:
    doc = Normalizer()(make_doc())
    with doc.retokenize() as retokenizer:
        for ent in doc.ents:
            retokenizer.merge(ent)
    assert forms(doc) == FORMS
    assert forms(without_user_data(doc)) == FORMS


def test_json_has_normal_forms() -> None:
    doc = Normalizer()(make_doc())
    written = doc.to_json(underscore=["normalized"])
    assert [entry["value"] for entry in written["underscore_span"]["normalized"]] == ["2026-11-28", "TWD 35000"]


@pytest.mark.parametrize("value", [date(2026, 11, 29), datetime(2026, 11, 29, 23), "2026-11-29"])
def test_reference_dates_are_set_and_deleted(value: object) -> None:
    doc = NLP.make_doc("好")
    assert doc._.reference_date is None
    doc._.reference_date = value
    assert doc._.reference_date == date(2026, 11, 29)
    doc._.reference_date = None
    assert doc._.reference_date is None


@pytest.mark.parametrize("value", ["昨天", "2026-11-31", 20261129, ""])
def test_invalid_reference_dates_are_errors(value: object) -> None:
    doc = NLP.make_doc("好")
    with pytest.raises(ValueError, match=r"\[ZT860\] A reference date must be a date"):
        doc._.reference_date = value


def test_invalid_settings_are_errors() -> None:
    with pytest.raises(ValueError, match=r"\[ZT861\] .*'PERSON' has no normal form. Choose from DATE, TIME"):
        Normalizer(labels=["DATE", "PERSON"])
    for currency in ("NT$", "twd", "元", ""):
        with pytest.raises(ValueError, match=r"\[ZT862\]"):
            Normalizer(currency=currency)


def test_extensions_of_other_packages_are_left_alone() -> None:
    ours = Span.remove_extension("normalized"), Doc.remove_extension("reference_date")
    Span.set_extension("normalized", default="theirs")
    Doc.set_extension("reference_date", default="2026-11-29")
    try:
        with pytest.warns(
            UserWarning, match=r"\[ZT86[34]\] Another package has registered the extension attribute `(Span|Doc)\._\."
        ):
            doc = Normalizer()(make_doc())
        assert doc.ents[0]._.normalized == "theirs"
        assert doc.spans[SPANS_KEY].attrs["values"] == ["2026-11-28", "TWD 35000"]
    finally:
        Span.set_extension("normalized", force=True, getter=ours[0][2])
        Doc.set_extension("reference_date", force=True, getter=ours[1][2], setter=ours[1][3])
    register_extensions()
    register_scores()
    assert forms(Normalizer()(make_doc())) == FORMS


def test_addresses_that_rules_find_have_their_parts() -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("zh_tw_pii")
    nlp.add_pipe("zh_tw_normalizer")
    (found,) = SpacyRecognizer(nlp)(["住台北市大安區泰順街十六巷5號3樓，附近：中山路5號頂樓"])
    assert [(place.label, place.normalized) for place in found] == [
        ("ADDRESS", "county:臺北市 district:大安區 road:泰順街 lane:16 number:5 floor:3"),
        ("ADDRESS", "road:中山路 number:5"),
    ]


def test_pipelines_that_were_saved_without_addresses_stay_as_they_are() -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("zh_tw_pii")
    nlp.add_pipe("zh_tw_normalizer", config={"labels": ["DATE", "QUANTITY"]})
    assert [ent._.normalized for ent in nlp("住臺北市大安區泰順街5號").ents] == [None]
