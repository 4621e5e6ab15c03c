"""One export becomes train, dev and test: by document, duplicates together, and the same way each time."""

from pathlib import Path
from typing import Any

import pytest
from conversions import SPANS, TEXT, Converted, convert_path, lines, write
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.corpora.splits import assign, parse_ratio
from spacy_zh_tw_ner.errors import CorpusError


def split(tmp_path: Path, files: dict[str, Any], ratio: str = "8:1:1", **settings: Any) -> Converted:
    source = write(tmp_path / "in", files)
    source = source / next(iter(files)) if len(files) == 1 else source
    return convert_path(source, tmp_path / "out", split=ratio, **settings)


def numbered(n: int, **more: object) -> list[dict[str, Any]]:
    return [{"text": f"{TEXT}{i}", "spans": SPANS, **more} for i in range(n)]


def test_the_sizes_are_those_of_the_ratio_and_told(tmp_path: Path) -> None:
    done = split(tmp_path, {"all.jsonl": lines(*numbered(100))})
    assert {name: len(docs) for name, docs in done.splits.items()} == {"train": 80, "dev": 10, "test": 10}
    assert sorted(text for docs in done.splits.values() for text, _ in docs) == sorted(f"{TEXT}{i}" for i in range(100))
    assert len(done.told) == 1
    assert "train 80 texts (80.0 %) in 80 groups" in done.told[0]
    assert "seed 0" in done.told[0]
    assert [tally.sentences for tally in done.tallies] == [80, 10, 10]


def test_two_numbers_are_train_and_dev(tmp_path: Path) -> None:
    done = split(tmp_path, {"all.jsonl": lines(*numbered(20))}, "9:1")
    assert {name: len(docs) for name, docs in done.splits.items()} == {"train": 18, "dev": 2}


def test_the_seed_decides(tmp_path: Path) -> None:
    files = {"all.jsonl": lines(*numbered(40))}
    first, again, other = (split(tmp_path / str(i), files, seed=seed).splits for i, seed in enumerate((1, 1, 2)))
    assert first == again
    assert first != other


def test_equal_texts_stay_together_in_any_width_and_spacing(tmp_path: Path) -> None:
    variants = ["臺北 101 大樓", "台北１０１大樓", "臺北101大樓", "臺北\u3000101大樓"]
    objects = [{"text": f"{text}{i}", "spans": [[0, 2, "GPE"]]} for i in range(12) for text in variants]
    done = split(tmp_path, {"all.jsonl": lines(*objects)})
    places = [{text.rpartition("樓")[2] for text, _ in docs} for docs in done.splits.values()]
    assert sum(map(len, places)) == len(set.union(*places)) == 12


def test_documents_stay_whole_and_those_with_equal_texts_together(tmp_path: Path) -> None:
    objects = [
        {"text": f"{d}之{i}", "spans": [[0, 1, "X"]], "meta": {"doc_id": f"d{d}"}} for d in range(20) for i in range(5)
    ]
    objects += [{"text": "一樣", "spans": [[0, 1, "X"]], "meta": {"doc_id": name}} for name in ("d3", "d7")]
    done = split(tmp_path, {"all.jsonl": lines(*objects)})
    of = {name: {text.partition("之")[0] for text, _ in docs} - {"一樣"} for name, docs in done.splits.items()}
    assert sum(map(len, of.values())) == 20
    assert any({"3", "7"} <= documents for documents in of.values())


def test_a_folder_without_splits_is_split(tmp_path: Path) -> None:
    files: dict[str, Any] = {f"{i}.jsonl": lines({"text": f"{TEXT}{i}", "spans": SPANS}) for i in range(10)}
    files["README.md"] = "no data"
    assert [len(docs) for docs in split(tmp_path, files).splits.values()] == [8, 1, 1]


def test_brat_is_split_by_file(tmp_path: Path) -> None:
    files: dict[str, Any] = {}
    for i in range(10):
        files |= {f"{i}.txt": f"{TEXT}{i}", f"{i}.ann": "T1\tPERSON 0 3\t林小華\n"}
    assert [len(docs) for docs in split(tmp_path, files).splits.values()] == [8, 1, 1]


@pytest.mark.parametrize(
    "names", [("train.jsonl", "dev.jsonl"), ("train/a.jsonl", "test/a.jsonl"), ("x-dev.json", "y.json")]
)
def test_a_corpus_with_splits_is_refused(names: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"^\[ZT248\] .* has splits already: "):
        split(tmp_path, {name: lines(*numbered(9)) for name in names})
    assert not (tmp_path / "out").exists()


def test_one_file_has_no_target_for_splits(tmp_path: Path) -> None:
    source = write(tmp_path, {"a.jsonl": lines(*numbered(9))}) / "a.jsonl"
    with pytest.raises(CorpusError, match=r"^\[ZT247\]"):
        convert_path(source, tmp_path / "a.spacy", split="8:1:1")


def test_fewer_texts_than_splits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"^\[ZT246\] .*\(got 1\)"):
        split(tmp_path, {"a.jsonl": lines(*numbered(1) * 9)})


@pytest.mark.parametrize("value", ["8", "", "a:b", "8:1:0", "1:1:1:1", "nan:1", "inf:1", "-1:2", "8:1:1:", "8/1/1"])
def test_a_ratio_that_is_none_is_named(value: str) -> None:
    with pytest.raises(CorpusError, match=r"^\[ZT245\] .*8:1:1") as caught:
        parse_ratio(value)
    assert repr(value) in str(caught.value)


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh甲乙丙丁戊己"), st.sampled_from(["", "", "1", "2", "3"])), min_size=1),
    st.sampled_from(["8:1:1", "1:1:1", "1:1", "0.5:0.4:0.1"]),
    st.integers(0, 5),
)
def test_no_text_and_no_document_is_in_two_splits(records: list[tuple[str, str]], ratio: str, seed: int) -> None:
    made = [("f", Record(text, [], "x:1", doc_id)) for text, doc_id in records]
    try:
        found = assign(made, parse_ratio(ratio), seed)
    except CorpusError:
        assert len(records) < 3 or len({text for text, _ in records}) < 3 or any(doc_id for _, doc_id in records)
        return
    assert len(found.splits) == len(records)
    assert set(found.splits) == set(range(len(found.names)))
    for part in (0, 1):
        places: dict[str, int] = {}
        for row, place in zip(records, found.splits, strict=True):
            assert not row[part] or places.setdefault(row[part], place) == place
