"""Encoders run on the simulated GPU of `fake_gpu`, while thinc stays on the CPU. No real GPU is used."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import thinc.compat
import torch
from click.testing import Result
from spacy.language import Language
from spacy.training.initialize import init_nlp
from thinc.api import Config
from typer.testing import CliRunner

from benchmarks.synthetic import make_checkpoint, unigram
from spacy_zh_tw_ner import devices, recognizers
from spacy_zh_tw_ner.cli.main import zh_tw_ner_cli
from spacy_zh_tw_ner.cpu_acceleration import probe
from spacy_zh_tw_ner.devices import (
    check_gpu,
    encoder_device,
    require_cpu,
    require_gpu,
    runs_encoders_alone,
)
from spacy_zh_tw_ner.errors import DeviceError
from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from spacy_zh_tw_ner.recognizers import load_recognizer
from spacy_zh_tw_ner.training import checkpoint as checkpoint_module
from spacy_zh_tw_ner.training.adaptation import adaptation_config
from spacy_zh_tw_ner.training.loop import train
from tests.conftest import Once
from tests.fake_gpu import Devices, fake_gpus

TEXT = "蔡英文總統在臺北市接見台積電董事長。"
GPU = torch.device("cuda", 0)
QUIET = {"training.logger": {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False}}
FEW = {"training.max_steps": 3, "training.eval_frequency": 2, "training.batcher.size": 200}
SMALL = {
    "components.ner.model.tok2vec.tok2vec.hidden_width": 16,
    "components.ner.model.tok2vec.tok2vec.embed.widths": [16, 8],
    "components.ner.model.tok2vec.tok2vec.embed.rows": [512, 512],
}
MODEL, MEMORY = "components.transformer.model", "components.transformer.model.memory"


@pytest.fixture(autouse=True)
def _cpu_again() -> Iterator[None]:
    yield
    require_cpu()


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Devices]:
    with fake_gpus(monkeypatch) as found:
        yield found


@pytest.fixture(autouse=True)
def without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable oneDNN, so that results on the CPU and the simulated GPU are exactly equal."""
    monkeypatch.setattr(probe, "onednn_product", lambda: None)


@pytest.fixture
def bilstm(tiny_corpus: Path) -> Config:
    return with_settings(read_config("bilstm"), _paths(tiny_corpus) | SMALL | QUIET | FEW)


@pytest.fixture
def transformer(tiny_corpus: Path, tiny_checkpoint: Callable[[str], Path]) -> Config:
    base = {"paths.base": str(tiny_checkpoint("bert"))}
    return with_settings(read_config("transformer"), _paths(tiny_corpus) | base | QUIET | FEW)


@pytest.fixture
def adaptation(tmp_path: Path, once: Once) -> Config:
    base = once("unigram", lambda folder: make_checkpoint(folder, tokenizer=unigram()))
    (tmp_path / "texts.txt").write_text("\n".join([TEXT] * 20), encoding="utf-8")
    settings = {"paths.base": str(base), f"{MODEL}.trim": False} | QUIET | FEW
    whole = with_settings(read_config("e5-small"), settings)
    return adaptation_config(whole.interpolate(), tmp_path / "texts.txt")


def _paths(corpus: Path) -> dict[str, str]:
    return {f"paths.{split}": str(corpus / f"{split}.spacy") for split in ("train", "dev")}


def trained(config: Config, output: Path, **settings: Any) -> Language:
    nlp = init_nlp(config.interpolate())
    with output.with_suffix(".log").open("w") as log:
        train(nlp, output, stdout=log, stderr=log, **settings)
    return nlp


def weights(nlp: Language) -> dict[str, Any]:
    return checkpoint_module.weights_of(nlp)


def parameters(nlp: Language) -> list[torch.nn.Parameter]:
    shims = [shim for _, layer in checkpoint_module.layers_of(nlp) for shim in layer.shims]
    return [parameter for shim in shims for parameter in shim._model.parameters()]


def arrays(nlp: Language) -> list[Any]:
    layers = [layer for _, layer in checkpoint_module.layers_of(nlp)]
    return [layer.get_param(name) for layer in layers for name in layer.param_names if layer.has_param(name)]


THINC = {"training.optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.001}}
LORA = {f"{MODEL}.lora": {"@misc": "spacy-zh-tw-ner.lora.v1", "r": 4, "alpha": 8}}
NF4 = {f"{MODEL}.quantization": {"@misc": "spacy-zh-tw-ner.quantization.v1", "kind": "nf4"}}
AVERAGES = {"training.optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.001, "use_averages": True}}
QUICK = ("BiLSTM", "Transformer", "LoRA", "adaptation")
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "BiLSTM": ("bilstm", {}),
    "BiLSTM, averages": ("bilstm", AVERAGES),
    "Transformer": ("transformer", {}),
    "Transformer, thinc's optimizer": ("transformer", THINC),
    "Transformer, averages": ("transformer", AVERAGES),
    "micro-batches": ("transformer", {f"{MEMORY}.micro_batch": 1, "training.accumulate_gradient": 2}),
    "gradient checkpointing": ("transformer", {f"{MEMORY}.gradient_checkpointing": True}),
    "LoRA": ("transformer", LORA),
    "NF4": ("transformer", LORA | NF4),
    "8-bit optimizer": ("transformer", {"training.optimizer.optimizer": "adamw_bnb_8bit"}),
    "adaptation": ("adaptation", {}),
    "Adafactor": ("transformer", {"training.optimizer.optimizer": "adafactor"}),
}


@pytest.mark.parametrize(
    "case", [case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in CASES]
)
def test_training_on_a_gpu_gives_the_weights_of_the_cpu(
    case: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulated GPU also raises an error if an operation mixes two devices."""
    fixture, settings = CASES[case]
    config = with_settings(request.getfixturevalue(fixture), settings)
    expected = trained(config, tmp_path / "cpu")
    with fake_gpus(monkeypatch) as found:
        require_gpu(0)
        nlp = trained(config, tmp_path / "gpu")
        assert {parameter.device for parameter in parameters(nlp)} == {GPU}
        # All weights that adaptation trains are torch's.
        assert {type(array) for array in arrays(nlp)} == ({np.ndarray} if case != "adaptation" else set())
        assert {(before.type, after.type) for before, after, _ in found.copies} == {("cpu", "cuda"), ("cuda", "cpu")}
        on_gpu, again = weights(nlp), spacy.load(tmp_path / "gpu" / "model-last")
        assert {parameter.device for parameter in parameters(again)} == {GPU}
        doc, loaded = nlp(TEXT), again(TEXT)
        if "transformer" in nlp.pipe_names:
            assert isinstance(
                nlp.get_pipe("transformer").predict([nlp.make_doc(TEXT)]).doc_data[0].tensors[0], np.ndarray
            )  # type: ignore[attr-defined]
    require_cpu()
    if case == "NF4":  # the adapters start with other random numbers; only the base model is equal
        for one, two in zip(parameters(expected), parameters(nlp), strict=True):
            assert one.requires_grad or torch.equal(one, two)
        return
    for place, weight in weights(expected).items():
        np.testing.assert_array_equal(weight, on_gpu[place], err_msg=place)
    assert doc.to_json() == expected(TEXT).to_json()
    # A pipeline that was saved on the GPU loads on the CPU. If there are averages, these are saved.
    on_cpu = spacy.load(tmp_path / "gpu" / "model-last")
    assert {parameter.device.type for parameter in parameters(on_cpu)} == {"cpu"}
    saved_on_cpu = spacy.load(tmp_path / "cpu" / "model-last")
    assert on_cpu(TEXT).to_json() == loaded.to_json() == saved_on_cpu(TEXT).to_json()


@pytest.mark.parametrize(
    "case",
    ["BiLSTM", *(pytest.param(case, marks=pytest.mark.slow) for case in ("Transformer", "8-bit optimizer", "NF4"))],
)
def test_a_run_on_a_gpu_is_resumed(
    case: str, request: pytest.FixtureRequest, tmp_path: Path, gpu: Devices, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture, settings = CASES[case]
    config = with_settings(request.getfixturevalue(fixture), settings | {"training.max_steps": 4})
    require_gpu(0)
    whole = weights(trained(config, tmp_path / "whole", checkpoint_every=1))
    from spacy_zh_tw_ner.training import loop

    update, steps = loop._update, iter(range(5))

    def stop(*args: Any) -> None:
        if next(steps) == 3:
            raise KeyboardInterrupt
        update(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_update", stop)
        with pytest.raises(KeyboardInterrupt):
            trained(config, tmp_path / "parts", checkpoint_every=1)
    nlp = trained(config, tmp_path / "parts", checkpoint_every=1, resume=True)
    assert {parameter.device for parameter in parameters(nlp)} == {GPU}
    for place, weight in weights(nlp).items():
        np.testing.assert_array_equal(weight, whole[place], err_msg=place)
    for _, layer in checkpoint_module.layers_of(nlp):
        for shim in layer.shims:
            states = getattr(shim._optimizer, "state", {}).values()
            large = [t for state in states for t in state.values() if isinstance(t, torch.Tensor) and t.numel() > 1]
            assert {tensor.device for tensor in large} <= {GPU}


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_uses_autocast_of_the_gpu(
    precision: str, transformer: Config, tmp_path: Path, gpu: Devices, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, autocast = set(), torch.autocast

    def listen(device_type: str, dtype: torch.dtype | None = None, enabled: bool = True) -> Any:
        if enabled:
            used.add((device_type, dtype))
        return autocast(device_type, dtype=dtype, enabled=enabled)

    monkeypatch.setattr(torch, "autocast", listen)
    require_gpu(0)
    nlp = trained(with_settings(transformer, {f"{MEMORY}.precision": precision}), tmp_path / "gpu")
    assert used == {("cuda", {"bf16": torch.bfloat16, "fp16": torch.float16}[precision])}
    scaler = next(layer.shims[0] for _, layer in checkpoint_module.layers_of(nlp) if layer.shims).scaler
    assert (scaler._device, scaler.is_enabled()) == ("cuda", precision == "fp16")


def test_a_long_document_is_encoded_on_a_gpu(bilstm: Config, transformer: Config, gpu: Devices, shallow: None) -> None:
    require_gpu(0)
    for config in (bilstm, transformer):
        nlp = init_nlp(config.interpolate())
        doc = nlp(TEXT * 300)
        assert len(doc) == 300 * len(TEXT)


def test_an_ensemble_runs_on_a_gpu(bilstm: Config, tmp_path: Path, gpu: Devices) -> None:
    from spacy_zh_tw_ner.components.ensemble import combine

    members = [(str(seed), init_nlp(with_settings(bilstm, {"system.seed": seed}).interpolate())) for seed in (0, 1)]
    expected = combine(members)
    expected.to_disk(tmp_path / "both")
    require_gpu(0)
    assert spacy.load(tmp_path / "both")(TEXT).to_json() == expected(TEXT).to_json()


def test_gpu_id_selects_the_gpu(bilstm: Config, gpu: Devices) -> None:
    assert require_gpu(1) == torch.device("cuda", 1) == encoder_device()
    assert torch.cuda.current_device() == 1
    assert {parameter.device for parameter in parameters(init_nlp(bilstm.interpolate()))} == {torch.device("cuda", 1)}


def test_no_gpu_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(DeviceError, match=r"\[ZT700\].*is built for CPUs"):
        require_gpu(0)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    with pytest.raises(DeviceError, match=r"\[ZT700\].*finds no device"):
        check_gpu(0)
    assert encoder_device() == torch.device("cpu")


@pytest.mark.parametrize("gpu_id", [2, 7, -1])
def test_a_missing_gpu_is_an_error(gpu_id: int, gpu: Devices) -> None:
    with pytest.raises(DeviceError, match=rf"\[ZT701\] There is no GPU {gpu_id}: torch finds 2"):
        require_gpu(gpu_id)
    assert not runs_encoders_alone()


@pytest.mark.parametrize(("cuda", "extra"), [("12.8", "cuda12x"), ("13.0", "cuda13x"), (None, "cuda12x")])
def test_without_cupy_a_message_says_that_only_encoders_use_the_gpu(
    cuda: str | None, extra: str, gpu: Devices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.version, "cuda", cuda)
    lines: list[str] = []
    require_gpu(0, notify=lines.append)
    assert lines == [check_gpu(0)]
    assert lines[0].startswith("[ZT702] CuPy is not installed, so only the encoder runs on cuda:0, and all other parts")
    assert f'[{extra}]"`.' in lines[0]


def test_a_cupy_without_devices_is_reported(gpu: Devices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinc.compat, "has_cupy", True)
    assert "CuPy finds no device" in str(check_gpu(0))


def test_with_cupy_thinc_also_uses_the_gpu(gpu: Devices, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(thinc.compat, "has_cupy", True)
    monkeypatch.setattr(thinc.compat, "has_cupy_gpu", True)
    monkeypatch.setattr(devices, "_thinc_gpu", chosen.append)
    require_gpu(1, notify=pytest.fail)
    assert chosen == [1]
    assert not runs_encoders_alone()


def test_a_mac_needs_a_metal_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "system", lambda: "Darwin")
    monkeypatch.setattr(thinc.compat, "has_gpu", False)
    with pytest.raises(DeviceError, match=r"\[ZT700\].*Metal"):
        check_gpu(0)
    monkeypatch.setattr(thinc.compat, "has_gpu", True)
    assert check_gpu(0) is None


def test_the_simulated_gpu_raises_errors_for_mixed_devices(gpu: Devices) -> None:
    on_gpu = torch.ones(3, device="cuda")
    with pytest.raises(RuntimeError, match="on the same device"):
        on_gpu + torch.ones(3)
    with pytest.raises(TypeError, match="to numpy"):
        on_gpu.numpy()
    assert (on_gpu + 1).device == on_gpu.to("cuda:0").device == GPU
    assert (2 * on_gpu).sum().cpu().device == torch.device("cpu")
    module = torch.nn.Linear(3, 3).to("cuda")
    module(on_gpu).sum().backward()
    assert module.weight.grad is not None
    assert module.weight.grad.device == module.weight.device == GPU


def run_command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(zh_tw_ner_cli, list(map(str, arguments)))


@pytest.mark.slow
def test_commands_run_the_encoder_on_the_gpu(
    bilstm: Config, tiny_corpus: Path, tmp_path: Path, gpu: Devices, capfd: pytest.CaptureFixture[str]
) -> None:
    bilstm.to_disk(tmp_path / "config.cfg")
    best, dev = tmp_path / "out" / "model-best", tiny_corpus / "dev.spacy"
    for command in (
        ["train", tmp_path / "config.cfg", "--output", tmp_path / "out"],
        ["evaluate", best, dev],
        ["calibrate", best, dev, tmp_path / "calibrated"],
        ["export", dev, tmp_path / "dev.jsonl", "--format", "doccano", "--pipeline", best],
    ):
        gpu.copies.clear()
        result = run_command(*command, "--gpu-id", "0")
        assert result.exit_code == 0, result.output
        assert result.output.count("[ZT702]") == 1
        assert gpu.copies
        require_cpu()


@pytest.mark.parametrize("command", ["train", "evaluate", "calibrate", "export", "serve", "annotate"])
def test_commands_without_a_gpu_fail_with_a_message(
    command: str, bilstm: Config, tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    bilstm.to_disk(tmp_path / "config.cfg")
    (tmp_path / "in.txt").write_text(TEXT, encoding="utf-8")
    dev = tiny_corpus / "dev.spacy"
    arguments: dict[str, list[str | Path]] = {
        "train": [tmp_path / "config.cfg", "--output", tmp_path / "out"],
        "evaluate": [tiny_pipeline, dev],
        "calibrate": [tiny_pipeline, dev, tmp_path / "calibrated"],
        "export": [dev, tmp_path / "dev.jsonl", "--format", "doccano", "--pipeline", tiny_pipeline],
        "serve": [tiny_pipeline, "--port", "0"],
        "annotate": [tmp_path / "in.txt", tmp_path / "out.jsonl", "--pipeline", tiny_pipeline, "--gpu"],
    }
    result = run_command(command, *arguments[command], *(["--gpu-id", "0"] if command != "annotate" else []))
    assert (result.exit_code, "[ZT700]" in result.output) == (1, True), result.output


def test_the_service_runs_the_encoder_on_the_gpu(tiny_pipeline: Path, gpu: Devices) -> None:
    recognizer = load_recognizer(str(tiny_pipeline), max_chars=100, gpu_id=0)
    assert runs_encoders_alone()
    assert len(recognizer([TEXT], [None])) == 1
    assert gpu.copies


def test_an_exported_model_with_gpu_id_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizers, "is_exported", lambda path: True)
    with pytest.raises(DeviceError, match=r"\[ZT703\].*--gpu-id"):
        load_recognizer(str(tmp_path), max_chars=1, gpu_id=0)


def test_annotation_runs_the_encoder_on_the_gpu(tiny_pipeline: Path, gpu: Devices) -> None:
    recognizer: Any = load_recognizer(str(tiny_pipeline), gpu_id=1)
    assert {parameter.device for parameter in parameters(recognizer._nlp)} == {torch.device("cuda", 1)}
