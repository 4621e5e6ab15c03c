"""The benchmarks of matrix products, on CPUs with AVX-512 and without."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from benchmarks import matrix_limit, products
from spacy_zh_tw_ner.cpu_acceleration import probe


@pytest.mark.parametrize("has_avx512", [True, False])
def test_the_products_of_this_cpu_are_measured(has_avx512: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def onednn(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, *_: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        assert torch.is_inference_mode_enabled()
        return F.linear(rows, weight, bias)

    monkeypatch.setattr(probe, "onednn_product", lambda: onednn if has_avx512 else None)
    assert set(products.rates(8, 16, 16, rounds=1)) == {"torch", "ours", "packed"}
    assert matrix_limit.characters_per_second(1, 16, ["臺北市"], rounds=1) > 0
    assert (calls > 0) == has_avx512
