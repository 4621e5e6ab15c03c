"""Wordpieces: the table returns what the tokenizer yields, for any text, from any thread."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.attrs import NORM, ORTH
from spacy.tokens import Doc
from transformers import AutoTokenizer

from benchmarks.synthetic import byte_level, sentences, unigram, wordpiece
from spacy_zh_tw_ner.transformer import wordpieces as module
from spacy_zh_tw_ner.transformer.settings import LOOKUP_OF_0_1
from spacy_zh_tw_ner.transformer.wordpieces import (
    N_CODE_POINTS,
    CodePointWordpieces,
    Wordpieces,
    WordpieceTable,
    code_point_wordpieces,
)

NLP = spacy.blank("zh_tw")
MAKERS: dict[str, Callable[[], Any]] = {"WordPiece": wordpiece, "Unigram": unigram, "byte-level BPE": byte_level}
NASTY = [
    "",
    " ",
    "\n\r\n",
    "\u3000",
    "\t臺\u00a0北",
    "臺" * 3000,
    "𠮷野家𨋢",
    "e\u0301 é",
    "👨\u200d👩\u200d👧\ufe0f",
    "\u200b\ufeff\u2060",
    "\ue000\U000f0000",
    "\x00\x01\x7f",
    "ＡＢＣ１２３％",
    "ﾀｲﾜﾝ",
    "Ⅷ①㈱㍿",
    "臺灣Taiwan2024年",
    "NT$1,234.5",
    "\u202e反\u202c",
    "ㄅㄆㄇˋ",
    "台\u0304",
    "한국어",
    "العربية",
    "##ing [MASK] [CLS]",
    "<|endoftext|>",
    "▁▁",
    "…——「」『』",
]


@pytest.fixture(scope="module", params=list(MAKERS))
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return MAKERS[request.param]()


def look_up(table: WordpieceTable, doc: Doc) -> Wordpieces:
    return table(doc.to_array(NORM), doc.vocab.strings)


def expected_of(tokenizer: Any, words: list[str], unknown: int) -> tuple[list[int], list[int]]:
    """Return ids and counts as the tokenizer splits the words of a whole sentence with `is_split_into_words`."""
    encoded = tokenizer(["中", *words], is_split_into_words=True, add_special_tokens=False)
    by_word: list[list[int]] = [[] for _ in words]
    for id_, word in zip(encoded["input_ids"], encoded.word_ids(), strict=True):
        if word:
            by_word[word - 1].append(id_)
    filled = [ids or [unknown] for ids in by_word]
    return [id_ for ids in filled for id_ in ids], [len(ids) for ids in filled]


def test_ids_of_0_1_are_those_of_the_tokenizer_itself(tokenizer: Any) -> None:
    table = WordpieceTable(tokenizer, lookup=LOOKUP_OF_0_1)
    for text in [*list(sentences())[:200], *NASTY]:
        doc = NLP.make_doc(text)
        found = look_up(table, doc)
        ids, counts = expected_of(tokenizer, [token.norm_ for token in doc], table.unknown_id)
        assert (found.ids.tolist(), found.counts.tolist()) == (ids, counts), text


@pytest.mark.parametrize("make", list(MAKERS.values()), ids=list(MAKERS))
def test_every_text_has_a_piece_for_every_token(make: Callable[[], Any]) -> None:
    table = WordpieceTable(make(), lookup=LOOKUP_OF_0_1)

    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
    def check(text: str) -> None:
        doc = NLP.make_doc(text)
        found = look_up(table, doc)
        assert len(found.counts) == len(doc)
        assert (found.counts >= 1).all()
        assert found.counts.sum() == len(found.ids)
        ids, _ = expected_of(table.tokenizer, [token.norm_ for token in doc], table.unknown_id)
        assert found.ids.tolist() == ids

    check()


def test_a_full_table_is_replaced(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TOKENS", 50)
    table = WordpieceTable(tokenizer, lookup=LOOKUP_OF_0_1)
    for text in list(sentences())[:60]:
        doc = NLP.make_doc(text)
        found = look_up(table, doc)
        assert len(table._table.keys) <= 50 + len(doc)
        assert found.ids.tolist() == expected_of(tokenizer, [t.norm_ for t in doc], table.unknown_id)[0]


def test_a_token_has_at_most_max_wordpieces() -> None:
    nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"group": ["latin"]}}})
    doc = nlp.make_doc("abcdefghijklmnopqrstuvw好")
    found = WordpieceTable(byte_level(), max_wordpieces=3)(doc.to_array(NORM), doc.vocab.strings)
    assert found.counts.tolist()[0] == 3


def test_wordpieces_do_not_depend_on_the_string_store(tokenizer: Any) -> None:
    table = WordpieceTable(tokenizer)
    one, two = (spacy.blank("zh_tw").make_doc("臺北市") for _ in range(2))
    np.testing.assert_array_equal(look_up(table, one).ids, look_up(table, two).ids)


def test_special_ids_are_those_of_the_tokenizer() -> None:
    bert, qwen = WordpieceTable(wordpiece()), WordpieceTable(byte_level())
    convert = bert.tokenizer.convert_tokens_to_ids
    assert (bert.prefix, bert.suffix, bert.pad_id) == ([convert("[CLS]")], [convert("[SEP]")], convert("[PAD]"))
    assert (qwen.prefix, qwen.suffix, qwen.n_special) == ([], [], 0)


def test_threads_may_share_a_table(tokenizer: Any) -> None:
    table, lines = WordpieceTable(tokenizer), list(sentences())[:120]
    expected = [look_up(WordpieceTable(tokenizer), NLP.make_doc(line)).ids.tolist() for line in lines[:3]]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            # Each thread has a vocabulary of its own: spaCy's is not thread-safe.
            jobs = [
                pool.submit(lambda: [look_up(table, d).ids.tolist() for d in map(spacy.blank("zh_tw").make_doc, lines)])
                for _ in range(8)
            ]
            for job in jobs:
                assert job.result()[:3] == expected
    finally:
        sys.setswitchinterval(interval)


def test_slow_tokenizers_and_those_without_padding_are_errors() -> None:
    slow = wordpiece()
    slow.__class__ = type("Slow", (type(slow),), {"is_fast": False})
    with pytest.raises(ValueError, match=r"\[ZT310\] Slow is a slow tokenizer"):
        WordpieceTable(slow)
    bare = byte_level()
    bare.pad_token = bare.eos_token = bare.unk_token = None
    with pytest.raises(
        ValueError, match=r"\[ZT311\] The tokenizer Qwen2TokenizerFast has no padding token: none of pad_token_id"
    ):
        WordpieceTable(bare)


def test_an_empty_document_has_no_wordpieces(tokenizer: Any) -> None:
    found = look_up(WordpieceTable(tokenizer), NLP.make_doc(""))
    assert (len(found.ids), len(found.counts)) == (0, 0)


RANGES = ((0, 0x3400), (0x4E00, 0x5000), (0xD7FF, 0xE001), (0x1F600, 0x1F650))
NLP = spacy.blank("zh_tw")


@pytest.fixture(scope="module", params=["bert", "qwen2", "deberta-v2"])
def both(
    request: pytest.FixtureRequest, tiny_checkpoint: Callable[[str], Path]
) -> tuple[WordpieceTable, CodePointWordpieces]:
    table = WordpieceTable(AutoTokenizer.from_pretrained(tiny_checkpoint(request.param)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RANGES", RANGES)
        return table, code_point_wordpieces(table, NLP.tokenizer)


def of(found: CodePointWordpieces, char: str) -> list[int]:
    first = int(found.counts[: ord(char)].sum())
    return found.ids[first : first + found.counts[ord(char)]].tolist()  # type: ignore[no-any-return]


known = st.sampled_from([c for range_ in RANGES for c in range(*range_) if not 0xD800 <= c < 0xE000])


@given(code=known)
def test_a_character_has_the_pieces_of_its_norm(code: int, both: tuple[WordpieceTable, CodePointWordpieces]) -> None:
    table, found = both
    doc = NLP.make_doc(chr(code))
    assert of(found, chr(code)) == table(doc.to_array(NORM), doc.vocab.strings, doc.to_array(ORTH)).ids.tolist()


def test_norms_are_in_them(both: tuple[WordpieceTable, CodePointWordpieces]) -> None:
    table, found = both
    assert of(found, "A") != of(found, "b")
    # The tokenizer of BERT lowers case, that of Qwen does not.
    assert (of(found, "A") == of(found, "a")) == (table.tokenizer.tokenize("A") == table.tokenizer.tokenize("a"))


def test_every_code_point_has_wordpieces(both: tuple[WordpieceTable, CodePointWordpieces]) -> None:
    table, found = both
    assert len(found.counts) == N_CODE_POINTS
    assert found.counts.min() == 1
    assert found.counts.sum() == len(found.ids)
    assert of(found, chr(N_CODE_POINTS - 1)) == of(found, "\u4dff") == [table.unknown_id]
    first = int(found.counts[:0xD800].sum())
    doc = NLP.make_doc("\ufffd")
    replaced = table(doc.to_array(NORM), doc.vocab.strings).ids
    assert np.array_equal(found.ids[first : first + len(replaced)], replaced)
