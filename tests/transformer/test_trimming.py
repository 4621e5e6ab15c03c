"""Trimmed vocabularies: the same hidden states and gradients, bit by bit, from fewer embeddings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

from benchmarks import synthetic
from benchmarks.synthetic import byte_level, metaspace_bpe, sentences, unigram, wordpiece
from spacy_zh_tw_ner.errors import BaseModelError, UnreadableFileError
from spacy_zh_tw_ner.transformer import trimming
from spacy_zh_tw_ner.transformer.hub import read_config, read_tokenizer
from spacy_zh_tw_ner.transformer.kept_characters import CHARACTERS_KEY, character_ranges, kept_characters
from spacy_zh_tw_ner.transformer.model import build_token_encoder, shim_of
from spacy_zh_tw_ner.transformer.serialization import pack, unpack
from spacy_zh_tw_ner.transformer.settings import BackboneSettings, LoraSettings, QuantizationSettings
from spacy_zh_tw_ner.transformer.trimmed_tokenizer import merged_from
from spacy_zh_tw_ner.transformer.trimming import special_ids, trim_embeddings, trim_vocabulary
from spacy_zh_tw_ner.transformer.windows import ClauseWindows
from spacy_zh_tw_ner.transformer.wordpieces import WordpieceTable

NLP = spacy.blank("zh_tw")
MODELS: dict[str, tuple[str, Callable[[], Any]]] = {
    "WordPiece": ("bert", lambda: wordpiece(12_000)),
    "Unigram": ("deberta-v2", unigram),
    "Unigram, positions by padding": ("xlm-roberta", unigram),
    "Metaspace BPE": ("llama", metaspace_bpe),
    "byte-level BPE": ("qwen2", byte_level),
}
TEXTS = [
    "蔡英文總統在臺北市接見台積電董事長。",
    "NT$1,234 的 ㈱ﾀｲﾜﾝ Taiwan",
    "",
    "👨\u200d👩 \U000f1234\U0010fffd 𠮷",
    "é\u0301한국어",
]
# Latin letters, signs, Bopomofo and kana, some Han, full and half width
BLOCKS = ((0, 0x250), (0x2000, 0x2070), (0x3000, 0x3130), (0x9000, 0x9100), (0xFF00, 0x10000))
SOME = (*BLOCKS, *((ord(char), ord(char) + 1) for char in sorted(set("".join([*TEXTS, *sentences()])))))


@pytest.fixture(autouse=True)
def some_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enumerate fewer code points; all of them are in a slow test."""
    monkeypatch.setattr(trimming, "RANGES", SOME)


@pytest.fixture(scope="module", params=list(MODELS))
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of each kind of tokenizer."""
    family, make = MODELS[request.param]
    return synthetic.make_checkpoint(tmp_path_factory.mktemp("base"), family, tokenizer=make(), noise=0.1)


def encoder(name: Path, **settings: Any) -> Any:
    model = build_token_encoder(BackboneSettings(str(name), dropout=0.0, **settings), ClauseWindows())
    model.initialize()
    return model


def docs(texts: list[str]) -> list[Doc]:
    return [NLP.make_doc(text) for text in texts]


def assert_same(one: list[Any], other: list[Any]) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_hidden_states_are_equal_bit_by_bit(base: Path) -> None:
    whole, trimmed = encoder(base), encoder(base, trim=True)
    backbones = [shim_of(model).backbone for model in (whole, trimmed)]
    rows, kept_rows = (backbone.model.get_input_embeddings().num_embeddings for backbone in backbones)
    assert kept_rows < rows
    assert kept_rows == backbones[1].model.config.vocab_size == len(shim_of(trimmed).table.tokenizer)
    texts = docs([*TEXTS, *list(sentences())[::40]])
    assert_same(whole.predict(texts), trimmed.predict(texts))


def test_gradients_are_equal_bit_by_bit(base: Path) -> None:
    texts = docs(list(sentences())[:3])
    gradients = []
    for trim in (False, True):
        model = encoder(base, trim=trim)
        hidden, backprop = model(texts, is_train=True)
        backprop([np.cos(rows) for rows in hidden])
        backbone = shim_of(model).backbone
        embedding = backbone.model.get_input_embeddings().weight
        found = {name: p.grad for name, p in backbone.named_parameters() if p is not embedding}
        assert embedding.grad is not None
        found["embedding"] = embedding.grad if trim else embedding.grad[torch.from_numpy(kept_of(base))]
        gradients.append(found)
    assert gradients[0].keys() == gradients[1].keys()
    assert all(
        torch.equal(gradients[0][name], gradients[1][name]) for name in gradients[0] if gradients[0][name] is not None
    )


def kept_of(base: Path) -> Any:
    return trim_vocabulary(read_tokenizer(str(base), None), read_config(str(base), None))[1].astype(np.int64)


def test_every_text_has_the_same_wordpieces(base: Path) -> None:
    tokenizer = read_tokenizer(str(base), None)
    trimmed, kept = trim_vocabulary(tokenizer, read_config(str(base), None))
    before, after = WordpieceTable(tokenizer), WordpieceTable(trimmed)
    assert kept[after.prefix].tolist() == before.prefix
    assert kept[after.suffix].tolist() == before.suffix
    assert kept[[after.pad_id, after.unknown_id]].tolist() == [before.pad_id, before.unknown_id]
    blocks = st.one_of(*(st.characters(min_codepoint=first, max_codepoint=last - 1) for first, last in BLOCKS))

    @given(st.text(blocks | st.characters(min_codepoint=0xF0000), max_size=8))
    def check(text: str) -> None:
        chars = [*text]
        assert [kept[ids].tolist() for ids in after.split(chars, chars)] == before.split(chars, chars)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(MODELS))
def test_every_code_point_has_the_same_hidden_state(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    family, make = MODELS[kind]
    base = synthetic.make_checkpoint(tmp_path, family, tokenizer=make(), layers=1, hidden=8, heads=2)
    whole, trimmed = encoder(base), encoder(base, trim=True)
    kept = shim_of(trimmed).backbone.kept
    assert kept is not None
    tables = [shim_of(model).table for model in (whole, trimmed)]
    embeddings = [shim_of(model).backbone.model.get_input_embeddings().weight for model in (whole, trimmed)]
    assert torch.equal(embeddings[0][torch.from_numpy(kept.astype(np.int64))], embeddings[1])
    # All planes with characters, and a thousandth of the others
    codes = [*range(0xD800), *range(0xE000, 0x34000), *range(0x34000, 0x110000, 997), 0x10FFFF]
    for first in range(0, len(codes), 16_384):
        chars = [*map(chr, codes[first : first + 16_384])]
        old, new = (table.split(chars, chars) for table in tables)
        assert [kept[ids].tolist() for ids in new] == old
    texts = docs(list(sentences())[:10_000])
    for i in range(0, len(texts), 256):
        assert_same(whole.predict(texts[i : i + 256]), trimmed.predict(texts[i : i + 256]))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("family", "cls"), [("bert", AutoModelForMaskedLM), ("qwen2", AutoModelForCausalLM)])
def test_a_language_model_is_trimmed_without_its_head(family: str, cls: Any, tied: bool, tmp_path: Path) -> None:
    tokenizer = synthetic.TOKENIZERS[family]()
    tokenizer.save_pretrained(tmp_path)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    sizes |= {"vocab_size": len(tokenizer), "intermediate_size": 16, "pad_token_id": tokenizer.pad_token_id}
    model = cls.from_config(AutoConfig.for_model(family, tie_word_embeddings=tied, **sizes))
    model.save_pretrained(tmp_path)
    texts = docs(TEXTS)
    assert_same(encoder(tmp_path).predict(texts), encoder(tmp_path, trim=True).predict(texts))
    with pytest.raises(BaseModelError, match=rf"\[ZT255\] {type(model).__name__} has a head"):
        trim_embeddings(model, kept_of(tmp_path).astype(np.int32))


@pytest.mark.parametrize("save", ["full", "adapter", "merged"])
def test_a_trimmed_encoder_comes_back(base: Path, save: str) -> None:
    model = encoder(base, trim=True, lora=LoraSettings(r=2, target_modules="all-linear"))
    shim, texts = shim_of(model), docs(TEXTS)
    generator = torch.Generator().manual_seed(0)
    for parameter in shim.backbone.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    expected = model.predict(texts)
    shim.hold(*unpack(pack(shim.backbone, shim.table.tokenizer, save=save)))
    for found, wanted in zip(model.predict(texts), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.array_equal(shim.backbone.kept, kept_of(base))


def test_four_bits_are_trimmed_when_they_are_made(base: Path) -> None:
    nf4 = {"quantization": QuantizationSettings("nf4"), "lora": LoraSettings(r=2)}
    texts = docs(TEXTS[:2])
    assert_same(encoder(base, **nf4).predict(texts), encoder(base, trim=True, **nf4).predict(texts))


def test_damaged_ids_are_refused(base: Path) -> None:
    shim = shim_of(encoder(base, trim=True, lora=LoraSettings(r=2, target_modules="all-linear")))
    parts = pack(shim.backbone, shim.table.tokenizer, save="adapter")
    for kept in (b"123", b"", np.array([3, 2], "<i4").tobytes(), np.array([-1, 2], "<i4").tobytes(), [1]):
        with pytest.raises(UnreadableFileError, match="kept"):
            unpack({**parts, "kept": kept})


def test_trimming_again_changes_nothing(base: Path) -> None:
    config = read_config(str(base), None)
    once, kept = trim_vocabulary(read_tokenizer(str(base), None), config)
    new_ids = {old: new for new, old in enumerate(kept.tolist())}
    for name, ids in special_ids(config).items():
        setattr(config, name, next((new_ids[id_] for id_ in ids if id_ in new_ids), None))
    twice, all_of_them = trim_vocabulary(once, config)
    assert all_of_them.tolist() == list(range(len(kept)))
    assert twice.get_vocab() == once.get_vocab()


def test_a_character_that_was_not_kept_reads_as_unknown_and_warns_once(base: Path) -> None:
    tokenizer, config = read_tokenizer(str(base), None), read_config(str(base), None)
    characters = np.zeros(0x110000, bool)
    characters[[*map(ord, "臺北市天氣 aB")]] = True
    trimmed, kept = trim_vocabulary(tokenizer, config, characters)
    before, after = WordpieceTable(tokenizer), WordpieceTable(trimmed)
    assert [kept[ids].tolist() for ids in after.split("臺北市aB", "臺北市ab")] == before.split("臺北市aB", "臺北市ab")
    with pytest.warns(
        UserWarning,
        match=r"\[ZT256\] The vocabulary of the base model was trimmed .* no wordpiece for '高' \(U\+9AD8\)",
    ):
        assert looked_up(after, "臺高") == [*after.split("臺", "臺"), [after.unknown_id]]
    assert looked_up(after, "雄") == [[after.unknown_id]]  # filterwarnings = error


def looked_up(table: WordpieceTable, text: str) -> list[list[int]]:
    from spacy.attrs import NORM, ORTH

    doc = NLP.make_doc(text)
    found = table(doc.to_array(NORM), doc.vocab.strings, doc.to_array(ORTH))
    return [ids.tolist() for ids in np.split(found.ids, np.cumsum(found.counts)[:-1])]


def test_a_token_of_several_characters_has_their_wordpieces(base: Path) -> None:
    trimmed, _ = trim_vocabulary(read_tokenizer(str(base), None), read_config(str(base), None))
    table = WordpieceTable(trimmed)
    (whole,) = table.split(["Taiwan"], ["taiwan"])
    assert whole == [id_ for ids in table.split("Taiwan", "taiwan") for id_ in ids]


def test_an_unknown_kind_of_tokenizer_is_refused() -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE({"a": 0, "b</w>": 1, "<pad>": 2}, [], end_of_word_suffix="</w>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", unk_token="<pad>")
    with pytest.raises(
        BaseModelError, match=r"\[ZT249\] The tokenizer PreTrainedTokenizerFast cannot be trimmed: it has"
    ):
        trim_vocabulary(tokenizer, AutoConfig.for_model("bert"))


def test_merges_are_replayed_by_their_ranks() -> None:
    ranks = {("b", "c"): 0, ("a", "b"): 1, ("a", "bc"): 2}
    assert merged_from("abc", ranks) == {"a", "b", "c", "bc", "abc"}
    assert merged_from("ac", ranks) == {"a", "c"}


@given(st.sets(st.integers(0, 0x10FFFF), max_size=30))
def test_a_note_of_characters_is_read_back(codes: set[int]) -> None:
    characters = np.zeros(0x110000, bool)
    characters[sorted(codes)] = True
    tokenizer = wordpieces_only({CHARACTERS_KEY: character_ranges(characters)})
    found = kept_characters(tokenizer)
    assert found is not None
    assert np.array_equal(found, characters)


@pytest.mark.parametrize("note", ["x", "4E00-", "110000", "-", "4E00–9FFF", 5, "1234567"])
def test_a_damaged_note_is_refused(note: Any) -> None:
    with pytest.raises(UnreadableFileError, match=CHARACTERS_KEY):
        kept_characters(wordpieces_only({CHARACTERS_KEY: note}))


def wordpieces_only(settings: dict[str, Any]) -> Any:
    return type("Tokenizer", (), {"init_kwargs": settings})


def test_any_padding_id_of_a_config_is_harmless(base: Path) -> None:
    tokenizer, config = read_tokenizer(str(base), None), read_config(str(base), None)
    kept = trim_vocabulary(tokenizer, config)[1]
    config.pad_token_id = 10**12  # the ids up to this one would fill any memory
    assert set(kept.tolist()) <= set(trim_vocabulary(tokenizer, config)[1].tolist())
