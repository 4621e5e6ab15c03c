"""Measure what a pipeline loses on the same documents in another script."""

from collections.abc import Callable
from typing import NamedTuple

from spacy.language import Language
from spacy.tokens import Doc

from ..tokenization.conversion import ScriptConverter
from ..tokenization.folds import VARIANTS
from ..training.augmenters import respelled
from .bootstrap import Difference, Scores, compare_counts, summarize
from .entity_counts import EntityCounts, count_entities
from .label_maps import LabelMap
from .predictions import compare, predict_golds

SWAPS = VARIANTS | {usual: variant for variant, usual in VARIANTS.items()}


class ScriptScores(NamedTuple):
    """changed: Number of documents that differ. scores: On all of them. difference: To the original script."""

    changed: int
    scores: Scores
    difference: Difference

    def to_json(self) -> dict[str, object]:
        """Return plain objects."""
        return {"changed": self.changed, **self.scores.to_json(), "difference": self.difference.to_json()}


def script_scores(
    nlp: Language,
    golds: list[Doc],
    as_written: EntityCounts,
    *,
    resamples: int,
    seed: int,
    label_map: LabelMap | None = None,
) -> dict[str, ScriptScores]:
    """Score a pipeline on documents in other scripts.

    nlp (Language): The pipeline.
    golds (list[Doc]): The gold documents.
    as_written (EntityCounts): The pipeline's exact entities on them as they are.
    resamples (int): How often documents are drawn, for the intervals.
    seed (int): Of the draws.
    label_map (Optional[LabelMap]): See `predict_golds`.
    RETURNS (dict[str, ScriptScores]): By name of the conversion.
    """
    found = {}
    for name, convert in script_conversions().items():
        rewritten = [respelled(gold, convert(gold.text)) for gold in golds]
        table = count_entities(compare(predict_golds(nlp, rewritten, label_map)))
        found[name] = ScriptScores(
            sum(new.text != old.text for new, old in zip(rewritten, golds, strict=True)),
            summarize(table, resamples=resamples, seed=seed).micro,
            compare_counts(as_written, table, resamples=resamples, seed=seed).micro,
        )
    return found


def script_conversions() -> dict[str, Callable[[str], str]]:
    """Return conversions that keep the length of a text, by name: variants swapped, and Simplified."""
    return {"variants swapped": swap_variants, "Simplified": ScriptConverter("tw2s")}


def swap_variants(text: str) -> str:
    """Write every character that Taiwan writes in two ways in the other way, 台 as 臺 and 臺 as 台."""
    return "".join(SWAPS.get(char, char) for char in text)
