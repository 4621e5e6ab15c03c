"""Test the gazetteer: found words, and their effect on entities and scores."""

import pickle
import random
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

from spacy_zh_tw_ner.components.gazetteer import Gazetteer

WORDS = {"ORG": ["台積電", "台大", "台大醫院", "AI", "New York Times"], "GPE": ["裡港", "New York"]}
NLP = spacy.blank("zh_tw")


def found(gazetteer: Gazetteer, text: str, nlp: Language = NLP) -> list[tuple[str, str]]:
    return [(span.text, span.label_) for span in gazetteer.find(nlp.make_doc(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("臺積電和台積電", [("臺積電", "ORG"), ("台積電", "ORG")]),
        ("裏港", [("裏港", "GPE")]),
        ("用ＡＩ和ai", [("ＡＩ", "ORG"), ("ai", "ORG")]),
        ("Haiti AI2 4AI ＡＩＸ", []),
        ("AI台AI", [("AI", "ORG"), ("AI", "ORG")]),
        ("台大醫院", [("台大", "ORG"), ("台大醫院", "ORG")]),
        ("在 New York Times", [("New York Times", "ORG"), ("New York", "GPE")]),
        ("", []),
        ("台", []),
    ],
)
def test_words_are_found_in_any_spelling(text: str, expected: list[tuple[str, str]]) -> None:
    assert sorted(found(Gazetteer(WORDS), text)) == sorted(expected)


@given(
    st.sets(st.text("台臺大裡裏aＡ1 ", min_size=1, max_size=4).filter(lambda w: w == w.strip()), max_size=6),
    st.text("台臺大裡裏aＡ1 \n", max_size=20),
)
def test_find_equals_a_search_for_each_word(words: set[str], text: str) -> None:
    def fold(text: str) -> str:
        return text.translate(str.maketrans("臺裏Ａ", "台裡a"))

    def at_edge(place: int) -> bool:
        around = fold(text)[max(0, place - 1) : place + 1]
        return not (0 < place < len(text) and around.isascii() and around.isalnum())

    doc = NLP.make_doc(text)
    expected = {
        (start, start + len(word))
        for word in words
        for start in range(len(text))
        if fold(text).startswith(fold(word), start) and at_edge(start) and at_edge(start + len(word))
    }
    spans = list(Gazetteer({"X": words}).find(doc))
    assert {(span.start_char, span.end_char) for span in spans} == expected
    assert len(spans) == len(expected)


def test_word_can_have_several_labels() -> None:
    gazetteer = Gazetteer({"ORG": ["台大"], "FAC": ["臺大", "台大"]})
    assert found(gazetteer, "台大") == [("台大", "ORG"), ("台大", "FAC")]
    assert gazetteer.labels == ("ORG", "FAC")


def test_word_that_ends_inside_a_token_is_not_found() -> None:
    tokenizer = {"@tokenizers": "spacy-zh-tw-ner.CharTokenizer.v1", "group": ["latin", "digit"]}
    nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": tokenizer}})
    assert found(Gazetteer({"X": ["é", "é台"]}), "é台aé台", nlp) == [("é", "X"), ("é台", "X")]


@pytest.fixture
def untrained_text(tiny_nlp: Language) -> str:
    """Return a sentence with a word that the tiny pipeline does not recognize as an organization."""
    text = "我們去聯發科吃飯吧！"
    assert not any(ent.text == "聯發科" for ent in tiny_nlp(text).ents)
    return text


def entities(doc: Doc) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for ent in doc.ents]


def test_strong_evidence_makes_an_entity_and_raises_its_score(tiny_nlp: Language, untrained_text: str) -> None:
    scores = []
    for bonus in (10.0, 20.0):
        doc = Gazetteer({"ORG": ["聯發科"]}, bonus=bonus)(tiny_nlp.make_doc(untrained_text))
        doc = tiny_nlp(doc)
        assert entities(doc) == [("聯發科", "ORG")]
        scores.append(doc.ents[0]._.score)
    assert 0.0 < scores[0] < scores[1] <= 1.0


def test_weak_evidence_is_outweighed(tiny_nlp: Language, untrained_text: str) -> None:
    doc = tiny_nlp(Gazetteer({"ORG": ["聯發科"]}, bonus=0.01)(tiny_nlp.make_doc(untrained_text)))
    assert entities(doc) == []
    assert [span.text for span in doc.spans["gazetteer"]] == ["聯發科"]


def test_evidence_of_one_document_does_not_affect_others(tiny_nlp: Language, untrained_text: str) -> None:
    docs = [
        tiny_nlp.make_doc(text) for text in (untrained_text, "蔡英文在臺北市。", untrained_text, "", untrained_text)
    ]
    Gazetteer({"ORG": ["聯發科"]}, bonus=20.0)(docs[2])
    Gazetteer({"GPE": ["聯發科"]}, bonus=20.0)(docs[4])
    alone = [entities(tiny_nlp(text)) for text in (untrained_text, "蔡英文在臺北市。")]
    expected = [*alone, [("聯發科", "ORG")], [], [("聯發科", "GPE")]]
    assert [entities(doc) for doc in tiny_nlp.pipe(docs, batch_size=5)] == expected


def test_spans_set_by_users_are_evidence(tiny_nlp: Language, untrained_text: str) -> None:
    doc = tiny_nlp.make_doc(untrained_text)
    doc.spans["gazetteer"] = [Span(doc, 3, 6, "ORG")]
    plain = tiny_nlp.get_pipe("ner").predict([doc])  # type: ignore[attr-defined]
    doc.spans["gazetteer"].attrs["bonuses"] = [20.0]
    assert plain != tiny_nlp.get_pipe("ner").predict([doc])  # type: ignore[attr-defined]
    assert entities(tiny_nlp(doc)) == [("聯發科", "ORG")]
    doc.spans["gazetteer"].attrs["bonuses"] = [20.0, 1.0]
    with pytest.raises(ValueError, match=r"\[ZT363\] doc.spans\['gazetteer'\] has 1 spans and 2 bonuses"):
        tiny_nlp(doc)


def test_evidence_with_an_unknown_label_raises(tiny_nlp: Language) -> None:
    doc = Gazetteer({"LAW": ["民法"]})(tiny_nlp.make_doc("民法"))
    with pytest.raises(ValueError, match=r"\[ZT360\] The span '民法' in .* has the label 'LAW'.*'GPE'.*override"):
        tiny_nlp(doc)


def test_override_makes_entities_regardless_of_the_recognizer(tiny_nlp: Language, untrained_text: str) -> None:
    gazetteer = Gazetteer({"LAW": ["聯發", "聯發科", "科吃"], "GPE": ["吃飯吧"]}, override=True)
    doc = tiny_nlp(gazetteer(tiny_nlp.make_doc(untrained_text)))
    assert entities(doc) == [("聯發科", "LAW"), ("吃飯吧", "GPE")]
    assert "gazetteer" not in doc.spans


def test_override_keeps_earlier_entities(nlp: Language) -> None:
    doc = nlp.make_doc("台大醫院和台大")
    doc.ents = [Span(doc, 2, 4, "FAC")]
    assert entities(Gazetteer(WORDS, override=True)(doc)) == [("台大", "ORG"), ("醫院", "FAC"), ("台大", "ORG")]


def test_document_without_matches_does_not_change(nlp: Language) -> None:
    for override in (False, True):
        doc = Gazetteer(WORDS, override=override)(nlp.make_doc("好"))
        assert (len(doc.spans), doc.has_annotation("ENT_IOB")) == (0, False)


def build(tiny_pipeline: Path) -> Language:
    nlp = spacy.load(tiny_pipeline)
    gazetteer = nlp.add_pipe("zh_tw_gazetteer", before="ner", config={"bonus": 20.0})
    gazetteer.add("ORG", ["聯發科"])  # type: ignore[attr-defined]
    return nlp


def test_words_are_saved_with_the_pipeline(tiny_pipeline: Path, untrained_text: str, tmp_path: Path) -> None:
    nlp = build(tiny_pipeline)
    assert entities(nlp(untrained_text)) == [("聯發科", "ORG")]
    nlp.to_disk(tmp_path)
    assert entities(spacy.load(tmp_path)(untrained_text)) == [("聯發科", "ORG")]
    other = spacy.load(tmp_path, config={"components.zh_tw_gazetteer.bonus": 0.01})
    assert entities(other(untrained_text)) == []
    again = build(tiny_pipeline).from_bytes(nlp.to_bytes())
    assert again.get_pipe("zh_tw_gazetteer").words == {"ORG": ["聯發科"]}  # type: ignore[attr-defined]


def test_evidence_survives_a_docbin(tiny_nlp: Language, untrained_text: str) -> None:
    doc = Gazetteer({"ORG": ["聯發科"]}, bonus=20.0)(tiny_nlp.make_doc(untrained_text))
    (read,) = DocBin().from_bytes(DocBin(docs=[doc]).to_bytes()).get_docs(tiny_nlp.vocab)
    assert entities(tiny_nlp(read)) == [("聯發科", "ORG")]


def test_words_can_be_read_by_a_config(tmp_path: Path) -> None:
    (tmp_path / "words.json").write_text('{"ORG": ["台積電"]}', encoding="utf-8")
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("zh_tw_gazetteer", name="words")
    reader = {"@readers": "srsly.read_json.v1", "path": str(tmp_path / "words.json")}
    nlp.config["initialize"]["components"]["words"] = {"words": reader}
    nlp.initialize()
    assert nlp.get_pipe("words").words == {"ORG": ["台積電"]}  # type: ignore[attr-defined]


def test_gazetteer_can_be_pickled() -> None:
    gazetteer = pickle.loads(pickle.dumps(Gazetteer(WORDS, bonus=3.0, override=True, name="words")))
    assert (gazetteer.words, gazetteer.bonus, gazetteer.override, gazetteer.name) == (WORDS, 3.0, True, "words")
    assert found(gazetteer, "臺大") == [("臺大", "ORG")]


@pytest.mark.parametrize("bonus", [0.0, -1.0, float("inf"), float("nan")])
def test_bonus_out_of_range_raises(bonus: float) -> None:
    with pytest.raises(ValueError, match=rf"\[ZT361\] zh_tw_gazetteer: bonus must be .*\(got {bonus}\)"):
        Gazetteer(bonus=bonus)


@pytest.mark.parametrize("words", ["台積電", [""], [" 台積電"], ["台積電\n"], [3]])
def test_invalid_words_raise(words: object) -> None:
    with pytest.raises(ValueError, match=r"\[ZT362\] zh_tw_gazetteer: the words of 'ORG' must be"):
        Gazetteer({"ORG": words})  # type: ignore[dict-item]


def test_empty_label_raises() -> None:
    with pytest.raises(ValueError, match=r"\[ZT107\]"):
        Gazetteer({"": ["台積電"]})


def test_all_of_20000_words_are_found() -> None:
    random.seed(0)
    chars = [chr(code) for code in range(0x4E00, 0x5E00)]
    gazetteer = Gazetteer({"X": {"".join(random.choices(chars, k=random.randint(2, 6))) for _ in range(20_000)}})
    words = gazetteer.words["X"]
    text = "".join(random.choice(words) + random.choice(chars) for _ in range(200))
    assert {span.text for span in gazetteer.find(NLP.make_doc(text))} >= {word for word in words if word in text}
