"""Planted faults are found, with where they stand."""

from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span

from spacy_zh_tw_ner.corpora.docbin import make_docbin
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.corpora.validate import FEW, Report, SplitReport, validate
from spacy_zh_tw_ner.errors import CorpusError
from spacy_zh_tw_ner.types import Entity

TRAIN = [Record(f"臺北市第{i}天", [Entity(0, 3, "GPE")], f"train.txt:{i + 1}") for i in range(FEW)]
DEV = [Record("高雄市好熱", [Entity(0, 3, "GPE")], "dev.txt:1")]


def corpus(tmp_path: Path, **splits: list[Record]) -> Path:
    for split, records in splits.items():
        make_docbin(spacy.blank("zh_tw"), records).to_disk(tmp_path / f"{split}.spacy")
    return tmp_path


def check(tmp_path: Path, **splits: list[Record]) -> Report:
    return validate(corpus(tmp_path, **splits))


def test_a_sound_corpus_has_no_faults_and_right_counts(tmp_path: Path) -> None:
    report = check(tmp_path, train=[*TRAIN, Record("好", [], "train.txt:99")], dev=DEV, test=DEV[:0] + TRAIN[:0])
    assert report.splits["train"] == SplitReport(
        sentences=FEW + 1, characters=6 * FEW + 1, longest=6, without_entities=1, labels={"GPE": FEW}
    )
    assert report.splits["dev"] == SplitReport(1, 5, 5, 0, {"GPE": 1})
    assert report.warnings == []


def test_a_corpus_needs_no_test_split(tmp_path: Path) -> None:
    report = check(tmp_path, train=TRAIN, dev=DEV)
    assert (list(report.splits), report.errors, report.warnings) == (["train", "dev"], [], [])


@pytest.mark.parametrize("split", ["dev", "test"])
def test_an_unknown_label_is_named_with_its_first_origin(split: str, tmp_path: Path) -> None:
    records = [
        Record("好", [], "x.txt:1"),
        Record("蔡英文", [Entity(0, 3, "PERSON")], "x.txt:2"),
        Record("賴清德", [Entity(0, 3, "PERSON")], "x.txt:3"),
        Record("玉山很高", [Entity(0, 2, "LOC")], "x.txt:4"),
    ]
    report = check(tmp_path, **({"train": TRAIN, "dev": DEV, "test": DEV} | {split: records}))
    assert len(report.errors) == 2
    assert report.errors[0].startswith(f"[ZT209] x.txt:2: label 'PERSON' occurs in {split} but not in train")
    assert report.errors[1].startswith("[ZT209] x.txt:4: label 'LOC'")


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_a_split_without_entities_is_an_error(split: str, tmp_path: Path) -> None:
    bare = [Record("好天氣", [], "x.txt:1"), Record("好", [], "x.txt:2")]
    report = check(tmp_path, **({"train": TRAIN, "dev": DEV, "test": DEV} | {split: bare}))
    (error,) = (error for error in report.errors if "[ZT204]" in error)
    assert f"{split}.spacy holds 2 sentences and not one entity" in error


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("民國113年在臺北", "民國113年在臺北"),
        ("民國113年", "民國１１３年"),
        ("ＡＢＣ公司", "ABC公司"),
        ("㈱台積", "(株)台積"),
    ],
)
def test_a_sentence_in_two_splits_is_found_in_any_width(first: str, second: str, tmp_path: Path) -> None:
    train = [*TRAIN, Record(first, [Entity(0, 1, "GPE")], "train.txt:77")]
    report = check(tmp_path, train=train, dev=[*DEV, Record(second, [Entity(0, 1, "GPE")], "dev.txt:8")])
    assert report.warnings == [
        "1 sentences stand in more than one split, which flatters the scores; the first: train.txt:77 and dev.txt:8."
    ]


@pytest.mark.parametrize("second", ["民國113年", "民國１１３年"])
def test_a_sentence_twice_in_one_split_is_found(second: str, tmp_path: Path) -> None:
    twice = [Record("民國113年", [], "train.txt:77"), Record(second, [], "train.txt:78")]
    report = check(tmp_path, train=[*TRAIN, *twice], dev=DEV)
    assert report.warnings == ["1 sentences stand more than once in one split."]


def test_sentences_within_and_across_splits_are_counted_apart(tmp_path: Path) -> None:
    train = [*TRAIN, *(Record(text, [], "t") for text in ("甲", "甲", "乙", "丙", "丙"))]
    report = check(tmp_path, train=train, dev=[*DEV, Record("乙", [], "d"), Record("丙", [], "d")])
    assert [warning.split(" ")[0] for warning in report.warnings] == ["2", "1"]


def test_variants_are_other_sentences(tmp_path: Path) -> None:
    dev = [*DEV, Record("台北很好", [], "d:2")]
    assert check(tmp_path, train=[*TRAIN, Record("臺北很好", [], "t:1")], dev=dev).warnings == []


def test_few_examples_of_a_label_are_told(tmp_path: Path) -> None:
    enough = [Record(f"玉山{i}", [Entity(0, 2, "LOC")], "t") for i in range(FEW - 1)]
    report = check(tmp_path, train=[*TRAIN, *enough], dev=DEV)
    assert report.warnings == [f"train has only {FEW - 1} examples of LOC: expect it to be missed."]
    assert report.errors == []


@pytest.mark.parametrize("space", ["\n", "\u3000", "\t"])
def test_white_space_at_an_edge_is_told_with_its_origin(space: str, tmp_path: Path) -> None:
    corpus(tmp_path, train=TRAIN, dev=DEV)
    nlp = spacy.blank("zh_tw")
    # Files from elsewhere hold what ours never do.
    docs = [nlp.make_doc(f"在{space}臺北{i}") for i in range(FEW)]
    for i, doc in enumerate(docs):
        doc.set_ents([Span(doc, 1, 4, label="GPE")])
        doc.user_data["origin"] = f"old.txt:{i}"
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "train.spacy")
    (warning,) = validate(tmp_path).warnings
    assert warning == f"{FEW} entities begin or end with white space, the first at old.txt:0: {f'{space}臺北'!r}."


def test_a_corpus_from_elsewhere_is_told_by_its_text(tmp_path: Path) -> None:
    corpus(tmp_path, train=TRAIN)
    vocab = spacy.blank("zh_tw").vocab
    doc = Doc(vocab, words=["蔡英文", "說"], spaces=[False, False], ents=["B-PERSON", "O"])
    DocBin(docs=[doc]).to_disk(tmp_path / "dev.spacy")
    (error,) = validate(tmp_path).errors
    assert error.startswith("[ZT209] '蔡英文說': label 'PERSON'")


@pytest.mark.parametrize("split", ["train", "dev"])
def test_a_split_that_is_not_there_is_named(split: str, tmp_path: Path) -> None:
    corpus(tmp_path, train=TRAIN, dev=DEV)
    (tmp_path / f"{split}.spacy").unlink()
    with pytest.raises(CorpusError, match=rf"^\[ZT212\] .* holds no {split}\.spacy"):
        validate(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere"):
        validate(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"not a DocBin at all", b"PK\x03\x04"])
def test_a_file_that_is_no_docbin_is_named(content: bytes, tmp_path: Path) -> None:
    corpus(tmp_path, train=TRAIN, dev=DEV)
    (tmp_path / "dev.spacy").write_bytes(content)
    with pytest.raises(CorpusError, match=r"^\[ZT210\] .*dev\.spacy is not a \.spacy file"):
        validate(tmp_path)


def test_a_report_is_plain_json(tmp_path: Path) -> None:
    assert check(tmp_path, train=TRAIN, dev=DEV).to_json() == {
        "splits": {
            "train": {"sentences": 10, "characters": 60, "longest": 6, "without_entities": 0, "labels": {"GPE": 10}},
            "dev": {"sentences": 1, "characters": 5, "longest": 5, "without_entities": 0, "labels": {"GPE": 1}},
        },
        "errors": [],
        "warnings": [],
    }
