"""Report of suspicious annotations: sentences in order of suspicion, their suspects by kind, and surfaces."""

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
    """A difference between the gold annotation and the best reading.

    kind: What is probably wrong with the gold annotation, one of KINDS: "missed" if the gold annotation lacks an
        entity, "spurious" if it has one too many, "boundary", "type", or "both".
    gold: The gold entity; None if missed. reading: The entity of the best reading; None if spurious.
    score: Probability that the annotation is wrong at this place.
    """

    kind: str
    gold: Entity | None
    reading: Entity | None
    score: float

    @property
    def labels(self) -> set[str]:
        """Return the labels of the gold entity and of the other reading: one label, or two."""
        return {entity.label for entity in (self.gold, self.reading) if entity is not None}

    def surface(self, text: str) -> str:
        """Return the text of the gold entity or, if there is none, of the entity of the best reading."""
        entity = self.gold or self.reading or Entity(0, 0, "")
        return text[entity.start : entity.end]


@dataclass(frozen=True)
class JudgedSentence:
    """One sentence with its score.

    record (Record): The sentence with its gold entities.
    score (float): Probability that any of its annotations is wrong.
    cost (float): −log p(gold), in nats. best_cost (float): −log p(best reading).
    reading (tuple[Entity, ...]), scores (tuple[float, ...]): Best reading, and the probability of each entity.
    suspects (tuple[Suspect, ...]): Differences between both, the most suspicious first.
    gold_scores (tuple[float, ...]): Probability that each gold entity is right; 1 if it was not judged.
    unjudged (tuple[Entity, ...]): Gold entities that the pipeline cannot judge.
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
        """Return score · cost, by which sentences are ranked.

        The score is fitted on planted errors, which are implausible; the cost is also high for plausible errors, of
        which a sentence may have several. The product ranks both kinds well.
        """
        return self.score * self.cost

    def to_json(self) -> dict[str, object]:
        """Return the sentence as a dictionary for JSON; costs in nats, scores from 0 to 1."""
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
    """A name with suspicious annotations: how often it is annotated in the corpus, and how many are suspects.

    surface (str): The name. labels (dict[str, int]): Label → number of annotations. unannotated (int): Number of
    occurrences that are not annotated. suspects (int): Number of suspects with this name. score (float): Sum of their
    scores, which is the expected number of wrong annotations.
    """

    surface: str
    labels: dict[str, int]
    unannotated: int
    suspects: int
    score: float


@dataclass(frozen=True)
class ErrorReport:
    """Findings of `find-errors`.

    sentences (list[JudgedSentence]): All sentences, the most suspicious first.
    surfaces (list[SuspectSurface]): Names with suspects, sorted by the sum of their scores.
    """

    sentences: list[JudgedSentence]
    surfaces: list[SuspectSurface]

    @property
    def n_likely(self) -> int:
        """Return the number of sentences that are probably wrong."""
        return sum(sentence.score >= LIKELY for sentence in self.sentences)

    @property
    def expected(self) -> float:
        """Return the expected number of sentences with a wrong annotation: the sum of all scores."""
        return sum(sentence.score for sentence in self.sentences)

    def kinds(self, least: float = LIKELY) -> dict[str, int]:
        """Return kind → number of suspects with at least a score."""
        counts = Counter(one.kind for sentence in self.sentences for one in sentence.suspects if one.score >= least)
        return {kind: counts[kind] for kind in KINDS}

    def to_json(self) -> dict[str, object]:
        """Return the report as a dictionary for JSON."""
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
    """Sort sentences by suspicion, and collect suspects and surfaces.

    records (Sequence[Record]), judgements (Sequence[Judgement]): The sentences, and the judgement of each.
    scores (Sequence[float]): Probability that any annotation of each sentence is wrong.
    site_scores (Sequence[Mapping[Entity, float]]): For each sentence, gold or probable entity → probability that the
        annotation is wrong there.
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
