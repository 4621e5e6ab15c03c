"""Plant errors in the annotations of a corpus: a known list of errors, by which a ranking is fitted or scored.

Error seeding is an old way to estimate how many errors a review finds (Mills 1972, "On the Statistical Validation of
Computer Programs").
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from ..corpora.records import Record
from ..entities import Entity

WAYS = ("dropped", "shifted", "relabelled", "invented")
FARTHEST = 2  # characters by which one end of an entity is shifted
TRIES = 100  # draws per planted error; in a corpus without room for an error, fewer are planted


class PlantedError(NamedTuple):
    """One planted error.

    sentence: Index of the sentence. way: One of WAYS. before: The entity of the corpus; None if it is invented.
    after: The wrong entity; None if it is dropped.
    """

    sentence: int
    way: str
    before: Entity | None
    after: Entity | None


def plant_errors(
    records: Sequence[Record], share: float, seed: int, ways: Sequence[str] = WAYS
) -> tuple[list[list[Entity]], list[PlantedError]]:
    """Plant errors of several ways in equal numbers, at random.

    A dropped entity is removed. One end of a shifted entity is moved by one or two characters. A relabelled one gets
    another label of the corpus. An invented one is a span of text outside of entities, with the length and the label
    of two entities that are drawn at random. No entity is changed twice, and none overlaps another.

    records (Sequence[Record]): The corpus, which is not changed.
    share (float): Planted errors per entity of the corpus; at least one is planted in each way.
    seed (int): Seed of all random choices.
    ways (Sequence[str]): The ways, of WAYS.
    RETURNS (tuple[list[list[Entity]], list[PlantedError]]): The entities of each sentence with errors, and the errors.
    """
    random = Random(seed)
    found = [list(record.entities) for record in records]
    places = [(i, entity) for i, own in enumerate(found) for entity in own]
    labels = sorted({entity.label for _, entity in places})
    n_each = max(1, round(share * len(places) / len(ways)))
    random.shuffle(places)
    drawn = iter(list(places))
    errors: list[PlantedError] = []
    changes: dict[str, Callable[[Entity], Entity | None]] = {
        "dropped": lambda entity: None,
        "shifted": lambda entity: _shift(entity, random),
        "relabelled": lambda entity: entity._replace(label=random.choice(_others(labels, entity.label))),
    }
    for way in ways:
        n_done = 0
        for _ in range(TRIES * n_each):
            if n_done == n_each or not places:
                break
            if way == "invented":
                error = _invent(records, places, random)
            else:
                place, entity = next(drawn, (-1, None))
                if entity is None:
                    break
                error = PlantedError(place, way, entity, changes[way](entity))
            others = [entity for entity in found[error.sentence] if entity != error.before]
            if error.after is None or _fits(error.after, error.before, others, records[error.sentence].text):
                found[error.sentence] = sorted([*others, *([error.after] if error.after else [])])
                errors.append(error)
                n_done += 1
    return found, errors


def _invent(records: Sequence[Record], places: Sequence[tuple[int, Entity]], random: Random) -> PlantedError:
    """Draw a span with the length of one entity and the label of another; it may overlap entities."""
    sentence = random.randrange(len(records))
    like, other = random.choice(places)[1], random.choice(places)[1]
    start = random.randrange(max(1, len(records[sentence].text)))
    return PlantedError(sentence, "invented", None, Entity(start, start + like.end - like.start, other.label))


def _shift(entity: Entity, random: Random) -> Entity:
    """Move one end of an entity, inwards or outwards."""
    by = random.choice([*range(-FARTHEST, 0), *range(1, FARTHEST + 1)])
    return entity._replace(start=entity.start + by) if random.random() < 0.5 else entity._replace(end=entity.end + by)


def _others(labels: Sequence[str], label: str) -> list[str]:
    """Return the other labels; the label itself if it is the only one."""
    return [other for other in labels if other != label] or [label]


def _fits(entity: Entity, before: Entity | None, others: Sequence[Entity], text: str) -> bool:
    """Return whether an entity is a change, is inside its text without white space at its ends, and overlaps none."""
    surface = text[max(0, entity.start) : max(0, entity.end)]
    return (
        entity != before
        and 0 <= entity.start < entity.end <= len(text)
        and surface == surface.strip()
        and all(entity.end <= other.start or other.end <= entity.start for other in others)
    )
