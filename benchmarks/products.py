"""Measure products of linear layers in float32: torch's default (MKL on x86), and the layers of Transformers here.

"ours" is such a layer: oneDNN on CPUs with AVX-512, torch's default on others. "packed" is oneDNN with weights in its
own layout, which are in memory twice. With `ONEDNN_MAX_CPU_ISA=AVX2` in the environment, oneDNN does not use AVX-512.
The last table shows the costs of oneDNN's kernels for new numbers of rows: the time of the first product minus that of
the second, and the memory that stays in use.
"""

import argparse
import statistics
import time
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F

from benchmarks.measure import interleaved, machine, table
from benchmarks.service import memory_of
from spacy_zh_tw_ner.cpu_acceleration.onednn_linear import use_onednn

SHAPES = [(n_rows, *widths) for n_rows in (24, 64, 640) for widths in ((312, 312), (312, 1248), (1248, 312))]
SHAPES += [(n_rows, *widths) for n_rows in (24, 256) for widths in ((768, 768), (768, 3072), (3072, 768))]
NEW_ROWS = range(65, 365)  # numbers of rows, each of which needs a new kernel


@torch.inference_mode()
def rates(n_rows: int, n_in: int, n_out: int, rounds: int) -> dict[str, float]:
    """Return the GFLOP/s of each variant."""
    rows, layer = torch.randn(n_rows, n_in), torch.nn.Linear(n_in, n_out)
    weight, bias = layer.weight.detach(), layer.bias.detach()
    use_onednn(layer)  # only on CPUs with AVX-512
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, n_rows)
    ways = {
        "torch": partial(F.linear, rows, weight, bias),
        "ours": partial(layer, rows),
        "packed": partial(torch.ops.mkldnn._linear_pointwise, rows, packed, bias, "none", [], ""),
    }
    seconds = interleaved(ways, rounds=rounds, at_least=0.02)
    return {way: 2e-9 * n_rows * n_in * n_out / taken for way, taken in seconds.items()}


def of_new_rows(n_in: int, n_out: int) -> tuple[float, float]:
    """Return the milliseconds and KiB per new number of rows, without padding."""
    weight, bias, extra = torch.randn(n_out, n_in), torch.randn(n_out), []
    all_rows = torch.randn(NEW_ROWS.stop, n_in)

    def resident() -> float:
        return memory_of(Path("/proc/self/status").read_text(encoding="utf-8"))[0]

    before = resident()
    for n_rows in NEW_ROWS:
        times = [time.perf_counter()]
        for _ in range(2):
            torch.ops.mkldnn._linear_pointwise(all_rows[:n_rows], weight, bias, "none", [], "")
            times.append(time.perf_counter())
        extra.append(times[1] - times[0] - (times[2] - times[1]))
    return 1000 * statistics.median(extra), 1024 * (resident() - before) / len(NEW_ROWS)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    with torch.inference_mode():
        found = {shape: rates(*shape, options.rounds) for shape in SHAPES}
        cells = [
            (*shape, *(f"{rate:.0f}" for rate in of.values()), f"{of['ours'] / of['torch']:.2f}")
            for shape, of in found.items()
        ]
        print(table(cells, header=("rows", "in", "out", "torch, GFLOP/s", "ours", "packed", "ours ÷ torch")))
        costs = [(width, *(f"{cost:.1f}" for cost in of_new_rows(width, width))) for width in (312, 768)]
        print(table(costs, header=("in, out", "ms for new rows", "KiB kept")))


if __name__ == "__main__":
    main()
