"""Trimmed base models on disk: equal to the whole ones, in their precision, with their head and licence."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.training import Example
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

from benchmarks import synthetic
from benchmarks.synthetic import sentences, unigram
from spacy_zh_tw_ner.errors import BaseModelError, CorpusError, UsageError
from spacy_zh_tw_ner.export.base_folders import copy_licences
from spacy_zh_tw_ner.export.from_hf import create_init_from_hf_v1, pipeline_from_hf
from spacy_zh_tw_ner.export.trim_base import characters_of, write_trimmed
from spacy_zh_tw_ner.transformer import trimming
from tests.cli.helpers import fails, succeeds

TEXTS = [*list(sentences())[:250], "NT$1,234 的 Taiwan"]


@pytest.fixture(autouse=True)
def some_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    chars = sorted(set("".join(TEXTS)))
    monkeypatch.setattr(trimming, "RANGES", ((0, 0x250), *((ord(char), ord(char) + 1) for char in chars)))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = synthetic.make_checkpoint(tmp_path_factory.mktemp("base"), "deberta-v2", tokenizer=unigram(), noise=0.3)
    (folder / "LICENSE").write_text("MIT", encoding="utf-8")
    return folder


def entities(folder: Path) -> list[list[tuple[Any, ...]]]:
    nlp = pipeline_from_hf(str(folder))
    return [[(ent.start, ent.end, ent.label_, ent._.score) for ent in doc.ents] for doc in nlp.pipe(TEXTS)]


def test_a_checkpoint_finds_the_same_entities(base: Path, tmp_path: Path) -> None:
    sizes = write_trimmed(str(base), tmp_path)
    assert sizes.wordpieces[0] == 3000
    assert sizes.wordpieces[1] == json.loads((tmp_path / "config.json").read_text())["vocab_size"] < 3000
    assert sizes.weights[1] < sizes.weights[0]
    assert (tmp_path / "LICENSE").read_text() == "MIT"
    found = entities(tmp_path)
    assert sum(map(len, found)) > 10
    assert found == entities(base)


def test_the_tokenizer_and_the_files_name_no_former_id(base: Path, tmp_path: Path) -> None:
    write_trimmed(str(base), tmp_path)
    size = json.loads((tmp_path / "config.json").read_text())["vocab_size"]
    tokenizer = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert len(tokenizer["model"]["vocab"]) == size
    assert all(token["id"] < size for token in tokenizer["added_tokens"])
    assert str(base) not in (tmp_path / "config.json").read_text() + (tmp_path / "tokenizer_config.json").read_text()


def test_the_precision_stays(tmp_path: Path) -> None:
    base = synthetic.make_checkpoint(tmp_path / "base", "bert", dtype="bfloat16")
    write_trimmed(str(base), tmp_path)
    assert AutoModel.from_pretrained(tmp_path, torch_dtype="auto", add_pooling_layer=False).dtype == torch.bfloat16


def test_a_head_that_predicts_wordpieces_is_left_out(tmp_path: Path) -> None:
    tokenizer = synthetic.wordpiece()
    tokenizer.save_pretrained(tmp_path / "base")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    model = AutoModelForMaskedLM.from_config(AutoConfig.for_model("bert", vocab_size=len(tokenizer), **sizes))
    model.save_pretrained(tmp_path / "base")
    write_trimmed(str(tmp_path / "base"), tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["BertModel"]


def test_a_quantized_base_is_refused(base: Path, tmp_path: Path) -> None:
    for file in base.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((base / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(BaseModelError, match=r"\[ZT252\] .* Its weights are quantized"):
        write_trimmed(str(tmp_path), tmp_path / "out")


def test_characters_of_scripts() -> None:
    found = characters_of(["Han", "Bopomofo"])
    assert found is not None
    kept = {char for char in "臺ㄅaé，。1 あ한д𠮷👍\u0301" if found[ord(char)]}
    assert kept == set("臺ㄅa，。1 𠮷👍\u0301")
    with pytest.raises(UsageError, match=r"\[ZT253\] --scripts names 'Chinese'"):
        characters_of(["Chinese"])
    with pytest.raises(UsageError, match="ZT253"):
        characters_of(["Han}|."])


def test_characters_of_texts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("臺北é\nＴ", encoding="utf-8")
    found = characters_of([], [tmp_path / "a.txt"])
    assert found is not None
    added = "".join(chr(code) for code in np.flatnonzero(found) if code > 0x7E)
    assert sorted(added) == sorted("臺台北éÉＴｔ")
    assert characters_of() is None
    (tmp_path / "a.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="ZT254"):
        characters_of([], [tmp_path / "a.txt"])


def test_the_command(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "texts.txt").write_text("蔡英文總統在臺北市", encoding="utf-8")
    output = succeeds("trim", base, tmp_path / "out", "--texts", tmp_path / "texts.txt", "--scripts", "Bopomofo,Latin")
    assert "wordpieces" in output
    assert "3,000" in output
    assert "all others become the unknown wordpiece" in output
    nlp = spacy.blank("zh_tw")
    windows = {"@span_getters": "spacy-zh-tw-ner.clause_windows.v1"}
    model = {"@architectures": "spacy-zh-tw-ner.TransformerModel.v1", "name": str(tmp_path / "out")}
    nlp.add_pipe("transformer", config={"model": {**model, "get_spans": windows}})
    nlp.initialize()
    with pytest.warns(UserWarning, match="ZT256"):
        nlp("蔡高")
    assert "[ZT670]" in fails("trim", base, tmp_path / "out")


def test_a_trimmed_setting_keeps_the_wordpieces_of_a_classifier(base: Path) -> None:
    """With `trim = true` and the callback `init_from_hf`, the entities are those of the whole vocabulary."""
    found = []
    for trim in (True, False):
        nlp = spacy.blank("zh_tw")
        windows = {"@span_getters": "spacy-zh-tw-ner.clause_windows.v1", "size": 254, "overlap": 16}
        model = {"@architectures": "spacy-zh-tw-ner.TransformerModel.v1", "name": str(base), "trim": trim}
        nlp.add_pipe("transformer", config={"model": {**model, "get_spans": windows}})
        listener = {"@architectures": "spacy-transformers.TransformerListener.v1", "grad_factor": 1.0}
        head = {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1"}
        tok2vec = {**listener, "pooling": {"@layers": "reduce_mean.v1"}}
        nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": {**head, "tok2vec": tok2vec}})
        nlp.config["initialize"]["components"]["ner"] = {"labels": ["GPE"]}
        example = Example.from_dict(nlp.make_doc("中"), {"entities": []})
        nlp.initialize([example].copy)
        create_init_from_hf_v1(str(base))(nlp)
        found.append([[(ent.start, ent.end, ent._.score) for ent in doc.ents] for doc in nlp.pipe(TEXTS)])
    assert sum(map(len, found[0])) > 10
    assert found[0] == found[1]


def test_only_files_are_copied_as_licences(base: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(base, source)
    (source / "LICENSES").mkdir()
    (source / "NOTICE.txt").write_bytes(b"a" * (2**20 + 1))
    (tmp_path / "secret").write_text("not for others", encoding="utf-8")
    (source / "NOTICE").symlink_to(tmp_path / "secret")
    (tmp_path / "out").mkdir()
    write_trimmed(str(source), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("[LN]*")) == ["LICENSE"]


def test_licences_in_the_cache_of_the_hub_are_links_and_copied(tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "models--a--b" / "snapshots" / "c0ffee", tmp_path / "models--a--b" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "1234").write_text("MIT", encoding="utf-8")
    (snapshot / "LICENSE").symlink_to(Path("..", "..", "blobs", "1234"))
    copy_licences(snapshot, tmp_path)
    assert (tmp_path / "LICENSE").read_text(encoding="utf-8") == "MIT"
    copy_licences(Path("a/b"), tmp_path / "nowhere")  # an id on the Hub
