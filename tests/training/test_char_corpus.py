"""Corpus reader: `.spacy` files → Examples tokenized by the pipeline."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_zh_tw_ner.errors import CorpusError
from spacy_zh_tw_ner.training.char_corpus import CharCorpus, create_char_corpus_v1, read_docbin


def write(path: Path, *docs: Doc) -> Path:
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


@pytest.fixture
def ten(nlp: Language, tmp_path: Path) -> Path:
    return write(tmp_path / "ten.spacy", *map(nlp.make_doc, "甲乙丙丁戊己庚辛壬癸"))


def texts(corpus: CharCorpus, nlp: Language) -> list[str]:
    return [example.text for example in corpus(nlp)]


def test_each_document_becomes_an_example(nlp: Language, ten: Path) -> None:
    assert texts(CharCorpus(ten), nlp) == list("甲乙丙丁戊己庚辛壬癸")


def test_predicted_documents_have_no_annotation(nlp: Language, tmp_path: Path) -> None:
    doc = nlp.make_doc("臺北市的夏天")
    doc.set_ents([Span(doc, 0, 3, label="GPE")], default="outside")
    doc.user_data["origin"] = "news.txt:3"
    (example,) = CharCorpus(write(tmp_path / "a.spacy", doc))(nlp)
    assert example.predicted.ents == ()
    assert not example.predicted.has_annotation("ENT_IOB")
    assert example.reference.user_data["origin"] == "news.txt:3"
    assert example.get_aligned_ner() == ["B-GPE", "I-GPE", "L-GPE", "O", "O", "O"]


def test_a_corpus_with_word_tokens_is_aligned_to_characters(nlp: Language, tmp_path: Path) -> None:
    words, ents = ["台北市", "的", "New", "York", "街"], ["B-GPE", "O", "B-LOC", "I-LOC", "O"]
    doc = Doc(nlp.vocab, words=words, spaces=[False, False, True, False, False], ents=ents)
    (example,) = CharCorpus(write(tmp_path / "a.spacy", doc))(nlp)
    assert [token.text for token in example.predicted[:5]] == ["台", "北", "市", "的", "N"]
    assert example.get_aligned_ner()[:4] == ["B-GPE", "I-GPE", "L-GPE", "O"]
    assert [tag[0] for tag in example.get_aligned_ner()[4:]] == list("BIIIIILO")


def test_predicted_documents_have_the_norms_of_the_pipeline(tmp_path: Path) -> None:
    plain = spacy.blank("zh_tw")
    path = write(tmp_path / "a.spacy", plain.make_doc("臺Ａ"))
    tokenizer = {"@tokenizers": "spacy-zh-tw-ner.CharTokenizer.v1", "normalize": ["width", "variants"]}
    folding = spacy.blank("zh_tw", config={"nlp": {"tokenizer": tokenizer}})
    (example,) = CharCorpus(path)(folding)
    assert [token.norm_ for token in example.predicted] == ["台", "a"]
    assert example.predicted.text == "臺Ａ"


def test_missing_annotation_is_kept_missing(nlp: Language, tmp_path: Path) -> None:
    doc = nlp.make_doc("臺北市的夏天")
    doc.set_ents([Span(doc, 0, 3, label="GPE")], default="missing")
    (example,) = CharCorpus(write(tmp_path / "a.spacy", doc))(nlp)
    assert example.get_aligned_ner() == ["B-GPE", "I-GPE", "L-GPE", None, None, None]


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, "甲乙丙丁戊己庚辛壬癸"), (1, "甲"), (3, "甲乙丙"), (99, "甲乙丙丁戊己庚辛壬癸")]
)
def test_limit_reads_the_first_documents(limit: int, expected: str, nlp: Language, ten: Path) -> None:
    assert texts(CharCorpus(ten, limit=limit), nlp) == list(expected)


def test_empty_documents_are_skipped_and_not_counted(nlp: Language, tmp_path: Path) -> None:
    path = write(tmp_path / "a.spacy", *map(nlp.make_doc, ("", "甲", "", "乙", "丙")))
    assert texts(CharCorpus(path), nlp) == ["甲", "乙", "丙"]
    assert texts(CharCorpus(path, limit=2), nlp) == ["甲", "乙"]


def test_shuffled_order_differs_per_pass_and_repeats_with_the_seed(nlp: Language, ten: Path) -> None:
    corpus = CharCorpus(ten, shuffle=True)
    random.seed(3)
    first, second = texts(corpus, nlp), texts(corpus, nlp)
    random.seed(3)
    assert (texts(corpus, nlp), texts(corpus, nlp)) == (first, second)
    assert first != second
    assert sorted(first) == sorted(second) == sorted("甲乙丙丁戊己庚辛壬癸")


def test_shuffling_with_a_limit_reads_the_first_documents(nlp: Language, ten: Path) -> None:
    assert sorted(texts(CharCorpus(ten, shuffle=True, limit=4), nlp)) == sorted("甲乙丙丁")


def test_an_augmenter_may_yield_several_examples(nlp: Language, ten: Path) -> None:
    def thrice(nlp: Language, example: Example) -> Iterator[Example]:
        return iter([example] * (3 if example.text == "甲" else 0))

    assert texts(CharCorpus(ten, augmenter=thrice), nlp) == ["甲"] * 3


def test_a_corpus_can_be_read_twice(nlp: Language, ten: Path) -> None:
    corpus = CharCorpus(ten)
    assert texts(corpus, nlp) == texts(corpus, nlp)


@pytest.mark.parametrize("docs", [[], [""], ["", ""]])
def test_a_corpus_without_text_is_refused(docs: list[str], nlp: Language, tmp_path: Path) -> None:
    path = write(tmp_path / "a.spacy", *map(nlp.make_doc, docs))
    with pytest.raises(CorpusError, match=r"^\[ZT203\] .*a\.spacy holds no sentence"):
        list(CharCorpus(path)(nlp))


def test_a_missing_file_is_reported_with_a_remedy(nlp: Language, tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "a.spacy", f"[ZT202] There is no file or folder {tmp_path / 'a.spacy'}."),
        (tmp_path, f"[ZT730] The folder {tmp_path} holds no .spacy file."),
    ):
        with pytest.raises(CorpusError) as caught:
            list(CharCorpus(path)(nlp))
        assert str(caught.value).startswith(message)
        assert "zh-tw-ner convert" in str(caught.value)


@pytest.mark.parametrize("content", [b"", "[臺北](GPE)".encode(), b"\x80\x00", b"{}"])
def test_a_file_that_is_not_docbin_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.spacy"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"^\[ZT210\] .*a\.spacy is not a \.spacy file"):
        read_docbin(path)


def test_the_registered_reader_accepts_a_string_path_and_no_augmenter(nlp: Language, ten: Path) -> None:
    reader = create_char_corpus_v1(str(ten), limit=2, augmenter=None)  # type: ignore[arg-type]
    assert [example.text for example in reader(nlp)] == ["甲", "乙"]


def test_a_folder_without_spacy_files_has_its_own_message(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("甲", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"^\[ZT730\] The folder .* holds no \.spacy file"):
        read_docbin(tmp_path)
