"""Measure a learning curve: train on subsets of the training data, fit a power law to F, and predict F for more data.

A share is the size of a subset in percent of the training data. A run is the training of one pipeline on one subset.
There is one run for each share and seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import spacy

from ..atomic_writes import claimed, resolve
from ..errors import Message, Warnings
from ..evaluation.bootstrap import RESAMPLES, interval, resampled_sums, shares
from ..training.char_corpus import read_gold_docs
from .power_law import FloatsT, PowerLaw, SizedScore, extrapolate
from .runs import CurveFolder, RunResult
from .subsets import Subset, TrainingData, missing_label_messages

TIMES = (2.0, 4.0)  # amounts of data to predict F for, as multiples of the training data
MIN_SIZES = 3  # measured sizes that a law of three parameters needs


@dataclass(frozen=True)
class CurvePoint:
    """Measured F at one share of the training data; all values of F are in percent.

    percent (float): The share.
    sentences (float), entities (float): Number of sentences and entities in the subset, mean over seeds.
    f (SizedScore): Mean F over seeds, with its 95 % interval over resampled test sentences.
    runs (list[float]): F of each seed.
    labels (dict[str, float]): Label → mean F over seeds.
    """

    percent: float
    sentences: float
    entities: float
    f: SizedScore
    runs: list[float]
    labels: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return the point as an object for `json.dumps`.

        RETURNS (dict): "percent", "entities", "sentences", "f" and "interval" (of f), "runs" (F of each seed) and
            "labels" (label → F).
        """
        runs = [round(f, 2) for f in self.runs]
        labels = {label: round(f, 2) for label, f in self.labels.items()}
        return {"percent": self.percent, "entities": self.entities, **_to_json(self.f), "runs": runs, "labels": labels}


@dataclass(frozen=True)
class BackTest:
    """Check of the extrapolation: the power law is fitted without the largest share, and predicts F for this share.

    percents (list[float]): The shares to which the law was fitted, in percent of the training data.
    predicted (SizedScore): F that this law predicts for the largest share, with its 95 % interval.
    measured (float): Measured F at the largest share, mean over seeds.
    """

    percents: list[float]
    predicted: SizedScore
    measured: float

    def to_json(self) -> dict[str, Any]:
        """Return the check as an object for `json.dumps`.

        RETURNS (dict): "fitted_on" (`percents`); "sentences", "f" and "interval" of the prediction; "measured"; and
            "error", which is the predicted F minus the measured F.
        """
        error = round(self.predicted.f - self.measured, 2)
        found = {"fitted_on": self.percents, **_to_json(self.predicted)}
        return {**found, "measured": round(self.measured, 2), "error": error}


@dataclass(frozen=True)
class CurveReport:
    """Results of a learning curve.

    points (list[CurvePoint]): F at each share, ascending.
    law (PowerLaw): The law that is fitted to the mean F of all shares.
    predictions (list[SizedScore]): Predicted F for each multiple of the training data in `TIMES`: 2 and 4.
    band (list[SizedScore]): F of the law for 40 sizes, from the smallest measured to the largest predicted size. The
        figure draws it as a line with an interval.
    back_test (Optional[BackTest]): Check of the extrapolation; None with fewer than four shares.
    messages (list[str]): Warnings about the data, the runs and the fit.
    settings (dict[str, Any]): Paths of the corpora, number of seeds, and number of updates at each share.
    """

    points: list[CurvePoint]
    law: PowerLaw
    predictions: list[SizedScore]
    band: list[SizedScore]
    back_test: BackTest | None
    messages: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the report as an object for `json.dumps`.

        RETURNS (dict): "settings", "points", "law" (formula, a, b, c and unit), "predictions" (times, sentences, f,
            interval, and gain over the largest share), "back_test" (or None) and "messages". `band` is left out.
        """
        law = {name: round(float(value[0]), 4) for name, value in self.law._asdict().items() if name != "unit"}
        whole = self.points[-1]
        predictions = [
            {"times": times, **_to_json(prediction), "gain": round(prediction.f - whole.f.f, 2)}
            for times, prediction in zip(TIMES, self.predictions, strict=True)
        ]
        return {
            "settings": self.settings,
            "points": [point.to_json() for point in self.points],
            "law": {"formula": "a - b * (n / unit) ** -c", **law, "unit": self.law.unit},
            "predictions": predictions,
            "back_test": self.back_test and self.back_test.to_json(),
            "messages": self.messages,
        }


def measure_curve(
    folder: CurveFolder,
    percents: Sequence[float],
    n_seeds: int,
    *,
    gpu_id: int = -1,
    force: bool = False,
    notify: Callable[[str], object] = print,
) -> CurveReport:
    """Train on nested subsets of the training data, score each pipeline, and extrapolate F to more data.

    Finished runs are stored in the folder and not repeated. An interrupted run continues from its checkpoint.

    folder (CurveFolder): Output folder, config and corpora.
    percents (Sequence[float]): Shares of the training data in percent, ascending, at least three.
    n_seeds (int): Number of runs for each share.
    gpu_id (int): GPU id, or −1 for the CPU.
    force (bool): Discard stored runs in the folder if they have another config or other corpora.
    notify (Callable[[str], object]): Receives a message for each finished run.
    RETURNS (CurveReport): The results.
    RAISES (CorpusError): If the training data is too small for the shares, or a subset has no entity.
    RAISES (OutputError): If the folder has runs with another config or other corpora and `force` is False, or if
        another process is writing to it.
    """
    corpora = folder.corpora
    data = TrainingData(corpora.train)
    subsets = data.draw(percents, n_seeds)
    gold = list(read_gold_docs(corpora.test, spacy.blank("zh_tw").vocab))
    messages = missing_label_messages(data, subsets, gold, corpora.test)
    with claimed(resolve(folder.path / "runs")):
        folder.claim(force=force)
        results = [_result(folder, data, subset, i, len(subsets), gpu_id, notify) for i, subset in enumerate(subsets)]
    messages += [
        f"{subset.name}: {said}" for subset, one in zip(subsets, results, strict=True) for said in one.warnings
    ]
    if corpora.test == corpora.dev:
        messages.append(Warnings.ZT827.format(path=corpora.dev))
    report = summarize_curve(results)
    report.messages[:0] = messages
    report.settings.update(
        {split: str(path) for split, path in vars(corpora).items()}
        | {"seeds": n_seeds, "steps": {f"{one.percent:g}": one.steps for one in results}}
    )
    return report


def _result(
    folder: CurveFolder,
    data: TrainingData,
    subset: Subset,
    i: int,
    n: int,
    gpu_id: int,
    notify: Callable[[str], object],
) -> RunResult:
    """Return the result of a run: the stored result if there is one, otherwise train and score a pipeline.

    folder (CurveFolder): Output folder, config and corpora.
    data (TrainingData): The training data.
    subset (Subset): The subset of the run.
    i (int), n (int): Index of the run, from 0, and number of all runs, for the message.
    gpu_id (int): GPU id, or −1 for the CPU.
    notify (Callable[[str], object]): Receives one message with the size of the subset and F.
    RETURNS (RunResult): The result.
    """
    result = folder.stored(subset)
    how = "stored"
    if result is None:
        result = folder.run(data, subset, gpu_id=gpu_id)
        how = f"{result.seconds:.0f} s of training"
    size = f"{result.sentences:,} sentences"
    notify(f"Run {i + 1} of {n}: {subset.percent:g} %, seed {subset.seed}, {size}: F {result.f:.2f} ({how})")
    return result


def summarize_curve(results: Sequence[RunResult]) -> CurveReport:
    """Fit the power law to the results of all runs, and predict F for more data.

    results (Sequence[RunResult]): One result for each share and seed, sorted by share and then by seed.
    RETURNS (CurveReport): The results. `messages` has only warnings about the fit, and `settings` is empty.
    """
    percents = list(dict.fromkeys(result.percent for result in results))
    n_seeds = len(results) // len(percents)
    grid = [[result for result in results if result.percent == percent] for percent in percents]
    sizes = np.array([np.mean([run.sentences for run in runs]) for runs in grid])
    scores = np.array([[run.f for run in runs] for runs in grid])
    # (n_documents, n_runs, 3): the same resampled documents for all runs
    totals = np.stack([result.table().counts.sum(axis=1) for result in results], axis=1)
    sums = resampled_sums(totals, resamples=RESAMPLES, seed=0)  # (resamples, n_runs, 3)
    drawn = 100 * shares(sums)[:, 2:, 2]  # (resamples, n_runs); NaN without any entity
    resampled = np.nan_to_num(drawn).reshape(RESAMPLES, len(percents), n_seeds)
    whole = sizes[-1] * 100 / percents[-1]
    targets = whole * np.array(TIMES)
    band_sizes = np.geomspace(sizes[0], targets[-1], 40)
    law, found = extrapolate(sizes, scores, resampled, np.concatenate([targets, band_sizes]))
    predictions, band = found[: len(targets)], found[len(targets) :]
    points = [_point(runs, resampled[:, i]) for i, runs in enumerate(grid)]
    back_test = None
    if len(percents) > MIN_SIZES:
        _, (largest,) = extrapolate(sizes[:-1], scores[:-1], resampled[:, :-1], sizes[-1:])
        back_test = BackTest(percents[:-1], largest, float(scores[-1].mean()))
    return CurveReport(points, law, predictions, band, back_test, _fit_messages(law, back_test, percents, n_seeds))


def _point(runs: Sequence[RunResult], resampled: FloatsT) -> CurvePoint:
    """Summarize the runs of one share of the training data.

    runs (Sequence[RunResult]): One run for each seed.
    resampled (FloatsT): (resamples, n_seeds) F of each run on resampled test sentences.
    RETURNS (CurvePoint): F of each run, and means over the seeds.
    """
    sentences = float(np.mean([run.sentences for run in runs]))
    f = float(np.mean([run.f for run in runs]))
    by_label: dict[str, list[float]] = {}
    for run in runs:
        table = run.table()
        values = 100 * shares(table.counts.sum(axis=0)[None])[0, 2:, 2]
        for label, value in zip(table.groups, np.nan_to_num(values).tolist(), strict=True):
            by_label.setdefault(label, []).append(value)
    low, high = interval(resampled.mean(axis=1))
    return CurvePoint(
        percent=runs[0].percent,
        sentences=sentences,
        entities=float(np.mean([run.entities for run in runs])),
        f=SizedScore(sentences, f, low, high),
        runs=[run.f for run in runs],
        labels={label: float(np.mean(values)) for label, values in sorted(by_label.items())},
    )


def _fit_messages(law: PowerLaw, back_test: BackTest | None, percents: Sequence[float], n_seeds: int) -> list[str]:
    """Return a warning for each problem of the fit.

    There are three problems: a single seed; a curve that does not rise; and a check in which the measured F of the
    largest share is outside of the predicted interval.

    law (PowerLaw): The law that is fitted to all shares.
    back_test (Optional[BackTest]): The check of the extrapolation, if there are enough shares for it.
    percents (Sequence[float]): The shares, ascending.
    n_seeds (int): Number of runs for each share.
    """
    messages: list[Message | str] = []
    if n_seeds == 1:
        messages.append(Warnings.ZT828)
    if law.b[0] == 0:
        messages.append(Warnings.ZT829)
    if back_test is not None and not back_test.predicted.low <= back_test.measured <= back_test.predicted.high:
        _, f, low, high = back_test.predicted
        values = {"predicted": f, "low": low, "high": high, "measured": back_test.measured, "percent": percents[-1]}
        messages.append(Warnings.ZT830.format(**values))
    return [str(message) for message in messages]


def _to_json(prediction: SizedScore) -> dict[str, Any]:
    """Return {"sentences": size, "f": F, "interval": [low, high]} for `json.dumps`, with F in percent and rounded."""
    interval_of_f = [round(prediction.low, 2), round(prediction.high, 2)]
    return {"sentences": round(prediction.size), "f": round(prediction.f, 2), "interval": interval_of_f}
