"""The probe finds the operators of torch, and returns None or False if a private name is missing."""

from collections.abc import Iterator

import pytest
import torch

from spacy_zh_tw_ner.cpu_acceleration import probe

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _not_cached() -> Iterator[None]:
    for function in (probe.onednn_product, probe.int8_operators):
        function.cache_clear()
    yield
    for function in (probe.onednn_product, probe.int8_operators):
        function.cache_clear()


def test_onednn_is_used_with_avx512_only(monkeypatch: pytest.MonkeyPatch) -> None:
    capability = torch.backends.cpu.get_cpu_capability()
    assert (probe.onednn_product() is not None) == (capability == "AVX512" and torch.backends.mkldnn.is_available())
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    probe.onednn_product.cache_clear()
    assert probe.onednn_product() is None


def test_missing_private_names_disable_the_acceleration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.ops, "mkldnn", object())
    assert probe.onednn_product() is None
    monkeypatch.delattr(torch, "_make_per_channel_quantized_tensor")
    assert probe.int8_operators() is None
    for name in ("_is_vnni_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not probe.has_vnni()
    assert probe.is_native("bf16", CPU)  # if torch cannot tell, the precision of the settings is used


def test_int8_operators_are_those_of_the_first_supported_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    operators = probe.int8_operators()
    assert operators is not None
    assert operators.engine in torch.backends.quantized.supported_engines
    assert (operators.multiply_scaled is not None) == (operators.engine in probe.FBGEMM)
    probe.int8_operators.cache_clear()
    monkeypatch.setattr(probe, "ENGINES", ())
    assert probe.int8_operators() is None


def test_native_half_precision_depends_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(probe.is_native("bf16", CPU), bool)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    assert not probe.is_native("bf16", CPU)
    assert probe.is_native("bf16", torch.device("meta"))
