"""Splits are found in folders, and one corpus is split at random."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.corpora.splits import assign, data_files, find_splits, parse_ratio
from spacy_zh_tw_ner.errors import CorpusError, UsageError
from tests.corpora.conversions import (
    BOTH,
    CHARACTERS,
    SPANS,
    TAGS,
    TEXT,
    Converted,
    convert_path,
    converted,
    lines,
    write,
)

GOOD = lines({"text": TEXT, "spans": SPANS})
MARKUP = "# doc = a\n[林小華](PERSON)在[臺北市](GPE)。\n"


@pytest.mark.parametrize(
    "names",
    [
        ("train.jsonl", "dev.jsonl", "test.jsonl"),
        ("data/train-00000-of-00001.jsonl", "data/validation-00000-of-00001.jsonl", "data/test-00000-of-00001.jsonl"),
        ("default/train/0000.jsonl", "default/validation/0000.jsonl", "default/test/0000.jsonl"),
        ("corpus_train.json", "corpus_val.json", "corpus_test.json"),
        ("Train/a.json", "Valid/a.json", "Test/a.json"),
        ("train.json", "eval.json", "test.json"),
        ("example.train", "example.dev", "example.test"),
        ("x/train.json", "x/development.json", "x/test.json"),
    ],
)
def test_splits_are_found_in_files_and_subfolders(names: tuple[str, str, str], tmp_path: Path) -> None:
    found = converted(
        tmp_path, {**dict.fromkeys(names, GOOD), "README.md": "# x [a](https://b)", ".cache/train.json": "x"}
    )
    assert found.splits == {"train": BOTH, "dev": BOTH, "test": BOTH}
    assert found.messages == []


def test_several_corpora_in_one_folder_are_an_error_that_lists_them(tmp_path: Path) -> None:
    write(tmp_path, {"a/train.jsonl": GOOD, "b/train.jsonl": GOOD, "c/x.txt": ""})
    with pytest.raises(CorpusError, match=r"^\[ZT244\] .*/a, .*/b\. Give one"):
        find_splits(tmp_path)


@pytest.mark.parametrize("suffix", [".md", ".markdown"])
def test_markdown_files_with_entities_are_read_as_markup(suffix: str, tmp_path: Path) -> None:
    files = {f"{split}{suffix}": MARKUP for split in ("train", "dev", "test")}
    assert converted(tmp_path / "1", files).splits == {"train": BOTH, "dev": BOTH, "test": BOTH}
    assert converted(tmp_path / "2", {f"a{suffix}": MARKUP}).docs == BOTH
    with pytest.raises(CorpusError, match=rf"\[ZT201\] .*a\{suffix}:1 cannot be used: an entity is not closed"):
        converted(tmp_path / "3", {f"a{suffix}": "[林小華在\n"})


def test_markdown_that_describes_a_corpus_is_not_data(tmp_path: Path) -> None:
    described = {"README.md": "# A\n[link](https://a.b), [file](LICENSE.txt), [x](#top)\n", "notes.md": "好\n"}
    source = write(tmp_path, {**described, "train/notes.md": "好\n", "train/a.md": MARKUP, "a.markdown": MARKUP})
    assert [str(path.relative_to(source)) for path in data_files(source)] == ["a.markdown", "train/a.md"]


def test_an_output_without_spacy_suffix_is_a_folder_and_reported(tmp_path: Path) -> None:
    source = write(tmp_path / "in", {"all.jsonl": GOOD}) / "all.jsonl"
    done = convert_path(source, tmp_path / "corpus" / "mine")
    assert done.splits == {"all": BOTH}
    assert (tmp_path / "corpus" / "mine" / "all.spacy").is_file()
    assert len(done.messages) == 1
    assert f"{tmp_path / 'corpus' / 'mine'} does not end in .spacy, so it is used as a folder" in done.messages[0]
    assert "--split" in done.messages[0]
    (tmp_path / "v1.0").mkdir()
    assert convert_path(source, tmp_path / "v1.0").splits == {"all": BOTH}
    # A suffix other than .spacy makes no file, which nothing would read afterwards.
    assert convert_path(source, tmp_path / "v1.1").splits == {"all": BOTH}
    assert (tmp_path / "v1.1" / "all.spacy").is_file()
    assert convert_path(source, tmp_path / "a.spacy").messages == []


def test_an_existing_file_is_not_used_as_an_output_folder(tmp_path: Path) -> None:
    source = write(tmp_path, {"all.jsonl": GOOD, "out": "mine"}) / "all.jsonl"
    with pytest.raises(OSError, match="out"):
        convert_path(source, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_one_broken_line_is_reported_once(tmp_path: Path) -> None:
    for i, content in enumerate(('{"broken\n' + GOOD, GOOD + '{"broken\n')):
        with pytest.raises(CorpusError) as caught:
            converted(tmp_path / str(i), {"train.jsonl": content, "dev.jsonl": GOOD, "test.jsonl": GOOD})
        assert str(caught.value).count("not JSON (") == 1


def test_one_bad_record_is_rejected_once(tmp_path: Path) -> None:
    bad = {"text": None, "label": []}
    for i, shape in enumerate(
        ({"spans": SPANS}, {"label": {"PERSON": {"林小華": [[0, 2]]}, "GPE": {"臺北市": [[4, 6]]}}})
    ):
        content = lines({"text": TEXT, **shape}, bad)
        done = converted(
            tmp_path / str(i), {"train.jsonl": content, "dev.jsonl": content, "test.jsonl": GOOD}, max_rejects=2
        )
        assert (done.rejected, len(done.rejects)) == (2, 2)
        assert [str(reject["origin"]).rpartition("/")[2] for reject in done.rejects] == ["train.jsonl:2", "dev.jsonl:2"]


NAMES = ["O", "B-PERSON", "I-PERSON", "B-GPE", "I-GPE"]
NUMBERS = [NAMES.index(tag) for tag in TAGS]
CARD = """---
language: [zh]
dataset_info:
{indent}features:
  - name: tokens
    sequence: string
  - name: pos
    sequence:
      class_label:
        names: {{'0': O, '1': B-X, '2': I-X, '3': B-Y, '4': I-Y}}
  - name: {field}
    sequence:
      class_label:
        names:
          '0': O
          '1': B-PERSON
          '2': I-PERSON
          '3': B-GPE
          '4': I-GPE
---
# A corpus
"""


@pytest.mark.parametrize("indent", ["  ", "- config_name: default\n  "])
@pytest.mark.parametrize("field", ["ner_tags", "tags", "labels"])
def test_tag_names_are_read_from_a_data_set_card(field: str, indent: str, tmp_path: Path) -> None:
    files: dict[str, Any] = dict.fromkeys(
        (f"data/{split}-00000-of-00001.jsonl" for split in ("train", "validation", "test")),
        lines({"tokens": CHARACTERS, field: NUMBERS, "pos": [0] * 8}),
    )
    card = CARD.format(field=field, indent=indent)
    for i, ending in enumerate(("\n", "\r\n")):
        done = converted(tmp_path / str(i), {**files, "README.md": card.replace("\n", ending)})
        assert done.splits == {"train": BOTH, "dev": BOTH, "test": BOTH}


@pytest.mark.parametrize(
    "card",
    [
        "",
        "no head",
        "---\n",
        "---\nx: [\n---\n",
        "---\n- a\n---\n",
        "---\ndataset_info: 5\n---\n",
        "---\na: &a [1]\nb: *a\n---\n",
    ],
)
def test_a_card_without_tag_names_is_ignored(card: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"^\[ZT223\] .*tags are numbers.*README\.md"):
        converted(tmp_path, {"README.md": card, "data/train.jsonl": lines({"tokens": CHARACTERS, "tags": NUMBERS})})


def split(tmp_path: Path, files: dict[str, Any], ratio: str = "8:1:1", **settings: Any) -> Converted:
    source = write(tmp_path / "in", files)
    source = source / next(iter(files)) if len(files) == 1 else source
    return convert_path(source, tmp_path / "out", split=ratio, **settings)


def numbered(n: int, **more: object) -> list[dict[str, Any]]:
    return [{"text": f"{TEXT}{i}", "spans": SPANS, **more} for i in range(n)]


def test_splits_have_the_sizes_of_the_ratio_and_are_reported(tmp_path: Path) -> None:
    done = split(tmp_path, {"all.jsonl": lines(*numbered(100))})
    assert {name: len(docs) for name, docs in done.splits.items()} == {"train": 80, "dev": 10, "test": 10}
    assert sorted(text for docs in done.splits.values() for text, _ in docs) == sorted(f"{TEXT}{i}" for i in range(100))
    assert len(done.messages) == 1
    assert "train 80 texts (80.0 %) in 80 groups" in done.messages[0]
    assert "seed 0" in done.messages[0]
    assert [tally.sentences for tally in done.tallies] == [80, 10, 10]


def test_a_ratio_of_two_numbers_makes_train_and_dev(tmp_path: Path) -> None:
    done = split(tmp_path, {"all.jsonl": lines(*numbered(20))}, "9:1")
    assert {name: len(docs) for name, docs in done.splits.items()} == {"train": 18, "dev": 2}


def test_the_seed_determines_the_split(tmp_path: Path) -> None:
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


def test_documents_with_equal_texts_share_a_split(tmp_path: Path) -> None:
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
def test_a_corpus_with_splits_cannot_be_split(names: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"^\[ZT248\] .* has splits already: "):
        split(tmp_path, {name: lines(*numbered(9)) for name in names})
    assert not (tmp_path / "out").exists()


def test_a_split_into_one_file_is_an_error(tmp_path: Path) -> None:
    source = write(tmp_path, {"a.jsonl": lines(*numbered(9))}) / "a.jsonl"
    with pytest.raises(CorpusError, match=r"^\[ZT247\]"):
        convert_path(source, tmp_path / "a.spacy", split="8:1:1")


def test_fewer_texts_than_splits_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"^\[ZT246\] .*\(got 1; equal"):
        split(tmp_path, {"a.jsonl": lines(*numbered(1) * 9)})


@pytest.mark.parametrize("value", ["8", "", "a:b", "8:1:0", "1:1:1:1", "nan:1", "inf:1", "-1:2", "8:1:1:", "8/1/1"])
def test_an_invalid_ratio_is_an_error(value: str) -> None:
    with pytest.raises(UsageError, match=r"^\[ZT245\] .*8:1:1") as caught:
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
