"""Tokens and tags are read from JSON and Parquet, with tags as names or numbers."""

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from spacy_zh_tw_ner.corpora.class_labels import find_names
from spacy_zh_tw_ner.corpora.formats.detection import FORMATS, guess_format
from spacy_zh_tw_ner.corpora.formats.hugging_face import read_hugging_face
from spacy_zh_tw_ner.corpora.records import Reading, Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError, MissingExtraError

TOKENS = ["台北", "市", "很", "大"]
NAMES = ["O", "B-PER", "I-PER", "B-GPE", "I-GPE"]
NUMBERS = [3, 4, 0, 0]
ENTITIES = [Entity(0, 3, "GPE")]
CLASS_LABEL = {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "Sequence"}
CHUNKS = {"feature": {"names": ["O", "B-NP", "I-NP", "B-VP", "I-VP"], "_type": "ClassLabel"}, "_type": "Sequence"}
POS = {"feature": {"names": ["NN", "VV", "X", "Y", "Z"], "_type": "ClassLabel"}, "_type": "Sequence"}
FEATURES = {"tokens": {}, "pos_tags": POS, "chunk_tags": CHUNKS, "ner_tags": CLASS_LABEL}


def read(tmp_path: Path, *values: object, messages: list[str] | None = None) -> list[Record]:
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return list(read_hugging_face(path, Reading(notify=[].append if messages is None else messages.append)))


def numbered(tmp_path: Path) -> Record:
    (record,) = read(tmp_path, {"tokens": TOKENS, "ner_tags": NUMBERS})
    return record


def test_tags_may_be_names(tmp_path: Path) -> None:
    (record,) = read(tmp_path, {"id": "0", "tokens": TOKENS, "ner_tags": ["B-GPE", "I-GPE", "O", "O"]})
    assert (record.text, record.entities) == ("台北市很大", ENTITIES)
    assert record.origin == f"{tmp_path / 'train.jsonl'}:1"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.json", NAMES),
        ("labels.json", {name: i for i, name in enumerate(NAMES)}),
        ("labels.json", {str(i): name for i, name in enumerate(NAMES)}),
        ("label_names.json", {"label_names": NAMES}),
        ("features.json", {"ner_tags": CLASS_LABEL}),
        ("features.json", FEATURES),
        ("dataset_info.json", {"splits": {}, "features": FEATURES}),
        ("dataset_infos.json", {"default": {"features": FEATURES}}),
        ("config.json", {"id2label": dict(enumerate(NAMES)), "label2id": {}}),
        (
            "dataset_info.json",
            {"features": {"ner_tags": {"feature": {"class_label": {"names": dict(enumerate(NAMES))}}}}},
        ),
    ],
)
def test_names_of_numeric_tags_are_read_from_a_file_in_the_folder(name: str, content: object, tmp_path: Path) -> None:
    (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    assert numbered(tmp_path).entities == ENTITIES


def test_numeric_tags_without_names_are_an_error_that_lists_the_searched_files(tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text('{"features": {"ner_tags": {"feature": {"dtype": "int64"}}}}')
    with pytest.raises(CorpusError) as caught:
        numbered(tmp_path)
    assert str(caught.value).startswith(f"[ZT223] {tmp_path / 'train.jsonl'}:1: the tags in ner_tags are numbers")
    assert "labels.json" in str(caught.value)


def test_a_file_of_names_that_is_not_json_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text("[")
    with pytest.raises(CorpusError, match=r"^\[ZT222\] .*labels\.json should hold the names of the tags"):
        numbered(tmp_path)


@pytest.mark.parametrize("value", [[], ["NN", "VV"], {}, {"a": 1}, {"0": "O", "2": "B-X"}, 7, "O", None, [["O"]]])
def test_values_that_are_not_tag_names_are_ignored(value: Any) -> None:
    assert find_names(value) is None


def test_tokens_are_found_in_the_text_of_their_object(tmp_path: Path) -> None:
    data = {"tokens": ["在", "New", "York", "的"], "ner_tags": ["O", "B-GPE", "I-GPE", "O"]}
    (joined,) = read(tmp_path, data)
    (spaced,) = read(tmp_path, {**data, "text": "在 New York 的"})
    assert [r.text[e.start : e.end] for r in (joined, spaced) for e in r.entities] == ["New York", "New York"]
    with pytest.raises(CorpusError, match="the token is not next in `text`"):
        read(tmp_path, {**data, "text": "在 York 的"})


def test_repairs_are_counted_and_iob1_is_reported(tmp_path: Path) -> None:
    begins = {"tokens": ["甲", "乙"], "ner_tags": ["I-A", "O"]}
    messages: list[str] = []
    (record,) = read(tmp_path, begins, messages=messages)
    assert (record.entities, record.repairs) == ([Entity(0, 1, "A")], [])
    assert "IOB1" in messages[0]
    record, _ = read(tmp_path, begins, {"tokens": ["甲"], "ner_tags": ["B-A"]}, messages=(messages := []))
    assert (record.repairs, messages) == (["1 inside tags without a beginning"], [])


def test_rows_after_the_surveyed_ones_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_zh_tw_ner.corpora.formats.hugging_face.N_SURVEYED", 2)
    found = read(tmp_path, *({"tokens": [char], "ner_tags": ["O"]} for char in "甲乙丙丁戊"))
    assert [record.text for record in found] == list("甲乙丙丁戊")


@pytest.mark.parametrize(
    "data",
    [
        {"tokens": TOKENS},
        {"ner_tags": NUMBERS},
        {"tokens": TOKENS, "ner_tags": ["O"]},
        {"tokens": TOKENS, "ner_tags": ["GPE", "O", "O", "O"]},
        {"tokens": TOKENS, "ner_tags": [None] * 4},
        {"tokens": TOKENS, "ner_tags": [9, 0, 0, 0]},
        {"tokens": TOKENS, "ner_tags": [-100, 0, 0, 0]},
        {"tokens": TOKENS, "ner_tags": [3, "O", 0, 0]},
        {"tokens": [1, 2, 3, 4], "ner_tags": NUMBERS},
        {"tokens": ["\ud83d"], "ner_tags": ["O"]},
        {"tokens": 5, "ner_tags": 5},
    ],
)
def test_objects_without_valid_tokens_and_tags_are_an_error(data: object, tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(NAMES))
    with pytest.raises(CorpusError) as caught:
        read(tmp_path, {"tokens": [], "ner_tags": []}, data)
    assert str(caught.value).startswith(f"[ZT201] {tmp_path / 'train.jsonl'}:2 cannot be used: not tokens and tags")


def parquet(path: Path, columns: dict[str, list[object]], *, metadata: dict[str, object] | None = None) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as parquet_files

    table = pyarrow.table(columns)
    if metadata is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps(metadata)})
    parquet_files.write_table(table, path)
    return path


def test_tag_names_are_read_from_parquet_metadata(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {"id": [0, 1], "tokens": [TOKENS, ["好"]], "ner_tags": [NUMBERS, [0]]}
    path = parquet(tmp_path / "a.parquet", columns, metadata={"info": {"features": FEATURES}})
    read: list[float] = []
    found = list(read_hugging_face(path, Reading(advance=read.append)))
    assert [(r.text, r.entities) for r in found] == [("台北市很大", ENTITIES), ("好", [])]
    assert found[1].origin == f"{path}:2"
    assert sum(read) == pytest.approx(path.stat().st_size)


def test_tag_names_of_parquet_may_be_in_a_file_of_the_folder(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"tokens": [TOKENS], "ner_tags": [NUMBERS]})
    with pytest.raises(CorpusError, match="ZT223"):
        list(read_hugging_face(path))
    (tmp_path / "labels.json").write_text(json.dumps(NAMES))
    assert [record.entities for record in read_hugging_face(path)] == [ENTITIES]


def test_other_or_truncated_parquet_files_are_an_error(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": ["好"]})
    with pytest.raises(CorpusError, match=r"a\.parquet:1 cannot be used: not tokens and tags \(no list in `tokens`\)"):
        list(read_hugging_face(path))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CorpusError, match=r"^\[ZT225\] .*a\.parquet"):
        list(read_hugging_face(path))


def test_parquet_without_pyarrow_is_an_error_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"^\[ZT224\] .*pip install .*\[parquet\]"):
        list(read_hugging_face(path))


@pytest.mark.parametrize("field", ["ner_tags", "tags", "labels", "ner", "label", "ner_labels"])
@pytest.mark.parametrize("feature", [CLASS_LABEL, {**CLASS_LABEL, "_type": "List"}, [CLASS_LABEL["feature"]]])
def test_tag_names_of_parquet_are_found_under_any_field_name(field: str, feature: object, tmp_path: Path) -> None:
    features = {"pos_tags": POS, "chunk_tags": CHUNKS, field: feature}
    columns: dict[str, list[object]] = {"tokens": [TOKENS], "chunk_tags": [[0] * 4], field: [NUMBERS]}
    path = parquet(tmp_path / "a.parquet", columns, metadata={"info": {"features": features}})
    assert guess_format(path) == "hf"
    assert [record.entities for record in read_hugging_face(path)] == [ENTITIES]


SPANS = [{"start": 0, "end": 3, "label": "GPE"}]
NAMED = {
    "start": {"dtype": "int64"},
    "end": {"dtype": "int64"},
    "label": {"names": ["PER", "GPE"], "_type": "ClassLabel"},
}


@pytest.mark.parametrize(
    ("columns", "features"),
    [
        ({"text": ["台北市"], "spans": [SPANS]}, None),
        ({"text": ["台北市"], "entities": [{"start": [0], "end": [3], "label": ["GPE"]}]}, None),
        ({"sentence": ["台北市"], "label": [[{"start_offset": 0, "end_offset": 3, "label": "GPE"}]]}, None),
        ({"text": ["台北市"], "spans": [[{"start": 0, "end": 3, "label": 1}]]}, {"spans": [NAMED]}),
        ({"text": ["台北市"], "spans": [[{"start": 0, "end": 3, "label": 1}]]}, {"spans": {"feature": NAMED}}),
        ({"text": ["台北市"], "picture": [b"\xff" * 9], "spans": [SPANS]}, None),
    ],
)
def test_parquet_may_hold_spans(columns: dict[str, list[object]], features: object, tmp_path: Path) -> None:
    metadata: dict[str, object] | None = {"info": {"features": features}} if features else None
    path = parquet(tmp_path / "a.parquet", columns, metadata=metadata)
    read: list[float] = []
    found = list(FORMATS[guess_format(path)](path, Reading(advance=read.append)))
    assert [(record.text, record.entities) for record in found] == [("台北市", ENTITIES)]
    assert sum(read) == pytest.approx(path.stat().st_size)


def test_a_damaged_parquet_file_is_an_error_without_a_given_format(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": ["好"]})
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CorpusError, match=r"^\[ZT225\] .*a\.parquet"):
        list(FORMATS[guess_format(path)](path, Reading()))
