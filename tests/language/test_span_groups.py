"""Test that scores and evidence survive when other components merge and split tokens."""

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup

from spacy_zh_tw_ner.components.span_annotations import register_extension, write_evidence, write_scores
from spacy_zh_tw_ner.entities import Entity, Prediction
from spacy_zh_tw_ner.language.span_groups import CharacterSpans, keep_on_characters

TEXT = "林小華訪問美、中、日三國，也到臺北市。"
ENTS = {(0, 3, "PERSON"): 0.9, (5, 6, "GPE"): 0.8, (7, 8, "GPE"): 0.7, (9, 10, "GPE"): 0.6, (15, 18, "GPE"): 0.5}
NLP = spacy.blank("zh_tw")


@pytest.fixture(autouse=True)
def _extension() -> None:
    register_extension()


def scored_doc() -> Doc:
    doc = NLP.make_doc(TEXT)
    ents = [Entity(*ent) for ent in ENTS]
    doc.ents = [Span(doc, *ent) for ent in ents]
    write_scores(doc, Prediction(tuple(ents), tuple(ENTS.values())))
    write_evidence(doc, [doc[15:18], doc[0:3]], 2.0)
    return doc


def in_doc_bin(doc: Doc) -> Doc:
    return next(iter(DocBin().from_bytes(DocBin(docs=[doc]).to_bytes()).get_docs(doc.vocab)))


WAYS: dict[str, Callable[[Doc], Doc]] = {
    "itself": lambda doc: doc,
    "DocBin": in_doc_bin,
    "DocBin with user data": lambda doc: next(
        iter(DocBin(store_user_data=True, docs=[doc]).get_docs(doc.vocab)),
    ),
    "bytes": lambda doc: Doc(doc.vocab).from_bytes(doc.to_bytes()),
    "pickle": lambda doc: pickle.loads(pickle.dumps(doc)),
    "copy": Doc.copy,
    "copy of a copy": lambda doc: doc.copy().copy(),
    "as_doc": lambda doc: doc[:].as_doc(copy_user_data=True),
    "from_docs": lambda doc: Doc.from_docs([doc]),
    "JSON": lambda doc: Doc(doc.vocab).from_json(doc.to_json(underscore=["score"])),
}


def found(doc: Doc) -> dict[tuple[str, str], float]:
    return {(ent.text, ent.label_): ent._.score for ent in doc.ents}


def merge_entities(doc: Doc) -> None:
    NLP_WITH_MERGES.get_pipe("merge_entities")(doc)


NLP_WITH_MERGES = spacy.blank("zh_tw")
NLP_WITH_MERGES.add_pipe("merge_entities")


def merge(*bounds: tuple[int, int]) -> Callable[[Doc], None]:
    def change(doc: Doc) -> None:
        with doc.retokenize() as retokenizer:
            for start, end in bounds:
                retokenizer.merge(doc[start:end])

    return change


def split_again(doc: Doc) -> None:
    merge((0, 3))(doc)
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[0], ["林", "小華"], heads=[doc[0], doc[0]])


CHANGES: dict[str, Callable[[Doc], None]] = {
    "nothing": lambda doc: None,
    "merge_entities": merge_entities,
    "merge inside": merge((1, 3), (12, 15)),
    "merge and split": split_again,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("change", CHANGES)
def test_scores_survive_retokenizing_and_serialization(change: str, way: str) -> None:
    doc = scored_doc()
    expected = {(TEXT[start:end], label): score for (start, end, label), score in ENTS.items()}
    CHANGES[change](doc)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found(WAYS[way](doc)) == pytest.approx(expected)
        assert found(doc) == pytest.approx(expected)


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("as_doc", "from_docs", "JSON")])
@pytest.mark.parametrize("change", CHANGES)
def test_span_groups_keep_their_characters(change: str, way: str) -> None:
    doc = scored_doc()
    CHANGES[change](doc)
    again = WAYS[way](doc)
    assert [(span.text, span.label_) for span in again.spans["ner"]] == [(TEXT[s:e], label) for s, e, label in ENTS]
    assert again.spans["ner"].attrs["scores"] == list(ENTS.values())
    assert [span.text for span in again.spans["gazetteer"]] == ["臺北市", "林小華"]
    assert again.spans["gazetteer"].attrs["bonuses"] == [2.0, 2.0]


@pytest.mark.parametrize("way", WAYS)
def test_merges_across_entity_boundaries_keep_scores(way: str) -> None:
    doc = scored_doc()
    # The merged tokens 訪問美 and 到臺 lose their part of an entity; the entity 北市 gains the character 。.
    merge((2, 5), (14, 16), (16, 19))(doc)
    assert [ent.text for ent in doc.ents][-1] == "北市。"
    assert all(isinstance(ent._.score, float) for ent in doc.ents), found(doc)
    again = WAYS[way](doc)
    assert [ent.text for ent in again.ents] == [ent.text for ent in doc.ents]
    again.to_bytes()


def test_entities_changed_by_other_components_have_no_score() -> None:
    doc = scored_doc()
    doc.ents = [Span(doc, 0, 5, "PERSON"), Span(doc, 5, 6, "LOC"), *doc.ents[2:]]
    doc.ents = list(doc.ents)
    assert [ent._.score for ent in doc.ents] == [None, None, 0.7, 0.6, 0.5]


def test_joined_documents_keep_scores() -> None:
    one, two = scored_doc(), scored_doc()
    merge_entities(one)
    joined = Doc.from_docs([one, two])
    assert [ent._.score for ent in joined.ents] == [*ENTS.values()] * 2


@pytest.mark.parametrize("again", [way for way in WAYS if way not in ("as_doc", "from_docs", "JSON")])
@pytest.mark.parametrize("way", [way for way in WAYS if way != "as_doc"])
def test_stored_documents_can_be_retokenized(way: str, again: str) -> None:
    doc = WAYS[way](scored_doc())
    merge_entities(doc)
    stored = WAYS[again](doc)
    if (way, again) not in (
        ("from_docs", "DocBin"),
        ("JSON", "DocBin"),
    ):  # these two store different parts of the scores
        assert list(found(stored).values()) == list(ENTS.values())
    assert [span.text for span in doc.spans["ner"]] == [ent.text for ent in doc.ents]
    assert Doc.from_docs([doc, doc]).to_json()["spans"]["ner"]


def test_groups_of_users_survive_retokenizing() -> None:
    doc = NLP.make_doc(TEXT)
    doc.spans.setdefault("mine", []).append(doc[15:18])
    doc.spans["other"] = [doc[0:3]]
    merge((0, 3), (15, 18))(doc)
    assert [span.text for key in ("mine", "other") for span in doc.spans[key]] == ["臺北市", "林小華"]


def test_other_languages_have_groups_of_spacy() -> None:
    doc = spacy.blank("en").make_doc("a b c")
    doc.spans["x"] = [doc[0:2]]
    assert type(doc.spans["x"]) is SpanGroup
    assert type(Doc(doc.vocab).from_bytes(doc.to_bytes()).spans["x"]) is SpanGroup


def test_class_without_the_methods_is_not_changed() -> None:
    class Groups:
        pass

    assert not keep_on_characters(Groups)
    assert keep_on_characters()


def test_reading_scores_converts_a_group_of_spacy() -> None:
    doc = scored_doc()
    ours = doc.spans["ner"]
    doc.spans["ner"] = SpanGroup(doc, name="ner", spans=list(ours), attrs=ours.attrs)
    merge_entities(doc)
    assert [ent._.score for ent in doc.ents] == list(ENTS.values())
    assert len(list(doc.spans["ner"])) == len(ENTS)


def test_writing_scores_replaces_earlier_scores() -> None:
    doc = scored_doc()
    write_scores(doc, Prediction((Entity(0, 3, "PERSON"),), (0.25,)))
    assert [ent._.score for ent in doc.ents] == [0.25, None, None, None, None]
    assert [value for key, value in doc.user_data.items() if key[1] == "score"] == [0.25]


def test_group_keeps_ids_and_accepts_new_spans() -> None:
    doc = NLP.make_doc(TEXT)
    group: Any = CharacterSpans(doc, name="x", spans=[Span(doc, 15, 18, "GPE", kb_id="Q1867", span_id="a")])
    doc.spans["x"] = group
    merge((0, 3), (15, 18))(doc)
    group.append(Span(doc, 0, 1, "PERSON"))
    assert [(s.text, s.label_, s.kb_id_, s.id_) for s in group] == [
        ("臺北市", "GPE", "Q1867", "a"),
        ("林小華", "PERSON", "", ""),
    ]
    assert group[-1].text == "林小華"
    with pytest.raises(IndexError):
        group[2]
    assert [s.text for s in doc.spans["x"].copy()] == ["臺北市", "林小華"]


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 17), st.integers(2, 6)), max_size=4))
def test_documents_with_any_merges_can_be_stored(merges: list[tuple[int, int]]) -> None:
    doc = scored_doc()
    for start, length in merges:
        if start < len(doc) - 1:
            merge((start, min(start + length, len(doc))))(doc)
    for way in WAYS.values():
        again = way(doc)
        assert again.text == TEXT
        assert len(list(again.spans.get("ner", []))) in (0, len(ENTS))
        assert all(ent._.score is None or 0.0 < ent._.score < 1.0 for ent in again.ents)
        again.to_bytes()


def test_merge_entities_works_in_processes(tiny_nlp: Language, tiny_texts: list[str]) -> None:
    nlp = tiny_nlp
    merged = nlp.add_pipe("merge_entities")
    try:
        docs = list(nlp.pipe(tiny_texts))
        again = list(nlp.pipe(tiny_texts, n_process=2, batch_size=3))
    finally:
        nlp.remove_pipe("merge_entities")
    assert merged is not None
    assert any(doc.ents for doc in docs)
    assert [[ent.text for ent in doc.ents] for doc in again] == [[ent.text for ent in doc.ents] for doc in docs]
    for doc in again:
        assert all(isinstance(ent._.score, float) for ent in doc.ents)
