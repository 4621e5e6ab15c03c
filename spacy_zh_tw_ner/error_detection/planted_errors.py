"""Plant errors in the annotations of a corpus, so that a ranking of suspicious sentences can be fitted or scored.

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

    sentence: Index of the sentence. way: Kind of error: "dropped", "shifted", "relabelled" or "invented".
    before: The gold entity that is changed; None if the error is an invented entity.
    after: The wrong entity that replaces it; None if the error is a dropped entity.
    """

    sentence: int
    way: str
    before: Entity | None
    after: Entity | None


def plant_errors(
    records: Sequence[Record], share: float, seed: int, ways: Sequence[str] = WAYS
) -> tuple[list[list[Entity]], list[PlantedError]]:
    """Plant errors at random places, equally many of each kind.

    There are four kinds of errors. "dropped": an entity is removed. "shifted": one end of an entity is moved by one or
    two characters. "relabelled": an entity gets another label of the corpus. "invented": a span outside of all entities
    becomes an entity; it has the length of one random entity and the label of another. No entity is changed twice, and
    no two entities overlap afterwards.

    records (Sequence[Record]): The corpus, which is not changed.
    share (float): Number of errors per entity of the corpus. At least one error of each kind is planted if it fits.
    seed (int): Seed of all random choices.
    ways (Sequence[str]): Kinds of errors to plant, from WAYS.
    RETURNS (tuple[list[list[Entity]], list[PlantedError]]): The entities of every sentence after the errors were
        planted, and the errors.
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
    """Draw an invented entity: a random place, the length of one random entity, and the label of another.

    records (Sequence[Record]): The corpus.
    places (Sequence[tuple[int, Entity]]): The entities of the corpus, each with the index of its sentence.
    random (Random): Source of random numbers.
    RETURNS (PlantedError): The error. It is not planted yet: the caller has to check that the invented entity overlaps
        no other entity and does not reach beyond the end of the text.
    """
    sentence = random.randrange(len(records))
    like, other = random.choice(places)[1], random.choice(places)[1]
    start = random.randrange(max(1, len(records[sentence].text)))
    return PlantedError(sentence, "invented", None, Entity(start, start + like.end - like.start, other.label))


def _shift(entity: Entity, random: Random) -> Entity:
    """Move the start or the end of an entity by one or two characters to the left or to the right, at random."""
    by = random.choice([*range(-FARTHEST, 0), *range(1, FARTHEST + 1)])
    return entity._replace(start=entity.start + by) if random.random() < 0.5 else entity._replace(end=entity.end + by)


def _others(labels: Sequence[str], label: str) -> list[str]:
    """Return all labels except the given one; if there are no others, return the given one."""
    return [other for other in labels if other != label] or [label]


def _fits(entity: Entity, before: Entity | None, others: Sequence[Entity], text: str) -> bool:
    """Return whether a wrong entity can be planted.

    It must differ from the entity that it replaces, be inside the text, have no white space at its ends, and overlap no
    other entity of the sentence.

    entity (Entity): The wrong entity.
    before (Optional[Entity]): The entity that it replaces, if any.
    others (Sequence[Entity]): All other entities of the sentence.
    text (str): The text of the sentence.
    """
    surface = text[max(0, entity.start) : max(0, entity.end)]
    return (
        entity != before
        and 0 <= entity.start < entity.end <= len(text)
        and surface == surface.strip()
        and all(entity.end <= other.start or other.end <= entity.start for other in others)
    )
