"""Measure the agreement between annotators by the F of exact entities.

For two annotators, F is the same whichever of them is taken as gold. For several, the F of all pairs are averaged
(Hripcsak and Rothschild 2005, "Agreement, the F-Measure, and Reliability in Information Retrieval"). Cohen's kappa is
not used: it needs the number of spans that both annotators have left unannotated, and any span of a text may be an
entity, so this number is not defined. The larger this number is assumed to be, the closer kappa comes to F, as the same
paper shows. Kappa over tokens is defined, but it is high whatever the entities are, because most tokens are O for all
annotators.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from ..corpora.annotators import SharedText
from ..corpora.records import Record
from ..entities import Entity
from ..errors import Warnings
from .bootstrap import Summary, summarize
from .entity_counts import count_boundaries, count_entities
from .mistakes import count_mistakes
from .predictions import ComparedDoc

# Kinds of `find_mistakes`, named for two annotators instead of gold and prediction
DIFFERENCES = {
    "missed": "only first",
    "spurious": "only second",
    "boundary": "boundaries",
    "type": "label",
    "both": "boundaries and label",
}


@dataclass(frozen=True)
class PairAgreement:
    """Agreement of two annotators on the texts that both have annotated.

    first, second (str): Names of the annotators.
    texts (int): Number of texts that both have annotated.
    scores (Summary): F of exact entities, over all entities and by label, with 95 % intervals. Precision and recall are
        those of the second annotator, if the entities of the first are taken as gold.
    boundaries (float): F of entities with equal boundaries and any labels, in percent.
    differences (dict[str, int]): Kind of difference → number of differences. The kinds are the values of `DIFFERENCES`,
        such as "only first" for entities that only the first annotator has annotated.
    """

    first: str
    second: str
    texts: int
    scores: Summary
    boundaries: float
    differences: dict[str, int]

    @property
    def f(self) -> float:
        """F of exact entities in percent."""
        return 100 * self.scores.micro.f.value

    def to_json(self) -> dict[str, Any]:
        """Return the agreement as an object for `json.dumps`.

        RETURNS (dict): "annotators", "texts", "f", "interval" (of f), "boundaries" (F of boundaries), "labels" (label →
            f and interval) and "differences" (kind → number). All F and intervals are in percent.
        """
        labels = {
            label: {"f": round(100 * found.f.value, 2), "interval": found.f.to_json()}
            for label, found in self.scores.groups.items()
        }
        return {
            "annotators": [self.first, self.second],
            "texts": self.texts,
            "f": round(self.f, 2),
            "interval": self.scores.micro.f.to_json(),
            "boundaries": round(self.boundaries, 2),
            "labels": labels,
            "differences": self.differences,
        }


@dataclass(frozen=True)
class AgreementReport:
    """Agreement of all pairs of annotators.

    annotators (dict[str, Counter[str]]): Annotator → label → number of entities in the shared texts.
    pairs (list[PairAgreement]): All pairs that have annotated an entity in the texts they share. Other pairs have no F.
    differing (list[SharedText]): Texts in which the annotators have annotated different entities, those with the most
        differences first.
    shared (int): Number of texts with two or more annotators.
    messages (list[str]): Warnings about pairs and labels.
    """

    annotators: dict[str, Counter[str]]
    pairs: list[PairAgreement]
    differing: list[SharedText]
    shared: int
    messages: list[str] = field(default_factory=list)

    @property
    def mean(self) -> float | None:
        """Mean F of all pairs in percent; None without a pair."""
        return float(np.mean([pair.f for pair in self.pairs])) if self.pairs else None

    def means_by_label(self) -> dict[str, float]:
        """Return label → mean F in percent, over the pairs of annotators that have used the label."""
        found: dict[str, list[float]] = {}
        for pair in self.pairs:
            for label, scores in pair.scores.groups.items():
                found.setdefault(label, []).append(100 * scores.f.value)
        return {label: float(np.mean(values)) for label, values in sorted(found.items())}

    def to_json(self) -> dict[str, Any]:
        """Return the report as an object for `json.dumps`.

        RETURNS (dict): "texts" (number of shared texts), "mean_f" (percent, or None), "labels" (label → mean F),
            "annotators" (name → label → number of entities), "pairs" (`to_json` of each pair), "messages", and
            "differing" (list of "text", "origin" and "readings": annotator → list of entities).
        """
        return {
            "texts": self.shared,
            "mean_f": None if self.mean is None else round(self.mean, 2),
            "labels": {label: round(f, 2) for label, f in self.means_by_label().items()},
            "annotators": {name: dict(sorted(labels.items())) for name, labels in self.annotators.items()},
            "pairs": [pair.to_json() for pair in self.pairs],
            "differing": [
                {
                    "text": one.text,
                    "origin": one.origin,
                    "readings": {
                        name: [list(entity) for entity in sorted(read)] for name, read in one.readings.items()
                    },
                }
                for one in self.differing
            ],
            "messages": self.messages,
        }


def measure_agreement(annotators: Mapping[str, Sequence[Record]], shared: Sequence[SharedText]) -> AgreementReport:
    """Measure the agreement of all pairs of annotators.

    annotators (Mapping[str, Sequence[Record]]): Annotator → annotated records.
    shared (Sequence[SharedText]): The texts of these records that two or more annotators have annotated, from
        `match_texts`.
    RETURNS (AgreementReport): The agreement, and the texts that the annotators have annotated differently.
    """
    pairs, messages = [], []
    for first, second in combinations(annotators, 2):
        documents = [
            ComparedDoc(one.text, one.readings[first], one.readings[second])
            for one in shared
            if {first, second} <= one.readings.keys()
        ]
        if not documents:
            messages.append(str(Warnings.ZT833.format(first=first, second=second)))
        elif not any(document.expected | document.found for document in documents):
            messages.append(str(Warnings.ZT834.format(first=first, second=second, n=len(documents))))
        else:
            pairs.append(_compare(first, second, documents))
    labels = {
        name: Counter(entity.label for one in shared for entity in one.readings.get(name, ())) for name in annotators
    }
    messages += _label_messages(labels)
    differing = [one for one in shared if len(set(one.readings.values())) > 1]
    differing.sort(key=n_differences, reverse=True)  # a stable sort: otherwise the order of the files
    return AgreementReport(labels, pairs, differing, len(shared), messages)


def n_differences(shared: SharedText) -> int:
    """Return the number of entities that some, but not all, annotators of a text have annotated."""
    readings = list(shared.readings.values())
    everywhere: frozenset[Entity] = readings[0].intersection(*readings[1:])
    return len(readings[0].union(*readings[1:]) - everywhere)


def _compare(first: str, second: str, documents: Sequence[ComparedDoc]) -> PairAgreement:
    """Compute the agreement of two annotators on their common texts.

    first, second (str): Names of the annotators.
    documents (Sequence[ComparedDoc]): The texts. The entities of the first annotator are the gold entities, and those
        of the second annotator the predicted entities.
    """
    boundaries = summarize(count_boundaries(documents), resamples=1).micro.f.value
    differences = {DIFFERENCES[kind]: n for kind, n in count_mistakes(documents).items()}
    scores = summarize(count_entities(documents))
    return PairAgreement(first, second, len(documents), scores, 100 * boundaries, differences)


def _label_messages(labels: Mapping[str, Counter[str]]) -> list[str]:
    """Return a message for each label that only one annotator uses, sorted by label.

    labels (Mapping[str, Counter[str]]): Annotator → label → number of entities.
    """
    users: dict[str, list[str]] = {}
    for name, counts in labels.items():
        for label in counts:
            users.setdefault(label, []).append(name)
    return [
        str(Warnings.ZT835.format(label=label, name=names[0], n=labels[names[0]][label]))
        for label, names in sorted(users.items())
        if len(names) == 1
    ]
