"""Problems of a corpus are found and reported with file and line."""

import json
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span

from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.corpora.validate import FEW, SplitReport, ValidationReport, validate
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError
from tests.annotated_docs import make_doc

TRAIN = [Record(f"臺北市第{i}天", [Entity(0, 3, "GPE")], f"train.txt:{i + 1}") for i in range(FEW)]
DEV = [Record("高雄市好熱", [Entity(0, 3, "GPE")], "dev.txt:1")]


def corpus(tmp_path: Path, **splits: list[Record]) -> Path:
    for split, records in splits.items():
        nlp = spacy.blank("zh_tw")
        docs = [make_doc(nlp, record) for record in records]
        DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / f"{split}.spacy")
    return tmp_path


def check(tmp_path: Path, **splits: list[Record]) -> ValidationReport:
    return validate(corpus(tmp_path, **splits))


def lengths(length: int) -> dict[str, int]:
    return {f"{share} %": length for share in (50, 90, 99, 100)}


def test_a_valid_corpus_has_no_warnings_and_right_counts(tmp_path: Path) -> None:
    report = check(tmp_path, train=[*TRAIN, Record("好", [], "train.txt:99")], dev=DEV, test=DEV[:0] + TRAIN[:0])
    assert report.splits["train"] == SplitReport(
        sentences=FEW + 1, characters=6 * FEW + 1, lengths=lengths(6), without_entities=1, labels={"GPE": FEW}
    )
    assert report.splits["dev"] == SplitReport(1, 5, lengths(5), labels={"GPE": 1})
    assert report.warnings == []


def test_the_test_split_is_optional(tmp_path: Path) -> None:
    report = check(tmp_path, train=TRAIN, dev=DEV)
    assert (list(report.splits), report.errors, report.warnings) == (["train", "dev"], [], [])


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_label_missing_in_train_is_an_error_with_its_first_origin(split: str, tmp_path: Path) -> None:
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
    assert f"{split}.spacy holds 2 sentences and no entities" in error


@pytest.mark.parametrize(
    ("first", "second", "how"),
    [
        ("民國113年在臺北", "民國113年在臺北", ""),
        ("民國113年", "民國１１３年", " Of them 1 in another width."),
        ("ＡＢＣ公司", "ABC公司", " Of them 1 in another width."),
        ("㈱台積", "(株)台積", " Of them 1 in another width."),
        ("台北很好", "臺北很好", " Of them 1 in another script."),
        ("這裡有ＡＢＣ", "这里有ABC", " Of them 1 in another script."),
        ("菸酒的徧布", "煙酒的遍布", " Of them 1 in another script."),
    ],
)
def test_a_sentence_in_two_splits_is_found_in_any_width_and_script(
    first: str, second: str, how: str, tmp_path: Path
) -> None:
    train = [*TRAIN, Record(first, [Entity(0, 1, "GPE")], "train.txt:77")]
    report = check(tmp_path, train=train, dev=[*DEV, Record(second, [Entity(0, 1, "GPE")], "dev.txt:8")])
    said = "1 sentences are in more than one split, which inflates the scores; the first: train.txt:77 and dev.txt:8."
    assert said + how in report.warnings
    (repeated,) = report.repeated
    assert repeated.across
    assert [tuple(place) for place in repeated.places] == [("train", "train.txt:77"), ("dev", "dev.txt:8")]


@pytest.mark.parametrize(("second", "how"), [("民國113年", ""), ("民國１１３年", " Of them 1 in another width.")])
def test_a_sentence_that_repeats_in_one_split_is_found(second: str, how: str, tmp_path: Path) -> None:
    twice = [Record("民國113年", [], "train.txt:77"), Record(second, [], "train.txt:78")]
    report = check(tmp_path, train=[*TRAIN, *twice], dev=DEV)
    assert report.warnings == [
        f"1 sentences occur more than once in one split; the first: train.txt:77 and train.txt:78.{how}"
    ]


def test_repeated_sentences_within_and_across_splits_are_counted_separately(tmp_path: Path) -> None:
    train = [*TRAIN, *(Record(text, [], "t") for text in ("甲", "甲", "乙", "丙", "丙"))]
    report = check(tmp_path, train=train, dev=[*DEV, Record("乙", [], "d"), Record("丙", [], "d")])
    assert [warning.split(" ")[0] for warning in report.warnings] == ["2", "1"]


def test_few_examples_of_a_label_are_reported(tmp_path: Path) -> None:
    enough = [Record(f"玉山{i}", [Entity(0, 2, "LOC")], "t") for i in range(FEW - 1)]
    report = check(tmp_path, train=[*TRAIN, *enough], dev=DEV)
    (warning,) = report.warnings
    assert warning == f"train has only {FEW - 1} examples of LOC, so models will often miss it. Add more examples."
    assert report.errors == []


@pytest.mark.parametrize("space", ["\n", "\u3000", "\t"])
def test_white_space_at_an_edge_is_reported_with_its_origin(space: str, tmp_path: Path) -> None:
    corpus(tmp_path, train=TRAIN, dev=DEV)
    nlp = spacy.blank("zh_tw")
    # Only files from other tools have such entities; `convert` trims them.
    docs = [nlp.make_doc(f"在{space}臺北{i}") for i in range(FEW)]
    for i, doc in enumerate(docs):
        doc.set_ents([Span(doc, 1, 4, label="GPE")])
        doc.user_data["origin"] = f"old.txt:{i}"
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "train.spacy")
    (warning,) = validate(tmp_path).warnings
    assert warning == f"{FEW} entities begin or end with white space, the first at old.txt:0: {f'{space}臺北'!r}."


def test_documents_without_origin_are_reported_by_their_text(tmp_path: Path) -> None:
    corpus(tmp_path, train=TRAIN)
    vocab = spacy.blank("zh_tw").vocab
    doc = Doc(vocab, words=["蔡英文", "說"], spaces=[False, False], ents=["B-PERSON", "O"])
    DocBin(docs=[doc]).to_disk(tmp_path / "dev.spacy")
    (error,) = validate(tmp_path).errors
    assert error.startswith("[ZT209] '蔡英文說': label 'PERSON'")


@pytest.mark.parametrize("split", ["train", "dev"])
def test_a_missing_split_is_an_error(split: str, tmp_path: Path) -> None:
    corpus(tmp_path, train=TRAIN, dev=DEV)
    (tmp_path / f"{split}.spacy").unlink()
    with pytest.raises(CorpusError, match=rf"^\[ZT212\] .* holds no {split}\.spacy"):
        validate(tmp_path)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere"):
        validate(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"not a DocBin at all", b"PK\x03\x04"])
def test_a_file_that_is_not_a_docbin_is_an_error(content: bytes, tmp_path: Path) -> None:
    corpus(tmp_path, train=TRAIN, dev=DEV)
    (tmp_path / "dev.spacy").write_bytes(content)
    with pytest.raises(CorpusError, match=r"^\[ZT210\] .*dev\.spacy is not a \.spacy file"):
        validate(tmp_path)


def test_a_report_is_plain_json(tmp_path: Path) -> None:
    report = json.loads(json.dumps(check(tmp_path, train=TRAIN, dev=DEV).to_json()))
    assert list(report) == [
        "window", "splits", "errors", "warnings", "repeated", "edges", "left_out", "only_here"
    ]  # fmt: skip
    assert report["splits"]["dev"] == {
        "sentences": 1,
        "characters": 5,
        "lengths": lengths(5),
        "over_window": 0,
        "without_entities": 0,
        "simplified": 0.0,
        "labels": {"GPE": 1},
        "overlapping": 0,
    }
    assert report["left_out"]["dev"] == {"found": 0, "differing": 0, "surfaces": {}, "first": "", "share": 0.0}


def test_planted_problems_are_found_and_no_others(tmp_path: Path) -> None:
    """The corpus has one problem of each kind among valid sentences."""
    sound = [Record(f"{city}第{i}區", [Entity(0, 3, "GPE")], f"s:{i}") for i, city in enumerate(["臺北市"] * 300)]
    train = [
        *sound,
        Record("他住在臺北市嗎", [], "t:1"),
        Record("看《紅樓夢》", [Entity(1, 6, "WORK")], "t:2"),
        Record("看紅樓夢》", [Entity(1, 5, "WORK")], "t:3"),
        Record("在高雄，", [Entity(1, 4, "GPE")], "t:4"),
        Record("民國113年的事", [], "t:5"),
        Record("民國１１３年的事", [], "t:6"),
        Record("这国家的长城", [], "t:7"),
        Record("很" * 300, [], "t:8"),
    ]
    dev = [
        *DEV,
        Record("看《紅樓夢》", [Entity(1, 6, "WORK")], "d:1"),
        Record("清朝很久", [Entity(0, 2, "GPE")], "d:2"),
    ]
    report = check(tmp_path, train=train, dev=dev)
    assert [(edge.kind, edge.surface, edge.origin) for edge in report.edges] == [
        ("bracket", "紅樓夢》", "t:3"),
        ("punctuation", "高雄，", "t:4"),
    ]
    assert [(one.how, one.across, one.places[0].origin) for one in report.repeated] == [
        ("same", True, "t:2"),
        ("width", False, "t:5"),
    ]
    assert (report.splits["train"].over_window, report.splits["dev"].over_window) == (1, 0)
    assert report.splits["train"].simplified == pytest.approx(3 / report.splits["train"].characters, abs=1e-6)
    assert (report.left_out["train"].surfaces, report.left_out["train"].first) == ({"臺北市": 1}, "t:1")
    assert [message.split(",")[0].split(".")[0] for message in report.warnings] == [
        "train has only 2 examples of WORK",
        "1 entities begin or end with an unpaired bracket",
        "1 entities begin or end with punctuation",
        "1 sentences are in more than one split",
        "1 sentences occur more than once in one split; the first: t:5 and t:6",
        "0",
    ]
    assert "0.1 % of the characters of train are Simplified." in report.warnings[-1]
    assert report.errors == []


@pytest.mark.parametrize(("window", "reported"), [(10, True), (60, False)])
def test_sentences_over_the_window_are_reported(window: int, reported: bool, tmp_path: Path) -> None:
    train = [*TRAIN, Record("很" * 50, [], "t:1")]
    report = validate(corpus(tmp_path, train=train, dev=DEV), window=window)
    assert report.splits["train"].over_window == reported
    said = f"1 sentences of train are longer than {window} characters, the longest 50"
    assert [warning.startswith(said) for warning in report.warnings] == [True] * reported


def test_the_inconsistent_annotation_of_uner_dev_is_found(corpora: Path, tmp_path: Path) -> None:
    """The dev split annotates dynasties and former states (清朝, 蘇聯), which train and test do not."""
    convert(corpora / "uner_zh_gsd", tmp_path, ConvertSettings(script="none"), notify=lambda message: None)
    report = validate(tmp_path)
    other_rule = [warning for warning in report.warnings if "annotated by other rules" in warning]
    assert [warning.split()[0] for warning in other_rule] == ["dev"]
    assert {"清朝", "蘇聯", "中華人民共和國", "中華民國"} <= set(report.only_here["dev"].surfaces)
    shares = {split: found.share for split, found in report.only_here.items()}
    assert shares["dev"] > 2 * max(shares["train"], shares["test"])
    # All three splits leave some names, such as 中國, unannotated.
    assert all(0.15 < found.share < 0.25 for found in report.left_out.values())
    assert report.left_out["dev"].surfaces["中國"] == 6
    assert report.repeated == []
