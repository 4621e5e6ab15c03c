"""Counts of the proposals of each source: coverage, agreement and conflicts."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..components.partial_annotations import OUTSIDE_LABEL
from .combination import PartialAnnotation, Suggestion

KINDS = ("entities", "alternatives", "outside")  # of annotation, fields of `PartialAnnotation`
MAX_EXAMPLES = 20  # conflicts quoted in the report


@dataclass
class SourceTally:
    """Counts of the proposals of one source.

    texts (int): Texts with a proposal. proposals (int): Proposals of entities. outside (int): Spans proposed as O.
    agreed (int): Proposals of entities that another source also made. contradicted (int): Those that overlap another
    proposal of another source, with other ends or another label. overlapping (int): Those that overlap another proposal
    of the same source. annotated (int): Those that are annotated as entities.
    ignored (int): Proposals with a low score, or whose label is mapped to "". rejected (Counter[str]): Proposals that
    cannot be used, by reason.
    """

    texts: int = 0
    proposals: int = 0
    outside: int = 0
    agreed: int = 0
    contradicted: int = 0
    overlapping: int = 0
    annotated: int = 0
    ignored: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON types."""
        return {key: dict(value) if isinstance(value, Counter) else value for key, value in vars(self).items()}


@dataclass
class ProposalReport:
    """Counts of one run of `propose`.

    texts (int): Texts that were written. already_annotated (int): Texts of these that had annotations, which were kept.
    characters (int): Characters of the other texts, of which `entities`, `alternatives` and `outside` have an
    annotation of this kind, and the rest has none. annotated (int): Entities. conflicts (int): Groups of proposals that
    contradict each other. sources (dict[str, SourceTally]): Counts by source. examples (list[dict]): Some conflicts.
    """

    texts: int = 0
    already_annotated: int = 0
    characters: int = 0
    characters_by_kind: Counter[str] = field(default_factory=Counter)
    annotated: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0
    sources: dict[str, SourceTally] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)
    rejects: int = 0

    def kinds(self) -> dict[str, int]:
        """Return the number of characters by kind of annotation: entities, alternatives, outside, and silent."""
        found = {kind: self.characters_by_kind[kind] for kind in KINDS}
        return found | {"silent": self.characters - sum(found.values())}

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        sources = {name: tally.to_json() for name, tally in self.sources.items()}
        kinds = self.kinds()
        return vars(self) | {"characters_by_kind": kinds, "annotated": dict(self.annotated), "sources": sources}

    def add(self, text: str, annotation: PartialAnnotation, suggestions: list[Suggestion]) -> None:
        """Count the annotation of one text.

        text (str): The text.
        annotation (PartialAnnotation): Its annotation.
        suggestions (list[Suggestion]): The suggestions that were combined.
        """
        self.characters += len(text)
        self.conflicts += len(annotation.conflicts)
        self.annotated.update(entity.label for entity in annotation.entities)
        for kind in KINDS:
            covered = {i for entity in getattr(annotation, kind) for i in range(entity.start, entity.end)}
            self.characters_by_kind[kind] += len(covered)
        for group in annotation.conflicts[: MAX_EXAMPLES - len(self.examples)]:
            readings = [
                {"source": s.source, "label": s.entity.label, "surface": text[s.entity.start : s.entity.end]}
                for s in group
            ]
            self.examples.append({"text": text[:200], "readings": readings})
        annotated = set(annotation.entities)
        entities = sorted(s for s in suggestions if s.entity.label != OUTSIDE_LABEL)
        agreed, contradicted, overlapping = (set[int]() for _ in range(3))  # indices in `entities`
        for index, one in enumerate(entities):
            self.sources[one.source].annotated += one.entity in annotated
            for other_index in range(index + 1, len(entities)):
                other = entities[other_index]
                if other.entity.start >= one.entity.end:
                    break
                same_source = one.source == other.source
                if one.entity != other.entity:
                    (overlapping if same_source else contradicted).update((index, other_index))
                elif not same_source:
                    agreed.update((index, other_index))
        for name, indices in (("agreed", agreed), ("contradicted", contradicted), ("overlapping", overlapping)):
            for index in indices:
                tally = self.sources[entities[index].source]
                setattr(tally, name, getattr(tally, name) + 1)
