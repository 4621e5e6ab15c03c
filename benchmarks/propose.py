"""Measure a start without labels: `propose` with weak sources, and hand annotation in the order of the queue.

The texts are those of UNER's train, whose labels only stand in for the annotator. The sources are those of
`benchmarks.weak_sources`: word lists and patterns. Compared are

* naive: the entities that the sources propose, and everything else is O;
* constrained: the same proposals as partial annotation, with the weight of O that is best on dev, with one seed;
* labelled: the constrained pipeline gives its encoder to one that is trained on N sentences with UNER's labels, which
  are chosen by `export --order`, or at random.

Every training has the same steps with `configs/bilstm.cfg`, and its last weights are scored: with the config's
`min_score`, and with that of MIN_SCORES which is best on dev for this pipeline. The labels of test, and those of train
for the proposals, were used for no choice; the patterns were chosen on dev. A training takes minutes; --minutes divides
the whole into several calls.
"""

import argparse
import json
import random
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import spacy
from spacy.tokens import Doc, DocBin
from spacy.util import get_package_path

from benchmarks.corpora import UNER, gold_of, prepare
from benchmarks.from_nothing import train
from benchmarks.measure import machine, mean_of, table
from benchmarks.weak_sources import write_sources
from spacy_zh_tw_ner.components.inspection import find_recognizer
from spacy_zh_tw_ner.evaluation.entity_counts import micro_f
from spacy_zh_tw_ner.evaluation.predictions import predict_pairs
from spacy_zh_tw_ner.proposals import propose, read_settings
from spacy_zh_tw_ner.proposals.annotation_queue import ORDERS, choose_ranking

WEIGHTS = (0.03, 0.1, 0.3)
CHOSEN, AT_RANDOM = (100, 200, 400), (100, 200, 300, 400)
CONFIG, MIN_SCORE = Path("configs/bilstm.cfg"), "0.35"  # the config's `min_score`
MIN_SCORES = ("0.1", "0.2", MIN_SCORE, "0.5")


class Budget:
    """Time in which trainings may begin.

    minutes (float): The time; 0 for no limit.
    """

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + minutes * 60 if minutes else float("inf")

    def is_left(self) -> bool:
        """Return whether another training may begin."""
        return time.monotonic() < self.end


class Trainer(NamedTuple):
    """Trainings in one folder. What is trained already is not trained again.

    work (Path): The folder. data (Path): Folder of the converted corpus. steps (int): Steps of each training.
    budget (Budget): Time in which trainings may begin.
    """

    work: Path
    data: Path
    steps: int
    budget: Budget

    def pipeline(self, name: str, seed: int) -> Path:
        """Return the folder of a trained pipeline, which may not exist yet."""
        return self.work / f"{name}-{seed}" / "model-last"

    def scores(self, name: str, seed: int, corpus: Path, *options: object) -> dict[str, Any] | None:
        """Train on a corpus, and return the result of `all_scores`; None if no time is left."""
        output = self.work / f"{name}-{seed}"
        file = output / "scores.json"
        if not file.exists():
            if not self.budget.is_left():
                return None
            settings = ("--paths.train", corpus, "--system.seed", seed, "--training.max_steps", self.steps)
            often = ("--training.eval_frequency", self.steps)
            seconds = train(CONFIG, self.data, output, *settings, *often, *options)
            found = all_scores(output / "model-last", self.data)
            file.write_text(json.dumps({**found, "seconds": seconds}), encoding="utf-8")
            print(f"{name}, seed {seed}: {found}, {seconds:.0f} s", flush=True)
        scores: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return scores


def all_scores(pipeline: Path, data: Path) -> dict[str, dict[str, float]]:
    """Return F on dev and test for each of MIN_SCORES: split → min_score → F.

    pipeline (Path): The pipeline. data (Path): Folder of the corpus.
    """
    nlp = spacy.load(pipeline)
    recognizer, found = find_recognizer(nlp), dict[str, dict[str, float]]()
    for split in ("dev", "test"):
        found[split] = {}
        for min_score in MIN_SCORES:
            recognizer.min_score = float(min_score)
            found[split][min_score] = micro_f(predict_pairs(nlp, data / f"{split}.spacy"))
    return found


def best_min_score(scores: dict[str, Any]) -> str:
    """Return the `min_score` with the best F on dev."""
    on_dev: dict[str, float] = scores["dev"]
    return max(on_dev, key=on_dev.__getitem__)


def proposals(work: Path, data: Path, jieba: Path, weight: float) -> Path:
    """Return the proposals for the texts of train with a weight of O; they are made first if necessary."""
    target, made = work / f"proposed-{weight:g}.spacy", work / "proposed.spacy"
    if not made.exists():
        texts = work / "texts.txt"
        golds = gold_of(spacy.blank("zh_tw"), data / "train.spacy")
        texts.write_text("".join(f"{gold.text}\n" for gold in golds), encoding="utf-8")
        report = propose(texts, made, read_settings(write_sources(jieba, work)))
        print(f"proposed: {dict(report.annotated)}, characters {report.kinds()}", flush=True)
    if not target.exists():
        docs = gold_of(spacy.blank("zh_tw"), made)
        for doc in docs:
            doc.user_data["outside_weight"] = weight
        write(target, docs)
    return target


def naive(work: Path, proposed: Path) -> Path:
    """Return a corpus with the entities that are proposed, and O elsewhere.

    Where readings contradict each other, the longest is taken.
    """
    target = work / "naive.spacy"
    if not target.exists():
        docs = gold_of(spacy.blank("zh_tw"), proposed)
        for doc in docs:
            entities = [span for span in doc.spans.get("alternatives", ()) if span.label_ not in ("O", "*")]
            doc.set_ents(spacy.util.filter_spans([*doc.ents, *entities]), default="outside")
            doc.spans.clear()
            doc.user_data = {}
        write(target, docs)
    return target


def write(path: Path, docs: Iterable[Doc]) -> None:
    """Write documents to a `.spacy` file."""
    DocBin(attrs=["ENT_IOB", "ENT_TYPE"], docs=docs, store_user_data=True).to_disk(path)


def choose(trainer: Trainer, name: str, golds: list[Doc], order: str, seed: int) -> list[int]:
    """Return the indices of sentences in the order in which they are annotated."""
    if order == "random":
        indices = list(range(len(golds)))
        random.Random(seed).shuffle(indices)
        return indices
    file = trainer.work / f"order-{name}-{order}-{seed}.json"
    if not file.exists():
        ranking = choose_ranking(spacy.load(trainer.pipeline(name, seed)), order)
        assert ranking is not None
        for start in range(0, len(golds), 128):
            ranking.add([gold.text for gold in golds[start : start + 128]])
        file.write_text(json.dumps(ranking.order()), encoding="utf-8")
    found: list[int] = json.loads(file.read_text(encoding="utf-8"))
    return found


def mean(values: list[float]) -> str:
    """Return the mean, with an interval if there are several values, and "–" if there are none."""
    return mean_of(values) if len(values) > 1 else f"{values[0]:.2f}" if values else "–"


def print_dev(on_dev: dict[str, dict[str, Any] | None], seed: int) -> None:
    """Print F on dev of the corpora that are trained so far.

    on_dev (dict[str, dict[str, Any] | None]): Name of the corpus → result of `all_scores`. seed (int): The seed.
    """
    rows = [
        (name, f"{scores['dev'][MIN_SCORE]:.2f}", best := best_min_score(scores), f"{scores['dev'][best]:.2f}")
        for name, scores in on_dev.items()
        if scores
    ]
    heads = ("corpus", f"F on dev, seed {seed}", "best min_score", "F on dev with it")
    print(f"\n{table(rows, heads)}\n", flush=True)


def print_test(results: dict[str, list[dict[str, Any]]], characters: dict[str, list[float]]) -> None:
    """Print F on test: with the config's `min_score`, and with the best one of each pipeline on dev.

    results (dict[str, list[dict[str, Any]]]): Name of the corpus → result of `all_scores` for each seed.
    characters (dict[str, list[float]]): Name of the corpus → number of labelled characters for each seed.
    """
    rows = []
    for name, of_seeds in results.items():
        sizes = characters.get(name)
        fixed = [scores["test"][MIN_SCORE] for scores in of_seeds]
        chosen_on_dev = [scores["test"][best_min_score(scores)] for scores in of_seeds]
        labelled = f"{sum(sizes) / len(sizes):,.0f}" if sizes else "–"
        rows.append((name, labelled, len(of_seeds), mean(fixed), mean(chosen_on_dev)))
    heads = ("corpus", "labelled characters", "seeds", "F on test", "F on test, min_score of dev")
    print(table(rows, heads), flush=True)


def main() -> None:
    """Print the tables of what is trained so far."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of trained pipelines, which a later call uses")
    parser.add_argument("--jieba", type=Path, help="file dict.txt of the package jieba, if it is not installed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--chosen", type=int, nargs="*", default=CHOSEN, help="numbers of sentences by --order")
    parser.add_argument("--at-random", type=int, nargs="*", default=AT_RANDOM, help="numbers of sentences at random")
    parser.add_argument("--order", choices=ORDERS, default="diverse")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no training after this time; 0 for no limit")
    options = parser.parse_args()
    print(machine(), flush=True)
    options.work.mkdir(parents=True, exist_ok=True)
    data, budget = prepare(UNER, options.work), Budget(options.minutes)
    trainer = Trainer(options.work, data, options.steps, budget)
    jieba = options.jieba or Path(get_package_path("jieba"), "dict.txt")
    corpora = {weight: proposals(options.work, data, jieba, weight) for weight in WEIGHTS}
    first = options.seeds[0]
    plain = {"naive": naive(options.work, corpora[WEIGHTS[0]])}
    on_dev = {name: trainer.scores(name, first, corpus) for name, corpus in plain.items()}
    on_dev |= {f"weight {w:g}": trainer.scores(f"weight-{w:g}", first, corpus) for w, corpus in corpora.items()}
    print_dev(on_dev, first)
    known = {w: scores["dev"][best_min_score(scores)] for w in WEIGHTS if (scores := on_dev[f"weight {w:g}"])}
    if len(known) < len(WEIGHTS):
        print("Not all weights are trained yet: call this again.")
        return
    best = max(known, key=known.__getitem__)
    constrained = f"weight-{best:g}"
    results: dict[str, list[dict[str, Any]]] = {}
    for seed in options.seeds:
        for name, corpus in (("naive", plain["naive"]), (constrained, corpora[best])):
            if scores := trainer.scores(name, seed, corpus):
                results.setdefault(name, []).append(scores)
    golds = gold_of(spacy.blank("zh_tw"), data / "train.spacy")
    characters: dict[str, list[float]] = {}
    for seed in options.seeds:
        source = trainer.pipeline(constrained, seed)
        for order, sizes in ((options.order, options.chosen), ("random", options.at_random)):
            for n in sizes if source.exists() else ():
                name = f"{n} {order}"
                chosen = [golds[index] for index in choose(trainer, constrained, golds, order, seed)[:n]]
                corpus = options.work / f"labelled-{n}-{order}-{seed}.spacy"
                write(corpus, chosen)
                scores = trainer.scores(f"labelled-{n}-{order}", seed, corpus, "--paths.start_from", source)
                if scores:
                    results.setdefault(name, []).append(scores)
                    characters.setdefault(name, []).append(sum(len(gold.text) for gold in chosen))
    print_test(results, characters)


if __name__ == "__main__":
    main()
