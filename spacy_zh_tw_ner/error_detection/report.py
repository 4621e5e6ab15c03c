"""Report of `find-errors`: sentences ranked by suspicion, their suspects, and the entity texts with suspects.

The best reading of a sentence is its most probable annotation under the CRF of the pipeline. A suspect is a difference
between the gold annotation and the best reading.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from ..corpora.annotation_consistency import count_surfaces
from ..corpora.formats.docbin import Sentence
from ..corpora.records import Record
from ..entities import Entity
from ..evaluation.mistakes import KINDS, find_mistakes
from ..evaluation.predictions import ComparedDoc
from .sites import Judgement

LIKELY = 0.5  # score from which a sentence or a suspect is counted as probably wrong


class Suspect(NamedTuple):
    """A difference between the gold annotation and the best reading of a sentence.

    kind: Kind of the probable error in the gold annotation, one of KINDS. "missed": the gold annotation lacks an
        entity. "spurious": it has an entity too many. "boundary": an entity has wrong ends. "type": an entity has a
        wrong label. "both": an entity has wrong ends and a wrong label.
    gold: The gold entity; None if `kind` is "missed".
    reading: The entity of the best reading; None if `kind` is "spurious".
    score: Probability that the gold annotation is wrong here; 0 if it was not estimated.
    """

    kind: str
    gold: Entity | None
    reading: Entity | None
    score: float

    @property
    def labels(self) -> set[str]:
        """Return the labels of the gold entity and of the entity in the best reading: one label, or two."""
        return {entity.label for entity in (self.gold, self.reading) if entity is not None}

    def surface(self, text: str) -> str:
        """Return the text of the gold entity or, if there is none, of the entity of the best reading."""
        entity = self.gold or self.reading or Entity(0, 0, "")
        return text[entity.start : entity.end]


@dataclass(frozen=True)
class JudgedSentence:
    """One sentence with its gold annotation, the best reading of the pipeline, and its score.

    record (Record): The sentence with its gold entities.
    score (float): Probability that at least one annotation of the sentence is wrong.
    cost (float), best_cost (float): −log p(gold) and −log p(best reading), in nats.
    reading (tuple[Entity, ...]), scores (tuple[float, ...]): Entities of the best reading, and the probability of each.
    suspects (tuple[Suspect, ...]): Differences between gold annotation and best reading, by descending score.
    gold_scores (tuple[float, ...]): Probability that each gold entity is right; 1 if it was not judged.
    unjudged (tuple[Entity, ...]): Gold entities that cannot be judged: the pipeline lacks their label, or they begin or
        end inside a token.
    """

    record: Record
    score: float
    cost: float
    best_cost: float
    reading: tuple[Entity, ...]
    scores: tuple[float, ...]
    suspects: tuple[Suspect, ...]
    gold_scores: tuple[float, ...]
    unjudged: tuple[Entity, ...] = ()

    @property
    def suspicion(self) -> float:
        """Return score · cost, by which sentences are ranked in descending order.

        The score is from a regression that was fitted on errors planted in copies of the corpus. Planted errors are
        random and therefore implausible. The cost, −log p(gold), is high for plausible errors, too, and grows with
        their number in a sentence. The product ranks both kinds of errors well.
        """
        return self.score * self.cost

    def to_json(self) -> dict[str, object]:
        """Return the sentence as an object for `json.dumps`; costs in nats, scores from 0 to 1.

        RETURNS (dict): "suspicion", "score", "cost", "best_cost", "origin" (file and line), "text", "gold" and
            "reading" (lists of start, end, label and score), "suspects" (a list of kind, text, gold, reading and
            score) and, if there are any, "unjudged".
        """
        record = self.record
        return {
            "suspicion": round(self.suspicion, 4),
            "score": round(self.score, 4),
            "cost": round(self.cost, 3),
            "best_cost": round(self.best_cost, 3),
            "origin": record.origin,
            "text": record.text,
            "gold": _listed(record.entities, self.gold_scores),
            "reading": _listed(self.reading, self.scores),
            "suspects": [
                {
                    "kind": one.kind,
                    "text": one.surface(record.text),
                    "gold": one.gold,
                    "reading": one.reading,
                    "score": round(one.score, 4),
                }
                for one in self.suspects
            ],
            **({"unjudged": list(self.unjudged)} if self.unjudged else {}),
        }


@dataclass(frozen=True)
class SuspectSurface:
    """The text (surface) of one or more suspects, with counts of its occurrences in the corpus.

    surface (str): The text.
    labels (dict[str, int]): Label → number of occurrences that are annotated with it.
    unannotated (int): Number of occurrences that are not annotated.
    suspects (int): Number of suspects with this text.
    score (float): Sum of the scores of these suspects, which is the expected number of wrong annotations.
    """

    surface: str
    labels: dict[str, int]
    unannotated: int
    suspects: int
    score: float


@dataclass(frozen=True)
class ErrorReport:
    """Findings of `find-errors`.

    sentences (list[JudgedSentence]): All sentences, by descending suspicion.
    surfaces (list[SuspectSurface]): Texts of suspects, by descending score. A text is included only if it has several
        suspects, several labels, or both annotated and unannotated occurrences in the corpus.
    """

    sentences: list[JudgedSentence]
    surfaces: list[SuspectSurface]

    @property
    def n_likely(self) -> int:
        """Return the number of sentences that are probably wrong: those with a score of at least LIKELY (0.5)."""
        return sum(sentence.score >= LIKELY for sentence in self.sentences)

    @property
    def expected(self) -> float:
        """Return the expected number of sentences with a wrong annotation: the sum of all scores."""
        return sum(sentence.score for sentence in self.sentences)

    def kinds(self) -> dict[str, int]:
        """Return kind of error → number of suspects with a score of at least LIKELY (0.5). All KINDS are keys."""
        counts = Counter(one.kind for sentence in self.sentences for one in sentence.suspects if one.score >= LIKELY)
        return {kind: counts[kind] for kind in KINDS}

    def to_json(self) -> dict[str, object]:
        """Return the report as an object for `json.dumps`.

        RETURNS (dict): "sentences" (their number), "probably_wrong" (`n_likely`), "expected_wrong" (`expected`),
            "suspects" (`kinds`), "surfaces" (attributes of each `SuspectSurface`) and "ranking" (the sentences,
            the most suspicious first).
        """
        return {
            "sentences": len(self.sentences),
            "probably_wrong": self.n_likely,
            "expected_wrong": round(self.expected, 1),
            "suspects": self.kinds(),
            "surfaces": [asdict(one) | {"score": round(one.score, 3)} for one in self.surfaces],
            "ranking": [sentence.to_json() for sentence in self.sentences],
        }


def make_report(
    records: Sequence[Record],
    judgements: Sequence[Judgement],
    scores: Sequence[float],
    site_scores: Sequence[Mapping[Entity, float]],
) -> ErrorReport:
    """Find the suspects of all sentences, sort the sentences by suspicion, and count the texts of the suspects.

    records (Sequence[Record]): The sentences with their gold entities.
    judgements (Sequence[Judgement]): For each sentence, its best reading and costs under the pipeline.
    scores (Sequence[float]): For each sentence, the probability that at least one annotation is wrong.
    site_scores (Sequence[Mapping[Entity, float]]): For each sentence, entity → probability that the annotation is wrong
        there. The entities are gold entities, and probable entities that overlap no gold entity. Other entities get 0.
    RETURNS (ErrorReport): The report.
    """
    judged = []
    for record, judgement, score, sites in zip(records, judgements, scores, site_scores, strict=True):
        reading = frozenset(judgement.reading)
        unjudged = frozenset(judgement.unjudged)
        # The roles are exchanged: the best reading is what is expected of the annotators.
        compared = ComparedDoc(record.text, reading, frozenset(record.entities) - unjudged)
        suspects = [
            Suspect(one.kind, one.found, one.expected, sites.get(one.found or one.expected or Entity(0, 0, ""), 0.0))
            for one in find_mistakes(compared)
        ]
        judged.append(
            JudgedSentence(
                record,
                float(score),
                judgement.cost,
                judgement.best_cost,
                judgement.reading,
                judgement.scores,
                tuple(sorted(suspects, key=lambda one: -one.score)),
                tuple(1.0 - sites.get(entity, 0.0) for entity in record.entities),
                judgement.unjudged,
            )
        )
    judged.sort(key=lambda one: -one.suspicion)
    return ErrorReport(judged, _surfaces(records, judged))


def _surfaces(records: Sequence[Record], judged: Sequence[JudgedSentence]) -> list[SuspectSurface]:
    counts = count_surfaces([_sentence(record) for record in records])
    found: dict[str, list[float]] = defaultdict(list)
    for sentence in judged:
        for one in sentence.suspects:
            found[one.surface(sentence.record.text)].append(one.score)
    surfaces = []
    for surface, scores in found.items():
        known = counts.get(surface)
        if known is not None and (known.is_uneven or len(scores) > 1):
            surfaces.append(SuspectSurface(surface, known.labels, known.unannotated, len(scores), sum(scores)))
    return sorted(surfaces, key=lambda one: -one.score)


def _sentence(record: Record) -> Sentence:
    outside = [True] * len(record.text)
    for entity in record.entities:
        outside[entity.start : entity.end] = [False] * (entity.end - entity.start)
    return Sentence(record.text, tuple(record.entities), tuple(outside), record.origin)


def _listed(entities: Sequence[Entity], scores: Sequence[float]) -> list[dict[str, object]]:
    return [
        {"start": e.start, "end": e.end, "label": e.label, "score": round(score, 4)}
        for e, score in zip(entities, scores, strict=True)
    ]
