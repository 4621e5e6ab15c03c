"""A pipeline on gold documents → everything that is said of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from ..entities import Entity
from ..errors import Errors, MissingExtraError
from ..extras import has_seqeval, install_hint
from .bootstrap import RESAMPLES, Scores, Summary, summarize
from .calibration_error import Confidence, entity_confidence
from .entity_counts import Table, by_length, by_surface, tabulate, tabulate_boundaries, tabulate_types
from .mistakes import KINDS, Confusion, confusion, find_mistakes
from .predictions import Compared, compare, predict_golds
from .script_robustness import ScriptScores, script_scores


@dataclass(frozen=True)
class EvaluateSettings:
    """What is asked for.

    resamples (int): How often documents are drawn, for the intervals.
    seed (int): Of the draws.
    known (frozenset[str] | None): The surfaces of the training data, to tell seen entities from unseen.
    scripts (bool): Predict in other scripts, too, which takes two more passes.
    seqeval (bool): Ask seqeval for its report, too.
    """

    resamples: int = RESAMPLES
    seed: int = 0
    known: frozenset[str] | None = None
    scripts: bool = False
    seqeval: bool = False


@dataclass(frozen=True)
class EvaluationReport:
    """What is said of a pipeline.

    pairs (list[tuple[Doc, Doc]]): Gold and predicted documents.
    documents (list[Compared]): The same, as sets of entities.
    table (Table): Exact entities by document and label; what pipelines are compared by.
    exact (Summary): Entities whose boundaries and label are right.
    boundary (Scores): Entities whose boundaries are right.
    types (Summary): Entities whose label is right, and which overlap.
    lengths (dict[str, Scores]): Exact entities by number of characters.
    surfaces (dict[str, Scores]): Exact entities by whether the training data has them; empty where it is not known.
    scripts (dict[str, ScriptScores]): Exact entities in other scripts; empty if not asked for.
    mistakes (dict[str, int]): How many of each kind.
    matrix (Confusion): Which label became which.
    confidence (Confidence): How far scores can be believed.
    seqeval (dict): seqeval's report, by mode; empty if not asked for.
    """

    pairs: list[tuple[Doc, Doc]]
    documents: list[Compared]
    table: Table
    exact: Summary
    boundary: Scores
    types: Summary
    lengths: dict[str, Scores]
    surfaces: dict[str, Scores]
    scripts: dict[str, ScriptScores]
    mistakes: dict[str, int]
    matrix: Confusion
    confidence: Confidence
    seqeval: dict[str, dict[str, dict[str, float]]]

    def to_json(self) -> dict[str, object]:
        """As plain objects; what was not asked for is null."""
        exact, types = self.exact, self.types
        return {
            "documents": len(self.documents),
            "micro": exact.micro.to_json(),
            "macro": exact.macro.to_json(),
            "per_type": _json(exact.groups),
            "boundary": self.boundary.to_json(),
            "type": {"micro": types.micro.to_json(), "macro": types.macro.to_json(), "per_type": _json(types.groups)},
            "by_length": _json(self.lengths),
            "by_surface": _json(self.surfaces) or None,
            "by_script": {name: scores.to_json() for name, scores in self.scripts.items()} or None,
            "mistakes": self.mistakes,
            "confusion": self.matrix.to_json(),
            "seqeval": self.seqeval or None,
            "calibration": self.confidence.to_json() if self.confidence.has_scores else None,
        }


def evaluate(nlp: Language, golds: list[Doc], settings: EvaluateSettings) -> EvaluationReport:
    """Run a pipeline over gold documents, and score it.

    nlp (Language): The pipeline.
    golds (list[Doc]): The documents.
    settings (EvaluateSettings): What is asked for.
    RETURNS (EvaluationReport): What is said of it.
    RAISES (ValueError): Where seqeval is asked for and not installed.
    """
    pairs = list(tqdm(predict_golds(nlp, golds), total=len(golds), unit=" documents", leave=False, disable=None))
    documents = compare(pairs)
    table = tabulate(documents)
    draws = {"resamples": settings.resamples, "seed": settings.seed}
    kinds = Counter(mistake.kind for document in documents for mistake in find_mistakes(document))
    surfaces = {}
    if settings.known is not None:
        surfaces = summarize(tabulate(documents, by_surface(settings.known)), **draws).groups
    return EvaluationReport(
        pairs=pairs,
        documents=documents,
        table=table,
        exact=summarize(table, **draws),
        boundary=summarize(tabulate_boundaries(documents), **draws).micro,
        types=summarize(tabulate_types(documents), **draws),
        lengths=summarize(tabulate(documents, by_length), **draws).groups,
        surfaces=surfaces,
        scripts=script_scores(nlp, golds, table, **draws) if settings.scripts else {},
        mistakes={kind: kinds[kind] for kind in KINDS},
        matrix=confusion(documents),
        confidence=entity_confidence(pairs),
        seqeval=seqeval_reports(documents) if settings.seqeval else {},
    )


def surfaces_of(docs: list[Doc]) -> frozenset[str]:
    """The characters of every entity of documents."""
    return frozenset(ent.text for doc in docs for ent in doc.ents)


def _json(groups: dict[str, Scores]) -> dict[str, object]:
    return {name: scores.to_json() for name, scores in groups.items()}


MODES = ("strict", "default")


def require_seqeval() -> None:
    """Raise where seqeval is not installed.

    RAISES (ValueError): With how to install it.
    """
    if not has_seqeval():
        raise MissingExtraError(Errors.ZT402.format(hint=install_hint("evaluate")))


def seqeval_reports(documents: Sequence[Compared]) -> dict[str, dict[str, dict[str, float]]]:
    """Score with seqeval, in both of its modes.

    "strict" takes legal IOB2 tags only as entities, "default" reads tags as conlleval does. From entities, as here,
    every tag is legal, so the two agree; they differ for taggers that write tags of their own.

    documents (Sequence[Compared]): What was predicted, and the gold.
    RETURNS (dict): By mode, then by label and kind of average: precision, recall, f1-score and support, as shares.
    RAISES (ValueError): Where seqeval is not installed.
    """
    require_seqeval()
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    if not any(document.expected or document.found for document in documents):
        return {mode: {} for mode in MODES}  # seqeval takes no data without an entity
    gold = [iob2_tags(document.expected, len(document.text)) for document in documents]
    predicted = [iob2_tags(document.found, len(document.text)) for document in documents]
    strict: dict[str, Any] = {"mode": "strict", "scheme": IOB2}
    return {
        mode: {
            name: {key: float(value) for key, value in row.items()}
            for name, row in classification_report(
                gold, predicted, output_dict=True, zero_division=0, **(strict if mode == "strict" else {})
            ).items()
        }
        for mode in MODES
    }


def iob2_tags(entities: Iterable[Entity], length: int) -> list[str]:
    """Write entities as one IOB2 tag a character.

    entities (Iterable[Entity]): By character.
    length (int): Of the text.
    RETURNS (list[str]): The tags.
    """
    tags = ["O"] * length
    for start, end, label in entities:
        tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return tags
