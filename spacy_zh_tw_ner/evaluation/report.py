"""Evaluate a pipeline on gold documents: scores with intervals, mistakes, calibration, and seqeval's report."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from ..components.chain_gold import gold_spans
from ..entities import Entity
from ..errors import Errors, MissingExtraError, SettingError
from ..extras import has_seqeval, install_hint
from .bootstrap import RESAMPLES, Scores, Summary, summarize
from .calibration_error import Confidence, entity_confidence
from .entity_counts import EntityCounts, by_length, by_surface, count_boundaries, count_entities, count_types
from .label_maps import LabelMap
from .mistakes import Confusion, confusion, count_mistakes
from .predictions import ComparedDoc, compare, predict_golds
from .script_robustness import ScriptScores, script_scores

MODES = ("strict", "default")  # modes of seqeval's report
SeqevalT = dict[str, dict[str, float]]  # label or kind of average → precision, recall, f1-score, support


@dataclass(frozen=True)
class EvaluateSettings:
    """Settings of an evaluation.

    resamples (int): Number of bootstrap resamples for the intervals.
    seed (int): Seed of the resamples.
    known (frozenset[str] | None): Texts of the entities of the training data, to score seen and unseen entities
        separately; None omits these scores.
    scripts (bool): Also predict and score the documents after conversion of their characters (variants swapped, and
        Simplified), which takes two more passes.
    seqeval (bool): Also compute seqeval's report.
    label_map (Optional[LabelMap]): For a pipeline with other labels than the corpus: replaces the labels of predicted
        entities by those of the gold documents, and drops entities whose labels these lack. None changes no labels.
    spans_key (str): Key of the entities in `doc.spans`, which may overlap, instead of `doc.ents`. It cannot be combined
        with `scripts`, `seqeval` and `label_map`, which are defined for entities that do not overlap.
    """

    resamples: int = RESAMPLES
    seed: int = 0
    known: frozenset[str] | None = None
    scripts: bool = False
    seqeval: bool = False
    label_map: LabelMap | None = None
    spans_key: str = ""

    def __post_init__(self) -> None:
        """Raise a SettingError for settings that cannot be combined."""
        flat = {"--scripts": self.scripts, "--seqeval": self.seqeval, "--label-map": self.label_map is not None}
        chosen = [name for name, is_chosen in flat.items() if is_chosen]
        if self.spans_key and chosen:
            raise SettingError(Errors.ZT805.format(options=", ".join(chosen)))


@dataclass(frozen=True)
class EvaluationReport:
    """All results of an evaluation.

    pairs (list[tuple[Doc, Doc]]): Gold and predicted documents.
    documents (list[ComparedDoc]): The same documents, as sets of entities.
    table (EntityCounts): Counts of exact entities by document and label, for comparisons with other pipelines.
    exact (Summary): Scores if boundaries and label must be right.
    boundary (Scores): Scores if only the boundaries must be right.
    types (Summary): Scores if an entity is right that overlaps a gold entity of the same label.
    lengths (dict[str, Scores]): Group of entities by number of characters, such as "5–6" → exact scores.
    surfaces (dict[str, Scores]): Exact scores of entities that are "seen" or "unseen" in the training data; empty if
        `known` of the settings is None.
    scripts (dict[str, ScriptScores]): Name of a conversion of the characters → exact scores on converted documents;
        empty if not requested.
    mistakes (dict[str, int]): "missed", "spurious", "boundary" (only the boundaries are wrong), "type" (only the label
        is wrong) or "both" → number of mistakes.
    matrix (Confusion): Confusion matrix of gold and predicted labels.
    confidence (Confidence): Calibration of the scores of entities.
    seqeval (dict): Mode → seqeval's report; empty if not requested.
    """

    pairs: list[tuple[Doc, Doc]]
    documents: list[ComparedDoc]
    table: EntityCounts
    exact: Summary
    boundary: Scores
    types: Summary
    lengths: dict[str, Scores]
    surfaces: dict[str, Scores]
    scripts: dict[str, ScriptScores]
    mistakes: dict[str, int]
    matrix: Confusion
    confidence: Confidence
    seqeval: dict[str, SeqevalT]

    def to_json(self) -> dict[str, object]:
        """Return an object that `json.dumps` accepts, with None for results that were not requested."""
        exact, types = self.exact.to_json(), self.types.to_json()
        return {
            "documents": len(self.documents),
            "micro": exact["micro"],
            "macro": exact["macro"],
            "per_type": exact["groups"],
            "boundary": self.boundary.to_json(),
            "type": {"micro": types["micro"], "macro": types["macro"], "per_type": types["groups"]},
            "by_length": {name: scores.to_json() for name, scores in self.lengths.items()},
            "by_surface": {name: scores.to_json() for name, scores in self.surfaces.items()} or None,
            "by_script": {name: scores.to_json() for name, scores in self.scripts.items()} or None,
            "mistakes": self.mistakes,
            "confusion": self.matrix.to_json(),
            "seqeval": self.seqeval or None,
            "calibration": self.confidence.to_json() if self.confidence.has_scores else None,
        }


def evaluate(nlp: Language, golds: list[Doc], settings: EvaluateSettings) -> EvaluationReport:
    """Run a pipeline over gold documents, and compute all scores.

    nlp (Language): The pipeline.
    golds (list[Doc]): Gold documents with the vocabulary of the pipeline.
    settings (EvaluateSettings): Number of resamples, and which optional results are computed.
    RETURNS (EvaluationReport): All results.
    RAISES (MissingExtraError): If seqeval's report is requested and seqeval is not installed.
    """
    predicted = predict_golds(nlp, golds, settings.label_map)
    pairs = list(tqdm(predicted, total=len(golds), unit=" documents", leave=False, disable=None))
    documents = compare(pairs, settings.spans_key)
    table = count_entities(documents)
    draws = {"resamples": settings.resamples, "seed": settings.seed}
    surfaces = {}
    if settings.known is not None:
        surfaces = summarize(count_entities(documents, by_surface(settings.known)), **draws).groups
    return EvaluationReport(
        pairs=pairs,
        documents=documents,
        table=table,
        exact=summarize(table, **draws),
        boundary=summarize(count_boundaries(documents), **draws).micro,
        types=summarize(count_types(documents), **draws),
        lengths=summarize(count_entities(documents, by_length), **draws).groups,
        surfaces=surfaces,
        scripts=script_scores(nlp, golds, table, **draws, label_map=settings.label_map) if settings.scripts else {},
        mistakes=count_mistakes(documents),
        matrix=confusion(documents),
        confidence=entity_confidence(pairs, settings.spans_key),
        seqeval=seqeval_reports(documents) if settings.seqeval else {},
    )


def surfaces_of(docs: Iterable[Doc], spans_key: str = "") -> frozenset[str]:
    """Return the texts of all entities of gold documents: those of `doc.spans[spans_key]` or `doc.ents`."""
    return frozenset(ent.text for doc in docs for ent in gold_spans(doc, spans_key))


def require_seqeval() -> None:
    """Check that seqeval is installed.

    RAISES (MissingExtraError): If seqeval is not installed; the message has the command that installs it.
    """
    if not has_seqeval():
        raise MissingExtraError(Errors.ZT402.format(hint=install_hint("evaluate")))


def seqeval_reports(documents: Sequence[ComparedDoc]) -> dict[str, SeqevalT]:
    """Compute seqeval's classification report, which most papers cite, in both of its modes.

    The mode "strict" accepts only legal IOB2 tags as entities, and the mode "default" reads tags as conlleval does. The
    results of the modes differ only for illegal tag sequences. Here, tags are created from entities and are always
    legal, so both results are equal.

    documents (Sequence[ComparedDoc]): Gold and predicted entities.
    RETURNS (dict): Mode → label or kind of average → precision, recall and f1-score from 0 to 1, and support.
    RAISES (MissingExtraError): If seqeval is not installed.
    """
    require_seqeval()
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    if not any(document.expected or document.found for document in documents):
        return {mode: {} for mode in MODES}  # seqeval raises for data without entities
    gold = [iob2_tags(document.expected, len(document.text)) for document in documents]
    predicted = [iob2_tags(document.found, len(document.text)) for document in documents]
    options: dict[str, dict[str, Any]] = {"strict": {"mode": "strict", "scheme": IOB2}, "default": {}}
    reports = {}
    for mode in MODES:
        rows = classification_report(gold, predicted, output_dict=True, zero_division=0, **options[mode])
        reports[mode] = {name: {key: float(value) for key, value in row.items()} for name, row in rows.items()}
    return reports


def iob2_tags(entities: Iterable[Entity], length: int) -> list[str]:
    """Convert entities to one IOB2 tag per character.

    entities (Iterable[Entity]): Entities with character offsets.
    length (int): Length of the text in characters.
    RETURNS (list[str]): (length,) tags.
    """
    tags = ["O"] * length
    for start, end, label in entities:
        tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return tags
