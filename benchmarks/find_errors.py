"""Measure how many wrong annotations `find-errors` ranks first, compared with cleanlab on the same probabilities.

Two corpora: UNER's dev, judged by a pipeline that is trained on UNER's train, in which the sentences whose annotation
differs from that of GSDSIMP (the same sentences in Simplified, annotated again) are the doubtful ones; and the bundled
corpus, all splits together, in which 5 % of the annotations are corrupted in four ways, judged by five folds. With
--pipeline, a pipeline that is trained on the train split of the bundled corpus judges the other splits, corrupted in
several ways one after the other, which needs no training.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language

from benchmarks.corpora import UNER, doubtful_sentences, prepare
from benchmarks.measure import table
from spacy_zh_tw_ner.components.inspection import find_recognizer
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.error_detection.batch_posterior import posteriors
from spacy_zh_tw_ner.error_detection.cross_fitting import CrossFitting, FoldPipelines
from spacy_zh_tw_ner.error_detection.find_errors import find_errors, read_corpus
from spacy_zh_tw_ner.error_detection.planted_errors import WAYS, plant_errors
from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from spacy_zh_tw_ner.recognizers.pipelines import load_pipeline
from spacy_zh_tw_ner.tag_scheme import KINDS

FloatsT = Any
JudgesT = Sequence[tuple[Language, Sequence[int]]]
SHARE = 0.05
TOP = 100
HEADER = ("corpus", "score", "precision at 100", "average precision")


def corrupted_corpus(seed: int, splits: Sequence[str] = ("",)) -> tuple[list[Record], list[bool]]:
    """Return the bundled corpus with planted errors, and for each sentence whether it has any.

    seed (int): Seed of the errors.
    splits (Sequence[str]): Folders of the splits; by default all.
    """
    records = [record for split in splits for record in read_corpus(Path("assets/taiwan", split))]
    entities, errors = plant_errors(records, SHARE, seed)
    wrong = {error.sentence for error in errors}
    corrupted = [replace(record, entities=own) for record, own in zip(records, entities, strict=True)]
    return corrupted, [i in wrong for i in range(len(records))]


def train_uner(work: Path, steps: int) -> Path:
    """Train `configs/bilstm.cfg` on UNER's train, or continue an interrupted run; return the pipeline."""
    data, output = prepare(UNER, work), work / "uner"
    if not (output / "done").exists():
        command = [sys.executable, "-m", "spacy_zh_tw_ner", "train", "configs/bilstm.cfg", "--output", str(output)]
        command += ["--resume", "--checkpoint-every", "200", "--training.max_steps", str(steps)]
        command += ["--paths.train", str(data / "train.spacy"), "--paths.dev", str(data / "dev.spacy")]
        command += ["--training.eval_frequency", "500"]
        subprocess.run(command, check=True)
        (output / "done").touch()
    return output / "model-last"


def train_folds(records: Sequence[Record], work: Path, steps: int, seeds: int) -> FoldPipelines:
    """Train `configs/bilstm.cfg` on five folds, or continue an interrupted run."""
    config = with_settings(read_config("bilstm"), {"training.max_steps": steps})
    folds = FoldPipelines(records, CrossFitting(config, 5, 0, seeds), work, Path("assets/taiwan"))
    folds.train()
    return folds


def all_scores(records: Sequence[Record], judges: JudgesT) -> dict[str, FloatsT]:
    """Return the scores of each method, (n_sentences,); the highest is the most suspicious."""
    place = {id(record): i for i, record in enumerate(records)}
    scores: dict[str, FloatsT] = {}

    def add(name: str, ways: Sequence[str]) -> None:
        found = find_errors(records, judges, ways=ways).sentences
        order = [place[id(one.record)] for one in found]
        kept = {name: [one.suspicion for one in found]}
        if ways == WAYS:
            kept["its probability alone"] = [one.score for one in found]
            kept["its cost alone, −log p(gold)"] = [one.cost for one in found]
            kept["log-odds of the best reading and gold"] = [one.cost - one.best_cost for one in found]
        for key, values in kept.items():
            scores[key] = np.zeros(len(records))
            scores[key][order] = values

    add("find-errors", WAYS)
    for way in WAYS:
        add(f"find-errors, no planted error is {way}", [other for other in WAYS if other != way])
    return scores | cleanlab_scores(records, judges)


def cleanlab_scores(records: Sequence[Record], judges: JudgesT) -> dict[str, FloatsT]:
    """Return the scores of cleanlab's token classification, from marginals of tags, and from those of labels."""
    from cleanlab.token_classification.rank import get_label_quality_scores

    tags: list[Any] = [None] * len(records)
    marginals: list[Any] = [None] * len(records)
    for nlp, indices in judges:
        scheme = find_recognizer(nlp).scheme
        for batch, own in posteriors(nlp, [records[i].text for i in indices]):
            rows = np.split(batch.posterior.marginals.astype(np.float64), batch.offsets[1:-1])
            for i, k in enumerate(own):
                gold = batch.gold(i, records[indices[k]].entities).entities.values()
                found = np.zeros(batch.lengths[i], dtype=int)
                for entity in gold:
                    found[entity.start : entity.end] = scheme.path(entity)
                tags[indices[k]] = found
                marginals[indices[k]] = rows[i] / rows[i].sum(1, keepdims=True)
    labels = [(found + len(KINDS) - 1) // len(KINDS) for found in tags]  # 0 for O, then one number per label
    sums = [np.hstack([p[:, :1], p[:, 1:].reshape(len(p), -1, len(KINDS)).sum(2)]) for p in marginals]
    return {
        f"cleanlab, {method}, marginals of {name}": -np.asarray(
            get_label_quality_scores([each.tolist() for each in given], p, sentence_score_method=method)[0]
        )
        for name, given, p in (("tags", tags, marginals), ("labels", labels, sums))
        for method in ("min", "softmin")
    }


def average_precision(is_wrong: Sequence[bool], scores: FloatsT) -> tuple[float, float]:
    """Return the precision of the first 100 sentences, and the mean of the precisions at each wrong sentence."""
    wrong = np.asarray(is_wrong)[np.argsort(-scores, kind="stable")]
    precisions = wrong.cumsum() / np.arange(1, len(wrong) + 1)
    return float(precisions[TOP - 1]), float(precisions[wrong].mean())


def rows_of(corpus: str, is_wrong: Sequence[bool], scores: Mapping[str, FloatsT]) -> Iterator[tuple[object, ...]]:
    """Yield the rows of the table for one corpus."""
    for name, found in scores.items():
        top, average = average_precision(is_wrong, found)
        yield corpus, name, f"{top:.2f}", f"{average:.3f}"


def held_out_rows(pipeline: str, seeds: Sequence[int]) -> Iterator[tuple[object, ...]]:
    """Yield the rows for dev and test of the bundled corpus: means over several corruptions."""
    nlp = load_pipeline(pipeline)
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in seeds:
        records, is_wrong = corrupted_corpus(seed, ("dev", "test"))
        for name, scores in all_scores(records, [(nlp, range(len(records)))]).items():
            found.setdefault(name, []).append(average_precision(is_wrong, scores))
    for name, pairs in found.items():
        top, average = np.mean(pairs, axis=0)
        yield f"bundled, dev and test, {len(records)}", name, f"{top:.2f}", f"{average:.3f}"


def main() -> None:
    """Train what is missing in the work folder, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("find-errors"), help="folder for trained pipelines")
    parser.add_argument("--steps", type=int, default=1500, help="steps of each fold")
    parser.add_argument("--uner-steps", type=int, default=2000)
    parser.add_argument("--uner-pipeline", help="pipeline that is trained on UNER's train, in place of a trained one")
    parser.add_argument("--seeds", type=int, default=1, help="pipelines per fold")
    parser.add_argument("--noise", type=int, default=0, help="seed of the corruption")
    parser.add_argument("--only", choices=["uner", "bundled"])
    parser.add_argument("--pipeline", help="pipeline for the bundled corpus that is trained on its train split")
    parser.add_argument("--noises", type=int, default=6, help="corruptions with --pipeline, from the seed --noise")
    options = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    if options.pipeline:
        print(
            table(list(held_out_rows(options.pipeline, range(options.noise, options.noise + options.noises))), HEADER)
        )
        return
    if options.only != "bundled":
        records, is_wrong = doubtful_sentences()
        nlp = load_pipeline(options.uner_pipeline or str(train_uner(options.work, options.uner_steps)))
        scores = all_scores(records, [(nlp, range(len(records)))])
        rows += rows_of(f"UNER dev, {sum(is_wrong)} of {len(records)}", is_wrong, scores)
    if options.only != "uner":
        records, is_wrong = corrupted_corpus(options.noise)
        folds = train_folds(records, options.work / f"noise-{options.noise}", options.steps, options.seeds)
        scores = all_scores(records, list(folds.pipelines()))
        rows += rows_of(f"bundled, {sum(is_wrong)} of {len(records)}", is_wrong, scores)
    print(table(rows, HEADER))


if __name__ == "__main__":
    main()
