"""Measure how much the F of a pipeline falls if the characters of its input are converted, such as to Simplified."""

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

# Character → its other form in Taiwan, in both directions: 台 → 臺, 臺 → 台.
SWAPS = VARIANTS | {usual: variant for variant, usual in VARIANTS.items()}


class ScriptScores(NamedTuple):
    """Scores of a pipeline on documents whose characters were converted.

    changed: number of documents whose text differs from the original. scores: precision, recall and F on all documents;
    a predicted entity is right if a gold entity has the same boundaries and label.
    difference: F on the converted documents, minus F on the original ones.
    """

    changed: int
    scores: Scores
    difference: Difference

    def to_json(self) -> dict[str, object]:
        """Return the results as an object for `json.dumps`, with scores in percent.

        RETURNS (dict[str, object]): "changed" → the number of changed documents; "p", "r" and "f" → the scores;
            "p_interval", "r_interval" and "f_interval" → their intervals as [low, high]; "gold" → the number of gold
            entities; "difference" → a dictionary with "difference", "interval" and "p_value".
        """
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
    """Convert the characters of documents in several ways, and score a pipeline on the results.

    nlp (Language): The pipeline.
    golds (list[Doc]): The gold documents before conversion.
    as_written (EntityCounts): True positives, false positives and false negatives of the pipeline on the documents
        before conversion, with exact boundaries and labels.
    resamples (int): Number of bootstrap resamples for the intervals.
    seed (int): Seed of the resamples.
    label_map (Optional[LabelMap]): Labels under which gold and predicted entities are compared; None for their own.
    RETURNS (dict[str, ScriptScores]): Name of the conversion, from `script_conversions` → scores.
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
    """Return the conversions of characters that are tested, by name.

    A conversion is a function that takes a text, and returns a text of the same length.

    RETURNS (dict[str, Callable[[str], str]]): "variants swapped" → a function that swaps character variants (台 and
        臺); "Simplified" → a function that converts Traditional to Simplified characters.
    """
    return {"variants swapped": swap_variants, "Simplified": ScriptConverter("tw2s")}


def swap_variants(text: str) -> str:
    """Replace each character that has two forms in Taiwan with its other form: 台 with 臺, and 臺 with 台."""
    return "".join(SWAPS.get(char, char) for char in text)
