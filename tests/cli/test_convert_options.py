"""Options and output of `convert`."""

import json
from pathlib import Path

from typer.testing import CliRunner

from spacy_zh_tw_ner.cli import zh_tw_ner_cli

TEXT = "林小華在臺北市。"


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(zh_tw_ner_cli, ["convert", *map(str, arguments)])
    return done.exit_code, " ".join(done.output.split())


def test_field_names_random_split_and_notes(tmp_path: Path) -> None:
    source = tmp_path / "all.jsonl"
    spans = [[0, 3, "PERSON"], [0, 3, "PERSON"], [4, 7, None]]
    objects = [{"本文": f"{TEXT}{i}", "spans": spans} for i in range(10)]
    source.write_text("".join(json.dumps(one) + "\n" for one in objects), encoding="utf-8")
    code, said = run(source, tmp_path / "out", "--text-field", "本文", "--split", "8:1:1", "--seed", "3")
    assert code == 0, said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "dev.spacy",
        "rejects.jsonl",
        "test.spacy",
        "train.spacy",
    ]
    assert "train 8 texts (80.0 %)" in said
    assert "--script auto: 10 texts are not Simplified and are left as they are." in said
    assert "10 annotations repeat another one; each is kept once." in said
    assert "Left out: 10 times a region without a label." in said


def test_tokens_and_tags_may_have_any_name(tmp_path: Path) -> None:
    source = tmp_path / "all.jsonl"
    source.write_text(json.dumps({"字": ["台", "北"], "標": ["B-GPE", "I-GPE"]}), encoding="utf-8")
    code, said = run(source, tmp_path / "a.spacy", "--tokens-field", "字", "--tags-field", "標")
    assert code == 0, said


def test_an_invalid_ratio_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": TEXT, "spans": [[0, 3, "P"]]}), encoding="utf-8")
    code, said = run(tmp_path / "a.jsonl", tmp_path / "out", "--split", "8/1/1")
    assert code == 2
    assert "ZT245" in said
