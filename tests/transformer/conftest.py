"""Tiny checkpoints of every family, with random weights, and a batch to run through them."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import EXTRA, FAMILIES

from spacy_zh_tw_ner.transformer import memory

ROWS = 60

with warnings.catch_warnings():
    # Both use what torch deprecates, when they are imported.
    warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
    import bitsandbytes
    import peft  # noqa: F401
    import transformers
    import transformers.models.deberta_v2.modeling_deberta_v2

assert bitsandbytes


def make_config(family: str, layers: int, hidden: int) -> Any:
    sizes = {"vocab_size": ROWS, "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": 4}
    sizes |= {"intermediate_size": 2 * hidden, "max_position_embeddings": 64}
    return transformers.AutoConfig.for_model(family, **sizes, **EXTRA.get(family, {}))


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Save a token classification checkpoint with a tokenizer, once for each set of arguments."""
    made: dict[tuple[Any, ...], Path] = {}

    def make(family: str = "bert", *, layers: int = 2, hidden: int = 32, seed: int = 0, dtype: str = "float32") -> Path:
        key = (family, layers, hidden, seed, dtype)
        if key not in made:
            folder = made[key] = tmp_path_factory.mktemp(family)
            torch.manual_seed(seed)
            model = transformers.AutoModelForTokenClassification.from_config(make_config(family, layers, hidden))
            for parameter in model.parameters():  # biases and norms start alike, and would hide mistakes
                parameter.data += 0.1 * torch.randn_like(parameter)
            model.to(getattr(torch, dtype)).save_pretrained(folder)
            pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(chr(0x4E00 + i) for i in range(ROWS - 5))]
            (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
            transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
        return made[key]

    return make


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Three sequences of 9, 6 and 1 pieces."""
    input_ids = torch.randint(5, ROWS, (3, 9), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(9) < torch.tensor([[9], [6], [1]])).long()
    return input_ids * mask, mask


@pytest.fixture(autouse=True)
def _any_machine_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warn of emulated half precision only where a test asks for it."""
    monkeypatch.setattr(memory, "is_native", lambda *args: True)
