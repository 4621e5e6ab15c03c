"""JSON objects with spans of CLUENER, doccano, spaCy and Prodigy are read."""

import json
from pathlib import Path

import pytest
import spacy

from spacy_zh_tw_ner.corpora.formats.json_spans import read_cluener, read_doccano, read_spacy_json
from spacy_zh_tw_ner.corpora.records import NoAnnotation, ReaderT, Reading, Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError

CLUENER_TEXT = "彭小軍認為，臺灣的臺灣銀行"


def read(reader: ReaderT, tmp_path: Path, *values: object, messages: list[str] | None = None) -> list[Record]:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")
    return list(reader(path, Reading(notify=[].append if messages is None else messages.append)))


def read_lines(tmp_path: Path, *lines: str) -> list[Record]:
    path = tmp_path / "dev.json"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return list(read_cluener(path))


def line(text: object, label: object) -> str:
    return json.dumps({"text": text, "label": label}, ensure_ascii=False)


def test_cluener_ends_are_inclusive(tmp_path: Path) -> None:
    labels = {"name": {"彭小軍": [[0, 2]]}, "address": {"臺灣": [[6, 7], [9, 10]]}, "company": {"軍": [[2, 2]]}}
    (record,) = read_lines(tmp_path, line(CLUENER_TEXT, labels))
    assert record.text == CLUENER_TEXT
    assert record.entities == [
        Entity(0, 3, "name"),
        Entity(6, 8, "address"),
        Entity(9, 11, "address"),
        Entity(2, 3, "company"),
    ]


def test_origins_count_blank_lines(tmp_path: Path) -> None:
    found = read_lines(tmp_path, line("好", {}), "", line("的", {}))
    assert [(r.text, r.origin) for r in found] == [
        ("好", f"{tmp_path / 'dev.json'}:1"),
        ("的", f"{tmp_path / 'dev.json'}:3"),
    ]


@pytest.mark.parametrize("content", ['{"text": "好"}', '{"text": "好", "label": null}', '{"text": "好", "label": {}}'])
def test_a_sentence_may_have_no_labels(content: str, tmp_path: Path) -> None:
    assert [(r.text, r.entities) for r in read_lines(tmp_path, content)] == [("好", [])]


def test_unicode_line_separators_do_not_end_a_line(tmp_path: Path) -> None:
    (record,) = read_lines(tmp_path, line("好\u2028的\x85了", {"x": {"了": [[4, 4]]}}))
    assert (record.text, record.entities) == ("好\u2028的\x85了", [Entity(4, 5, "x")])


@pytest.mark.parametrize(
    ("first", "last", "stands_there"),
    [(0, 4, "'彭小軍認為'"), (3, 4, "'認為'"), (40, 42, "nothing"), (3, 0, "nothing"), (-3, -1, "nothing")],
)
def test_a_span_whose_text_is_elsewhere_is_rejected(first: int, last: int, stands_there: str, tmp_path: Path) -> None:
    _, record = read_lines(
        tmp_path, line("好", {"x": {"好": [[0, 0]]}}), line(CLUENER_TEXT, {"name": {"彭小軍": [[first, last]]}})
    )
    assert record.entities == []
    ((entity, reason),) = record.rejects
    assert entity == Entity(first, last, "name")
    assert reason == f"the file repeats the text as '彭小軍', but the offsets select {stands_there}"


def test_one_exclusive_end_is_repaired_and_reported(tmp_path: Path) -> None:
    first, second = read_lines(
        tmp_path, line("好", {"x": {"好": [[0, 0]]}}), line(CLUENER_TEXT, {"name": {"彭小軍": [[0, 3]]}})
    )
    assert (first.repairs, second.repairs) == ([], ["'彭小軍' has offsets in codepoint"])
    assert second.entities == [Entity(0, 3, "name")]


def test_exclusive_ends_are_detected(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text(line(CLUENER_TEXT, {"name": {"彭小軍": [[0, 3]]}, "place": {"臺灣": [[6, 8]]}}), encoding="utf-8")
    messages: list[str] = []
    (record,) = read_cluener(path, Reading(notify=messages.append))
    assert record.entities == [Entity(0, 3, "name"), Entity(6, 8, "place")]
    assert record.repairs == []
    assert messages == [
        f"{path}: offsets are read as codepoint: 2 of 2 spans match the annotated texts in the file, "
        "but only 0 as codepoint-inclusive."
    ]


BROKEN_CLUENER = {
    "labels in a list": '{"text": "好", "label": ["name"]}',
    "no JSON": "彭小軍",
    "cut off": '{"text": "好", "label": {"na',
    "no text": '{"label": {}}',
    "a list": '["好"]',
    "a number": "7",
    "null text": '{"text": null, "label": {"name": {"好": [[0, 0]]}}}',
    "null text without labels": '{"text": null}',
    "text that is a number": '{"text": 5, "label": {}}',
    "surfaces in a list": '{"text": "好", "label": {"name": ["好"]}}',
}


@pytest.mark.parametrize(
    "label", [{"name": {"好": [0, 0]}}, {"name": {"好": [[0, 0, 0]]}}, {"name": {"好": [["a", "0"]]}}]
)
def test_invalid_offsets_reject_only_their_span(label: object, tmp_path: Path) -> None:
    (record,) = read_lines(tmp_path, line("好", label))
    assert (record.text, record.entities) == ("好", [])
    assert record.rejects


@pytest.mark.parametrize("fault", BROKEN_CLUENER)
def test_a_line_that_is_not_a_cluener_object_is_an_error(fault: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        read_lines(tmp_path, line("好", {}), BROKEN_CLUENER[fault])
    assert str(caught.value).startswith(f"[ZT201] {tmp_path / 'dev.json'}:2 cannot be used: not ")
    assert "Write " in str(caught.value)


DOCCANO_TEXT = "國立臺灣大學位於臺北市"
DOCCANO_SPANS = [[0, 6, "ORG"], [8, 11, "GPE"]]
DOCCANO_ENTITIES = [Entity(0, 6, "ORG"), Entity(8, 11, "GPE")]
DOCCANO_OBJECTS = [
    {"id": 1, "start_offset": 0, "end_offset": 6, "label": "ORG"},
    {"id": 2, "start_offset": 8, "end_offset": 11, "label": "GPE"},
]


@pytest.mark.parametrize(
    "data",
    [
        {"id": 7, "text": DOCCANO_TEXT, "label": DOCCANO_SPANS},
        {"text": DOCCANO_TEXT, "labels": DOCCANO_SPANS, "meta": {}},
        {"id": 7, "text": DOCCANO_TEXT, "entities": DOCCANO_OBJECTS, "relations": [], "Comments": []},
    ],
)
def test_every_doccano_layout_is_read(data: dict[str, object], tmp_path: Path) -> None:
    (record,) = read(read_doccano, tmp_path, data)
    assert (record.text, record.entities, record.origin) == (
        DOCCANO_TEXT,
        DOCCANO_ENTITIES,
        f"{tmp_path / 'data.jsonl'}:1",
    )


def test_an_array_is_read_like_lines(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_text(json.dumps([{"text": DOCCANO_TEXT, "label": DOCCANO_SPANS}] * 2), encoding="utf-8")
    assert [record.entities for record in read_doccano(path)] == [DOCCANO_ENTITIES, DOCCANO_ENTITIES]


def test_a_sentence_without_entities_is_kept(tmp_path: Path) -> None:
    found = read(read_doccano, tmp_path, {"text": "好", "label": []}, {"text": "的", "entities": []})
    assert [(record.text, record.entities) for record in found] == [("好", []), ("的", [])]


def test_doccano_offsets_count_carriage_returns(tmp_path: Path) -> None:
    (record,) = read(read_doccano, tmp_path, {"text": "好\r\n臺北市", "label": [[3, 6, "GPE"]]})
    assert [record.text[e.start : e.end] for e in record.entities] == ["臺北市"]


def test_utf16_is_detected_if_code_points_are_impossible(tmp_path: Path) -> None:
    messages: list[str] = []
    (record,) = read(
        read_doccano, tmp_path, {"text": "👨🏻\u200d🚒消防局", "label": [[7, 10, "ORG"]]}, messages=messages
    )
    assert [record.text[e.start : e.end] for e in record.entities] == ["消防局"]
    assert "read as utf16" in messages[0]


@pytest.mark.parametrize(
    "data",
    [
        {"label": DOCCANO_SPANS},
        {"text": None, "label": DOCCANO_SPANS},
        {"text": DOCCANO_TEXT, "label": {"ORG": []}},
        {"text": DOCCANO_TEXT, "label": 5},
        {"text": "\ud83d台", "label": []},
    ],
)
def test_a_line_that_is_not_a_doccano_object_is_an_error(data: object, tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "好", "label": []}\n' + json.dumps(data) + "\n", encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        list(read_doccano(path))
    assert str(caught.value).startswith(f"[ZT201] {path}:2 cannot be used: not a doccano object")


@pytest.mark.parametrize("key", ["label", "labels", "entities", "spans"])
@pytest.mark.parametrize(
    ("span", "is_annotation"),
    [
        ([0, 6], True),
        (["a", "6", "ORG"], True),
        ([0, 6.5, "ORG"], True),
        (["-1", 6, "ORG"], True),
        ([0, float("inf"), "ORG"], True),
        ([[0], 6, "ORG"], True),
        ([0, True, "ORG"], True),
        ([0, 6, ["ORG", {}]], True),
        ("臺北市", True),
        (None, True),
        (7, True),
        ([], True),
        ([None, 6, "ORG"], False),
        ({"start_offset": 0, "label": "ORG"}, False),
        ([0, 6, None], False),
        ([0, 6, ""], False),
        ({"start": 0}, False),
        ({"start_offset": 0, "end_offset": 6}, False),
        ({}, False),
    ],
)
def test_an_invalid_span_rejects_only_itself(span: object, is_annotation: bool, key: str, tmp_path: Path) -> None:
    (record,) = read(read_doccano, tmp_path, {"text": DOCCANO_TEXT, key: [DOCCANO_SPANS[1], span]})
    assert DOCCANO_ENTITIES[1] in record.entities
    assert [isinstance(reject, NoAnnotation) for reject in record.rejects] == [not is_annotation]


@pytest.mark.parametrize(
    "span", [["0", "6", "ORG"], [0.0, 6.0, "ORG"], {"start_offset": "0", "end_offset": 6.0, "label": "ORG"}]
)
def test_offsets_may_be_strings_or_floats(span: object, tmp_path: Path) -> None:
    (record,) = read(read_doccano, tmp_path, {"text": DOCCANO_TEXT, "label": [span]})
    assert (record.entities, record.rejects) == (DOCCANO_ENTITIES[:1], [])


TEXT = "𠮷野家在臺北市"
ENTITIES = [Entity(0, 3, "ORG"), Entity(4, 7, "GPE")]
OBJECTS = [{"start": 0, "end": 3, "label": "ORG"}, {"start": 4, "end": 7, "label": "GPE"}]


@pytest.mark.parametrize("key", ["spans", "entities", "ents"])
@pytest.mark.parametrize("spans", [OBJECTS, [[0, 3, "ORG"], [4, 7, "GPE"]]])
def test_spans_are_read_from_three_fields_and_two_layouts(key: str, spans: list[object], tmp_path: Path) -> None:
    (record,) = read(read_spacy_json, tmp_path, {"text": TEXT, key: spans})
    assert (record.text, record.entities, record.origin) == (TEXT, ENTITIES, f"{tmp_path / 'data.jsonl'}:1")


def test_the_output_of_doc_to_json_is_read(tmp_path: Path) -> None:
    doc = spacy.blank("zh_tw")(TEXT)
    doc.set_ents([doc.char_span(start, end, label) for start, end, label in ENTITIES])
    assert read(read_spacy_json, tmp_path, doc.to_json())[0].entities == ENTITIES


@pytest.mark.parametrize("empty", [{"spans": []}, {"spans": None}, {}])
def test_a_text_may_have_no_spans(empty: dict[str, object], tmp_path: Path) -> None:
    assert read(read_spacy_json, tmp_path, {"text": TEXT, **empty})[0].entities == []


def test_only_accepted_objects_are_read_and_others_are_reported(tmp_path: Path) -> None:
    messages: list[str] = []
    values = [{"text": answer, "spans": [], "answer": answer} for answer in ("accept", "reject", "ignore")]
    assert [record.text for record in read(read_spacy_json, tmp_path, *values, messages=messages)] == ["accept"]
    assert messages == [f'{tmp_path / "data.jsonl"}: 2 objects whose `answer` is not "accept" are left out.']


def test_annotated_texts_determine_the_unit(tmp_path: Path) -> None:
    messages: list[str] = []
    (record,) = read(
        read_spacy_json,
        tmp_path,
        {"text": TEXT, "spans": [{"start": 5, "end": 8, "label": "GPE", "text": "臺北市"}]},
        messages=messages,
    )
    assert record.entities == ENTITIES[1:]
    assert "read as utf16" in messages[0]


@pytest.mark.parametrize(
    "data",
    [
        {"spans": OBJECTS},
        {"text": 5, "spans": []},
        {"text": TEXT, "spans": {"sc": []}},
        {"text": TEXT, "spans": "臺北市"},
    ],
)
def test_a_line_that_is_not_a_spacy_object_is_an_error(data: object, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        read(read_spacy_json, tmp_path, {"text": "好", "spans": []}, data)
    assert str(caught.value).startswith(f"[ZT201] {tmp_path / 'data.jsonl'}:2 cannot be used: not a spaCy object")
