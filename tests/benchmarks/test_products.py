"""The benchmarks of matrix products, on CPUs with AVX-512 and without."""

import pytest
import torch

from benchmarks import matrix_limit, products
from spacy_zh_tw_ner.cpu_acceleration import probe


@pytest.mark.parametrize("has_avx512", [True, False])
def test_products_are_measured_on_any_cpu(has_avx512: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_avx512:
        monkeypatch.setattr(probe, "onednn_product", lambda: None)
    with torch.inference_mode():
        found = products.rates(8, 16, 16, rounds=1)
        assert set(found) == {"torch", "ours", "packed"}
        assert min(found.values()) > 0
        assert matrix_limit.characters_per_second(1, 16, ["臺北市"], rounds=1) > 0
