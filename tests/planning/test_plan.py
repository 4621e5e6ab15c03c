"""Memory plans agree with training steps on a CPU, measured with torch's profiler, and with published limits."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from spacy_zh_tw_ner.planning import plan as plan_module
from spacy_zh_tw_ner.planning.base_models import trimmed_size
from spacy_zh_tw_ner.planning.meta_device import Allocations, step_peak
from spacy_zh_tw_ner.planning.plan import (
    GIB,
    backbone_on_meta,
    in_micro_batches,
    largest_batches,
    make_plan,
    state_bytes,
    total_by_depth,
)
from spacy_zh_tw_ner.planning.presets import preset_names, preset_notes, read_config
from spacy_zh_tw_ner.planning.recipe import Recipe, read_recipe
from spacy_zh_tw_ner.transformer import hub, trimming
from spacy_zh_tw_ner.transformer.backbone import Backbone, configure, load_backbone, prepare_config
from spacy_zh_tw_ner.transformer.optimizers import OPTIMIZERS, build_optimizer
from spacy_zh_tw_ner.transformer.settings import BackboneSettings, LoraSettings, MemorySettings, QuantizationSettings

pytestmark = [
    pytest.mark.filterwarnings("ignore:Paged optimizers are not supported on CPU"),
    pytest.mark.filterwarnings("ignore:.*torch.jit"),
]
SMALL = {"hidden_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 384}
LARGER = {"hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 768}
HALF = MemorySettings(precision="bf16")
CASES = {
    "everything": BackboneSettings("x"),
    "no dropout": BackboneSettings("x", dropout=0.0),
    "half precision": BackboneSettings("x", dropout=0.0, memory=HALF),
    "checkpointing": BackboneSettings("x", memory=MemorySettings(gradient_checkpointing=True)),
    "frozen": BackboneSettings("x", memory=MemorySettings(freeze_layers=2)),
    "LoRA": BackboneSettings("x", lora=LoraSettings(8)),
    "LoRA, checkpointing": BackboneSettings(
        "x", lora=LoraSettings(8), memory=MemorySettings(gradient_checkpointing=True)
    ),
    "eager": BackboneSettings("x", memory=MemorySettings(attn_implementation="eager")),
}


def config(sizes: dict[str, int], settings: BackboneSettings) -> Any:
    from transformers import AutoConfig

    made = AutoConfig.for_model("bert", vocab_size=500, max_position_embeddings=128, **sizes)
    prepare_config(made, settings.dropout)
    made._attn_implementation_internal = settings.memory.attn_implementation
    return made


def measured_peak(backbone: Backbone, n: int, length: int) -> int:
    """Return the peak of allocated bytes in a training step, measured with torch's profiler."""
    backbone.train()
    input_ids, mask = torch.randint(0, 500, (n, length)), torch.ones(n, length, dtype=torch.long)
    mask[0, -1] = 0

    def step() -> None:
        values = backbone(input_ids, mask).flatten(0, 1)[torch.arange(n * length)] * torch.ones(n * length)[:, None]
        torch.autograd.backward(values, torch.ones_like(values))
        backbone.zero_grad()

    step()
    with torch.profiler.profile(profile_memory=True) as profiler:
        step()
    live = peak = 0
    for event in profiler.profiler.kineto_results.events():  # type: ignore[union-attr]
        if event.name() == "[memory]":
            live += event.nbytes()
            peak = max(peak, live)
    return peak


@pytest.mark.parametrize("sizes", [SMALL, LARGER], ids=["small", "larger"])
@pytest.mark.parametrize("name", CASES)
def test_the_planned_peak_is_that_of_the_profiler(
    name: str, sizes: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModel

    settings = CASES[name]
    real = configure(AutoModel.from_config(config(sizes, settings), add_pooling_layer=False), settings)
    monkeypatch.setattr(plan_module, "config_of", lambda *args: config(sizes, settings))
    backbone_on_meta.cache_clear()
    planned = step_peak(backbone_on_meta(settings), 6, 96, device="cpu", accumulates=False)
    backbone_on_meta.cache_clear()
    assert planned == pytest.approx(measured_peak(real, 6, 96), rel=0.1)


def test_allocations_ignore_views_and_subtract_freed_tensors() -> None:
    present = torch.empty(1000)
    with Allocations([present]) as allocations:
        one = torch.empty(100)
        view = one[10:20]
        present.add_(1)
        assert (allocations.live, allocations.peak) == (400, 400)
        two = torch.empty(50)
        del one
        assert allocations.live == 600  # the view keeps the storage alive
        del view
        assert (allocations.live, allocations.peak) == (200, 600)
    del two


def recipe(**changes: Any) -> Recipe:
    settings = BackboneSettings("google-bert/bert-base-chinese", memory=MemorySettings(attn_implementation="eager"))
    return replace(Recipe(settings, "components.transformer.model", 8, 512, 1, "adamw"), **changes)


@pytest.mark.parametrize(("n", "length"), [(8, 512), (16, 430), (32, 280)])
def test_published_largest_batches_for_12_gb_fit_and_larger_ones_do_not(n: int, length: int) -> None:
    """Published largest batches of BERT-base in fp32 on a K80 with 12 GB, without fused attention."""
    assert make_plan(recipe(n_windows=n, length=length)).fits(12)
    if n > 8:
        assert not make_plan(recipe(n_windows=n, length=min(512, length * 5 // 4))).fits(12)


def test_weights_gradients_and_states_of_bert_base_are_right() -> None:
    plan = make_plan(recipe(n_windows=1, length=64))
    assert plan.parameters == plan.trainable == 101_677_056
    assert plan.gradients == 4 * plan.trainable
    assert plan.weights == pytest.approx(4 * plan.trainable, rel=1e-3)  # plus buffers
    assert plan.optimizer == 8 * plan.trainable
    assert plan.total == sum(plan.to_dict()[part] for part in ("weights", "gradients", "optimizer", "activations")) + (
        plan.head + plan.context
    )


def test_frozen_layers_can_be_offloaded_with_gradient_checkpointing() -> None:
    def plan(**memory: Any) -> Any:
        settings = BackboneSettings(
            "google-bert/bert-base-chinese", lora=LoraSettings(8), memory=MemorySettings(**memory)
        )
        return make_plan(recipe(settings=settings, n_windows=1, length=64))

    spread = plan(device_map="auto", gradient_checkpointing=True)
    assert spread.offloadable == 11 * 4 * 7_087_872  # one of 12 layers is on the GPU at a time
    assert spread.total - spread.offloadable < (spread.total + GIB) / 2
    assert spread.fits((spread.total - spread.offloadable) / GIB)
    assert not plan(gradient_checkpointing=True).fits((spread.total - spread.offloadable) / GIB)
    assert plan(device_map="auto").offloadable == 0  # the graph keeps all of them


def test_nf4_weights_take_about_four_bits() -> None:
    base = BackboneSettings("Qwen/Qwen2-0.5B", lora=LoraSettings(8), memory=MemorySettings(precision="bf16"))
    plain = make_plan(recipe(settings=base, n_windows=1, length=64))
    packed = make_plan(recipe(settings=replace(base, quantization=QuantizationSettings()), n_windows=1, length=64))
    assert plain.parameters == packed.parameters
    embeddings = 151936 * 896
    linear = plain.parameters - plain.trainable - embeddings
    assert plain.weights - packed.weights == pytest.approx(linear * (2 - 4.127 / 8), rel=0.01)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_planned_states_have_the_size_of_real_optimizer_states(name: str) -> None:
    layer = nn.Linear(256, 128)
    backbone = torch.nn.ModuleDict({"layer": layer})
    optimizer = build_optimizer(name, [{"params": list(backbone.parameters()), "lr": 1e-3}])
    layer(torch.ones(2, 256)).sum().backward()
    optimizer.step()
    found = sum(
        value.numel() * value.element_size()
        for state in optimizer.state.values()
        for key, value in state.items()
        if isinstance(value, torch.Tensor) and value.ndim and "qmap" not in key
    )
    assert sum(state_bytes(name, p) for p in backbone.parameters()) == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize("name", [name for name in preset_names() if preset_notes(name)["vram"]])
def test_each_preset_fits_into_its_gpu(name: str) -> None:
    config = read_config(name)
    assert make_plan(read_recipe(config)).fits(preset_notes(name)["vram"])


def test_a_7b_model_in_nf4_takes_about_four_gib() -> None:
    trimmed = read_recipe(read_config("12gb-7b-qlora"))
    plan = make_plan(replace(trimmed, settings=replace(trimmed.settings, trim=False)))
    assert plan.parameters == pytest.approx(7.07e9, rel=0.01)
    assert 4 * GIB < plan.weights < 4.5 * GIB


def test_a_trimmed_vocabulary_is_planned() -> None:
    """Of 152,064 embeddings of Qwen2-7B, 3,584 wide and in bf16, 18,941 are left."""
    trimmed = read_recipe(read_config("12gb-7b-qlora"))
    assert trimmed.settings.trim
    plan, whole = (make_plan(replace(trimmed, settings=replace(trimmed.settings, trim=trim))) for trim in (True, False))
    assert (plan.vocabulary, whole.vocabulary) == (18_941, 152_064)
    assert whole.weights - plan.weights == (152_064 - 18_941) * 3_584 * 2
    assert whole.total - plan.total == pytest.approx(0.89 * GIB, rel=0.01)


def test_a_base_in_a_folder_is_trimmed_as_in_training(
    tiny_checkpoint: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trimming, "RANGES", ((0, 0x300), (0x4E00, 0x5000)))
    base = str(tiny_checkpoint("deberta-v2"))
    settings = BackboneSettings(base, trim=True)
    trimmed_size.cache_clear()
    backbone_on_meta.cache_clear()
    plan = make_plan(recipe(settings=settings, n_windows=1, length=32))
    _, kept = trimming.trim_vocabulary(hub.read_tokenizer(base, None), hub.read_config(base, None))
    assert plan.vocabulary == len(kept) < 3000
    backbone = load_backbone(**vars(settings), kept=kept)
    assert plan.parameters == sum(parameter.numel() for parameter in backbone.parameters())
    trimmed_size.cache_clear()
    backbone_on_meta.cache_clear()


def test_the_total_extrapolated_from_shallow_models_is_right() -> None:
    large = read_recipe(read_config("12gb-large-lora"))
    assert total_by_depth(large, "cuda") == pytest.approx(make_plan(large).total, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["12gb-base", "12gb-large-lora"])
def test_the_estimated_largest_batch_is_right_within_a_tenth(name: str) -> None:
    own, vram = read_recipe(read_config(name)), 6.0
    batches = {length: n for length, n in largest_batches(own, vram).items() if length >= 128}
    assert batches
    for length, n in batches.items():
        assert make_plan(replace(own, n_windows=int(n * 0.93), length=length)).fits(vram)
        assert not make_plan(replace(own, n_windows=int(n * 1.1) + 1, length=length)).fits(vram)


def test_a_batch_that_does_not_fit_is_planned_in_micro_batches() -> None:
    large = recipe(n_windows=64)
    plan = in_micro_batches(large, 12)
    assert plan is not None
    assert plan.n_windows < 64
    assert plan.fits(12)
    off = replace(large, settings=replace(large.settings, memory=MemorySettings(micro_batch=None)))
    assert in_micro_batches(off, 12) is None
    assert in_micro_batches(large, 1.5) is None


@pytest.mark.parametrize("family", ["bert", "albert", "electra", "deberta-v2", "qwen2"])
def test_all_model_families_can_be_planned(family: str, tiny_checkpoint: Callable[[str], Any]) -> None:
    attention = "bidirectional" if family == "qwen2" else None
    for settings in (
        BackboneSettings(str(tiny_checkpoint(family)), attention=attention),
        BackboneSettings(str(tiny_checkpoint(family)), attention=attention, lora=LoraSettings(4), memory=HALF),
        BackboneSettings(
            str(tiny_checkpoint(family)),
            attention=attention,
            lora=LoraSettings(4),
            quantization=QuantizationSettings("int8"),
            memory=MemorySettings(precision="bf16", gradient_checkpointing=True),
        ),
    ):
        assert make_plan(recipe(settings=settings, n_windows=2, length=32)).activations > 0
