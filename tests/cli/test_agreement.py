"""The option `--agreement` of `validate`."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.cli.agreement import in_brackets
from spacy_zh_tw_ner.entities import Entity

from .helpers import fails, misused, succeeds

TEXT = "蔡英文到臺北市。"


@pytest.fixture
def exports(tmp_path: Path) -> tuple[Path, Path]:
    readings = {"alice": [[0, 3, "PERSON"], [4, 7, "GPE"]], "bob": [[0, 3, "PERSON"]]}
    for name, label in readings.items():
        line = json.dumps({"id": 1, "text": TEXT, "label": label}, ensure_ascii=False)
        (tmp_path / f"{name}.jsonl").write_text(f"{line}\n", encoding="utf-8")
    return tmp_path / "alice.jsonl", tmp_path / "bob.jsonl"


def test_agreement_is_printed_and_written(exports: tuple[Path, Path], tmp_path: Path) -> None:
    report, page = tmp_path / "report.json", tmp_path / "page.html"
    output = succeeds("validate", "--agreement", *exports, "--output", report, "--page", page)
    assert "Mean F of 1 pairs: 66.7. 1 of 1 texts differ." in output
    assert "alice: [蔡英文](PERSON)到[臺北市](GPE)。" in output
    assert "bob: [蔡英文](PERSON)到臺北市。" in output
    assert "[ZT835] Only alice uses the label GPE" in output
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["mean_f"] == 66.67
    assert found["labels"] == {"GPE": 0.0, "PERSON": 100.0}
    assert found["differing"][0]["readings"] == {"alice": [[0, 3, "PERSON"], [4, 7, "GPE"]], "bob": [[0, 3, "PERSON"]]}
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_wrong_input_has_one_message(exports: tuple[Path, Path], tmp_path: Path) -> None:
    alice, bob = exports
    assert "[ZT831]" in fails("validate", "--agreement", alice)
    assert "[ZT676]" in fails("validate", "--agreement", alice, tmp_path / "none.jsonl")
    assert "[ZT673]" in fails("validate", "--agreement", alice, bob, "--output", alice)
    bob.write_text(bob.read_text(encoding="utf-8").replace("。", "！").replace('"id": 1', '"id": 2'), encoding="utf-8")
    assert "have no text in common" in fails("validate", "--agreement", alice, bob)
    assert "need --agreement" in misused("validate", alice, bob)
    assert "need --agreement" in misused("validate", tmp_path, "--page", tmp_path / "page.html")
    assert TEXT in alice.read_text(encoding="utf-8")


@given(st.sets(st.sampled_from([Entity(0, 3, "PERSON"), Entity(3, 4, "X"), Entity(4, 7, "GPE")])))
def test_a_text_in_brackets_is_the_whole_text(entities: set[Entity]) -> None:
    line = in_brackets(TEXT, entities)
    assert [f"[{TEXT[start:end]}]({label})" for start, end, label in sorted(entities)] == re.findall(r"\[.*?\)", line)
    assert re.sub(r"\[(.*?)\]\(.*?\)", r"\1", line) == TEXT
