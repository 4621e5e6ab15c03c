"""Measure the calibration of entity scores: compare the scores with the shares of entities that are right."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from spacy.tokens import Doc

from ..crf import Reliability, chance_error, reliability
from .predictions import compare, entity_of, predicted_spans

N_BINS = 10  # bins with equal numbers of entities; Naeini et al. (2015), who propose the measure, use 10 bins


class Confidence(NamedTuple):
    """Calibration of entity scores. The entities are divided into bins of similar scores.

    reliability (Reliability): Five arrays with one value per bin: `lowest` and `highest` score, mean score
        (`confidence`), share of right entities (`accuracy`), and number of entities (`counts`).
    by_chance (float): The value that `error` would have on average if the scores were perfectly calibrated. It is the
        mean over simulations in which an entity with score p is right with probability p.
    """

    reliability: Reliability
    by_chance: float

    @property
    def error(self) -> float:
        """Return the expected calibration error: the mean of |confidence − accuracy| over entities, from 0 to 1."""
        return self.reliability.expected_calibration_error

    @property
    def has_scores(self) -> bool:
        """Return whether any predicted entity has a score."""
        return len(self.reliability.counts) > 0

    def to_json(self) -> dict[str, object]:
        """Return the calibration as an object for `json.dumps`.

        RETURNS (dict): "expected_calibration_error", "by_chance", and "bins": a list of objects with "lowest",
            "highest", "confidence", "accuracy" and "n" (number of entities).
        """
        names = ("lowest", "highest", "confidence", "accuracy")
        bins = [
            {name: round(float(value), 4) for name, value in zip(names, row, strict=False)} | {"n": int(row[-1])}
            for row in zip(*self.reliability, strict=True)
        ]
        return {"expected_calibration_error": round(self.error, 4), "by_chance": round(self.by_chance, 4), "bins": bins}

    def __str__(self) -> str:
        return f"{self.error:.4f} (expected by chance if perfectly calibrated: {self.by_chance:.4f})"


def entity_confidence(pairs: Iterable[tuple[Doc, Doc]], spans_key: str = "", *, n_bins: int = N_BINS) -> Confidence:
    """Measure the calibration of entity scores: compare the mean score of each bin with the share of right entities.

    pairs (Iterable[tuple[Doc, Doc]]): Gold and predicted documents. Entities without a score, and entities in
        unannotated text, are ignored.
    spans_key (str): Key of the entities in `doc.spans`; empty for `doc.ents`.
    n_bins (int): Number of bins, fewer if there are fewer entities. The entities are sorted by score, and the
        numbers of entities in two bins differ by at most 1.
    RETURNS (Confidence): Calibration by bin.
    """
    pairs = list(pairs)
    scores: list[float] = []
    correct: list[bool] = []
    for (_, predicted), document in zip(pairs, compare(pairs, spans_key), strict=True):
        for ent in predicted_spans(predicted, spans_key):
            entity, score = entity_of(ent), ent._.score if ent.has_extension("score") else None
            if score is not None and entity in document.found:
                scores.append(score)
                correct.append(entity in document.expected)
    found = np.array(scores, dtype=np.float64)
    return Confidence(
        reliability(found, np.array(correct, dtype=bool), n_bins=n_bins), chance_error(found, n_bins=n_bins)
    )
