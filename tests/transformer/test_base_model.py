"""Decoders and encoders are recognized, and decoders can attend in both directions."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from spacy_zh_tw_ner.transformer.backbone import Backbone, load_backbone
from spacy_zh_tw_ner.transformer.base_model import bidirectional_mask, is_decoder
from spacy_zh_tw_ner.transformer.settings import LoraSettings, MemorySettings

Make = Callable[..., Path]
DECODERS = ("qwen2", "llama")


def first_changes_with_last(backbone: Backbone, *, padded: bool) -> bool:
    ids = torch.tensor([[7, 8, 9, 10, 11]])
    other = torch.tensor([[7, 8, 9, 10, 12]])
    mask = torch.ones_like(ids)
    if padded:  # put a longer sequence into the batch
        ids, other = (torch.cat([torch.full((1, 8), 20), torch.nn.functional.pad(x, (0, 3))]) for x in (ids, other))
        mask = torch.cat([torch.ones(1, 8, dtype=torch.long), torch.nn.functional.pad(mask, (0, 3))])
    a, b = backbone(ids, mask)[-1], backbone(other, mask)[-1]
    assert not torch.allclose(a[4], b[4])
    return not torch.allclose(a[0], b[0], atol=1e-6)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("implementation", ["sdpa", "eager", None])
@pytest.mark.parametrize("family", DECODERS)
def test_a_decoder_with_bidirectional_attention_sees_later_tokens(
    family: str, implementation: str | None, checkpointing: bool, padded: bool, make_checkpoint: Make
) -> None:
    memory = MemorySettings(gradient_checkpointing=checkpointing, attn_implementation=implementation)
    name = str(make_checkpoint(family))
    for attention, looks_ahead in (("bidirectional", True), ("causal", False), (None, False)):
        backbone = load_backbone(name, attention=attention, memory=memory).train(checkpointing)
        assert first_changes_with_last(backbone, padded=padded) == looks_ahead


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_bidirectional_attention_works_in_half_precision(
    implementation: str, precision: str, make_checkpoint: Make
) -> None:
    memory = MemorySettings(precision, attn_implementation=implementation)
    backbone = load_backbone(
        str(make_checkpoint("qwen2")), attention="bidirectional", memory=memory, lora=LoraSettings()
    )
    assert first_changes_with_last(backbone, padded=True)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_bidirectional_attention_ignores_padding(implementation: str, make_checkpoint: Make) -> None:
    memory = MemorySettings(attn_implementation=implementation)
    backbone = load_backbone(str(make_checkpoint("qwen2")), attention="bidirectional", memory=memory)
    ids, mask = torch.tensor([[7, 8, 9, 0]]), torch.tensor([[1, 1, 1, 0]])
    other = torch.tensor([[7, 8, 9, 33]])
    torch.testing.assert_close(backbone(ids, mask)[:, :3], backbone(other, mask)[:, :3])
    torch.testing.assert_close(backbone(ids, mask)[:, :3], backbone(ids[:, :3], mask[:, :3]))


def test_a_sequence_of_padding_only_gives_finite_hidden_states(make_checkpoint: Make) -> None:
    backbone = load_backbone(str(make_checkpoint("qwen2")), attention="bidirectional")
    assert backbone(torch.zeros(2, 3, dtype=torch.long), torch.tensor([[1, 1, 1], [0, 0, 0]])).isfinite().all()


def test_an_encoder_is_always_bidirectional(make_checkpoint: Make) -> None:
    for attention in ("bidirectional", None):
        assert first_changes_with_last(load_backbone(str(make_checkpoint()), attention=attention), padded=False)
    with pytest.raises(ValueError, match=r"ZT334.*bert.*attention = null"):
        load_backbone(str(make_checkpoint()), attention="causal")


def test_decoders_are_recognized_in_every_family(family: str, make_checkpoint: Make) -> None:
    assert is_decoder(load_backbone(str(make_checkpoint(family))).model) == (family in DECODERS)


def test_the_mask_has_one_row_per_query() -> None:
    mask = bidirectional_mask(torch.tensor([[1, 1, 0]]), torch.float16)
    assert mask.shape == (1, 1, 3, 3)
    assert mask[0, 0].eq(0).tolist() == [[True, True, False]] * 3
    assert (mask + mask).isfinite().all()


@pytest.mark.parametrize("family", DECODERS)
def test_decoders_return_no_key_value_cache(family: str, make_checkpoint: Make) -> None:
    model = load_backbone(str(make_checkpoint(family))).model
    ids = torch.tensor([[7, 8, 9]])
    assert model(input_ids=ids, attention_mask=torch.ones_like(ids)).past_key_values is None
