"""Test the reader of texts without annotation."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import spacy

from spacy_zh_tw_ner.errors import CorpusError, SettingError
from spacy_zh_tw_ner.training import unlabelled_corpus
from spacy_zh_tw_ner.training.unlabelled_corpus import UnlabelledCorpus
from spacy_zh_tw_ner.training.unlabelled_texts import UnlabelledTexts


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(f"第{i}句。" for i in range(120)), encoding="utf-8")
    return path


def read(path: Path, **settings: object) -> list[str]:
    return [example.text for example in UnlabelledCorpus(path, **settings)(spacy.blank("zh_tw"))]  # type: ignore[arg-type]


def test_each_text_is_in_one_split(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(texts, split="dev") == ["第0句。", "第50句。", "第100句。"]
    assert read(texts) == [f"第{i}句。" for i in range(120) if i % 50]
    monkeypatch.setattr(unlabelled_corpus, "MAX_HELD_OUT", 2)
    assert read(texts, split="dev") == ["第0句。", "第50句。"]
    assert len(read(texts)) == 118


def test_shuffling_keeps_all_texts_near_their_places(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlabelled_corpus, "BLOCK", 40)
    random.seed(0)
    found = read(texts, shuffle=True)
    assert found != read(texts)
    assert set(found[:39]) == set(read(texts)[:39])  # 40 texts are shuffled, of which the first is held out
    assert sorted(found) == sorted(read(texts))


def test_examples_have_no_annotation(texts: Path) -> None:
    example = next(UnlabelledCorpus(texts)(spacy.blank("zh_tw")))
    assert example.predicted is not example.reference
    assert not example.reference.has_annotation("ENT_IOB")


def test_bad_settings_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"ZT320.*split='test'"):
        UnlabelledCorpus(tmp_path, split="test")
    (tmp_path / "empty.txt").write_text("\n \n", encoding="utf-8")
    with pytest.raises(CorpusError, match="ZT280"):
        read(tmp_path / "empty.txt")
    (tmp_path / "one.txt").write_text("只有一句。", encoding="utf-8")
    with pytest.raises(CorpusError, match="ZT299"):
        read(tmp_path / "one.txt")


def test_texts_after_the_last_held_out_one_are_not_read_for_dev(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlabelled_corpus, "MAX_HELD_OUT", 1)
    n_read = 0

    def counted(self: UnlabelledTexts) -> Iterator[str]:
        nonlocal n_read
        for i in range(120):
            n_read += 1
            yield f"第{i}句。"

    monkeypatch.setattr(UnlabelledTexts, "__iter__", counted)
    assert read(texts, split="dev") == ["第0句。"]
    assert n_read == 50
