"""Measure a start without labels: `propose` with word lists, and hand annotation in the order of the queue.

The texts are those of UNER's train, whose labels only stand in for the annotator. The sources are the dictionary of
jieba, in the lists of `benchmarks.word_lists`, the places of Taiwan, and punctuation. Compared are

* naive: the entities that the sources propose, and everything else is O;
* constrained: the same proposals as partial annotation, with the weight of O that is best on dev, with one seed;
* labelled: the constrained pipeline gives its encoder to one that is trained on N sentences with UNER's labels, which
  are chosen by `export --order`, or at random.

Every training has the same steps with `configs/bilstm.cfg`, and its last weights are scored. Precisions, lists and the
order were chosen without the labels of test. A training takes minutes; --minutes divides the whole into several calls.
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
from benchmarks.word_lists import jieba_words, write_lists
from spacy_zh_tw_ner.evaluation.entity_counts import micro_f
from spacy_zh_tw_ner.evaluation.predictions import predict_pairs
from spacy_zh_tw_ner.proposals import propose, read_settings
from spacy_zh_tw_ner.proposals.annotation_queue import ORDERS, choose_ranking

WEIGHTS = (0.1, 0.3, 0.9)
CHOSEN, AT_RANDOM = (100, 200, 400), (100, 200, 300, 400)
CONFIG = Path("configs/bilstm.cfg")
# Shorter names of persons and organizations are mostly other words.
SHORTEST = {"person": 3, "organization": 3}
SOURCES = """
labels = ["PER", "ORG", "LOC"]
accept = 0.3

[[source]]
name = "jieba"
type = "gazetteer"
precision = { LOC = 0.45, PER = 0.5, ORG = 0.35, O = 0.98, FOREIGN = 0.8 }
# Words without a kind are O. Nouns are parts of names, too: 大學. They only keep other words from being found in them.
[source.words]
LOC = ["words/place.txt"]
ORG = ["words/organization.txt"]
PER = ["words/person.txt"]
O = ["words/other.txt", "words/idiom.txt"]
FOREIGN = ["words/foreign.txt"]
NOUN = ["words/noun.txt", "words/proper.txt"]
[source.labels]
NOUN = ""
FOREIGN = "*"  # transliterated syllables, such as 威斯特, which are parts of names

[[source]]
name = "places of Taiwan"
type = "gazetteer"
precision = 0.5
words = { LOC = ["taiwan:places"] }

[[source]]
name = "punctuation"
type = "patterns"
precision = 0.99
patterns = { O = ["[，。；：？！、「」『』（）《》]"] }
"""


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
        """Train on a corpus, and return F on dev and test; None if no time is left."""
        output = self.work / f"{name}-{seed}"
        file = output / "scores.json"
        if not file.exists():
            if not self.budget.is_left():
                return None
            settings = ("--paths.train", corpus, "--system.seed", seed, "--training.max_steps", self.steps)
            often = ("--training.eval_frequency", self.steps)
            seconds = train(CONFIG, self.data, output, *settings, *often, *options)
            nlp = spacy.load(output / "model-last")
            found = {split: micro_f(predict_pairs(nlp, self.data / f"{split}.spacy")) for split in ("dev", "test")}
            file.write_text(json.dumps({**found, "seconds": seconds}), encoding="utf-8")
            print(f"{name}, seed {seed}: {found}, {seconds:.0f} s", flush=True)
        scores: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return scores


def proposals(work: Path, data: Path, jieba: Path, weight: float) -> Path:
    """Return the proposals for the texts of train with a weight of O; they are made first if necessary."""
    target, made = work / f"proposed-{weight:g}.spacy", work / "proposed.spacy"
    if not made.exists():
        if not (work / "words").exists():
            lists = jieba_words(jieba)
            for kind, shortest in SHORTEST.items():
                lists[kind] = [word for word in lists[kind] if len(word) >= shortest]
            write_lists(lists, work / "words")
        (work / "sources.toml").write_text(SOURCES, encoding="utf-8")
        texts = work / "texts.txt"
        golds = gold_of(spacy.blank("zh_tw"), data / "train.spacy")
        texts.write_text("".join(f"{gold.text}\n" for gold in golds), encoding="utf-8")
        report = propose(texts, made, read_settings(work / "sources.toml"))
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


def main() -> None:
    """Print the tables of what is trained so far."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of trained pipelines, which a later call uses")
    parser.add_argument("--jieba", type=Path, help="file dict.txt of the package jieba, if it is not installed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=600)
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
    rows = [(name, f"{scores['dev']:.2f}") for name, scores in on_dev.items() if scores]
    print(f"\n{table(rows, ('corpus', f'F on dev, seed {first}'))}\n", flush=True)
    known = {w: scores["dev"] for w in WEIGHTS if (scores := on_dev[f"weight {w:g}"])}
    if len(known) < len(WEIGHTS):
        print("Not all weights are trained yet: call this again.")
        return
    best = max(known, key=known.__getitem__)
    constrained = f"weight-{best:g}"
    results: dict[str, list[float]] = {}
    for seed in options.seeds:
        for name, corpus in (("naive", plain["naive"]), (constrained, corpora[best])):
            if scores := trainer.scores(name, seed, corpus):
                results.setdefault(name, []).append(scores["test"])
    golds = gold_of(spacy.blank("zh_tw"), data / "train.spacy")
    characters: dict[str, list[float]] = {}
    for seed in options.seeds:
        source = trainer.pipeline(constrained, seed)
        for order, sizes in ((options.order, CHOSEN), ("random", AT_RANDOM)):
            for n in sizes if source.exists() else ():
                name = f"{n} {order}"
                chosen = [golds[index] for index in choose(trainer, constrained, golds, order, seed)[:n]]
                corpus = options.work / f"labelled-{n}-{order}-{seed}.spacy"
                write(corpus, chosen)
                scores = trainer.scores(f"labelled-{n}-{order}", seed, corpus, "--paths.start_from", source)
                if scores:
                    results.setdefault(name, []).append(scores["test"])
                    characters.setdefault(name, []).append(sum(len(gold.text) for gold in chosen))
    rows = [
        (name, f"{sum(sizes) / len(sizes):,.0f}" if (sizes := characters.get(name)) else "–", len(values), mean(values))
        for name, values in results.items()
    ]
    print(table(rows, ("corpus", "labelled characters", "seeds", "F on test")), flush=True)


if __name__ == "__main__":
    main()
