"""Gold and predicted documents → how far the scores of entities can be believed."""

from collections.abc import Iterable

import torch
from spacy.tokens import Doc

from ..crf import Reliability, reliability
from .exact import doc_entities, entity_of, known_entities


def entity_reliability(pairs: Iterable[tuple[Doc, Doc]], *, n_bins: int = 10) -> Reliability:
    """Compare the scores of predicted entities with how many of them are right.

    pairs (Iterable[tuple[Doc, Doc]]): Gold and predicted documents. Entities without a score, and entities in what the
        gold leaves open, are passed over.
    n_bins (int): At most so many bins, each with as many entities as the next.
    RETURNS (Reliability): By bin.
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
    return reliability(torch.tensor(scores), torch.tensor(correct, dtype=torch.bool), n_bins=n_bins)


def reliability_to_json(found: Reliability) -> dict[str, object]:
    """The expected calibration error, and one object a bin."""
    names = ("lowest", "highest", "confidence", "accuracy")
    bins = [
        {name: round(float(value), 4) for name, value in zip(names, row, strict=False)} | {"n": int(row[-1])}
        for row in zip(*found, strict=True)
    ]
    return {"expected_calibration_error": round(found.expected_calibration_error, 4), "bins": bins}
