"""Find inconsistent annotation: names that are entities in one place and plain text in another."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ..tokenization.word_list import WordIndex
from .formats.docbin import Sentence

SHORTEST = 2  # characters of a name; 中, 美 and 日 are names, but also parts of other words
N_FOLDS = 5


class Occurrence(NamedTuple):
    """One occurrence of a name in a sentence.

    surface: The name.
    annotated: True if it is an entity in this sentence.
    origin: File and line of the sentence.
    label: Label of the entity; empty if it is none.
    """

    surface: str
    annotated: bool
    origin: str
    label: str = ""


class SurfaceCounts(NamedTuple):
    """Counts of the occurrences of a name in a corpus, by annotation.

    surface: The name.
    labels: Label → number of entities, the most frequent label first.
    unannotated: Number of occurrences outside of entities.
    origins: File and line of each unannotated occurrence.
    """

    surface: str
    labels: dict[str, int]
    unannotated: int
    origins: tuple[str, ...]

    @property
    def is_uneven(self) -> bool:
        """Return whether the name has several labels, or is annotated in some places and not in others."""
        return len(self.labels) + bool(self.unannotated) > 1


class Inconsistency(NamedTuple):
    """Result of a comparison: how often two sets of sentences annotate the same names differently.

    found: Number of occurrences, in one set, of names that are also in the other set.
    differing: Number of these occurrences whose annotation differs from that in the other set.
    surfaces: Name → number of differing occurrences, the most frequent name first.
    first: Origin (file and line) of the first differing occurrence.
    """

    found: int
    differing: int
    surfaces: dict[str, int]
    first: str

    @property
    def share(self) -> float:
        """Share of the occurrences whose annotation differs from the other set, 0 to 1."""
        return self.differing / max(1, self.found)

    def to_json(self) -> dict[str, object]:
        """Return a dictionary for JSON: the fields by name, and "share" → the share in percent."""
        return self._asdict() | {"share": round(100 * self.share, 2)}


class Names:
    """Index of the names that are annotated in some sentences, to find the same names in other sentences.

    sentences (Sequence[Sentence]): The annotated sentences.
    mostly_annotated (bool): True to index only the names that are annotated in at least half of their occurrences: a
        word that is annotated once and not annotated six times is an ordinary word, not a name that annotators missed.
        False to index every name that is annotated anywhere.
    """

    def __init__(self, sentences: Sequence[Sentence], *, mostly_annotated: bool = True) -> None:
        annotated = (sentence.surface(entity) for sentence in sentences for entity in sentence.entities)
        self._index({surface for surface in annotated if len(surface) >= SHORTEST})
        if not mostly_annotated:
            return
        balance = self.balance(sentences)
        self._index({surface for surface in self.surfaces if balance[surface] >= 0})

    def _index(self, surfaces: set[str]) -> None:
        self.surfaces = surfaces
        self._words: WordIndex[str] = WordIndex()
        for surface in surfaces:
            self._words[surface] = surface

    def balance(self, sentences: Iterable[Sentence]) -> Counter[str]:
        """Return, for each name of the index, the number of its annotated minus that of its unannotated occurrences.

        sentences (Iterable[Sentence]): The sentences to search.
        RETURNS (Counter[str]): Name → difference; negative for names that are mostly not annotated.
        """
        balance: Counter[str] = Counter()
        for occurrence in self.find(sentences):
            balance[occurrence.surface] += 1 if occurrence.annotated else -1
        return balance

    def find(self, sentences: Iterable[Sentence]) -> Iterator[Occurrence]:
        """Find the names of the index in sentences, both as entities and in text outside of entities.

        Text without gold annotation, and names inside a longer entity, are skipped. If names overlap, the first one is
        found. If several names start at the same character, the longest one is found.

        sentences (Iterable[Sentence]): The sentences to search.
        YIELDS (Occurrence): The occurrences in text order.
        """
        for sentence in sentences:
            entities = {entity.start: entity for entity in sentence.entities}
            # `find_whole` yields words of one start by length, so the dictionary keeps the longest.
            matches = {
                start: surface
                for start, end, surface in self._words.find_whole(sentence.text)
                if all(sentence.outside[start:end])
            }
            start = 0
            while start < len(sentence.text):
                entity = entities.get(start)
                surface = matches.get(start) if entity is None else sentence.surface(entity)
                if surface in self.surfaces:
                    yield Occurrence(surface, entity is not None, sentence.origin, entity.label if entity else "")
                start += len(surface or " ")


def count_surfaces(sentences: Sequence[Sentence]) -> dict[str, SurfaceCounts]:
    """Count how often each annotated name is annotated, with which labels, and how often it is not.

    sentences (Sequence[Sentence]): The corpus.
    RETURNS (dict[str, SurfaceCounts]): Name of two or more characters → counts, in the order of the first occurrences.
    """
    labels: dict[str, Counter[str]] = {}
    missing: dict[str, list[str]] = {}
    for one in Names(sentences, mostly_annotated=False).find(sentences):
        labels.setdefault(one.surface, Counter())
        if one.annotated:
            labels[one.surface][one.label] += 1
        else:
            missing.setdefault(one.surface, []).append(one.origin)
    counts = {}
    for surface, found in labels.items():
        origins = tuple(missing.get(surface, ()))
        counts[surface] = SurfaceCounts(surface, dict(found.most_common()), len(origins), origins)
    return counts


def left_out(reference: Sequence[Sentence], sentences: Sequence[Sentence]) -> Inconsistency:
    """Count occurrences of names that are annotated in the reference, but not in the sentences.

    reference (Sequence[Sentence]): The training data.
    sentences (Sequence[Sentence]): The sentences to check.
    RETURNS (Inconsistency): Counts for the names that are annotated in at least half of their occurrences in the
        reference. `found` counts all occurrences of these names in the sentences. `differing` counts the occurrences in
        the sentences that are not annotated.
    """
    occurrences = list(Names(reference).find(sentences))
    return _inconsistency(len(occurrences), [occurrence for occurrence in occurrences if not occurrence.annotated])


def only_here(reference: Sequence[Sentence], sentences: Sequence[Sentence]) -> Inconsistency:
    """Count entities of the sentences whose text the reference contains, but mostly does not annotate.

    reference (Sequence[Sentence]): The training data.
    sentences (Sequence[Sentence]): The sentences to check.
    RETURNS (Inconsistency): `found` counts the entities of the sentences whose text occurs in the reference.
        `differing` counts those of them whose text is annotated in less than half of its occurrences in the reference.
    """
    names = Names(sentences)
    balance = names.balance(reference)
    known = [one for one in names.find(sentences) if one.annotated and one.surface in balance]
    return _inconsistency(len(known), [one for one in known if balance[one.surface] < 0])


def among_themselves(sentences: Sequence[Sentence]) -> tuple[Inconsistency, Inconsistency]:
    """Measure the inconsistency within one set of sentences: compare each fifth of them with the other four fifths.

    sentences (Sequence[Sentence]): The training data in file order, so that neighbouring sentences are in one fifth.
    RETURNS (tuple[Inconsistency, Inconsistency]): Sums over the five comparisons. The first counts the occurrences, in
        one fifth, of names that the other four fifths mostly annotate; they differ if they are not annotated. The
        second counts the entities, in one fifth, whose text occurs in the other four fifths; they differ if that text
        is mostly not annotated there.
    """
    cuts = [len(sentences) * fold // N_FOLDS for fold in range(N_FOLDS + 1)]
    folds = [([*sentences[:start], *sentences[end:]], sentences[start:end]) for start, end in pairwise(cuts)]
    return _sum([left_out(*fold) for fold in folds]), _sum([only_here(*fold) for fold in folds])


def _inconsistency(found: int, differing: Sequence[Occurrence]) -> Inconsistency:
    surfaces = dict(Counter(one.surface for one in differing).most_common())
    return Inconsistency(found, len(differing), surfaces, differing[0].origin if differing else "")


def _sum(parts: Sequence[Inconsistency]) -> Inconsistency:
    surfaces: Counter[str] = Counter()
    for part in parts:
        surfaces.update(part.surfaces)
    first = next((part.first for part in parts if part.first), "")
    counts = sum(part.found for part in parts), sum(part.differing for part in parts)
    return Inconsistency(*counts, dict(surfaces.most_common()), first)
