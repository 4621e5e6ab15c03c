"""CLUENER's JSON lines, whose ends are inclusive."""

import json
from pathlib import Path

import pytest

from spacy_zh_tw_ner.corpora.formats.json_spans import read_cluener
from spacy_zh_tw_ner.corpora.records import Reading, Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError

TEXT = "彭小軍認為，臺灣的臺灣銀行"


def read(tmp_path: Path, *lines: str) -> list[Record]:
    path = tmp_path / "dev.json"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return list(read_cluener(path))


def line(text: object, label: object) -> str:
    return json.dumps({"text": text, "label": label}, ensure_ascii=False)


def test_the_last_character_is_included(tmp_path: Path) -> None:
    labels = {"name": {"彭小軍": [[0, 2]]}, "address": {"臺灣": [[6, 7], [9, 10]]}, "company": {"軍": [[2, 2]]}}
    (record,) = read(tmp_path, line(TEXT, labels))
    assert record.text == TEXT
    assert record.entities == [
        Entity(0, 3, "name"),
        Entity(6, 8, "address"),
        Entity(9, 11, "address"),
        Entity(2, 3, "company"),
    ]


def test_origins_count_blank_lines(tmp_path: Path) -> None:
    found = read(tmp_path, line("好", {}), "", line("的", {}))
    assert [(r.text, r.origin) for r in found] == [
        ("好", f"{tmp_path / 'dev.json'}:1"),
        ("的", f"{tmp_path / 'dev.json'}:3"),
    ]


@pytest.mark.parametrize("content", ['{"text": "好"}', '{"text": "好", "label": null}', '{"text": "好", "label": {}}'])
def test_a_sentence_may_have_no_labels(content: str, tmp_path: Path) -> None:
    assert [(r.text, r.entities) for r in read(tmp_path, content)] == [("好", [])]


def test_line_separators_within_a_text_do_not_end_a_line(tmp_path: Path) -> None:
    (record,) = read(tmp_path, line("好\u2028的\x85了", {"x": {"了": [[4, 4]]}}))
    assert (record.text, record.entities) == ("好\u2028的\x85了", [Entity(4, 5, "x")])


@pytest.mark.parametrize(
    ("first", "last", "stands_there"),
    [(0, 4, "'彭小軍認為'"), (3, 4, "'認為'"), (40, 42, "nothing"), (3, 0, "nothing"), (-3, -1, "nothing")],
)
def test_a_surface_that_stands_elsewhere_is_rejected(first: int, last: int, stands_there: str, tmp_path: Path) -> None:
    _, record = read(tmp_path, line("好", {"x": {"好": [[0, 0]]}}), line(TEXT, {"name": {"彭小軍": [[first, last]]}}))
    assert record.entities == []
    ((entity, reason),) = record.rejects
    assert entity == Entity(first, last, "name")
    assert reason == f"the file says '彭小軍', and {stands_there} stands there"


def test_one_end_written_exclusive_is_mended_and_told(tmp_path: Path) -> None:
    first, second = read(tmp_path, line("好", {"x": {"好": [[0, 0]]}}), line(TEXT, {"name": {"彭小軍": [[0, 3]]}}))
    assert (first.repairs, second.repairs) == ([], ["'彭小軍' has offsets in codepoint"])
    assert second.entities == [Entity(0, 3, "name")]


def test_ends_written_exclusive_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text(line(TEXT, {"name": {"彭小軍": [[0, 3]]}, "place": {"臺灣": [[6, 8]]}}), encoding="utf-8")
    told: list[str] = []
    (record,) = read_cluener(path, Reading(notify=told.append))
    assert record.entities == [Entity(0, 3, "name"), Entity(6, 8, "place")]
    assert record.repairs == []
    assert told == [
        f"{path}: offsets are read as codepoint: so 2 of 2 spans are what the file says they are, "
        "and 0 as codepoint-inclusive."
    ]


BROKEN = {
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
def test_a_place_that_is_none_costs_only_itself(label: object, tmp_path: Path) -> None:
    (record,) = read(tmp_path, line("好", label))
    assert (record.text, record.entities) == ("好", [])
    assert record.rejects


@pytest.mark.parametrize("fault", BROKEN)
def test_a_line_that_is_no_such_object_is_named(fault: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        read(tmp_path, line("好", {}), BROKEN[fault])
    assert str(caught.value).startswith(f"[ZT201] {tmp_path / 'dev.json'}:2: not ")
    assert "Write " in str(caught.value)
