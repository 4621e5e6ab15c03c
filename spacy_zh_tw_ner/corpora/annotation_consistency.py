"""Find names that are annotated in one place and not in another: a model learns both, and scores are up to chance."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ..tokenization.word_list import WordIndex
from .formats.docbin import Sentence

SHORTEST = 2  # characters of a name; 中, 美 and 日 are names, and parts of other words
N_FOLDS = 5


class Occurrence(NamedTuple):
    """A name in a sentence; `annotated`: whether it is an entity there; `origin`: of the sentence."""

    surface: str
    annotated: bool
    origin: str


class Inconsistency(NamedTuple):
    """Differences between the annotation of two sets of sentences.

    found: How often names of one set occur in the other.
    differing: How often the two sets annotate them differently.
    surfaces: The differing names with their counts, the most frequent first.
    first: Origin of the first.
    """

    found: int
    differing: int
    surfaces: dict[str, int]
    first: str

    @property
    def share(self) -> float:
        """Share of the occurrences that differ."""
        return self.differing / max(1, self.found)

    def to_json(self) -> dict[str, object]:
        """Return plain objects, with the share in percent."""
        return self._asdict() | {"share": round(100 * self.share, 2)}


class Names:
    """The names that sentences annotate, to be found in other sentences.

    Only names count that are annotated at least as often as not: a word that was annotated once and left six times is
    not a name that somebody forgot.

    sentences (Sequence[Sentence]): The sentences.
    """

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        annotated = (sentence.surface(entity) for sentence in sentences for entity in sentence.entities)
        self._index({surface for surface in annotated if len(surface) >= SHORTEST})
        balance = self.balance(sentences)
        self._index({surface for surface in self.surfaces if balance[surface] >= 0})

    def _index(self, surfaces: set[str]) -> None:
        self.surfaces = surfaces
        self._words: WordIndex[str] = WordIndex()
        for surface in surfaces:
            self._words[surface] = surface

    def balance(self, sentences: Iterable[Sentence]) -> Counter[str]:
        """Count, for each name in sentences, how much more often it is annotated than not."""
        balance: Counter[str] = Counter()
        for occurrence in self.find(sentences):
            balance[occurrence.surface] += 1 if occurrence.annotated else -1
        return balance

    def find(self, sentences: Iterable[Sentence]) -> Iterator[Occurrence]:
        """Find the names, as entities or in characters that are annotated as being in no entity.

        A name inside a longer entity is not an occurrence. Of names that overlap, the first is found, and the longest
        that begins there.

        sentences (Iterable[Sentence]): The sentences.
        YIELDS (Occurrence): Each, in order.
        """
        for sentence in sentences:
            ends = {entity.start: entity.end for entity in sentence.entities}
            # Words of one position are found in the order of their lengths: the longest is kept.
            matches = {
                start: surface
                for start, end, surface in self._words.find_whole(sentence.text)
                if all(sentence.outside[start:end])
            }
            start = 0
            while start < len(sentence.text):
                end = ends.get(start)
                surface = matches.get(start) if end is None else sentence.text[start:end]
                if surface in self.surfaces:
                    yield Occurrence(surface, end is not None, sentence.origin)
                start += len(surface or " ")


def left_out(reference: Sequence[Sentence], sentences: Sequence[Sentence]) -> Inconsistency:
    """Count names that the reference annotates and the sentences do not.

    reference (Sequence[Sentence]): The training data.
    sentences (Sequence[Sentence]): The sentences to check.
    RETURNS (Inconsistency): Of the occurrences in the sentences, those that are not annotated.
    """
    occurrences = list(Names(reference).find(sentences))
    return _inconsistency(len(occurrences), [occurrence for occurrence in occurrences if not occurrence.annotated])


def only_here(reference: Sequence[Sentence], sentences: Sequence[Sentence]) -> Inconsistency:
    """Count names that the sentences annotate and the reference mostly does not.

    reference (Sequence[Sentence]): The training data.
    sentences (Sequence[Sentence]): The sentences to check.
    RETURNS (Inconsistency): Of the entities in the sentences whose text occurs in the reference, too, those that are
        less often annotated there than not.
    """
    names = Names(sentences)
    balance = names.balance(reference)
    known = [one for one in names.find(sentences) if one.annotated and one.surface in balance]
    return _inconsistency(len(known), [one for one in known if balance[one.surface] < 0])


def among_themselves(sentences: Sequence[Sentence]) -> tuple[Inconsistency, Inconsistency]:
    """Compare each fifth of sentences with the other four, both ways: how inconsistent the annotation is by itself.

    sentences (Sequence[Sentence]): The training data, in order, so that neighbours stay together.
    RETURNS (tuple[Inconsistency, Inconsistency]): Sums of `left_out` and of `only_here` over the fifths.
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
