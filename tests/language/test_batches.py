"""Test that `nlp.pipe` limits the number of characters of a batch."""

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc

from spacy_zh_tw_ner import language
from spacy_zh_tw_ner.language import divide


@given(
    texts=st.lists(st.text(max_size=12), max_size=30), max_items=st.integers(1, 8), max_characters=st.integers(1, 40)
)
def test_batches_keep_the_order_and_the_limits(texts: list[str], max_items: int, max_characters: int) -> None:
    batches = list(divide(iter(texts), max_items=max_items, max_characters=max_characters))
    assert [text for batch in batches for text in batch] == texts
    assert all(1 <= len(batch) <= max_items for batch in batches)
    assert all(sum(map(len, batch[:-1])) < max_characters for batch in batches)
    assert all(len(batch) == max_items or sum(map(len, batch)) >= max_characters for batch in batches[:-1])


def test_pipe_processes_all_texts_in_limited_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "BATCH_CHARACTERS", 10)
    nlp = spacy.blank("zh_tw")
    events: list[str] = []

    @Language.component("first_test_component")
    def first(doc: Doc) -> Doc:
        events.append(f"1 {doc.text}")
        return doc

    @Language.component("second_test_component")
    def second(doc: Doc) -> Doc:
        events.append(f"2 {doc.text}")
        return doc

    nlp.add_pipe("first_test_component")
    nlp.add_pipe("second_test_component")
    texts = ["國立臺灣大學", "臺北市大安區", "", "高雄"]
    assert [doc.text for doc in nlp.pipe(texts)] == texts
    assert [(doc.text, i) for doc, i in nlp.pipe(zip(texts, range(4), strict=True), as_tuples=True)] == [
        (text, i) for i, text in enumerate(texts)
    ]
    assert [doc.text for doc in nlp.pipe([nlp.make_doc(text) for text in texts], batch_size=1)] == texts
    assert sorted(events[:8]) == sorted(f"{i} {text}" for text in texts for i in (1, 2))
