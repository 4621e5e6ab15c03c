"""Answers of a language model: what cannot be used is rejected with its line, the rest is kept."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError, UsageError
from spacy_zh_tw_ner.proposals import answers
from spacy_zh_tw_ner.proposals.answers import read_answers

TEXT = "鴻海與鴻海在新竹。"


def read(tmp_path: Path, *lines: Any) -> tuple[dict[str, list[Entity]], list[tuple[str, str]]]:
    path, rejects = tmp_path / "answers.jsonl", []
    written = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    path.write_text("\n".join(written), encoding="utf-8")
    found = read_answers(path, {TEXT}, lambda origin, reason, text: rejects.append((origin, reason)))
    return found, [(origin.rpartition(":")[2], reason) for origin, reason in rejects]


def test_entities_have_offsets_or_their_text(tmp_path: Path) -> None:
    entities = [{"start": 6, "end": 8, "label": "LOC"}, {"text": "鴻海", "label": "ORG"}]
    entities += [{"start": 6, "end": 8, "text": "新竹", "label": "LOC"}]
    found, rejects = read(tmp_path, {"text": TEXT, "entities": entities}, "")
    assert found == {TEXT: [Entity(6, 8, "LOC"), Entity(0, 2, "ORG"), Entity(3, 5, "ORG")]}
    assert rejects == []


@pytest.mark.parametrize(
    ("entity", "reason"),
    [
        ({"start": 6, "end": 99, "label": "LOC"}, "offsets outside of the text of 9 characters"),
        ({"start": -1, "end": 2, "label": "LOC"}, "offsets outside"),
        ({"start": 2, "end": 2, "label": "LOC"}, "offsets outside"),
        ({"start": 0, "end": 2, "text": "新竹", "label": "LOC"}, "offsets of '鴻海', not of the text"),
        ({"start": "0", "end": 2, "label": "LOC"}, "offsets that are not numbers"),
        ({"start": 0, "label": "LOC"}, "offsets that are not numbers"),
        ({"text": "台積電", "label": "ORG"}, "not part of the text"),
        ({"text": 3, "label": "ORG"}, "not a string"),
        ({"text": "鴻海"}, "without a label"),
        ("鴻海", "without a label"),
    ],
)
def test_a_wrong_entity_is_rejected_and_the_others_are_kept(tmp_path: Path, entity: Any, reason: str) -> None:
    good = {"text": "新竹", "label": "LOC"}
    found, rejects = read(tmp_path, {"text": TEXT, "entities": [entity, good]})
    assert found == {TEXT: [Entity(6, 8, "LOC")]}
    assert [line for line, _ in rejects] == ["1"]
    assert reason in rejects[0][1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("not json", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "not an object"),
        ({"text": "另一句。", "entities": []}, "not one of the texts"),
        ({"text": TEXT, "entities": "none"}, "not a list"),
    ],
)
def test_a_wrong_line_is_rejected_and_the_others_are_kept(tmp_path: Path, line: Any, reason: str) -> None:
    found, rejects = read(tmp_path, line, {"text": TEXT, "entities": [{"text": "新竹", "label": "LOC"}]})
    assert found == {TEXT: [Entity(6, 8, "LOC")]}
    assert reason in rejects[0][1]


def test_the_entities_of_one_text_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_ENTITIES", 4)
    many = [{"text": "鴻海", "label": label} for label in ("A", "A", "B", "C", "D")]
    found, rejects = read(tmp_path, {"text": TEXT, "entities": many}, {"text": TEXT, "entities": many[:1]})
    assert [entity.label for entity in found[TEXT]] == ["A", "A", "B", "B"]
    assert rejects == [("1", "the text has more than 4 entities")]


def test_many_entities_of_one_text_take_little_time(tmp_path: Path) -> None:
    labels = [f"L{i}" for i in range(1_000)]
    start = time.process_time()
    found, _ = read(tmp_path, *({"text": TEXT, "entities": [{"text": "新竹", "label": one}]} for one in labels * 20))
    assert len(found[TEXT]) == 1_000
    assert time.process_time() - start < 5


def test_a_missing_or_too_large_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="ZT782"):
        read_answers(tmp_path / "none.jsonl", set(), print)
    monkeypatch.setattr(answers, "MAX_BYTES", 3)
    with pytest.raises(UsageError, match="ZT786"):
        read(tmp_path, "[1, 2]")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff")
    with pytest.raises(CorpusError, match="ZT206"):
        read_answers(tmp_path / "bytes.jsonl", set(), print)
