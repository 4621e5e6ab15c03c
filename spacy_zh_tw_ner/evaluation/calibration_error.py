"""Measure the calibration of entity scores on gold and predicted documents."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from spacy.tokens import Doc

from ..crf import Reliability, chance_error, reliability
from .predictions import doc_entities, entity_of, known_entities

N_BINS = 10  # with as many entities each; Naeini et al. (2015), whose measure it is, take as many


class Confidence(NamedTuple):
    """reliability: By bin. by_chance: The calibration error that scores would have that are exactly right."""

    reliability: Reliability
    by_chance: float

    @property
    def error(self) -> float:
        """The expected calibration error."""
        return self.reliability.expected_calibration_error

    @property
    def has_scores(self) -> bool:
        """Return whether any entity has a score."""
        return len(self.reliability.counts) > 0

    def to_json(self) -> dict[str, object]:
        """Both errors, and one object a bin."""
        names = ("lowest", "highest", "confidence", "accuracy")
        bins = [
            {name: round(float(value), 4) for name, value in zip(names, row, strict=False)} | {"n": int(row[-1])}
            for row in zip(*self.reliability, strict=True)
        ]
        return {"expected_calibration_error": round(self.error, 4), "by_chance": round(self.by_chance, 4), "bins": bins}

    def __str__(self) -> str:
        return f"{self.error:.4f} (scores that are exactly right: {self.by_chance:.4f})"


def entity_confidence(pairs: Iterable[tuple[Doc, Doc]], *, n_bins: int = N_BINS) -> Confidence:
    """Compare the scores of predicted entities with how many of them are right.

    pairs (Iterable[tuple[Doc, Doc]]): Gold and predicted documents. Entities without a score, and entities in what the
        gold leaves open, are passed over.
    n_bins (int): At most so many bins.
    RETURNS (Confidence): What the scores are worth.
    """
    scores: list[float] = []
    correct: list[bool] = []
    for gold, predicted in pairs:
        expected, known = doc_entities(gold), known_entities(gold, predicted)
        for ent in predicted.ents:
            entity, score = entity_of(ent), ent._.score if ent.has_extension("score") else None
            if score is not None and entity in known:
                scores.append(score)
                correct.append(entity in expected)
    found = np.array(scores, dtype=np.float64)
    right = np.array(correct, dtype=bool)
    return Confidence(reliability(found, right, n_bins=n_bins), chance_error(found, n_bins=n_bins))
