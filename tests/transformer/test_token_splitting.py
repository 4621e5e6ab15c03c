"""Splits of tokens: no mark of a word's beginning, and the case that the tokenizer has."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.attrs import NORM, ORTH
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from benchmarks.synthetic import byte_level, metaspace_bpe, of_wordpieces, sentences, unigram, wordpiece
from spacy_zh_tw_ner.transformer.settings import LOOKUP, LOOKUP_OF_0_1, LOOKUP_OF_WORDS
from spacy_zh_tw_ner.transformer.token_splitting import TokenSplitter, with_case, without_prefix
from spacy_zh_tw_ner.transformer.wordpieces import WordpieceTable

MAKERS: dict[str, Callable[[], Any]] = {
    "WordPiece": wordpiece,
    "Unigram": unigram,
    "Metaspace BPE": metaspace_bpe,
    "byte-level BPE": byte_level,
}
SPECIAL = ["<unk>", "<pad>"]


@pytest.fixture(scope="module", params=list(MAKERS))
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return MAKERS[request.param]()


def pieces(tokenizer: Any, *texts: str, norms: list[str] | None = None, lookup: int = LOOKUP) -> list[list[str]]:
    """The wordpieces of tokens, by default with norms in lower case."""
    found = TokenSplitter(tokenizer, lookup)(texts, norms or [text.lower() for text in texts])
    return [tokenizer.convert_ids_to_tokens(ids) for ids in found]


def marked_only(vocabulary: list[str], normalizer: Any = None) -> Any:
    """A tokenizer of the SentencePiece kind with these wordpieces."""
    backend = Tokenizer(models.Unigram([(piece, -1.0) for piece in [*SPECIAL, *vocabulary]], unk_id=0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    if normalizer is not None:
        backend.normalizer = normalizer
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", pad_token="<pad>")


@pytest.mark.parametrize("make", [wordpiece, unigram, metaspace_bpe])
def test_no_character_has_a_mark_where_the_vocabulary_has_it_without(make: Callable[[], Any]) -> None:
    tokenizer = make()
    vocabulary, normalizer = tokenizer.get_vocab(), tokenizer.backend_tokenizer.normalizer
    characters = [c for c in sorted(set("".join(sentences())) - {" "}) if normalizer.normalize_str(c).strip("▁ ") == c]
    found = dict(zip(characters, pieces(tokenizer, *characters), strict=True))
    assert {char: found[char] for char in characters if char in vocabulary} == {
        c: [c] for c in found if c in vocabulary
    }
    assert sum(char in vocabulary for char in characters) > 1000


def test_a_text_has_half_as_many_pieces_as_in_0_1() -> None:
    made, texts = unigram(), list("蔡英文總統在臺北市")
    assert "".join(np.concatenate(pieces(made, *texts))) == "蔡英文總統在臺北市"
    before = pieces(made, *texts, lookup=LOOKUP_OF_0_1)
    assert all(found[0].startswith("▁") for found in before)


def test_the_tokenizer_is_not_changed(tokenizer: Any) -> None:
    before = tokenizer.backend_tokenizer.to_str()
    pieces(tokenizer, "臺", " ", "A")
    assert tokenizer.backend_tokenizer.to_str() == before


def test_a_piece_that_exists_only_with_the_mark_is_used() -> None:
    made = marked_only(["▁", "臺", "▁臺", "▁灣"])
    assert pieces(made, "臺", "灣", "龘") == [["臺"], ["▁灣"], ["<unk>"]]


def test_without_pieces_of_its_own_a_character_has_those_of_its_normal_form() -> None:
    made = marked_only(["▁", "(", "▁(", "株", ")"], normalizers.NFKC())
    assert pieces(made, "㈱") == [["(", "株", ")"]]


def test_white_space_is_the_mark_even_if_the_tokenizer_strips_it() -> None:
    stripping = marked_only(["▁", "臺"], normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()]))
    assert pieces(stripping, " ", "\u3000") == [["▁"], ["▁"]]
    assert pieces(marked_only(["臺"]), " ") == [["<unk>"]]


def test_a_prefix_space_of_bytes_is_left_out() -> None:
    made = byte_level()
    spaced = byte_level()
    spaced.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    assert without_prefix(made) is None
    assert pieces(spaced, *"臺灣a!") == pieces(made, *"臺灣a!")
    assert pieces(spaced, "臺", lookup=LOOKUP_OF_0_1) != pieces(made, "臺")


def test_a_tokenizer_with_parts_in_python_splits_as_it_does_itself() -> None:
    class Characters:
        def pre_tokenize(self, text: Any) -> None:
            text.split(lambda _, word: list(word))

    made = wordpiece()
    made.backend_tokenizer.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(Characters())
    assert without_prefix(made) is None


@pytest.mark.parametrize("make", [wordpiece, unigram, metaspace_bpe])
def test_separate_words_are_split_as_the_tokenizer_splits_a_list(make: Callable[[], Any]) -> None:
    """Token classification checkpoints are trained on lists of characters."""
    made, characters = make(), list("臺北LINE網，x")
    batch = made(characters, is_split_into_words=True, add_special_tokens=False)
    expected: list[list[str]] = [[] for _ in characters]
    for word, piece in zip(batch.word_ids(), batch.tokens(), strict=True):
        expected[word].append(piece)
    assert pieces(made, *characters, lookup=LOOKUP_OF_WORDS) == expected
    assert pieces(marked_only(["▁", "▁L", "L", "▁l"]), "L", lookup=LOOKUP_OF_WORDS) == [["▁L"]]


def test_case_follows_the_tokenizer() -> None:
    assert pieces(byte_level(), "T", "t") == [["T"], ["t"]]
    assert pieces(wordpiece(), "T", "t") == [["t"], ["t"]]
    assert pieces(byte_level(), "T", lookup=LOOKUP_OF_0_1) == [["t"]]
    # chinese bert: lower case in the vocabulary, no lower-casing in the tokenizer
    made = of_wordpieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "t", "臺"])
    settings = json.loads(made.backend_tokenizer.normalizer.__getstate__())
    assert settings["lowercase"]
    made.backend_tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    assert made.tokenize("T") == ["[UNK]"]
    assert pieces(made, "T", "Q") == [["t"], ["[UNK]"]]


@pytest.mark.parametrize(
    ("text", "norm", "expected"),
    [
        ("T", "t", "T"),
        ("Ｔ", "t", "T"),
        ("Ｔ", "ｔ", "Ｔ"),
        ("臺", "台", "台"),
        ("國", "国", "国"),
        ("Taiwan", "taiwan", "Taiwan"),
        ("ＴaiＷan", "taiwan", "TaiWan"),
        ("İ", "İ", "İ"),
        ("word", "other", "other"),
        ("five", "5", "5"),
        ("", "", ""),
    ],
)
def test_a_norm_gets_the_case_of_its_text(text: str, norm: str, expected: str) -> None:
    assert with_case(text, norm) == expected


@given(text=st.text(max_size=4), norm=st.text(max_size=4))
def test_case_changes_nothing_else(text: str, norm: str) -> None:
    found = with_case(text, norm)
    assert len(found) == len(norm)
    assert found == norm or found.lower() == norm.lower()


def test_the_table_keeps_tokens_of_one_norm_and_two_cases_apart() -> None:
    nlp = spacy.blank("zh_tw")
    table = WordpieceTable(byte_level())
    doc = nlp.make_doc("TtＴｔ臺")
    found = table(doc.to_array(NORM), doc.vocab.strings, doc.to_array(ORTH))
    names = table.tokenizer.convert_ids_to_tokens(found.ids[:4].tolist())
    assert names == ["T", "t", "T", "t"]
    again = table(doc.to_array(NORM), doc.vocab.strings, doc.to_array(ORTH))
    assert again.ids.tolist() == found.ids.tolist()


def test_the_table_agrees_with_the_splitter(tokenizer: Any) -> None:
    nlp, table, splitter = spacy.blank("zh_tw"), WordpieceTable(tokenizer), TokenSplitter(tokenizer, LOOKUP)
    for line in list(sentences())[:100]:
        doc = nlp.make_doc(line)
        found = table(doc.to_array(NORM), doc.vocab.strings, doc.to_array(ORTH))
        split = splitter([token.text for token in doc], [token.norm_ for token in doc])
        ids = [id_ for ids in split for id_ in ids or [table.unknown_id]]
        assert found.ids.tolist() == ids, line
