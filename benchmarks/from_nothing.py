"""What is reached from random weights, beside spaCy's own `ner` on the same data with the same time.

Both read characters. Ours is `configs/bilstm.cfg` but for what CORPORA sets, and its last weights are scored, so that
nothing is selected. The peer is spaCy's transition-based `ner` behind its HashEmbedCNN, with spaCy's
own defaults for all that PEER does not say; it may train for as long as ours took, and its best weights on dev are
scored.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import spacy

from benchmarks.measure import machine, table
from spacy_zh_tw_ner.corpora.checks import Tally
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, read_records
from spacy_zh_tw_ner.corpora.docbin import make_docbin
from spacy_zh_tw_ner.evaluation.confidence import entity_confidence
from spacy_zh_tw_ner.evaluation.exact import count_exact, micro
from spacy_zh_tw_ner.evaluation.predict import predict_pairs
from spacy_zh_tw_ner.files import write_whole
from spacy_zh_tw_ner.pipeline.calibration import calibrate


class Corpus(NamedTuple):
    """Files, what is set otherwise than in the config, by a path and a value in turn, and the F to reach."""

    train: str
    dev: str
    test: str
    settings: tuple[str, ...]
    goal: float


# CLUENER's test labels are not public: its dev is scored, by custom.
LONGER = ("--training.max_steps", "5000")
# Ten thousand sentences feed a wider model: twice the batch, nearly twice the steps.
WIDER = (
    *("--training.max_steps", "9000", "--training.batcher.size", "1280"),
    *("--components.ner.model.tok2vec.weight", "0.35"),
    *("--components.ner.model.tok2vec.tok2vec.hidden_width", "256"),
    *("--components.ner.model.tok2vec.tok2vec.embed.widths", "[192, 32]"),
)
CORPORA = {
    "uner_zh_gsd": Corpus(
        "zh_gsd-ud-train.iob2", "zh_gsd-ud-dev.iob2", "zh_gsd-ud-test.iob2", settings=LONGER, goal=70.0
    ),
    "cluener2020": Corpus("train.json", "dev.json", "dev.json", settings=WIDER, goal=75.0),
}
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
    """Train in a process of its own, on one thread; returns the seconds it took."""
    command = [sys.executable, "-m", "spacy", "train", str(config), "--output", str(output)]
    command += ["--paths.train", str(data / "train.spacy"), "--paths.dev", str(data / "dev.spacy")]
    command += map(str, options)
    start = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    # When the time is up, what was best so far lies in model-best.
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(command, check=True, timeout=seconds, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def score(pipeline: Path, data: Path) -> float:
    """Micro F of exact spans, in percent."""
    return 100 * micro(count_exact(predict_pairs(spacy.load(pipeline), data))).f_score


def calibrated(pipeline: Path, data: Path) -> tuple[str, float]:
    """Calibration error on test, before and after a temperature was fitted on dev; and F with the latter."""
    nlp = spacy.load(pipeline)
    before = entity_confidence(predict_pairs(nlp, data / "test.spacy"))
    calibrate(nlp, [gold for gold, _ in predict_pairs(nlp, data / "dev.spacy")])
    pairs = list(predict_pairs(nlp, data / "test.spacy"))
    return f"{before.error:.4f} → {entity_confidence(pairs)}", 100 * micro(count_exact(pairs)).f_score


def convert_corpus(source: Path, corpus: Corpus, target: Path) -> None:
    """Write train.spacy, dev.spacy and test.spacy with every sentence that was published."""
    nlp = spacy.blank("zh_tw")
    for split, name in zip(("train", "dev", "test"), corpus[:3], strict=True):
        records = read_records([source / name], ConvertSettings(), Tally())
        write_whole(target / f"{split}.spacy", make_docbin(nlp, records).to_bytes())


def main() -> None:
    """Print a row a run, and means with their half-intervals of 95 % (Student's t)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", choices=[*CORPORA, "all"], default="all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--no-peer", action="store_true", help="only ours")
    options = parser.parse_args()
    print(machine(), flush=True)
    corpora = Path(os.environ["ZH_TW_NER_CORPORA"])
    for name in CORPORA if options.corpus == "all" else [options.corpus]:
        corpus = CORPORA[name]
        with TemporaryDirectory() as folder:
            work = Path(folder)
            (work / "peer.cfg").write_text(PEER)
            convert_corpus(corpora / name, corpus, work)
            rows: list[tuple[object, ...]] = []
            scores: dict[str, list[float]] = {}
            for seed in options.seeds:
                # A folder a run, so that none finds what another has left.
                ours, peer = work / f"ours-{seed}", work / f"peer-{seed}"
                seconds = train(Path("configs/bilstm.cfg"), work, ours, "--system.seed", seed, *corpus.settings)
                runs = {"BiLSTM + CRF (ours)": (ours / "model-last", seconds)}
                if corpus.dev != corpus.test:
                    error, f_score = calibrated(ours / "model-last", work)
                    print(f"calibrated on dev: expected error on test {error}, F {f_score:.2f}", flush=True)
                if not options.no_peer:
                    taken = train(work / "peer.cfg", work, peer, "--system.seed", seed, seconds=seconds)
                    runs["spaCy ner + HashEmbedCNN"] = (peer / "model-best", taken)
                for who, (model, taken) in runs.items():
                    scores.setdefault(who, []).append(score(model, work / "test.spacy"))
                    rows.append((name, who, seed, f"{taken:.0f}", f"{scores[who][-1]:.2f}"))
                    print(rows[-1], flush=True)
            for who, values in scores.items():
                t = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}.get(len(values), float("nan"))
                half = t * statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
                rows.append((name, who, "mean", "", f"{statistics.mean(values):.2f} ± {half:.2f}"))
            print(table(rows, header=("corpus", "pipeline", "seed", "seconds", f"F (goal {corpus.goal})")), flush=True)


if __name__ == "__main__":
    main()
