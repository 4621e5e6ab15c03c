"""Names that are annotated at one place and not at another, which teaches a model both and scores it by chance."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from .sentences import Sentence

SHORTEST = 2  # 中, 美 and 日 are names, and parts of other words
N_FOLDS = 5


class Occurrence(NamedTuple):
    """A name in a sentence. annotated: Whether as an entity. origin: Where the sentence stands."""

    surface: str
    annotated: bool
    origin: str


class Unevenness(NamedTuple):
    """How the annotation of one side fits that of the other.

    found: How often a name of the one stands in the other.
    differing: How often the two treat it differently.
    surfaces: How often by name, the most frequent first.
    first: Where the first stands.
    """

    found: int
    differing: int
    surfaces: dict[str, int]
    first: str

    @property
    def share(self) -> float:
        """Share that differs."""
        return self.differing / max(1, self.found)

    def to_json(self) -> dict[str, object]:
        """As plain objects, with the share in percent."""
        return self._asdict() | {"share": round(100 * self.share, 2)}


class Names:
    """The names that sentences annotate, to be found in others.

    Only those count that are annotated at least as often as not: a word that was annotated once and left six times is
    no name that somebody forgot.

    sentences (Sequence[Sentence]): The sentences.
    """

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        annotated = (sentence.surface(entity) for sentence in sentences for entity in sentence.entities)
        self._index({surface for surface in annotated if len(surface) >= SHORTEST})
        balance: Counter[str] = Counter()
        for occurrence in self.find(sentences):
            balance[occurrence.surface] += 1 if occurrence.annotated else -1
        self._index({surface for surface in self.surfaces if balance[surface] >= 0})

    def _index(self, surfaces: set[str]) -> None:
        lengths: dict[str, set[int]] = defaultdict(set)
        for surface in surfaces:
            lengths[surface[0]].add(len(surface))
        self.surfaces = surfaces
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}

    def find(self, sentences: Iterable[Sentence]) -> Iterator[Occurrence]:
        """Find the names, as entities or where it is known that there is none.

        A name inside a longer entity is no occurrence. Of two that overlap the first is taken, and the longest that
        begins there.

        sentences (Iterable[Sentence]): The sentences.
        YIELDS (Occurrence): Each, in order.
        """
        for sentence in sentences:
            ends = {entity.start: entity.end for entity in sentence.entities}
            start = 0
            while start < len(sentence.text):
                end = ends.get(start)
                surface = self._at(sentence, start) if end is None else sentence.text[start:end]
                if surface in self.surfaces:
                    yield Occurrence(surface, end is not None, sentence.origin)
                start += len(surface or " ")

    def _at(self, sentence: Sentence, start: int) -> str | None:
        text = sentence.text
        for length in self._lengths.get(text[start], ()):
            end = start + length
            if text[start:end] in self.surfaces and all(sentence.outside[start:end]) and _is_whole(text, start, end):
                return text[start:end]
        return None


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether no word in Latin letters or digits goes on at either side: not "US" in "USB", nor "12" in "2012"."""
    pairs = (text[max(0, start - 1) : start + 1], text[end - 1 : end + 1])
    return not any(len(pair) == 2 and pair.isascii() and pair.isalnum() for pair in pairs)


def left_out(reference: Sequence[Sentence], sentences: Sequence[Sentence]) -> Unevenness:
    """Count names that the reference annotates and the sentences do not.

    reference (Sequence[Sentence]): The training data.
    sentences (Sequence[Sentence]): What is looked at.
    RETURNS (Unevenness): Of the occurrences in the sentences, those that are not annotated.
    """
    occurrences = list(Names(reference).find(sentences))
    return _unevenness(len(occurrences), [occurrence for occurrence in occurrences if not occurrence.annotated])


def only_here(reference: Sequence[Sentence], sentences: Sequence[Sentence]) -> Unevenness:
    """Count names that the sentences annotate and the reference mostly does not.

    reference (Sequence[Sentence]): The training data.
    sentences (Sequence[Sentence]): What is looked at.
    RETURNS (Unevenness): Of the entities in the sentences whose characters stand in the reference, too, those that are
        less often annotated there than not.
    """
    names = Names(sentences)
    balance: Counter[str] = Counter()
    for occurrence in names.find(reference):
        balance[occurrence.surface] += 1 if occurrence.annotated else -1
    known = [one for one in names.find(sentences) if one.annotated and one.surface in balance]
    return _unevenness(len(known), [one for one in known if balance[one.surface] < 0])


def among_themselves(sentences: Sequence[Sentence]) -> tuple[Unevenness, Unevenness]:
    """Compare each fifth of sentences with the other four, both ways: how uneven the annotation is by itself.

    sentences (Sequence[Sentence]): The training data, in order, so that neighbours stay together.
    RETURNS (tuple[Unevenness, Unevenness]): What the fifths leave out, and what only they have.
    """
    cuts = [len(sentences) * fold // N_FOLDS for fold in range(N_FOLDS + 1)]
    parts = [([*sentences[:start], *sentences[end:]], sentences[start:end]) for start, end in pairwise(cuts)]
    return _added([left_out(*part) for part in parts]), _added([only_here(*part) for part in parts])


def _unevenness(found: int, differing: Sequence[Occurrence]) -> Unevenness:
    surfaces = dict(Counter(one.surface for one in differing).most_common())
    return Unevenness(found, len(differing), surfaces, differing[0].origin if differing else "")


def _added(parts: Sequence[Unevenness]) -> Unevenness:
    surfaces: Counter[str] = Counter()
    for part in parts:
        surfaces.update(part.surfaces)
    return Unevenness(
        sum(part.found for part in parts),
        sum(part.differing for part in parts),
        dict(surfaces.most_common()),
        next((part.first for part in parts if part.first), ""),
    )
