"""The script for GPUs, on the CPU with tiny models."""

import re
import sys

import pytest
import torch

from benchmarks import gpu
from benchmarks.crf import make_batch
from spacy_zh_tw_ner.crf import log_likelihood


def test_the_loop_in_torch_has_the_gradients_of_the_compiled_kernels() -> None:
    batch = make_batch(4, 12, 9)
    leaf = batch.emissions.clone().requires_grad_()
    gpu.torch_loss(leaf, batch.tags, batch.mask, *map(torch.from_numpy, batch.transitions)).backward()
    assert leaf.grad is not None
    expected = log_likelihood(batch.rows, batch.lengths, batch.transitions, batch.gold).emissions
    torch.testing.assert_close(leaf.grad[batch.mask], torch.from_numpy(expected), rtol=1e-4, atol=1e-5)
    assert not leaf.grad[~batch.mask].any()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_message_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu"])
    with pytest.raises(SystemExit, match="--device cpu"):
        gpu.main()


@pytest.mark.slow
def test_all_tables_are_printed_on_a_cpu(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torchcrf")
    pytest.importorskip("bitsandbytes")
    monkeypatch.setattr(sys, "argv", ["gpu", "--device", "cpu", "--rounds", "1"])
    gpu.main()
    shown = capsys.readouterr().out
    for name in ("int8", "loop in torch", "pytorch-crf"):
        assert f"| {name} |" in shown
    # preset, plans in GiB, allocated, ratio of plan to allocated
    found = re.findall(r"^\| (\S+) \| [\d.]+ \| [\d.]+ \| [\d.]+ \| ([\d.]+) \|", shown, re.M)
    assert len(found) == 10
    # The constants of 4-bit layers, which a plan leaves out, are as large as the weights of tiny ones.
    assert {name: float(ratio) for name, ratio in found if name != "12gb-7b-qlora"} == {
        name: pytest.approx(1, abs=0.02) for name, _ in found if name != "12gb-7b-qlora"
    }


def test_what_does_not_begin_in_time_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(gpu, "preset_names", lambda: ["4gb", "cpu-bilstm"])
    gpu.print_presets(tmp_path_factory.mktemp("tiny"), "cpu", deadline=0.0)
    assert "| 4gb | 0.00 | 0.002 | out of time |" in capsys.readouterr().out
