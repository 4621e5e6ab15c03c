"""Find the text, tokens, tags and spans of a JSON object or Parquet row, under the field names of many tools."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from ..entities import Entity
from .offsets import RawSpan
from .records import USUAL_FIELDS, FieldNames, NoAnnotation, Reject
from .tags import TAG

ObjectT: TypeAlias = dict[str, Any]

TEXT_FIELDS = ("text", "data", "content", "sentence")
TOKENS_FIELDS = ("tokens", "words", "characters", "chars", "character", "char", "word", "text")
TAGS_FIELDS = ("ner_tags", "tags", "labels", "ner_labels", "label", "ner", "bio")
SPANS_FIELDS = ("label", "labels", "spans", "entities", "ents", "annotations")
# Fields whose lists have offsets but are not entities.
OTHER_FIELDS = ("tokens", "relations", "Comments", "comments")

START = ("start", "start_offset", "begin", "start_idx", "start_char")
END = ("end", "end_offset", "end_idx", "end_char")
LABEL = ("label", "labels", "type", "tag", "entity_type", "entity_group", "category", "entity")
SURFACE = ("text", "surface", "word", "mention")

WHOLE = re.compile("[0-9]{1,15}")
LARGEST = 10**15  # largest offset that is accepted as a float
NO_LABEL = "a region without a label"
KINDS = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    str: "a string",
    dict: "an object",
}


class NotUsable(ValueError):
    """Error for a record that has to be rejected. The message is the reason, without file and line.

    The readers of the formats catch it, add file and line, and go on with the next record.
    """


class TokensAndTags(NamedTuple):
    """Tokens and tags of an object, not yet checked.

    tokens: The tokens as they are in the file.
    tags: The tags as they are in the file, names or numbers; None if the field is null.
    tags_field: Name of the field that holds the tags.
    """

    tokens: Sequence[Any]
    tags: Sequence[Any] | None
    tags_field: str


class Spans(NamedTuple):
    """Spans of an object.

    usable: Spans whose offsets and labels have valid types.
    rejects: Spans with invalid types, and the reasons.
    annotated: True if the object has a field for spans that is not null.
    layouts: Layouts of the fields with spans: "object" for an object of labels, as in CLUENER, whose ends are
        inclusive; "list" for a list of spans, as in all other formats. Empty if the object has no spans.
    """

    usable: list[RawSpan]
    rejects: list[Reject]
    annotated: bool
    layouts: set[str]


def kind_of(value: object) -> str:
    """Return the JSON type of a value as a noun phrase for messages, such as "a number"."""
    return KINDS.get(type(value), type(value).__name__)


def text_or_nothing(value: object) -> str:
    """Convert the id of a document (a string or whole number) to a string; any other value becomes an empty string."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def find_text(data: ObjectT, names: FieldNames = USUAL_FIELDS) -> str:
    """Find the text of an object.

    data (dict): The object.
    names (FieldNames): `text` is the name of the field; None for the first of `TEXT_FIELDS` with a string.
    RETURNS (str): The text.
    RAISES (NotUsable): If the field is missing, or its value is not a string.
    """
    fields = [names.text] if names.text else [field for field in TEXT_FIELDS if field in data]
    found = next((data[field] for field in fields if isinstance(data.get(field), str)), None)
    if found is not None:
        return str(found)
    if not fields or fields[0] not in data:
        raise NotUsable(f"has no field `{names.text or 'text'}`")
    raise NotUsable(f"`{fields[0]}` is {kind_of(data[fields[0]])}, not text")


def find_tokens_and_tags(data: ObjectT, names: FieldNames = USUAL_FIELDS) -> TokensAndTags | None:
    """Find the tokens and tags of an object: two lists of equal length, the second of tag names or numbers.

    If several pairs of fields are possible, the first field of `TOKENS_FIELDS` is chosen, with a field of matching name
    (`tokens` and `tokens_tags`) or, if there is none, the first field of `TAGS_FIELDS`. If no pair is found, a text
    that has one tag per character is split into one-character tokens.

    data (dict): The object.
    names (FieldNames): `tokens` and `tags` are the names of the fields, or None to search for common names.
    RETURNS (Optional[TokensAndTags]): The values of both fields. If no pair is valid, those of an invalid pair with the
        expected names, so that the reader can report the reason. None if there is no such pair either.
    """
    tokens_fields = (names.tokens,) if names.tokens else TOKENS_FIELDS
    present = [field for field in tokens_fields if isinstance(data.get(field), list)]
    pairs = [(field, tags) for field in present for tags in _tags_fields(field, names) if tags in data]
    for tokens, tags in pairs:
        if _are_tags_of(data[tags], data[tokens]):
            return TokensAndTags(data[tokens], data[tags], tags)
    for tokens, tags in pairs:
        expected = names.tags is not None or tags == TAGS_FIELDS[0]
        if (expected and isinstance(data[tags], list)) or (data[tags] is None and _are_strings(data[tokens])):
            return TokensAndTags(data[tokens], data[tags], tags)  # invalid values: the reader reports the reason
    if names.tokens:
        return None
    text = next((data[field] for field in TEXT_FIELDS if isinstance(data.get(field), str)), "")
    for tags in _tags_fields("text", names):
        if text and _are_tags_of(data.get(tags), text):
            return TokensAndTags(list(text), data[tags], tags)
    return None


def _tags_fields(tokens_field: str, names: FieldNames) -> tuple[str, ...]:
    if names.tags:
        return (names.tags,)
    return (f"{tokens_field}_label", f"{tokens_field}_labels", f"{tokens_field}_tags", *TAGS_FIELDS)


def _are_tags_of(values: Any, tokens: Sequence[Any]) -> bool:
    if not isinstance(values, list) or len(values) != len(tokens):
        return False
    return all(type(value) is int or (isinstance(value, str) and TAG.fullmatch(value)) for value in values)


def _are_strings(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(value, str) for value in values)


def span_fields(data: ObjectT) -> Iterator[tuple[str, Any]]:
    """Find the fields that hold spans: `SPANS_FIELDS`, and other lists whose items look like spans.

    A string in `label` is the class of the whole text and is skipped.

    data (dict): The object.
    YIELDS (tuple[str, Any]): Name and value of each field; the value is not None.
    """
    for field, value in data.items():
        if value is None or (field == "label" and isinstance(value, str)):
            continue
        is_list_of_spans = isinstance(value, list) and any(map(_looks_like_span, value))
        if field in SPANS_FIELDS or (field not in OTHER_FIELDS and is_list_of_spans):
            yield field, value


def _looks_like_span(value: Any) -> bool:
    if isinstance(value, dict):
        return any(key in value for key in START) and any(key in value for key in LABEL)
    if not isinstance(value, list) or len(value) != 3:
        return False
    # The offsets may be strings, because a Parquet list has elements of one type: ["0", "3", "PERSON"].
    are_numbers = type(value[0]) is type(value[1]) is int or all(
        isinstance(offset, str) and WHOLE.fullmatch(offset) for offset in value[:2]
    )
    return are_numbers and isinstance(value[2], str)


def find_spans(data: ObjectT, name_of: Callable[[int], str]) -> Spans:
    """Find the spans in all fields of an object. An invalid span is rejected; the other spans are kept.

    data (dict): The object.
    name_of (Callable[[int], str]): Number of a label → its name. Its errors are not caught.
    RETURNS (Spans): The valid spans, with label names and whole-number offsets, and the rejected spans.
    RAISES (NotUsable): If a field is neither a list of spans nor an object of labels.
    """
    fields = list(span_fields(data))
    found = Spans([], [], bool(fields), set())
    for field, value in fields:
        if value:
            found.layouts.add("object" if isinstance(value, dict) and not _is_object_of_lists(value) else "list")
        for item, surface in _items(field, value):
            _add(item, surface, found, name_of)
    return found


def _items(field: str, value: Any) -> Iterator[tuple[Any, str | None]]:
    """Yield the spans of one field of an object, each with the annotated text.

    field (str), value (Any): Name and value of the field.
    YIELDS (tuple[Any, Optional[str]]): A span as it is in the file, such as a list or an object; and the annotated text
        if the layout is CLUENER's, whose spans are grouped by text, otherwise None.
    RAISES (NotUsable): If the value is neither a list of spans nor an object of labels.
    """
    if isinstance(value, list):
        yield from ((item, None) for item in value)
    elif not isinstance(value, dict):
        raise NotUsable(f"`{field}` is {kind_of(value)}, not a list of spans")
    elif _is_object_of_lists(value):
        # Hugging Face stores a list of objects as an object of lists.
        columns = {key: inner for key, inner in value.items() if inner is not None}
        if len({len(inner) for inner in columns.values()}) > 1:
            raise NotUsable(f"the lists in `{field}` differ in length")
        yield from ((dict(zip(columns, row, strict=True)), None) for row in zip(*columns.values(), strict=True))
    else:
        yield from _cluener_items(field, value)


def _is_object_of_lists(value: ObjectT) -> bool:
    return any(key in value for key in START) and all(isinstance(inner, list | None) for inner in value.values())


def _cluener_items(field: str, value: ObjectT) -> Iterator[tuple[Any, str | None]]:
    """Yield spans of CLUENER's layout, {label: {text: [[start, end], …]}}, as ([start, end, label], text).

    RAISES (NotUsable): If the value of a label is not an object.
    """
    for label, surfaces in value.items():
        if surfaces is None:
            continue
        if not isinstance(surfaces, dict):
            raise NotUsable(f"`{field}` has {kind_of(surfaces)} for {label!r}, not an object of surfaces")
        for surface, places in surfaces.items():
            for place in places if isinstance(places, list) and places else [places]:
                yield [*(place if isinstance(place, list) else [place]), label], surface


def _add(value: Any, surface: str | None, found: Spans, name_of: Callable[[int], str]) -> None:
    if isinstance(value, dict):
        start, end, labels = (next((value[key] for key in keys if key in value), None) for keys in (START, END, LABEL))
        surface = next((value[key] for key in SURFACE if isinstance(value.get(key), str)), None)
    elif isinstance(value, list) and len(value) == 3:
        start, end, labels = value
    else:
        found.rejects.append(Reject(Entity(0, 0, ""), f"{kind_of(value)} is not a span: {str(value)[:60]}"))
        return
    for label in labels if isinstance(labels, list) and labels else [labels]:
        add_span(start, end, name_of(label) if type(label) is int else label, surface, found.usable, found.rejects)


def add_span(
    start: object, end: object, label: object, surface: str | None, usable: list[RawSpan], rejects: list[Reject]
) -> None:
    """Check the types of a span, and append it to the usable spans or, with the reason, to the rejects.

    If the label or an offset is missing, a `NoAnnotation` is appended to `rejects`. It is listed, but does not count
    towards the limit `--max-rejects`. If one has the wrong type, a `Reject` is appended, which counts.

    start, end (object): Offsets: whole numbers, which may be written as 3.0 or "3".
    label (object): Label, a string.
    surface (Optional[str]): The annotated text, if the file repeats it.
    usable (list[RawSpan]): Receives the span if it is valid.
    rejects (list[Reject]): Receives the span if it is not valid.
    """
    first, last = _whole_number(start), _whole_number(end)
    place = Entity(first or 0, last or 0, str(label or "")[:60])
    if label is None or label in ("", []):
        rejects.append(NoAnnotation(place, NO_LABEL))
    elif start is None or end is None:
        rejects.append(NoAnnotation(place, "a region without offsets"))
    elif first is None or last is None:
        rejects.append(Reject(place, f"offsets {start!r} and {end!r} are not whole numbers"))
    elif not isinstance(label, str):
        rejects.append(Reject(place, f"label {label!r} is not a string"))
    else:
        usable.append(RawSpan(first, last, label, surface))


def _whole_number(value: object) -> int | None:
    if isinstance(value, str) and WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST:
        return int(value)
    return value if type(value) is int else None
