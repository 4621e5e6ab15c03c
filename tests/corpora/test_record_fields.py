"""Text, tokens, tags and spans of an object are found under the field names of any tool."""

from pathlib import Path
from typing import Any

import pytest

from spacy_zh_tw_ner.corpora.formats.detection import guess_format
from spacy_zh_tw_ner.corpora.record_fields import NotUsable, find_text, kind_of
from spacy_zh_tw_ner.errors import CorpusError
from tests.corpora.conversions import BOTH, CHARACTERS, GPE, PERSON, SPANS, TAGS, TEXT, DocsT, converted, lines

LISTS = [[0, 3, "PERSON"], [4, 7, "GPE"]]
OFFSETS = [{"id": i, "start_offset": s, "end_offset": e, "label": label} for i, (s, e, label) in enumerate(LISTS)]
FINE: DocsT = [("今天天氣很好。", [])]


@pytest.mark.parametrize(
    "data",
    [
        {"text": TEXT, "label": LISTS},
        {"text": TEXT, "labels": LISTS, "cats": ["news"], "Comments": ["好"]},
        {"id": 1, "data": TEXT, "label": LISTS},
        {"id": 1, "data": TEXT, "labels": LISTS, "label": None},
        {"text": TEXT, "entities": OFFSETS, "relations": []},
        {"text": TEXT, "entities": OFFSETS, "label": []},
        {"text": TEXT, "entities": [], "label": LISTS},
        {"text": TEXT, "entities": OFFSETS, "label": LISTS},
        {"text": TEXT, "entities": None, "label": LISTS, "spans": None},
        {"text": TEXT, "annotations": OFFSETS},
        {"annotations": OFFSETS, "id": 1, "text": TEXT},
        {"text": TEXT, "spans": SPANS},
        {
            "text": TEXT,
            "spans": SPANS,
            "label": "news",
            "answer": "accept",
            "tokens": [{"text": "林", "start": 0, "end": 1}],
        },
        {"text": TEXT, "ents": SPANS, "sents": [{"start": 0, "end": 8}], "tokens": [{"id": 0, "start": 0, "end": 1}]},
        {"text": TEXT, "entities": LISTS},
        {"text": TEXT, "mentions": SPANS},
        {"text": TEXT, "nested": {"a": 1}, "entity_list": LISTS},
        {"text": TEXT, "entities": [{"begin": 0, "end": 3, "type": "PERSON"}, {"begin": 4, "end": 7, "type": "GPE"}]},
        {"text": TEXT, "entities": [{"start_idx": 0, "end_idx": 3, "tag": "PERSON"}, *SPANS[1:]]},
        {"text": TEXT, "entities": [{"start": 0, "end": 3, "entity_group": "PERSON", "word": "林小華"}, *SPANS[1:]]},
        {"text": TEXT, "entities": {"start": [0, 4], "end": [3, 7], "label": ["PERSON", "GPE"]}},
        {"text": TEXT, "label": {"PERSON": {"林小華": [[0, 2]]}, "GPE": {"臺北市": [[4, 6]]}}},
        {"tokens": CHARACTERS, "ner_tags": TAGS},
        {"tokens": CHARACTERS, "tags": TAGS},
        {"words": CHARACTERS, "labels": TAGS},
        {"text": CHARACTERS, "label": TAGS},
        {"text": TEXT, "labels": TAGS},
        {"chars": CHARACTERS, "ner": TAGS},
        {"tokens": ["林小華", "在", "臺北市", "。"], "ner_tags": ["S-PERSON", "O", "S-GPE", "O"]},
        {
            "id": 5,
            "sentence": TEXT,
            "word": ["林小華", "在", "臺北市", "。"],
            "word_label": ["B-PERSON", "O", "B-GPE", "O"],
            "character": CHARACTERS,
            "character_label": TAGS,
        },
        {"content": TEXT, "entities": LISTS},
    ],
)
@pytest.mark.parametrize(
    "before", [[], [{"text": "今天天氣很好。"}], [{"text": "今天天氣很好。", "label": None, "spans": None}]]
)
def test_every_layout_gives_the_same_document(
    data: dict[str, Any], before: list[dict[str, Any]], tmp_path: Path
) -> None:
    done = converted(tmp_path, {"a.jsonl": lines(*before, data)})
    assert done.docs == FINE * len(before) + BOTH
    assert (done.rejects, done.rejected) == ([], 0)


@pytest.mark.parametrize("order", [1, -1])
def test_one_file_may_mix_objects_of_several_tools(order: int, tmp_path: Path) -> None:
    objects = [
        {"text": TEXT, "spans": SPANS},
        {"text": TEXT, "label": LISTS},
        {"text": TEXT},
        {"text": TEXT, "entities": OFFSETS},
    ]
    docs = converted(tmp_path, {"a.jsonl": lines(*objects[::order])}).docs
    assert sorted(docs, key=str) == sorted([*BOTH * 3, (TEXT, [])], key=str)


def test_objects_of_another_layout_are_rejected(tmp_path: Path) -> None:
    for i, other in enumerate(
        (
            {"text": TEXT, "label": {"PERSON": {"林小華": [[0, 2]]}}},
            {"text": TEXT, "tokens": CHARACTERS, "ner_tags": TAGS},
            {"text": TEXT, "spans": "[[0, 3]]"},
            {"text": TEXT, "entities": 5},
        )
    ):
        with pytest.raises(CorpusError, match=r"\[ZT208\].*a\.jsonl:2"):
            converted(tmp_path / str(i), {"a.jsonl": lines({"text": TEXT, "spans": SPANS}, other)})


@pytest.mark.parametrize("n_bare", [1, 60, 1500])
@pytest.mark.parametrize(
    ("data", "format"),
    [
        ({"text": TEXT, "spans": SPANS}, "jsonl"),
        ({"text": TEXT, "label": LISTS}, "doccano"),
        ({"text": TEXT, "label": {"PERSON": {"林小華": [[0, 2]]}}}, "cluener"),
        ({"tokens": CHARACTERS, "ner_tags": TAGS}, "hf"),
        ({"data": {"text": TEXT}, "annotations": [{"result": []}]}, "label-studio"),
    ],
)
def test_the_first_annotated_object_determines_the_format(
    data: dict[str, Any], format: str, n_bare: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(lines(*[{"text": "好", "answer": "accept"}] * n_bare, data), encoding="utf-8")
    assert guess_format(path) == format


def test_each_file_of_a_folder_has_its_own_format(tmp_path: Path) -> None:
    good = {"text": TEXT, "spans": SPANS}
    files = {
        "train/a.jsonl": lines(good),
        "train/b.jsonl": lines({"text": "今天天氣很好。"}, {"text": TEXT, "label": LISTS}),
        "train/more/c.json": [{"text": "今天天氣很好。"}],
        "train/more/d.bio": "".join(f"{c}\t{t}\n" for c, t in zip(CHARACTERS, TAGS, strict=True)),
        "dev/x/a.json": [good],
        "test/a.json": [good],
    }
    assert converted(tmp_path, files).splits == {
        "train": [*BOTH, *FINE, *BOTH, *FINE, *BOTH],
        "dev": BOTH,
        "test": BOTH,
    }


NUMBERED = {"text": TEXT, "annotations": [{"start_offset": 0, "end_offset": 3, "label": 2}]}


@pytest.mark.parametrize(
    "data", [NUMBERED, {"text": TEXT, "label": [[0, 3, 2]]}, {"text": TEXT, "spans": [{**SPANS[0], "label": 2}]}]
)
def test_numeric_labels_need_a_file_of_names(data: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"^\[ZT243\] .*a\.jsonl:2: the label is the number 2"):
        converted(tmp_path / "0", {"a.jsonl": lines({"text": "好"}, data)})
    names: list[tuple[str, object]] = [
        ("labels.json", {"1": "GPE", "2": "PERSON"}),
        ("labels.json", ["ORG", "GPE", "PERSON"]),
        ("labels.json", {"ORG": 0, "GPE": 1, "PERSON": 2}),
        ("label_config.json", [{"id": 1, "text": "GPE", "color": "#fff"}, {"id": 2, "text": "PERSON"}]),
        (
            "dataset_info.json",
            {"features": {"spans": [{"label": {"names": ["ORG", "GPE", "PERSON"]}}]}, "splits": {"n": 2}},
        ),
    ]
    for i, (name, content) in enumerate(names, start=1):
        done = converted(tmp_path / str(i), {"a.jsonl": lines(data), name: content}, one="a.jsonl")
        assert done.docs == [(TEXT, [PERSON])]


NO_TEXT: list[object] = [None, 5, 1.5, True, ["林小華"], {"a": "林小華"}, [{"author": "甲", "text": "林小華來了。"}]]


@pytest.mark.parametrize("value", NO_TEXT)
@pytest.mark.parametrize("key", ["text", "data", "content"])
def test_values_that_are_not_text_are_rejected_with_line_and_reason(key: str, value: object, tmp_path: Path) -> None:
    content = lines({"text": TEXT, "label": LISTS}, {key: value, "label": []})
    with pytest.raises(CorpusError, match=r"\[ZT208\] 1 of 3.*a\.jsonl:2: not a doccano object: .* is .*, not text"):
        converted(tmp_path, {"a.jsonl": content})
    done = converted(tmp_path, {"a.jsonl": content}, max_rejects=1)
    assert (done.docs, done.rejected) == (BOTH, 1)
    (reject,) = done.rejects
    assert str(reject["origin"]).endswith("a.jsonl:2")
    assert f"`{key}` is {kind_of(value)}, not text" in reject["reason"]


@pytest.mark.parametrize("token", [None, 5, ["林"], {"text": "林"}])
def test_tokens_that_are_not_strings_are_rejected(token: object, tmp_path: Path) -> None:
    content = lines({"tokens": CHARACTERS, "ner_tags": TAGS}, {"tokens": ["在", token], "ner_tags": ["O", "O"]})
    done = converted(tmp_path, {"a.jsonl": content}, max_rejects=1)
    assert (done.docs, done.rejected) == (BOTH, 1)


def test_invalid_document_ids_become_empty(tmp_path: Path) -> None:
    from spacy_zh_tw_ner.corpora.formats.json_spans import read_spacy_json

    for doc_id in (None, [], {}, 1.5, True):
        data = {"text": TEXT, "spans": SPANS, "meta": {"doc_id": doc_id}, "doc_id": doc_id}
        path = tmp_path / "a.jsonl"
        path.write_text(lines(data), encoding="utf-8")
        assert [record.doc_id for record in read_spacy_json(path)] == [""]


def test_a_region_without_a_label_is_listed_but_not_rejected(tmp_path: Path) -> None:
    done = converted(tmp_path, {"a.jsonl": lines({"text": TEXT, "label": [*LISTS, [0, 2, None]]})})
    assert (done.docs, done.rejected) == (BOTH, 0)
    assert done.tallies[0].left_out == {"a region without a label": 1}
    assert [(reject["reason"], reject["is_annotation"]) for reject in done.rejects] == [
        ("a region without a label", False)
    ]


def test_fields_may_have_custom_names(tmp_path: Path) -> None:
    tokens = {"id": 1, "字": CHARACTERS, "標": TAGS, "tokens": ["好"], "ner_tags": ["O"]}
    assert converted(tmp_path / "1", {"a.jsonl": lines(tokens)}, tokens="字", tags="標").docs == BOTH
    text = {"text": "好", "本文": TEXT, "spans": SPANS}
    assert converted(tmp_path / "2", {"a.jsonl": lines(text)}, text="本文").docs == BOTH
    sentence = {"本文": "林小華 在臺北市。", "字": CHARACTERS, "標": TAGS}
    done = converted(tmp_path / "3", {"a.jsonl": lines(sentence)}, text="本文", tokens="字", tags="標")
    assert done.docs == [("林小華 在臺北市。", [PERSON, GPE])]


@pytest.mark.parametrize("names", [{"text": "x"}, {"tokens": "x"}, {"tags": "x"}])
def test_a_missing_field_is_an_error_with_its_name(names: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="`x`"):
        converted(tmp_path, {"a.jsonl": lines({"tokens": CHARACTERS, "ner_tags": TAGS})}, **names)


def test_an_object_without_text_is_not_usable() -> None:
    with pytest.raises(NotUsable, match="has no field `text`"):
        find_text({"id": 1})
