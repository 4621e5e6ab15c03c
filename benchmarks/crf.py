"""Measure time and memory of the CRF and of similar implementations, and its share of a training step.

    python -m benchmarks.crf [--rounds 7] [--quick]

Sequences have random lengths between a quarter of T and T. The contestants run in turn on one thread, each for at least
a twentieth of a second, of which the mean is taken. Times are processor time, which other work on the machine changes
little. A training step is the loss and all gradients. Annotation is complete and transitions are unconstrained, as in
the other implementations. Each contestant gets its own input, prepared beforehand: padded tensors, mask and tags for
the others; rows, lengths and the boolean gold mask for ours.

The others, through their public APIs: pytorch-crf; linear-crf-torch (training); pytorchcrf (decoding); the linear-chain
CRF of EDS-NLP; and, as a bound, the Viterbi search of CRFsuite in C, with state scores computed beforehand.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.measure import interleaved, machine, table
from spacy_zh_tw_ner.crf import Transitions, decode, infer, log_likelihood

SHAPES = [(16, 64, 13), (32, 128, 41), (32, 128, 73), (8, 512, 73), (64, 32, 13)]
MEMORY_SHAPE = (64, 512, 73)
Run = Callable[[], object]


class Batch(NamedTuple):
    """The same data in both formats. emissions: (B, T, K). tags, mask: (B, T). rows, gold: (n_rows, K)."""

    emissions: torch.Tensor
    tags: torch.Tensor
    mask: torch.Tensor
    rows: np.ndarray
    lengths: list[int]
    gold: np.ndarray
    transitions: Transitions


def make_batch(size: int, longest: int, n_tags: int) -> Batch:
    """Draw random emissions, lengths and tags."""
    g = torch.Generator().manual_seed(0)
    lengths = torch.randint(max(1, longest // 4), longest + 1, (size,), generator=g)
    lengths[0] = longest
    mask = torch.arange(longest) < lengths[:, None]
    emissions = torch.randn(size, longest, n_tags, generator=g)
    tags = torch.randint(n_tags, (size, longest), generator=g)
    gold = torch.nn.functional.one_hot(tags[mask], n_tags).bool().numpy()
    shapes = ((n_tags, n_tags), (n_tags,), (n_tags,))
    transitions = Transitions(*((torch.rand(shape, generator=g) * 0.2 - 0.1).numpy() for shape in shapes))
    return Batch(emissions, tags, mask, emissions[mask].numpy(), lengths.tolist(), gold, transitions)


def contestants(batch: Batch) -> tuple[dict[str, Run], dict[str, Run]]:
    """Return functions by name: training steps and decodings."""
    from torchcrf import CRF

    peer = _with_scores(CRF(batch.emissions.shape[2], batch_first=True), batch.transitions)
    leaf = batch.emissions.clone().requires_grad_()

    def train_peer() -> None:
        leaf.grad = None
        peer.zero_grad()
        (-peer(leaf, batch.tags, batch.mask, reduction="sum")).backward()

    def decode_peer() -> None:
        with torch.no_grad():
            peer.decode(batch.emissions, batch.mask)

    ours = (batch.rows, batch.lengths, batch.transitions)
    return (
        {
            "pytorch-crf": train_peer,
            "numpy": lambda: log_likelihood(*ours, batch.gold, compiled=False),
            "numba": lambda: log_likelihood(*ours, batch.gold, compiled=True),
        },
        {
            "pytorch-crf": decode_peer,
            "numpy": lambda: decode(*ours, compiled=False),
            "numba": lambda: decode(*ours, compiled=True),
        },
    )


def other_peers(batch: Batch, folder: Path, missing: set[str]) -> tuple[dict[str, Run], dict[str, Run]]:
    """Return training steps and decodings of the optional packages; add missing packages to `missing`."""
    training: dict[str, Run] = {}
    decoding: dict[str, Run] = {}
    n_tags, leaf = batch.emissions.shape[2], batch.emissions.clone().requires_grad_()

    def train(module: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> Run:
        def run() -> None:
            leaf.grad = None
            module.zero_grad()
            loss().backward()

        return run

    try:
        from linear_crf import LinearCRF

        linear = _with_scores(LinearCRF(n_tags, batch_first=True), batch.transitions)
        training["linear-crf-torch"] = train(linear, lambda: linear(leaf, batch.tags, batch.mask))
    except ImportError as error:
        missing.add(f"linear-crf-torch ({error})")
    try:
        from pytorchcrf import CRF

        fast = _with_scores(CRF(n_tags, batch_first=True), batch.transitions)
        decoding["pytorchcrf"] = torch.no_grad()(lambda: fast.decode(batch.emissions, batch.mask))
    except ImportError as error:
        missing.add(f"pytorchcrf ({error})")
    try:
        from edsnlp.pipes.trainable.layers.crf import LinearChainCRF

        eds = _with_scores(LinearChainCRF(torch.zeros(n_tags, n_tags, dtype=torch.bool)), batch.transitions)
        target = torch.nn.functional.one_hot(batch.tags, n_tags).bool()
        training["EDS-NLP"] = train(eds, lambda: eds(leaf, batch.mask, target).sum())
        decoding["EDS-NLP"] = torch.no_grad()(lambda: eds.decode(batch.emissions, batch.mask))
    except ImportError as error:
        missing.add(f"EDS-NLP ({error})")
    try:
        decoding["CRFsuite (C)"] = _crfsuite(batch, folder)
    except ImportError as error:
        missing.add(f"CRFsuite ({error})")
    return training, decoding


def _with_scores(module: Any, transitions: Transitions) -> Any:
    """Set the transition scores of a CRF module, whose parameters have different names in each package."""
    for name, parameter in module.named_parameters():
        scores = {"s": transitions.start, "e": transitions.end, "t": transitions.matrix}[name[0]]
        parameter.data = torch.from_numpy(scores.copy())
    return module


def _crfsuite(batch: Batch, folder: Path) -> Run:
    """Return a function that runs CRFsuite's Viterbi search. State scores are set once, since the tagger keeps them."""
    import pycrfsuite

    n_tags = batch.emissions.shape[2]
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"max_iterations": 1, "feature.possible_transitions": True})
    for first in range(n_tags):  # every tag follows every other
        path = [str((first * step) % n_tags) for step in range(n_tags)]
        trainer.append([{f"a{tag}": 1.0} for tag in path], path)
    trainer.train(str(folder / f"{n_tags}.crfsuite"))
    taggers, row = [], 0
    for length in batch.lengths:
        tagger = pycrfsuite.Tagger()
        tagger.open(str(folder / f"{n_tags}.crfsuite"))
        rows = batch.rows[row : row + length].tolist()
        tagger.set([{f"a{tag}": value for tag, value in enumerate(values)} for values in rows])
        taggers.append(tagger)
        row += length
    return lambda: [tagger.tag() for tagger in taggers]


def cells(times: dict[str, float], names: list[str], goals: dict[str, int]) -> list[str]:
    """Return the cells of a row: milliseconds, the speed relative to pytorch-crf, and the goal if there is one."""
    found = []
    for name in names:
        ratio = times["pytorch-crf"] / times[name]
        goal = f", ≥ {goals[name]}" if name in goals else ""
        found.append(f"{times[name] * 1e3:.2f}" + ("" if name == "pytorch-crf" else f" ({ratio:.1f}×{goal})"))
    return found


def speed(rounds: int) -> None:
    """Print the tables of time: milliseconds, and in parentheses the speed relative to pytorch-crf."""
    training, decoding, scoring = [], [], []
    missing: set[str] = set()
    with TemporaryDirectory() as folder:
        for shape in SHAPES:
            batch = make_batch(*shape)
            train, best_path = contestants(batch)
            others, other_paths = other_peers(batch, Path(folder), missing)
            settings: dict[str, Any] = {"rounds": rounds, "at_least": 0.05, "clock": time.process_time}
            small = shape[2] < 41
            goals = {"numba": 25} if small else {"numpy": 18, "numba": 45}
            runs = {**train, **others}
            training.append((shape, *cells(interleaved(runs, **settings), list(runs), goals)))
            paths = {**best_path, **other_paths}
            decoding.append((shape, *cells(interleaved(paths, **settings), list(paths), {"numba": 25})))
            ours = (batch.rows, batch.lengths, batch.transitions)
            posteriors = interleaved(
                {
                    "numpy": lambda ours=ours: infer(*ours, compiled=False),
                    "numba": lambda ours=ours: infer(*ours, compiled=True),
                },
                **settings,
            )
            scoring.append((shape, *(f"{seconds * 1e6 / len(batch.rows):.2f}" for seconds in posteriors.values())))
    for peer in sorted(missing):
        print(f"Without {peer}")
    print("\n## Training step: loss and all gradients, ms (times as fast as pytorch-crf, floor)\n")
    print(table(training, ("(B, T, K)", *runs)))
    print("\n## Viterbi, ms (times as fast as pytorch-crf, floor)\n")
    print(table(decoding, ("(B, T, K)", *paths)))
    print("\n## Posterior, µs a character (floor: 5 at 73 tags)\n")
    print(table(scoring, ("(B, T, K)", *posteriors)))


def peak_of(name: str) -> None:
    """Print by how many MiB a training step raises the peak of the resident memory; for a separate process."""
    contestants(make_batch(2, 8, MEMORY_SHAPE[2]))[0][name]()  # load libraries and compile kernels first
    run = contestants(make_batch(*MEMORY_SHAPE))[0][name]
    # Linux: reset the peak after the batch has been created.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _resident("VmHWM")
    run()
    print((_resident("VmHWM") - before) / 1024)


def _resident(field: str) -> int:
    """Return a memory figure of this process in KiB, from Linux's /proc."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def memory() -> None:
    """Print the memory of a training step without its inputs, each measured in a new process."""
    if not Path("/proc/self/clear_refs").exists():
        print("\nMemory is measured on Linux only.")
        return
    # Return freed memory to the system at once, so that a step cannot use memory that an earlier one has freed.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    peaks = {}
    for name in ("pytorch-crf", "numpy", "numba"):
        command = [sys.executable, "-m", "benchmarks.crf", "--peak-of", name]
        peaks[name] = float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
    goals = {"pytorch-crf": "", "numpy": "", "numba": "≤ 1/50"}
    rows = [
        (name, f"{peak:.1f}", f"1/{peaks['pytorch-crf'] / max(peak, 1e-9):.0f}", goals[name])
        for name, peak in peaks.items()
    ]
    emissions = MEMORY_SHAPE[0] * MEMORY_SHAPE[1] * MEMORY_SHAPE[2] * 4 / 2**20
    print(
        f"\n## Memory of a training step at {MEMORY_SHAPE}, beyond its inputs (padded emissions: {emissions:.1f} MiB)\n"
    )
    print(table(rows, ("", "MiB of resident memory", "of pytorch-crf", "goal")))


def share(rounds: int) -> None:
    """Print the share of the CRF in a whole training step, with a BiLSTM and with a 4 × 312 BERT."""
    rows = []
    for name, (step, timed) in {"BiLSTM 2 × 192": _bilstm(), "BERT 4 × 312": _bert()}.items():
        step()
        totals, parts = [], []
        for _ in range(rounds):
            timed.clear()
            start = time.perf_counter()
            step()
            totals.append(time.perf_counter() - start)
            parts.append(sum(timed))
        total, part = (sorted(values)[rounds // 2] for values in (totals, parts))
        rows.append((name, f"{total * 1e3:.1f}", f"{part * 1e3:.2f}", f"{part / total:.2%}"))
    print("\n## The CRF in a whole training step (32 sentences of 10 to 60 characters, 18 labels, 73 tags)\n")
    print(table(rows, ("encoder", "step ms", "CRF ms", "share")))


def _timed_likelihood(timed: list[float]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        result = log_likelihood(*args, **kwargs)
        timed.append(time.perf_counter() - start)
        return result

    return run


def _bilstm() -> tuple[Run, list[float]]:
    """Return a training step of spaCy, from texts to updated weights, and a list that gets the times of its CRF."""
    from spacy_zh_tw_ner.components import crf_ner

    timed: list[float] = []
    crf_ner.log_likelihood = _timed_likelihood(timed)
    return _pipeline("zh_tw_crf_ner")[0], timed


def _pipeline(factory: str) -> tuple[Run, Run]:
    """Return a training step and a prediction of a BiLSTM pipeline with a head for 18 labels.

    factory (str): Factory of the head. The gold annotations are in `doc.ents`.
    """
    import random

    import spacy
    from spacy.training import Example
    from thinc.api import fix_random_seed

    fix_random_seed(0)
    rng = random.Random(0)
    nlp = spacy.blank("zh_tw")
    embed = {"@architectures": "spacy-zh-tw-ner.CharNgramEmbed.v1", "widths": [128, 64, 0], "rows": [20000, 20000, 0]}
    encoder = {"@architectures": "spacy-zh-tw-ner.BiLSTM.v1", "embed": embed}
    model = {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1", "tok2vec": encoder}
    nlp.add_pipe(factory, config={"model": model})
    examples = []
    for i in range(32):
        doc = nlp.make_doc("".join(chr(0x4E00 + rng.randrange(3000)) for _ in range(rng.randint(10, 60))))
        examples.append(Example.from_dict(doc, {"entities": [(2, 5, f"LABEL{i % 18}")]}))
    optimizer = nlp.initialize(lambda: examples)
    texts = [example.text for example in examples]
    return lambda: nlp.update(examples, sgd=optimizer), lambda: list(nlp.pipe(texts))


def spans(rounds: int) -> None:
    """Print the time of 18 chains of one label each (`zh_tw_crf_spans`), beside one CRF with the same 18 labels."""
    from spacy_zh_tw_ner.components import crf_spans  # noqa: F401  (registers the factory)

    pairs = {"zh_tw_crf_ner": _pipeline("zh_tw_crf_ner"), "zh_tw_crf_spans": _pipeline("zh_tw_crf_spans")}
    rows = []
    for i, kind in enumerate(("training step", "prediction")):
        runs = {name: pair[i] for name, pair in pairs.items()}
        for run in runs.values():
            for _ in range(10):  # random weights would predict an entity at almost every token
                run()
        times = interleaved(runs, rounds=rounds, at_least=0.05, clock=time.process_time)
        one, several = times.values()
        rows.append((kind, f"{one * 1e3:.1f}", f"{several * 1e3:.1f}", f"{several / one:.2f}×, ≤ 2.5"))
    print("\n## Overlapping entities: 18 chains beside one CRF of 18 labels (BiLSTM 2 × 192, 32 sentences)\n")
    print(table(rows, ("", "zh_tw_crf_ner ms", "zh_tw_crf_spans ms", "ratio, goal")))


def _bert() -> tuple[Run, list[float]]:
    """Return a training step in torch (random BERT, linear layer, CRF, AdamW), and a list for the times of its CRF."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    timed: list[float] = []
    likelihood = _timed_likelihood(timed)
    config = BertConfig(
        vocab_size=21128, hidden_size=312, num_hidden_layers=4, num_attention_heads=12, intermediate_size=1200
    )
    encoder, head = BertModel(config, add_pooling_layer=False), torch.nn.Linear(312, 73)
    batch = make_batch(32, 60, 73)
    ids = torch.randint(100, 21128, batch.mask.shape)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()])

    def step() -> None:
        hidden = encoder(ids, attention_mask=batch.mask.long()).last_hidden_state
        rows = head(hidden[batch.mask])
        result = likelihood(rows.detach().numpy(), batch.lengths, batch.transitions, batch.gold)
        rows.backward(torch.from_numpy(result.emissions))
        optimizer.step()
        optimizer.zero_grad()

    return step, timed


def compile_time() -> None:
    """Print how long the kernels take to compile, and to load from the cache on disk."""
    code = (
        "import time, torch; from benchmarks.crf import contestants, make_batch; "
        "runs = contestants(make_batch(2, 8, 13)); "
        "start = time.perf_counter(); [run['numba']() for run in runs]; print(time.perf_counter() - start)"
    )
    with TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        seconds = [
            float(
                subprocess.run(
                    [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
                ).stdout
            )
            for _ in range(2)
        ]
    print(
        f"\nThe kernels of training and decoding take {seconds[0]:.1f} s to compile once, {seconds[1]:.2f} s to load."
    )


def main() -> None:
    """Run the benchmarks, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="repetitions; the median is printed")
    parser.add_argument("--quick", action="store_true", help="measure time only")
    parser.add_argument("--spans", action="store_true", help="measure overlapping entities only")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.spans:
        print(machine())
        spans(args.rounds)
        return
    if args.peak_of:
        peak_of(args.peak_of)
        return
    print(machine())
    speed(args.rounds)
    if not args.quick:
        memory()
        compile_time()
        share(args.rounds)
        spans(args.rounds)


if __name__ == "__main__":
    main()
