"""Folders as people and the Hub lay them out."""

from pathlib import Path
from typing import Any

import pytest
from conversions import BOTH, CHARACTERS, SPANS, TAGS, TEXT, convert_path, converted, lines, write

from spacy_zh_tw_ner.corpora.splits import data_files, find_splits
from spacy_zh_tw_ner.errors import CorpusError

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
def test_splits_are_found_wherever_they_are(names: tuple[str, str, str], tmp_path: Path) -> None:
    found = converted(
        tmp_path, {**dict.fromkeys(names, GOOD), "README.md": "# x [a](https://b)", ".cache/train.json": "x"}
    )
    assert found.splits == {"train": BOTH, "dev": BOTH, "test": BOTH}
    assert found.told == []


def test_several_corpora_in_one_folder_are_named(tmp_path: Path) -> None:
    write(tmp_path, {"a/train.jsonl": GOOD, "b/train.jsonl": GOOD, "c/x.txt": ""})
    with pytest.raises(CorpusError, match=r"^\[ZT244\] .*/a, .*/b\. Give one"):
        find_splits(tmp_path)


@pytest.mark.parametrize("suffix", [".md", ".markdown"])
def test_markdown_is_markup(suffix: str, tmp_path: Path) -> None:
    files = {f"{split}{suffix}": MARKUP for split in ("train", "dev", "test")}
    assert converted(tmp_path / "1", files).splits == {"train": BOTH, "dev": BOTH, "test": BOTH}
    assert converted(tmp_path / "2", {f"a{suffix}": MARKUP}).docs == BOTH
    with pytest.raises(CorpusError, match=rf"\[ZT201\] .*a\{suffix}:1: an entity is not closed"):
        converted(tmp_path / "3", {f"a{suffix}": "[林小華在\n"})


def test_markdown_that_describes_a_corpus_is_no_data(tmp_path: Path) -> None:
    described = {"README.md": "# A\n[link](https://a.b), [file](LICENSE.txt), [x](#top)\n", "notes.md": "好\n"}
    source = write(tmp_path, {**described, "train/notes.md": "好\n", "train/a.md": MARKUP, "a.markdown": MARKUP})
    assert [str(path.relative_to(source)) for path in data_files(source)] == ["a.markdown", "train/a.md"]


def test_an_output_without_a_suffix_is_a_folder_and_says_so(tmp_path: Path) -> None:
    source = write(tmp_path / "in", {"all.jsonl": GOOD}) / "all.jsonl"
    done = convert_path(source, tmp_path / "corpus" / "mine")
    assert done.splits == {"all": BOTH}
    assert (tmp_path / "corpus" / "mine" / "all.spacy").is_file()
    assert len(done.told) == 1
    assert f"{tmp_path / 'corpus' / 'mine'} is taken for a folder" in done.told[0]
    assert "--split" in done.told[0]
    (tmp_path / "v1.0").mkdir()
    assert convert_path(source, tmp_path / "v1.0").splits == {"all": BOTH}
    # A suffix other than .spacy makes no file, which nothing would read afterwards.
    assert convert_path(source, tmp_path / "v1.1").splits == {"all": BOTH}
    assert (tmp_path / "v1.1" / "all.spacy").is_file()
    assert convert_path(source, tmp_path / "a.spacy").told == []


def test_an_output_that_is_a_file_is_never_taken_for_a_folder(tmp_path: Path) -> None:
    source = write(tmp_path, {"all.jsonl": GOOD, "out": "mine"}) / "all.jsonl"
    with pytest.raises(OSError, match="out"):
        convert_path(source, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_one_broken_line_is_told_once(tmp_path: Path) -> None:
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
def test_the_card_of_a_data_set_names_its_tags(field: str, indent: str, tmp_path: Path) -> None:
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
def test_a_card_that_says_nothing_is_passed_over(card: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"^\[ZT223\] .*tags are numbers.*README\.md"):
        converted(tmp_path, {"README.md": card, "data/train.jsonl": lines({"tokens": CHARACTERS, "tags": NUMBERS})})
