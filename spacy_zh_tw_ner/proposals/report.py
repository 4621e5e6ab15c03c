"""Counts of the proposals of each source: coverage, agreement and conflicts."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..components.partial_annotations import OUTSIDE_LABEL
from .combination import PartialAnnotation, Suggestion, characters_of

KINDS = ("entities", "alternatives", "outside")  # of annotation, fields of `PartialAnnotation`
MAX_EXAMPLES = 20  # conflicts quoted in the report


@dataclass
class SourceTally:
    """Counts of the proposals of one source.

    texts (int): Number of texts with at least one usable proposal.
    proposals (int): Number of usable proposals, except those of O.
    outside (int): Number of usable proposals of O, that is, of spans without entities.
    agreed (int): Number of `proposals` that another source made, too, with the same ends and label.
    contradicted (int): Number of `proposals` that overlap a proposal of another source that has other ends or another
        label.
    overlapping (int): Number of `proposals` that overlap a different proposal of the same source.
    annotated (int): Number of `proposals` that became entities of the annotation, and not only alternatives.
    ignored (int): Number of proposals with a score below the `min_score` of the source, or with a label that is mapped
        to "".
    labels (Counter[str]): Label of the corpus → number of `proposals`.
    rejected (Counter[str]): Reason → number of proposals that cannot be used.
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
        """Return the counts as an object for `json.dumps`: name of each attribute → its value."""
        return {key: dict(value) if isinstance(value, Counter) else value for key, value in vars(self).items()}


@dataclass
class ProposalReport:
    """Counts of one run of `propose`.

    texts (int): Number of texts that were written.
    already_annotated (int): Number of these texts that had entities before, which were kept.
    characters (int): Number of characters in the texts without earlier entities. Sources annotate only these texts.
    characters_by_kind (Counter[str]): Number of these characters in accepted entities ("entities"), where several
        readings are allowed ("alternatives"), and where a source says that there is no entity ("outside").
    annotated (Counter[str]): Label → number of entities that the sources have annotated.
    conflicts (int): Number of places where sources contradict each other.
    sources (dict[str, SourceTally]): Name of a source → its counts.
    examples (list[dict]): The first conflicts, at most `MAX_EXAMPLES`: "text" → the beginning of the text; "readings" →
        the proposals that contradict each other, each with the keys "source", "label" and "surface".
    rejects (int): Number of proposals that could not be used; they are listed in OUT.rejects.jsonl.
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
        """Return kind → number of characters: "entities", "alternatives", "outside", and "silent" (no annotation)."""
        found = {kind: self.characters_by_kind[kind] for kind in KINDS}
        return found | {"silent": self.characters - sum(found.values())}

    def to_json(self) -> dict[str, Any]:
        """Return the report as an object for `json.dumps`: name of each attribute → its value.

        In "characters_by_kind", the kind "silent" is added, as in `kinds`.
        """
        sources = {name: tally.to_json() for name, tally in self.sources.items()}
        kinds = self.kinds()
        return vars(self) | {"characters_by_kind": kinds, "annotated": dict(self.annotated), "sources": sources}

    def add(self, text: str, annotation: PartialAnnotation, suggestions: list[Suggestion]) -> None:
        """Add one text to the counts that depend on its annotation; the caller updates all other counts.

        These counts are `characters`, `characters_by_kind`, `annotated`, `conflicts` and `examples`, and for each
        source `agreed`, `contradicted`, `overlapping` and `annotated`.

        text (str): The text.
        annotation (PartialAnnotation): The annotation of the text.
        suggestions (list[Suggestion]): The usable proposals of all sources, which were combined to this annotation.
        """
        self.characters += len(text)
        self.conflicts += len(annotation.conflicts)
        self.annotated.update(entity.label for entity in annotation.entities)
        for kind in KINDS:
            self.characters_by_kind[kind] += len(characters_of(getattr(annotation, kind)))
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
