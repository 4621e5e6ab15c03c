"""Read the answers of a language model: JSON lines with a text and its entities.

    {"text": "鴻海在新北市設廠。", "entities": [{"start": 0, "end": 2, "label": "ORG"}]}
    {"text": "臺積電在新竹。", "entities": [{"text": "臺積電", "label": "ORG"}, {"text": "新竹", "label": "LOC"}]}

An entity has offsets in code points, or its text, or both. If it has no offsets, every occurrence of its text is
proposed. Entities that cannot be used are rejected one by one; the other entities of the same line are kept.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from ..corpora.records import LONGEST_SEEN
from ..corpora.text_files import numbered_lines
from ..entities import Entity
from ..errors import Errors, UnreadableFileError, UsageError
from ..untrusted.documents import parse_json

MAX_BYTES = 2**30  # of the file
MAX_OCCURRENCES = 1_000  # of one surface in one text
MAX_ENTITIES = 10_000  # of one text

RejectAnswerT: TypeAlias = Callable[[str, str, str], object]


def read_answers(path: Path, texts: set[str], reject: RejectAnswerT) -> dict[str, list[Entity]]:
    """Read a file of answers.

    path (Path): The file.
    texts (set[str]): The texts to annotate. Answers for other texts are rejected.
    reject (Callable[[str, str, str], object]): Called for each line or entity that cannot be used, with three strings:
        file and line number, the reason, and the text or the beginning of the line.
    RETURNS (dict[str, list[Entity]]): Text → entities with offsets in code points. If several lines have the same text,
        their entities are joined.
    RAISES (UsageError): If the file is missing or too large.
    RAISES (CorpusError): If the file is not UTF-8.
    """
    if not path.is_file():
        raise UsageError(Errors.ZT782.format(path=path))
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise UsageError(Errors.ZT786.format(path=path, reason=f"it has {size:,} bytes", limit=MAX_BYTES))
    answers: dict[str, dict[Entity, None]] = {}  # a dict is an ordered set
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        origin = f"{path}:{number}"
        try:
            answer = parse_json(line)
        except (ValueError, UnreadableFileError):
            reject(origin, "not valid JSON", line[:LONGEST_SEEN])
            continue
        if not isinstance(answer, dict) or not isinstance(answer.get("text"), str):
            reject(origin, 'not an object with the key "text"', line[:LONGEST_SEEN])
            continue
        text, entities = answer["text"], answer.get("entities", [])
        if text not in texts:
            reject(origin, "not one of the texts to annotate", text[:LONGEST_SEEN])
            continue
        if not isinstance(entities, list):
            reject(origin, 'the value of "entities" is not a list', text[:LONGEST_SEEN])
            continue
        found = answers.setdefault(text, {})
        for entity in entities:
            reason = _problem(entity, text)
            if reason:
                reject(origin, f"{reason}: {str(entity)[:LONGEST_SEEN]}", text[:LONGEST_SEEN])
                continue
            places = dict.fromkeys(_places(entity, text))
            if len(found) + sum(place not in found for place in places) > MAX_ENTITIES:
                reject(origin, f"the text has more than {MAX_ENTITIES:,} entities", text[:LONGEST_SEEN])
                break
            found |= places
    return {text: list(found) for text, found in answers.items()}


def _problem(entity: Any, text: str) -> str:
    """Return the reason why an entity of an answer cannot be used; an empty string if it can be used.

    entity (Any): A value of the list `entities`, of any JSON type.
    text (str): The text of the answer.
    """
    if not isinstance(entity, dict) or not isinstance(entity.get("label"), str) or not entity["label"]:
        return "an entity without a label"
    start, end, surface = entity.get("start"), entity.get("end"), entity.get("text")
    if surface is not None and not isinstance(surface, str):
        return "the text of an entity is not a string"
    if start is None and end is None:
        return "" if surface and surface in text else "the text of an entity is not part of the text"
    return _offset_problem(start, end, surface, text)


def _offset_problem(start: Any, end: Any, surface: str | None, text: str) -> str:
    if not all(isinstance(place, int) and not isinstance(place, bool) for place in (start, end)):
        return "offsets that are not numbers"
    if not 0 <= start < end <= len(text):
        return f"offsets outside of the text of {len(text)} characters"
    if surface is not None and text[start:end] != surface:
        return f"offsets of {text[start:end]!r}, not of the text of the entity"
    return ""


def _places(entity: Any, text: str) -> Iterator[Entity]:
    if entity.get("start") is not None:
        yield Entity(entity["start"], entity["end"], entity["label"])
        return
    surface, start = entity["text"], -1
    for _ in range(MAX_OCCURRENCES):
        start = text.find(surface, start + 1)
        if start < 0:
            return
        yield Entity(start, start + len(surface), entity["label"])
