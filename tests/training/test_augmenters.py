"""Augmentation by replacing entities with others of the same label."""

import random

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_zh_tw_ner.corpora.formats.markup import parse_line
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.training.augmenters import EntitySwap, create_entity_swap_augmenter_v1
from tests.annotated_docs import make_doc


@pytest.fixture(autouse=True)
def _seed() -> None:
    random.seed(0)


def make(nlp: Language, line: str) -> Example:
    gold = make_doc(nlp, Record(*parse_line(line), origin="f:1"))
    return Example(nlp.make_doc(gold.text), gold)


def frame(doc: Doc) -> str:
    """Return the text with each entity replaced by its label."""
    parts, position = [], 0
    for ent in doc.ents:
        parts += [doc.text[position : ent.start_char], f"<{ent.label_}>"]
        position = ent.end_char
    return "".join([*parts, doc.text[position:]])


LINES = [
    "[蔡英文](PERSON)在[臺北市](GPE)接見[台積電](ORG)董事長。",
    "[林佳龍](PERSON)和[陳建仁](PERSON)走訪 [New York](GPE) 的[鴻海](ORG)",
    "[王](PERSON)[台中](GPE)[中央研究院](ORG)",
    "好天氣，\n[Google](ORG) [Kyoto](GPE)。",
]


@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=12), st.floats(0, 1), st.integers())
def test_swapped_examples_keep_labels_and_valid_offsets(lines: list[str], level: float, seed: int) -> None:
    nlp, swap = spacy.blank("zh_tw"), EntitySwap(level)
    random.seed(seed)
    seen: dict[str, set[str]] = {}
    for line in lines:
        example = make(nlp, line)
        for ent in example.reference.ents:
            seen.setdefault(ent.label_, set()).add(ent.text)
        (swapped,) = swap(nlp, example)
        assert frame(swapped.reference) == frame(example.reference)
        assert swapped.predicted.text == swapped.reference.text
        assert [e.label_ for e in swapped.reference.ents] == [e.label_ for e in example.reference.ents]
        assert all(ent.text in seen[ent.label_] for ent in swapped.reference.ents)
        assert all(token.ent_iob_ in "BIO" and token.ent_iob_ for token in swapped.reference)
        assert None not in swapped.get_aligned_ner()


def test_entities_are_replaced_by_others_of_the_same_label(nlp: Language) -> None:
    swap = EntitySwap(1.0)
    list(swap(nlp, make(nlp, "[甲](A)[乙](B)")))
    pairs = [[e.text for e in next(swap(nlp, make(nlp, "[丙](A)和[丁](B)"))).reference.ents] for _ in range(40)]
    first, second = map(set, zip(*pairs, strict=True))
    assert (first, second) == ({"甲", "丙"}, {"乙", "丁"})


def test_texts_change_length_with_replaced_entities(nlp: Language) -> None:
    swap = EntitySwap(1.0)
    list(swap(nlp, make(nlp, "[國立臺灣大學](ORG)")))
    found = {next(swap(nlp, make(nlp, "在[台大](ORG)的門口"))).text for _ in range(20)}
    assert found == {"在台大的門口", "在國立臺灣大學的門口"}


def test_level_is_the_share_of_replaced_entities(nlp: Language) -> None:
    swap = EntitySwap(0.3)
    list(swap(nlp, make(nlp, "[甲](A)")))
    swap.pools["A"] = ["乙"] * 100
    n_swapped = 0
    for _ in range(1000):
        (example,) = swap(nlp, make(nlp, "[甲](A)"))
        swap.pools["A"] = ["乙"] * 100
        n_swapped += example.text == "乙"
    assert 250 < n_swapped < 350


def test_level_zero_changes_nothing(nlp: Language) -> None:
    swap = EntitySwap(0.0)
    for line in LINES * 5:
        example = make(nlp, line)
        assert list(swap(nlp, example)) == [example]


def test_a_text_without_entities_is_not_changed(nlp: Language) -> None:
    example = make(nlp, "今天天氣很好。")
    assert list(EntitySwap(1.0)(nlp, example)) == [example]


@pytest.mark.parametrize("unknown", [0, 3, 5])
def test_a_partly_annotated_document_keeps_the_annotation_of_its_other_tokens(unknown: int, nlp: Language) -> None:
    swap = EntitySwap(1.0)
    list(swap(nlp, make(nlp, "[阿里山](GPE)")))
    gold = nlp.make_doc("在臺北的夏天")
    gold.set_ents([Span(gold, 1, 3, label="GPE")], default="outside", missing=[gold[unknown : unknown + 1]])
    gold.spans["alternatives"] = [Span(gold, 4, 6, label="DATE"), Span(gold, 4, 6, label="O")]
    gold.user_data["outside_weight"] = 0.5
    example = Example(nlp.make_doc(gold.text), gold)
    texts = set()
    for _ in range(20):
        (swapped,) = swap(nlp, example)
        doc = swapped.reference
        texts.add(doc.text)
        shift = len(doc) - len(gold)
        silent = [token.i for token in doc if token.ent_iob == 0]
        assert silent == [unknown if unknown < 1 else unknown + shift]
        assert [(ent.start, ent.label_) for ent in doc.ents] == [(1, "GPE")]
        assert [(s.text, s.label_) for s in doc.spans["alternatives"]] == [("夏天", "DATE"), ("夏天", "O")]
        assert doc.user_data["outside_weight"] == 0.5
    assert texts == {"在臺北的夏天", "在阿里山的夏天"}


def test_a_document_without_annotation_is_not_changed(nlp: Language) -> None:
    gold = nlp.make_doc("在臺北市")
    example = Example(nlp.make_doc(gold.text), gold)
    assert list(EntitySwap(1.0)(nlp, example)) == [example]
    assert example.get_aligned_ner() == [None] * 4


def test_augmentation_does_not_change_the_corpus(nlp: Language) -> None:
    swap = EntitySwap(1.0)
    for line in LINES * 3:
        example = make(nlp, line)
        before = (example.text, example.get_aligned_ner())
        list(swap(nlp, example))
        assert (example.text, example.get_aligned_ner()) == before


def test_user_data_is_copied(nlp: Language) -> None:
    swap = EntitySwap(1.0)
    list(swap(nlp, make(nlp, "[甲](A)")))
    (example,) = swap(nlp, make(nlp, "[乙丙](A)"))
    assert example.reference.user_data["origin"] == "f:1"


def test_an_example_whose_entities_merge_with_other_tokens_is_not_changed() -> None:
    """If the tokenizer groups letters, a replaced entity may merge with the next token and would be trained as O."""
    tokenizer = {"@tokenizers": "spacy-zh-tw-ner.CharTokenizer.v1", "group": ["latin", "digit"]}
    nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": tokenizer}})
    swap = EntitySwap(1.0)
    list(swap(nlp, make(nlp, "[TSMC](ORG)")))
    for _ in range(30):
        (example,) = swap(nlp, make(nlp, "在[台](ORG)ABC的"))
        assert frame(example.reference) == "在<ORG>ABC的"


def test_the_same_seed_gives_the_same_examples(nlp: Language) -> None:
    runs = []
    for _ in range(2):
        random.seed(7)
        swap = create_entity_swap_augmenter_v1(0.5)
        runs.append([next(swap(nlp, make(nlp, line))).text for line in LINES * 4])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > len(LINES)
