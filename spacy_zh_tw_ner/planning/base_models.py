"""Hugging Face configs of common base models, from which the memory of a training run is predicted.

They are stored here, so that the prediction needs no download. The configs of other base models are read from a folder
or from the Hub.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..transformer.hub import read_config, read_tokenizer
from ..transformer.trimming import count_kept

if TYPE_CHECKING:
    from transformers import PretrainedConfig

CHINESE = {"vocab_size": 21128}
LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
TINY = {"hidden_size": 312, "num_hidden_layers": 4, "num_attention_heads": 12, "intermediate_size": 1248}
ALBERT = {"embedding_size": 128, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
DEBERTA = {
    "vocab_size": 128100,
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 256,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "position_biased_input": False,
    "type_vocab_size": 0,
    "max_relative_positions": -1,
}
E5 = {"hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536, "pad_token_id": 1}


def _qwen(hidden: int, layers: int, heads: int, kv_heads: int, inner: int, vocab: int = 151936) -> dict[str, Any]:
    """Return the config values of a Qwen2 model.

    hidden (int): Width of the hidden states.
    layers (int): Number of layers.
    heads (int), kv_heads (int): Number of attention heads of the queries, and of the keys and values.
    inner (int): Width inside the feed-forward layers.
    vocab (int): Number of wordpieces.
    """
    return {
        "vocab_size": vocab,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": inner,
        "max_position_embeddings": 32768,
        "torch_dtype": "bfloat16",
    }


# Base model → family and the values of its config.json on the Hugging Face Hub that differ from the family's defaults
KNOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "google-bert/bert-base-chinese": ("bert", CHINESE),
    "ckiplab/bert-base-chinese": ("bert", CHINESE),
    "ckiplab/bert-base-chinese-ner": ("bert", CHINESE),
    "ckiplab/bert-tiny-chinese": ("bert", CHINESE | TINY),
    "ckiplab/albert-base-chinese": ("albert", CHINESE | ALBERT | {"num_hidden_layers": 12}),
    "hfl/chinese-macbert-base": ("bert", CHINESE),
    "hfl/chinese-macbert-large": ("bert", CHINESE | LARGE),
    "hfl/chinese-roberta-wwm-ext": ("bert", CHINESE),
    "hfl/chinese-roberta-wwm-ext-large": ("bert", CHINESE | LARGE),
    "microsoft/deberta-v3-base": ("deberta-v2", DEBERTA),
    "intfloat/multilingual-e5-small": ("bert", E5 | {"vocab_size": 250037}),
    "base_models/e5-small": ("bert", E5 | {"vocab_size": 250002}),  # as `fetch-base` writes it
    "Qwen/Qwen2-0.5B": ("qwen2", _qwen(896, 24, 14, 2, 4864)),
    "Qwen/Qwen2.5-0.5B": ("qwen2", _qwen(896, 24, 14, 2, 4864)),
    "Qwen/Qwen2-1.5B": ("qwen2", _qwen(1536, 28, 12, 2, 8960)),
    "Qwen/Qwen2-7B": ("qwen2", _qwen(3584, 28, 28, 4, 18944, 152064)),
}
# Wordpieces of a trimmed vocabulary, counted with the tokenizers; all models of Qwen share theirs
TRIMMED = {name: 18_941 for name in KNOWN if name.startswith("Qwen/")} | {"base_models/e5-small": 14_281}
# Base model → the next smaller one of the same family
SMALLER = {
    "hfl/chinese-macbert-large": "hfl/chinese-macbert-base",
    "hfl/chinese-roberta-wwm-ext-large": "hfl/chinese-roberta-wwm-ext",
    "ckiplab/bert-base-chinese": "ckiplab/bert-tiny-chinese",
    "Qwen/Qwen2-7B": "Qwen/Qwen2-1.5B",
    "Qwen/Qwen2-1.5B": "Qwen/Qwen2-0.5B",
}


def config_of(name: str, revision: str | None = None) -> "PretrainedConfig":
    """Return the Hugging Face config of a base model.

    name (str): A folder, or an id on the Hub. For the common base models, which are the keys of KNOWN, the config is
        built from the values there, without reading a file.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    RETURNS (PretrainedConfig): The config.
    RAISES (ValueError): If the folder or id does not exist.
    """
    if name in KNOWN and not Path(name).exists():
        from transformers import AutoConfig

        family, values = KNOWN[name]
        return cast("PretrainedConfig", AutoConfig.for_model(family, **values))
    return read_config(name, revision)


@lru_cache(maxsize=4)
def trimmed_size(name: str, revision: str | None = None) -> int:
    """Return the number of wordpieces of a base model whose vocabulary is cut to those of single characters.

    The setting `trim = true` of a Transformer cuts the vocabulary.

    name (str): A folder, or an id on the Hub. For a key of TRIMMED, the number there is returned, and no file is read.
        For all others, the tokenizer is read.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    RAISES (ValueError): If there is no tokenizer, or it cannot be trimmed.
    """
    if name in TRIMMED and not Path(name).exists():
        return TRIMMED[name]
    return count_kept(read_tokenizer(name, revision), config_of(name, revision))


def is_trimmed_offline(name: str) -> bool:
    """Return whether `trimmed_size` needs no network for a base model: a key of TRIMMED, or an existing folder."""
    return name in TRIMMED or Path(name).is_dir()
