"""A pipeline on gold documents → everything that is said of it."""

from collections import Counter
from dataclasses import dataclass

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from .bootstrap import RESAMPLES, Scores, Summary, summarize
from .compared import Compared, compare
from .confidence import Confidence, entity_confidence
from .mistakes import KINDS, Confusion, confusion, find_mistakes
from .predict import predict_golds
from .scripts import ScriptScores, script_scores
from .seqeval_report import seqeval_reports
from .tables import Table, by_length, by_surface, tabulate, tabulate_boundaries, tabulate_types


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
class Report:
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


def evaluate(nlp: Language, golds: list[Doc], settings: EvaluateSettings) -> Report:
    """Run a pipeline over gold documents, and score it.

    nlp (Language): The pipeline.
    golds (list[Doc]): The documents.
    settings (EvaluateSettings): What is asked for.
    RETURNS (Report): What is said of it.
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
    return Report(
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
