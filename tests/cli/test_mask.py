"""`mask` and `unmask` as commands, and their errors."""

from pathlib import Path

import pytest

from spacy_zh_tw_ner.annotation import annotate as module
from tests.annotation.helpers import run_here

from .helpers import fails, misused, succeeds

TEXT = "蔡英文總統在臺北市接見台積電董事長。"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "run_processes", run_here)
    (tmp_path / "in.txt").write_text(f"{TEXT}\n", encoding="utf-8")
    return tmp_path / "in.txt"


def test_unmask_restores_a_masked_file(source: Path, tiny_pipeline: Path, tmp_path: Path) -> None:
    policy, key = tmp_path / "policy.toml", tmp_path / "key"
    policy.write_text('[labels]\nPERSON = "hash"\nGPE = "pseudonym"\n', encoding="utf-8")
    key.write_text("0123456789abcdef", encoding="utf-8")
    key.chmod(0o600)
    out, map = tmp_path / "out.txt", tmp_path / "map"
    options = ("-p", tiny_pipeline, "--map", map)
    assert "✔ Wrote" in succeeds("mask", source, out, *options)
    assert out.read_text(encoding="utf-8") == f"{TEXT.replace('蔡英文', '〔姓名1〕')}\n"
    assert "1 records" in succeeds("unmask", out, tmp_path / "back.txt", "--map", map)
    assert (tmp_path / "back.txt").read_text(encoding="utf-8") == f"{TEXT}\n"
    succeeds("mask", source, out, *options, "--policy", policy, "--key-file", key, "--force")
    text = out.read_text(encoding="utf-8")
    assert text.startswith("〔姓名#")
    assert "臺北市" not in text


def test_invalid_settings_are_errors_before_any_work(source: Path, tmp_path: Path) -> None:
    policy, out = tmp_path / "policy.toml", tmp_path / "out.txt"
    policy.write_text('[labels]\nPERSON = "hash"\n', encoding="utf-8")
    assert "[ZT877] The action `hash` needs a key" in misused("mask", source, out, "--policy", policy)
    policy.write_text('[labels]\nPERSON = "hide"\n', encoding="utf-8")
    assert "[ZT871]" in misused("mask", source, out, "--policy", policy)
    assert "[ZT876]" in misused("mask", source, out, "--key-file", tmp_path / "none")
    assert "[ZT676]" in fails("mask", source, out, "--policy", tmp_path / "none.toml")
    assert "[ZT676]" in fails("unmask", source, out, "--map", tmp_path / "none")
    assert not out.exists()


def test_only_the_map_contains_original_texts(
    source: Path, tiny_pipeline: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    policy = tmp_path / "policy.toml"
    policy.write_text('default = "replace"\n', encoding="utf-8")
    with source.open("ab") as file:
        file.write(b"\xff\xe8\x94\xa1\xe8\x8b\xb1\xe6\x96\x87\n")  # not UTF-8, so it is rejected; it contains a name
    options = ("--policy", policy, "-p", tiny_pipeline, "--map", tmp_path / "map")
    output = succeeds("mask", source, tmp_path / "out.txt", *options)
    assert (tmp_path / "out.rejects.jsonl").is_file()
    written = [path for path in tmp_path.iterdir() if path not in (source, tmp_path / "map")]
    texts = [output, caplog.text, *(path.read_text(encoding="utf-8") for path in written)]
    assert len(texts) == 5
    assert [text for text in texts if any(surface in text for surface in ("蔡英文", "臺北市", "台積電"))] == []
    lines = [line for line in (tmp_path / "map").read_text(encoding="utf-8").splitlines() if "originals" in line]
    assert len(lines) == 1


def test_outputs_never_replace_the_policy_or_the_key(source: Path, tmp_path: Path) -> None:
    policy, key = tmp_path / "policy.toml", tmp_path / "key.txt"
    policy.write_text('default = "replace"\n', encoding="utf-8")
    key.write_text("0123456789abcdef", encoding="utf-8")
    key.chmod(0o600)
    options = ("--policy", policy, "--key-file", key, "--force")
    for out, map in (("out.txt", policy), ("out.txt", key), ("key.txt", "map")):
        assert "[ZT673]" in fails("mask", source, tmp_path / out, "--map", tmp_path / map, *options)
    assert policy.read_text() == 'default = "replace"\n'
    assert key.read_text() == "0123456789abcdef"
