"""Loading a pipeline reads, writes and runs nothing outside its folder, and checks all values in its files."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import srsly
from thinc.api import Model

from spacy_zh_tw_ner.components.ensemble import combine
from spacy_zh_tw_ner.components.gazetteer import Gazetteer
from spacy_zh_tw_ner.encoders.lexicon_embed import Lexicon, _from_bytes
from spacy_zh_tw_ner.errors import UnreadableFileError, ZhTwNerError

from .mutations import Blob, to_msgpack
from .readers import SAVED, TEXT, model_tree

CANARY = b"from pathlib import Path\nPath(__file__).with_name('ran').touch()\nopen('/tmp/zh_tw_canary', 'w').close()\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the saved pipelines, and make the copy the working directory, in which the adapter finds its base model."""
    folder = shutil.copytree(SAVED, tmp_path / "saved")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked"))
    return folder


def change_parts(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the saved parts of the Transformer in the model of a component."""
    tree = model_tree(path)
    blobs = [shim for shims in tree["shims"] for shim in shims if "tokenizer" in shim.tree]
    for blob in blobs:
        change(blob.tree)
    assert blobs
    path.write_bytes(to_msgpack(tree))


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/zh_tw_escaped", "a/b", "..", "NUL", "a\0b", "", "C:x", "x\\y"])
@pytest.mark.parametrize("pipeline", ["transformer_full/transformer", "transformer_in_head/ner"])
def test_a_tokenizer_writes_no_file_outside(name: str, pipeline: str, root: Path, tmp_path: Path) -> None:
    change_parts(root / pipeline / "model", lambda parts: parts["tokenizer"].update({name: b"x"}))
    before = files(tmp_path)
    with pytest.raises(UnreadableFileError, match="ZT641") as found:
        spacy.load(root / pipeline.partition("/")[0])
    assert str(root / pipeline.partition("/")[0]) in str(found.value)
    assert files(tmp_path) == before
    assert not os.path.exists("/tmp/zh_tw_escaped")


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "..", "sub/x.safetensors", None, 5])
def test_weights_are_read_from_the_folder_only(name: object, root: Path) -> None:
    folder = root / "transformer_full"
    shutil.copy(next((folder / "weights").iterdir()), folder / "secret.safetensors")
    change_parts(folder / "transformer" / "model", lambda parts: parts.update(weights_file=name))
    with pytest.raises(UnreadableFileError, match="ZT641"):
        spacy.load(folder)


def test_linked_weights_outside_the_folder_are_an_error(root: Path) -> None:
    folder = root / "transformer_full"
    (weights,) = (folder / "weights").iterdir()
    weights.rename(root / "elsewhere")
    weights.symlink_to(root / "elsewhere")
    with pytest.raises(UnreadableFileError, match="ZT642"):
        spacy.load(folder)


def test_a_linked_weights_folder_is_an_error(root: Path) -> None:
    folder = root / "transformer_full"
    (folder / "weights").rename(root / "elsewhere")
    (folder / "weights").symlink_to(root / "elsewhere")
    with pytest.raises(UnreadableFileError, match="ZT642"):
        spacy.load(folder)


def test_changed_weights_are_an_error(root: Path) -> None:
    (weights,) = (root / "transformer_full" / "weights").iterdir()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(UnreadableFileError, match=f"ZT643.*{weights.name}"):
        spacy.load(root / "transformer_full")


def test_code_in_a_tokenizer_is_never_run(root: Path) -> None:
    """The tokenizer names a class in `auto_map` with code in its folder, which transformers would offer to run."""

    def add_code(parts: dict[str, Any]) -> None:
        settings = parts["tokenizer"]["tokenizer_config.json"].tree
        settings["auto_map"] = {"AutoTokenizer": ["canary.Canary", "canary.Canary"]}
        settings["tokenizer_file"] = "/dev/zero"
        parts["tokenizer"]["canary.py"] = CANARY
        parts["config"].tree["auto_map"] = {"AutoConfig": "canary.Config", "AutoModel": "canary.Model"}

    change_parts(root / "transformer_full" / "transformer" / "model", add_code)
    nlp = spacy.load(root / "transformer_full")
    assert nlp(TEXT).ents
    assert not os.path.exists("/tmp/zh_tw_canary")


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_a_base_model_with_code_is_an_error_without_a_prompt(file: str, root: Path) -> None:
    from spacy_zh_tw_ner.transformer.hub import read_config, read_tokenizer

    path = root / "base" / file
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields["auto_map"] = {"AutoConfig": "canary.Config", "AutoTokenizer": ["canary.Canary", None]}
    fields = {key: value for key, value in fields.items() if key not in ("model_type", "tokenizer_class")}
    path.write_text(json.dumps(fields), encoding="utf-8")
    if file == "tokenizer_config.json":
        (root / "base" / "config.json").write_text("{}", encoding="utf-8")
    (root / "base" / "canary.py").write_bytes(CANARY)
    read = read_config if file == "config.json" else read_tokenizer
    with pytest.raises(ZhTwNerError, match="ZT648" if file == "config.json" else "ZT"):
        read(str(root / "base"), None)
    assert not os.path.exists("/tmp/zh_tw_canary")


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        *(
            ("config", key, 2**40)
            for key in ("hidden_size", "vocab_size", "num_hidden_layers", "max_position_embeddings")
        ),
        ("config", "hidden_size", 2**20),
        ("config", "num_hidden_layers", 200),
        ("config", "intermediate_size", -5),
        ("config", "model_type", "x"),
        ("config", "model_type", "timm_backbone"),
        ("settings", "name", 5),
        ("settings", "lora", [1]),
        ("settings", "memory", None),
        ("settings", "dropout", float("nan")),
        ("settings", "quantization", {"kind": "nf5"}),
    ],
)
def test_impossible_sizes_and_settings_are_errors(part: str, key: str, value: object, root: Path) -> None:
    change_parts(root / "transformer_full" / "transformer" / "model", lambda p: p[part].tree.update({key: value}))
    with pytest.raises(ZhTwNerError):
        spacy.load(root / "transformer_full")


@pytest.mark.parametrize("rank", [2**40, 2**20, 0, "2"])
def test_a_rank_that_differs_from_the_adapter_weights_is_an_error(rank: object, root: Path) -> None:
    change_parts(
        root / "transformer_adapter" / "transformer" / "model", lambda p: p["settings"].tree["lora"].update(r=rank)
    )
    with pytest.raises(UnreadableFileError, match=r"ZT644.*lora\.r"):
        spacy.load(root / "transformer_adapter")


def test_tokenizer_ids_without_embeddings_are_an_error(root: Path) -> None:
    def add_token(parts: dict[str, Any]) -> None:
        token = {"id": 2**20, "content": "𠮷", "special": False}
        token |= dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        parts["tokenizer"]["tokenizer.json"].tree["model"]["vocab"]["𠮷"] = 2**20

    change_parts(root / "transformer_full" / "transformer" / "model", add_token)
    with pytest.raises(ZhTwNerError, match="ZT340"):
        spacy.load(root / "transformer_full")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("temperature", value) for value in (0, -1, 0.0, float("nan"), float("inf"), 1e-320, 1e30, "1", None, True)),
        *(("labels", value) for value in ([""], ["A", "A"], ["A", 5], "AB", {"A": 1}, None)),
    ],
    ids=str,
)
def test_labels_and_temperature_are_checked(key: str, value: object, root: Path) -> None:
    path = root / "bilstm" / "ner" / "cfg"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), key: value}), encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="ZT64"):
        spacy.load(root / "bilstm")


@pytest.mark.parametrize("text", ["[" * 5000, '{"labels": NaN', "", "null", '{"temperature": ' + "9" * 5000 + "}"])
@pytest.mark.parametrize("name", ["ner/cfg", "tokenizer", "meta.json"])
def test_settings_that_are_not_json_are_an_error(text: str, name: str, root: Path) -> None:
    (root / "bilstm" / name).write_text(text, encoding="utf-8")
    nlp = spacy.load(SAVED / "bilstm")
    with pytest.raises(UnreadableFileError):
        nlp.from_disk(root / "bilstm")


def change_params(path: Path, layer: str, name: str, change: Callable[[Any], Any]) -> None:
    tree = model_tree(path)
    index = next(i for i, node in enumerate(tree["nodes"]) if node["name"] == layer)
    tree["params"][index][name] = change(tree["params"][index][name])
    path.write_bytes(to_msgpack(tree))


@pytest.mark.parametrize(
    "change",
    [
        lambda a: np.full_like(a, np.nan),
        lambda a: np.full_like(a, np.inf),
        lambda a: np.full_like(a, 1e30),
        lambda a: a[:-1],
        lambda a: a[None],
        lambda a: a.astype(np.float64),
        lambda a: a.astype(np.int32),
        lambda a: a.astype(str),
        lambda _: None,
        lambda _: "x",
        lambda _: b"x",
    ],
    ids=range(11),
)
@pytest.mark.parametrize(("layer", "name"), [("transitions", "matrix"), ("transitions", "start"), ("linear", "b")])
def test_arrays_of_the_head_are_checked(change: Callable[[Any], Any], layer: str, name: str, root: Path) -> None:
    path = root / "transformer_full" / "ner" / "model"
    change_params(path, layer, name, change)
    if layer == "linear" and np.array_equal(change(np.zeros(2, np.float32)), np.full(2, 1e30, np.float32)):
        pytest.skip("large, and finite")
    with pytest.raises(UnreadableFileError, match=r"ZT64\d"):
        spacy.load(root / "transformer_full")


def test_ngram_tables_of_another_size_are_an_error(root: Path) -> None:
    change_params(root / "bilstm" / "ner" / "model", "char_ngram_embed", "E1", lambda a: a[:3])
    with pytest.raises(UnreadableFileError, match=r"ZT649.*E1"):
        spacy.load(root / "bilstm")


def test_replaced_references_and_functions_are_errors(root: Path) -> None:
    path = root / "bilstm" / "ner" / "model"
    good = path.read_bytes()
    for change in (
        lambda tree: tree["nodes"][0]["refs"].update(output_layer=tree["nodes"][0]["refs"]["transitions"]),
        lambda tree: tree["attrs"][0].update(resize_output=Blob(to_msgpack, 5)),
    ):
        tree = model_tree(path)
        change(tree)
        path.write_bytes(to_msgpack(tree))
        with pytest.raises(UnreadableFileError, match="ZT64"):
            spacy.load(root / "bilstm")
        path.write_bytes(good)


def test_from_bytes_checks_like_from_disk() -> None:
    nlp = spacy.load(SAVED / "bilstm")
    data = srsly.msgpack_loads(nlp.to_bytes())
    for broken in (b"\xdd\xff\xff\xff\xff", b"", srsly.msgpack_dumps({**data, "ner": b"\x91" * 5000})):
        with pytest.raises(UnreadableFileError):
            spacy.load(SAVED / "bilstm").from_bytes(broken)
    assert nlp.from_bytes(nlp.to_bytes())(TEXT).ents


@pytest.mark.parametrize("members", [-1, 0, 1, 2**40, "2", None, 3])
def test_a_wrong_number_of_ensemble_members_is_an_error(members: object, tmp_path: Path) -> None:
    nlp = combine([(name, spacy.load(SAVED / "bilstm")) for name in "ab"])
    nlp.to_disk(tmp_path)
    path = tmp_path / "ner" / "cfg"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "members": members}), encoding="utf-8")
    with pytest.raises((UnreadableFileError, OSError)):
        spacy.load(tmp_path)


@pytest.mark.parametrize("words", [[["GPE"]], {"GPE": "臺北"}, {"GPE": [5]}, {"": ["臺北"]}, {"GPE": None}, 5])
def test_words_of_a_gazetteer_are_checked(words: object, tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_text(json.dumps(words), encoding="utf-8")
    with pytest.raises(ZhTwNerError):
        Gazetteer().from_disk(path)
    with pytest.raises(ZhTwNerError):
        Gazetteer().from_bytes(srsly.msgpack_dumps(words))


@pytest.mark.parametrize("lists", [[["臺" * 20_000]], [[5]], {"a": 1}, ["臺北"]])
def test_words_of_a_lexicon_take_bounded_memory(lists: object) -> None:
    model: Model[Any, Any] = Model("x", lambda *_: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(UnreadableFileError, match="ZT644"):
        _from_bytes(Lexicon(), srsly.msgpack_dumps(lists), "lexicon", model)
