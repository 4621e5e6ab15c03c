"""Create Hugging Face checkpoints of any family and size, with random weights and a trained tokenizer.

Benchmarks and tests share them. Memory and speed do not depend on the weights, and nothing is downloaded.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

FAMILIES = ("bert", "albert", "electra", "deberta-v2", "qwen2", "llama")
ROOT = Path(__file__).parents[1]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def make_checkpoint(
    folder: Path,
    family: str = "bert",
    *,
    layers: int = 2,
    hidden: int = 32,
    inner: int = 0,
    heads: int = 4,
    seed: int = 0,
    labels: Sequence[str] = ("O", "B-GPE", "I-GPE"),
    max_length: int = 512,
    tokenizer: Any = None,
    noise: float = 0.05,
    dtype: str = "float32",
) -> Path:
    """Save a token classification checkpoint, from which the encoder can also be loaded.

    family (str): One of `FAMILIES`.
    inner (int): Width of the feed-forward layers; 0 for four times the width of the hidden states.
    tokenizer (PreTrainedTokenizerFast): The tokenizer; by default, one of the kind that the family uses.
    noise (float): Standard deviation of noise that is added to all weights. Otherwise all biases and norms are equal,
        which would hide errors in tests.
    dtype (str): Type in which the weights are saved.
    RETURNS (Path): The folder.
    """
    from transformers import AutoConfig, AutoModelForTokenClassification

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = TOKENIZERS[family]() if tokenizer is None else tokenizer
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        family,
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner or 4 * hidden,
        max_position_embeddings=max_length,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        **EXTRA.get(family, {}),
    )
    model = AutoModelForTokenClassification.from_config(config)
    for parameter in model.parameters():
        parameter.data += noise * torch.randn_like(parameter)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    return folder


def sentences() -> Iterator[str]:
    """Yield the sentences of the bundled corpus, without markup."""
    import re

    for path in sorted((ROOT / "assets" / "taiwan" / "train").glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                yield re.sub(r"\[([^\]]+)\]\([A-Z_]+\)", r"\1", line)


def wordpiece(size: int = 0) -> Any:
    """Train a tokenizer like that of bert-base-chinese: characters, and a few longer wordpieces of Latin letters.

    size (int): Least number of wordpieces.
    """
    characters = sorted(set("".join(sentences())) | set("abcdefghijklmnopqrstuvwxyz0123456789"))
    latin = [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"] + ["taiwan", "##ing", "##19", "2024"]
    known = dict.fromkeys([*SPECIAL, *characters, *latin])
    more = (char for char in map(chr, range(0x3400, 0xA000)) if char not in known)
    known |= dict.fromkeys(islice(more, max(0, size - len(known))))
    return of_wordpieces(known)


def of_wordpieces(wordpieces: Iterable[str]) -> Any:
    """Build a tokenizer for BERT from wordpieces, special ones included, in the order of their ids."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizerFast

    vocabulary = {piece: i for i, piece in enumerate(wordpieces)}
    backend = BertWordPieceTokenizer(vocab=vocabulary, lowercase=True, handle_chinese_chars=True)
    return BertTokenizerFast(tokenizer_object=backend._tokenizer, do_lower_case=True)


def unigram() -> Any:
    """Train a tokenizer like that of DeBERTa-v3: SentencePiece, whose words begin with ▁."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import DebertaV2TokenizerFast

    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()])
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    backend.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=3000, special_tokens=SPECIAL, unk_token="[UNK]", show_progress=False, n_sub_iterations=1
    )
    backend.train_from_iterator(list(sentences())[:600], trainer)
    ids = [(piece, backend.token_to_id(piece)) for piece in ("[CLS]", "[SEP]")]
    backend.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", ids)
    return DebertaV2TokenizerFast(tokenizer_object=backend)


def byte_level() -> Any:
    """Train a tokenizer like that of Qwen2: byte-level BPE, without special wordpieces around a text."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import Qwen2TokenizerFast

    backend = Tokenizer(models.BPE())
    backend.normalizer = normalizers.NFC()
    words = Regex(r"(?i:'s|'t|'re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(words, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1500, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(list(sentences())[:600], trainer)
    return Qwen2TokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>", pad_token="<|endoftext|>")


def metaspace_bpe() -> Any:
    """Make a tokenizer as Llama 2 has it: SentencePiece BPE, which puts ▁ before a text and falls back to bytes."""
    from tokenizers import Tokenizer, models, normalizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<unk>", "<s>", "</s>"]
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trainer = trainers.BpeTrainer(
        vocab_size=2000, special_tokens=[*special, *fallback], show_progress=False, max_token_length=3
    )
    backend.train_from_iterator(list(sentences())[:300], trainer)
    names = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **names)


TOKENIZERS = {
    "bert": wordpiece,
    "albert": wordpiece,
    "electra": wordpiece,
    "deberta-v2": unigram,
    "qwen2": byte_level,
    "llama": byte_level,
}
EXTRA: dict[str, dict[str, Any]] = {
    "albert": {"embedding_size": 16},
    "electra": {"embedding_size": 16},
    "deberta-v2": {  # settings of DeBERTa-v3
        "relative_attention": True,
        "position_buckets": 16,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": "p2c|c2p",
        "position_biased_input": False,
        "type_vocab_size": 0,
    },
    "qwen2": {"num_key_value_heads": 2},
    "llama": {"num_key_value_heads": 2},
}
