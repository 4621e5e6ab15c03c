"""Checkpoints in Hugging Face format with random weights and a real tokenizer, of any family and size.

Memory, speed and the path of the code do not depend on what the weights are, and none can be downloaded here.
"""

from collections.abc import Iterator, Sequence
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
    heads: int = 4,
    seed: int = 0,
    labels: Sequence[str] = ("O", "B-GPE", "I-GPE"),
    max_length: int = 512,
    pieces: int = 0,
) -> Path:
    """Save a token classification checkpoint: the encoder is taken from it where only that is wanted.

    A BERT has a vocabulary of so many `pieces`, if not of more.
    """
    from transformers import AutoConfig, AutoModelForTokenClassification

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = wordpiece(pieces) if pieces else TOKENIZERS[family]()
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        family,
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        max_position_embeddings=max_length,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        **EXTRA.get(family, {}),
    )
    model = AutoModelForTokenClassification.from_config(config)
    for parameter in model.parameters():
        # Biases and norms start alike, and would hide mistakes.
        parameter.data += 0.05 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return folder


def sentences() -> Iterator[str]:
    """Lines of the embedded corpus, without markup."""
    import re

    for path in sorted((ROOT / "assets" / "taiwan" / "train").glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                yield re.sub(r"\[([^\]]+)\]\([A-Z_]+\)", r"\1", line)


def wordpiece(pieces: int = 0) -> Any:
    """As bert-base-chinese: characters, and a few longer pieces of Latin letters and digits."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizerFast

    characters = sorted(set("".join(sentences())) | set("abcdefghijklmnopqrstuvwxyz0123456789"))
    latin = [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"] + ["taiwan", "##ing", "##19", "2024"]
    known = dict.fromkeys([*SPECIAL, *characters, *latin])
    more = (char for char in map(chr, range(0x3400, 0xA000)) if char not in known)
    known |= dict.fromkeys(islice(more, max(0, pieces - len(known))))
    vocabulary = {piece: i for i, piece in enumerate(known)}
    backend = BertWordPieceTokenizer(vocab=vocabulary, lowercase=True, handle_chinese_chars=True)
    return BertTokenizerFast(tokenizer_object=backend._tokenizer, do_lower_case=True)


def unigram() -> Any:
    """As DeBERTa-v3: a SentencePiece model whose words begin with ▁."""
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
    """As Qwen2: bytes, merged by frequency, with nothing before or behind a text."""
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
    "deberta-v2": {  # as v3 has them
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
