"""Measure F from random weights, and that of spaCy's `ner` with the same data and time.

Both have one token per character. Ours is `configs/bilstm.cfg` with the changes in RUNS. The last weights are scored,
so that nothing is selected on the scored data: each seed, and all seeds as an ensemble. Some runs start with the
encoder of another run. The peer is spaCy's transition-based `ner` with its HashEmbedCNN, with spaCy's default settings
except for those in PEER. It is trained for as long as ours, including the encoder of another run, and its best weights
on dev are scored.
"""

import argparse
import os
import subprocess
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import spacy
from spacy.tokens import Doc
from spacy.util import get_package_path
from thinc.api import Config

from benchmarks.corpora import CLUENER, HELD_OUT, TAIWAN, UNER, Corpus, gold_of, prepare
from benchmarks.measure import machine, mean_of, table
from benchmarks.word_lists import blank, jieba_words, mined_words, norms, opencc_words, write_lists
from spacy_zh_tw_ner.components.calibration import calibrate
from spacy_zh_tw_ner.components.ensemble import combine
from spacy_zh_tw_ner.components.inspection import find_recognizer
from spacy_zh_tw_ner.evaluation.calibration_error import entity_confidence
from spacy_zh_tw_ner.evaluation.entity_counts import micro_f
from spacy_zh_tw_ner.evaluation.predictions import predict_pairs


class Run(NamedTuple):
    """A corpus, the settings that differ from the config (alternating paths and values), and the goal for F."""

    corpus: Corpus
    settings: tuple[str, ...]
    goal: float | None = None
    source: str | None = None  # the run whose encoder this run starts with
    train: str = "train"  # or "held_out", HELD_OUT sentences of train, or "rest", the other sentences
    calibrated_by: str | None = None  # a run of "rest": its temperature, fitted on dev and "held_out", is used
    words: bool = False  # whether it uses word lists
    beside: str | None = None  # a run whose pipelines are added to the ensemble


# Ten thousand sentences feed a wider model: twice the batch, nearly twice the steps.
WIDER = (
    *("--components.ner.model.tok2vec.weight", "0.35"),
    *("--components.ner.model.tok2vec.tok2vec.hidden_width", "256"),
    *("--components.ner.model.tok2vec.tok2vec.embed.widths", "[192, 32]"),
)
THREE_FIFTHS = ("--training.max_steps", "3000", *WIDER)
FEW = ("--training.max_steps", "600")
LONGER = ("--training.max_steps", "9000", "--training.batcher.size", "1280", *WIDER)
RUNS = {
    "uner": Run(UNER, settings=("--training.max_steps", "5000"), goal=70.0),
    "cluener": Run(CLUENER, settings=LONGER, goal=75.0),
    "cluener-words": Run(CLUENER, settings=LONGER, goal=77.0, words=True, beside="cluener"),
    "uner-from-cluener": Run(
        UNER, settings=THREE_FIFTHS, goal=74.0, source="cluener", calibrated_by="uner-rest-from-cluener"
    ),
    "uner-rest-from-cluener": Run(UNER, settings=THREE_FIFTHS, source="cluener", train="rest"),
    "taiwan": Run(TAIWAN, settings=()),
    "uner-500": Run(UNER, settings=FEW, train="held_out"),
    "uner-500-from-taiwan": Run(UNER, settings=FEW, source="taiwan", train="held_out"),
}
HEADER = ("run", "pipeline", "seed", "seconds", "F", "goal")
OURS = "BiLSTM + CRF (ours)"
PEER = """
[nlp]
lang = "zh_tw"
pipeline = ["tok2vec", "ner"]
[components]
[components.tok2vec]
factory = "tok2vec"
[components.tok2vec.model]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 96
depth = 4
embed_size = 2000
window_size = 1
maxout_pieces = 3
subword_features = true
[components.ner]
factory = "ner"
[components.ner.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
extra_state_tokens = false
hidden_width = 64
maxout_pieces = 2
use_upper = true
[components.ner.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 96
[corpora]
[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.train}
[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${paths.dev}
[paths]
train = null
dev = null
[system]
seed = 0
[training]
seed = ${system.seed}
gpu_allocator = null
max_epochs = 0
max_steps = 0
patience = 0
eval_frequency = 200
[training.score_weights]
ents_f = 1.0
"""


def train(config: Path, data: Path, output: Path, *options: object, seconds: float | None = None) -> float:
    """Train in a separate process, on one thread; return the seconds."""
    command = [sys.executable, "-m", "spacy", "train", str(config), "--output", str(output)]
    command += ["--paths.dev", str(data / "dev.spacy")]
    command += map(str, options)
    start = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    # If the time is over, model-best has the best weights so far.
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(command, check=True, timeout=seconds, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def calibrated(pipeline: Path, data: Path) -> list[tuple[Doc, Doc]]:
    """Return gold and predicted documents of test, after a temperature has been fitted on dev."""
    nlp = spacy.load(pipeline)
    calibrate(nlp, gold_of(nlp, data / "dev.spacy"))
    return list(predict_pairs(nlp, data / "test.spacy"))


def calibrated_by(other: Path, pipelines: list[Path], data: Path) -> list[tuple[Doc, Doc]]:
    """Do as `calibrated`, for several pipelines with one temperature, fitted on dev and held-out sentences."""
    nlp = spacy.load(other)
    temperature = calibrate(nlp, gold_of(nlp, data / "dev.spacy") + gold_of(nlp, data / "held_out.spacy"))
    print(f"temperature on dev and {HELD_OUT} sentences of train: {temperature:.3f}", flush=True)
    pairs: list[tuple[Doc, Doc]] = []
    for pipeline in pipelines:
        nlp = spacy.load(pipeline)
        find_recognizer(nlp).temperature = temperature
        pairs += predict_pairs(nlp, data / "test.spacy")
    return pairs


def knowing_words(work: Path) -> Path:
    """Return the config with word lists: OpenCC's, jieba's, and mined from the train files of both corpora."""
    folder, config = work / "words", Config().from_disk("configs/bilstm.cfg", interpolate=False)
    if not folder.exists():
        for run in (RUNS["uner"], RUNS["cluener"]):
            prepare(run.corpus, work)
        texts = [work / RUNS[name].corpus.folder / "train.spacy" for name in ("uner", "cluener")]
        lists = {"opencc": opencc_words(), "mined": mined_words(norms(blank(), texts))}
        write_lists({**lists, **jieba_words(Path(get_package_path("jieba"), "dict.txt"))}, folder)
    encoder = config["components"]["ner"]["model"]["tok2vec"]["tok2vec"]
    encoder["embed"] = {
        "@architectures": "spacy-zh-tw-ner.LexiconEmbed.v1",
        "lists": sorted(map(str, folder.glob("*.txt"))),
        "width": 64,
        "embed": encoder["embed"],
    }
    config.to_disk(work / "words.cfg")
    return work / "words.cfg"


def train_ours(name: str, seed: int, work: Path) -> tuple[Path, float]:
    """Train a run, after the run whose encoder it starts with. Runs that are trained already are not repeated.

    RETURNS (tuple[Path, float]): The pipeline, and the seconds of training, including that of its encoder.
    """
    run, output = RUNS[name], work / f"{name}-{seed}"
    data = prepare(run.corpus, work)
    begin: tuple[object, ...] = ()
    before = 0.0
    if run.source is not None:
        source, before = train_ours(run.source, seed, work)
        begin = ("--paths.start_from", source)
    seconds = output / "seconds"
    if not seconds.exists():
        config, settings = Path("configs/bilstm.cfg"), run.settings
        if run.words:
            config = knowing_words(work)
            settings = tuple(each.replace(".embed.", ".embed.embed.") for each in settings)
        options = ("--paths.train", data / f"{run.train}.spacy", "--system.seed", seed, *settings, *begin)
        seconds.write_text(str(train(config, data, output, *options)))
    return output / "model-last", before + float(seconds.read_text())


def main() -> None:
    """Print one row per pipeline, means with half-widths of 95 % intervals (Student's t), and ensembles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", choices=[*RUNS, "all"], default="all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--no-peer", action="store_true", help="do not train the peer")
    parser.add_argument("--work", type=Path, help="folder of trained pipelines, which a later call uses again")
    options = parser.parse_args()
    print(machine(), flush=True)
    with nullcontext(options.work) if options.work else TemporaryDirectory() as folder:
        work = Path(folder)
        work.mkdir(exist_ok=True)
        (work / "peer.cfg").write_text(PEER)
        for name in RUNS if options.run == "all" else [options.run]:
            print(table(run_seeds(name, options.seeds, work, peer=not options.no_peer), HEADER), flush=True)


def run_seeds(name: str, seeds: list[int], work: Path, *, peer: bool) -> list[tuple[object, ...]]:
    """Return the rows of the table."""
    run, data = RUNS[name], work / RUNS[name].corpus.folder
    goal = run.goal or "–"
    rows: list[tuple[object, ...]] = []
    scores: dict[str, list[float]] = {}
    pipelines: list[Path] = []
    pooled: list[tuple[Doc, Doc]] = []
    for seed in seeds:
        ours, seconds = train_ours(name, seed, work)
        pipelines.append(ours)
        runs = {OURS: (ours, seconds)}
        if run.corpus.has_test:
            pairs = calibrated(ours, data)
            print(f"calibrated on dev: error {entity_confidence(pairs)}, F {micro_f(pairs):.2f}", flush=True)
            pooled += pairs
        if peer:
            output = work / f"peer-{name}-{seed}"
            options = ("--paths.train", data / f"{run.train}.spacy", "--system.seed", seed)
            taken = train(work / "peer.cfg", data, output, *options, seconds=seconds)
            runs["spaCy ner + HashEmbedCNN"] = (output / "model-best", taken)
        for who, (model, taken) in runs.items():
            scores.setdefault(who, []).append(micro_f(predict_pairs(spacy.load(model), data / "test.spacy")))
            rows.append((name, who, seed, f"{taken:.0f}", f"{scores[who][-1]:.2f}", goal))
            print(rows[-1], flush=True)
    if pooled:
        print(f"all seeds, calibrated on dev: error {entity_confidence(pooled)}", flush=True)
    if run.calibrated_by is not None:
        pairs = calibrated_by(train_ours(run.calibrated_by, seeds[0], work)[0], pipelines, data)
        print(f"all seeds, so calibrated: error {entity_confidence(pairs)}, F {micro_f(pairs):.2f}", flush=True)
    for who, values in scores.items() if len(seeds) > 1 else ():
        rows.append((name, who, "mean", "", mean_of(values), goal))
    if run.beside is not None:
        pipelines += [train_ours(run.beside, seed, work)[0] for seed in seeds]
    if len(pipelines) > 1:
        members = [(path.parent.name, spacy.load(path)) for path in pipelines]
        f_score = micro_f(predict_pairs(combine(members), data / "test.spacy"))
        rows.append((name, OURS, f"ensemble of {len(members)}", "", f"{f_score:.2f}", goal))
    return rows


if __name__ == "__main__":
    main()
