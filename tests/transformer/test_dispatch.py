"""Weights in several places: GPUs, main memory and disk."""

import copy
import gc
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_zh_tw_ner.cpu_acceleration import probe
from spacy_zh_tw_ner.devices import require_cpu, require_gpu
from spacy_zh_tw_ner.errors import DeviceError, OutputError, SettingError
from spacy_zh_tw_ner.transformer import dispatch as module
from spacy_zh_tw_ner.transformer import hub
from spacy_zh_tw_ner.transformer.backbone import Backbone, load_backbone
from spacy_zh_tw_ner.transformer.base_model import layers_of
from spacy_zh_tw_ner.transformer.dispatch import is_offloaded
from spacy_zh_tw_ner.transformer.hub import read_tokenizer
from spacy_zh_tw_ner.transformer.serialization import merge, pack, packed_size, unpack
from spacy_zh_tw_ner.transformer.settings import (
    BackboneSettings,
    LoraSettings,
    MemorySettings,
    QuantizationSettings,
)
from tests.fake_gpu import fake_gpus
from tests.pipelines import LABELS, LISTENER, SENTENCE, TEXTS, add_head, add_transformer, scored

Batch = tuple[torch.Tensor, torch.Tensor]
Make = Callable[..., Path]
AUTO = MemorySettings(device_map="auto")
MEMORY = {"@misc": "spacy-zh-tw-ner.memory.v1", "device_map": "auto"}
LORA = {"@misc": "spacy-zh-tw-ner.lora.v1", "r": 4}
LAYERS = 4
FITTING = {"albert": 0.5}  # its layers share one set of weights


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets the memory of each device, in layers of the tiny base model."""

    def set_limits(**layers: float) -> None:
        sizes: dict[int | str, int] = {}
        for name, n in layers.items():
            sizes[int(name[3:]) if name.startswith("gpu") else name] = int(n * 35_000)
        monkeypatch.setattr(module, "_memory", lambda device: sizes)

    return set_limits


def load(path: Path, **settings: Any) -> Backbone:
    """Load a backbone whose adapters differ from zero."""
    torch.manual_seed(0)
    backbone = load_backbone(str(path), **settings)
    for name, parameter in backbone.named_parameters():
        if ".lora_B." in name:
            parameter.data = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)).to(
                parameter.device
            )
    return backbone


def places(backbone: Backbone) -> list[str]:
    """Return, for each layer, "meta" if it is offloaded, or its device."""
    found = []
    for layer in layers_of(backbone.model):
        devices = {str(p.device) for name, p in layer.named_parameters() if ".lora_" not in name}
        found.append(devices.pop() if len(devices) == 1 else "several")
    return found


def test_weights_on_disk_give_the_same_hidden_states(
    family: str, make_checkpoint: Make, batch: Batch, limit: Callable[..., None]
) -> None:
    path = make_checkpoint(family, layers=LAYERS)
    expected = load(path)(*batch)
    limit(cpu=FITTING.get(family, 3))
    backbone = load(path, memory=AUTO)
    assert is_offloaded(backbone.model)
    assert "meta" in places(backbone)
    for _ in range(2):
        with torch.inference_mode():
            assert torch.equal(backbone(*batch), expected)
    assert "meta" in places(backbone)


def test_weights_that_fit_stay_as_they_are(make_checkpoint: Make, batch: Batch) -> None:
    backbone = load(make_checkpoint(), memory=AUTO)
    assert backbone.main_device is None
    assert not is_offloaded(backbone.model)
    assert torch.equal(backbone(*batch), load(make_checkpoint())(*batch))


@pytest.mark.parametrize("checkpointing", [False, True])
def test_adapters_train_on_offloaded_layers(
    family: str, checkpointing: bool, make_checkpoint: Make, batch: Batch, limit: Callable[..., None]
) -> None:
    path, found = make_checkpoint(family, layers=LAYERS), []
    for spread in (False, True):
        limit(cpu=FITTING.get(family, 3))
        memory = MemorySettings(gradient_checkpointing=checkpointing, device_map="auto" if spread else None)
        backbone = load(path, lora=LoraSettings(4), memory=memory).train()
        with torch.inference_mode():
            backbone(*batch)
        (backbone(*batch)[batch[1].bool()] ** 2).sum().backward()
        assert is_offloaded(backbone.model) == spread
        found.append({name: p.grad for name, p in backbone.named_parameters() if p.requires_grad})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name])


def test_gradient_checkpointing_frees_offloaded_layers(
    make_checkpoint: Make, batch: Batch, limit: Callable[..., None]
) -> None:
    """Without it, the graph holds the weights of all layers until the backward pass."""
    kept, path = [], make_checkpoint(layers=LAYERS)
    limit(cpu=2)
    for checkpointing in (False, True):
        memory = MemorySettings(gradient_checkpointing=checkpointing, device_map="auto")
        backbone = load(path, lora=LoraSettings(4), memory=memory).train()
        shapes = {tuple(p.shape) for layer in layers_of(backbone.model) for p in layer.parameters() if p.is_meta}
        held: list[int] = []

        def note(tensor: torch.Tensor, held: list[int] = held, shapes: Any = shapes) -> torch.Tensor:
            held.append(tensor.ndim == 2 and {tuple(tensor.shape), tuple(tensor.t().shape)} & shapes != set())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            backbone(*batch)
        kept.append(sum(held))
    assert kept[0] > LAYERS
    assert kept[1] == 0


@pytest.mark.parametrize("save", ["full", "adapter", "merged"])
def test_saving_writes_all_weights(save: str, make_checkpoint: Make, batch: Batch, limit: Callable[..., None]) -> None:
    path = make_checkpoint(layers=LAYERS)
    tokenizer = read_tokenizer(str(path), None)
    expected = load(path, lora=LoraSettings(4))
    limit(cpu=3)
    backbone = load(path, lora=LoraSettings(4), memory=AUTO)
    parts = pack(backbone, tokenizer, save=save)
    assert parts["weights"] == pack(expected, tokenizer, save=save)["weights"]
    assert packed_size(backbone, save) == packed_size(expected, save)
    assert "meta" in places(backbone)
    whole, _ = unpack(parts, memory=MemorySettings())
    spread, _ = unpack(parts)
    assert not is_offloaded(whole.model)
    assert is_offloaded(spread.model)
    torch.testing.assert_close(whole(*batch), expected(*batch))
    assert torch.equal(spread(*batch), whole(*batch))


def test_merging_gives_a_model_in_one_place(make_checkpoint: Make, batch: Batch, limit: Callable[..., None]) -> None:
    path = make_checkpoint(layers=LAYERS)
    limit(cpu=3)
    backbone = load(path, lora=LoraSettings(4), memory=AUTO)
    for quantization in (None, QuantizationSettings("int8_cpu")):
        merged = merge(backbone, read_tokenizer(str(path), None), quantization=quantization)
        assert (merged.settings.memory.device_map, is_offloaded(merged.model)) == (None, False)
        torch.testing.assert_close(merged(*batch), backbone(*batch), atol=0.2 if quantization else 1e-5, rtol=0.1)


def test_all_weights_do_not_train_if_some_are_offloaded(make_checkpoint: Make, limit: Callable[..., None]) -> None:
    limit(cpu=3)
    nlp, example = untrained(make_checkpoint(layers=LAYERS), memory=MEMORY)
    nlp.initialize(lambda: [example])
    nlp(SENTENCE)
    with pytest.raises(SettingError, match=r"ZT290\] .*offloads \d+ weights of .*Set a lora block"):
        nlp.update([example])


def untrained(base: Path, **settings: Any) -> tuple[Any, Example]:
    fix_random_seed(0)
    nlp = spacy.blank("zh_tw")
    add_transformer(nlp, base, dropout=0.0, **settings)
    add_head(nlp, LISTENER)
    return nlp, Example.from_dict(nlp.make_doc(SENTENCE), {"entities": LABELS})


def trained(base: Path, **settings: Any) -> Any:
    nlp, example = untrained(base, lora=LORA, **settings)
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 0.02
    for _ in range(15):
        nlp.update([example], sgd=optimizer)
    return nlp


@pytest.mark.parametrize("micro_batch", [1, "auto"])
def test_a_pipeline_trains_and_loads_with_layers_on_disk(
    micro_batch: Any, tiny_checkpoint: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_checkpoint("bert")
    expected = trained(base, memory=MEMORY | {"micro_batch": micro_batch, "device_map": None})
    monkeypatch.setattr(module, "_memory", lambda device: {"cpu": 100_000})
    nlp = trained(base, memory=MEMORY | {"micro_batch": micro_batch})
    shim = nlp.get_pipe("transformer").model.layers[0].shims[0]
    assert is_offloaded(shim.backbone.model)
    nlp.to_disk(tmp_path / "pipeline")
    loaded = spacy.load(tmp_path / "pipeline")
    assert is_offloaded(loaded.get_pipe("transformer").model.layers[0].shims[0].backbone.model)
    copied = spacy.blank("zh_tw")
    for name in nlp.pipe_names:
        copied.add_pipe(name, source=nlp)
    for other in (expected, loaded, copied):
        assert [scored(doc) for doc in other.pipe(TEXTS[:20])] == [scored(doc) for doc in nlp.pipe(TEXTS[:20])]


def test_a_temporary_file_holds_weights_and_is_removed(
    make_checkpoint: Make, batch: Batch, limit: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    limit(cpu=2)
    backbone = load(make_checkpoint(layers=LAYERS), memory=AUTO)
    copied = copy.deepcopy(backbone)
    (folder,) = tmp_path.iterdir()
    assert torch.equal(copied(*batch), backbone(*batch))
    del backbone
    gc.collect()
    assert folder.exists()
    del copied
    gc.collect()
    assert not folder.exists()


def test_a_full_disk_is_an_error(
    make_checkpoint: Make, limit: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage)
    limit(cpu=2)
    with pytest.raises(OutputError, match=r"ZT292\] .* 0.00 GiB free\. Set the environment variable TMPDIR"):
        load(make_checkpoint(layers=LAYERS), memory=AUTO)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lora": LoraSettings(bias="all")}, "lora.bias with memory.device_map='all'"),
        ({"quantization": QuantizationSettings("int8_cpu")}, "quantization.kind with memory.device_map='int8_cpu'"),
    ],
)
def test_settings_that_cannot_be_combined(settings: Any, message: str) -> None:
    with pytest.raises(SettingError, match=rf"ZT320\] {message}"):
        BackboneSettings("base", memory=AUTO, **settings)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(probe, "onednn_product", lambda: None)  # with it, results on the CPU would be rounded otherwise
    with fake_gpus(monkeypatch) as devices:
        require_gpu(0)
        yield devices
        require_cpu()


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"gpu0": 3, "gpu1": 9, "cpu": 9}, {"cuda:0", "cuda:1"}),
        ({"gpu0": 4, "gpu1": 2, "cpu": 9}, {"cuda:0", "cuda:1", "meta"}),
        ({"gpu0": 4, "cpu": 2.3}, {"cuda:0", "meta"}),
    ],
)
def test_layers_are_spread_over_simulated_gpus(
    limits: Any,
    expected: set[str],
    make_checkpoint: Make,
    batch: Batch,
    limit: Callable[..., None],
    gpus: Any,
) -> None:
    path, found, hidden = make_checkpoint(layers=LAYERS), [], []
    limit(**limits)
    for device, device_map in (("cpu", None), ("cuda:0", "auto")):
        memory = MemorySettings(device_map=device_map)
        backbone = load(path, lora=LoraSettings(4), memory=memory, device=device).train()
        values = backbone(*(array.to(device) for array in batch))
        hidden.append(values.cpu())
        (values[batch[1].bool().to(device)] ** 2).sum().backward()
        found.append({name: p.grad.cpu() for name, p in backbone.named_parameters() if p.requires_grad})
    assert set(places(backbone)) == expected
    assert [str(gpu) for gpu in backbone.gpus] == sorted(expected - {"meta"})
    torch.testing.assert_close(*hidden)
    torch.testing.assert_close(*found)


def test_all_weights_train_on_two_simulated_gpus(
    tiny_checkpoint: Callable[[str], Path], limit: Callable[..., None], gpus: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_memory", lambda device: {0: 500_000, 1: 600_000, "cpu": 10**9})
    nlp, example = untrained(tiny_checkpoint("bert"), memory=MEMORY)
    optimizer = nlp.initialize(lambda: [example])
    backbone = nlp.get_pipe("transformer").model.layers[0].shims[0].backbone
    assert {str(p.device) for p in backbone.parameters()} == {"cuda:0", "cuda:1"}
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update([example], sgd=optimizer)
    assert [(e.start, e.end) for e in nlp(SENTENCE).ents] == [(a, b) for a, b, _ in LABELS]


def test_quantized_weights_that_do_not_fit_are_an_error(make_checkpoint: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise ValueError("Some modules are dispatched on the CPU or the disk. Make sure you have enough GPU RAM")

    path = str(make_checkpoint())
    config = hub.read_config(path, None)
    cls = hub._model_class(path, config)
    monkeypatch.setattr(hub, "gpu_memory", dict)
    monkeypatch.setattr(cls, "from_pretrained", refuse)
    with pytest.raises(DeviceError, match=r"ZT291\] The quantized weights of .*quantization = null"):
        hub.read_model(path, None, config, quantization=object(), device=torch.device("cuda:0"), spread=True)  # type: ignore[arg-type]


def test_quantized_weights_on_a_cpu_stay_in_memory(make_checkpoint: Make, batch: Batch) -> None:
    path = make_checkpoint()
    found = [load(path, memory=m, quantization=QuantizationSettings()) for m in (MemorySettings(), AUTO)]
    assert torch.equal(*(backbone(*batch) for backbone in found))


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("grouped", [False, True])
def test_the_cache_of_a_gpu_is_emptied_every_n_updates(
    steps: int, grouped: bool, tiny_checkpoint: Callable[[str], Path], gpus: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spacy_zh_tw_ner.training.optimizers import create_grouped_optimizer_v1

    calls: list[int] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append(1))
    memory = {"@misc": "spacy-zh-tw-ner.memory.v1", "empty_cache_steps": steps}
    for device in ("gpu", "cpu"):
        if device == "cpu":
            require_cpu()
        nlp, example = untrained(tiny_checkpoint("bert"), memory=memory, lora=LORA)
        optimizer = nlp.initialize(lambda example=example: [example])
        if grouped:
            optimizer = create_grouped_optimizer_v1(encoder_rate=1e-3, head_rate=1e-3)
        calls.clear()
        for _ in range(7):
            nlp.update([example], sgd=optimizer)
        shim = nlp.get_pipe("transformer").model.layers[0].shims[0]
        assert shim._n_updates >= 6  # an update without gradients does not count
        expected = shim._n_updates // steps if steps and device == "gpu" else 0
        assert len(calls) == expected
