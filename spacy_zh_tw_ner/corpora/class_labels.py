"""Find the names of tags and labels that a data set stores as numbers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import CorpusError, Errors
from ..untrusted import parse_json
from .tags import TAG

TAGS = "ner_tags"
DESCRIPTIONS = (
    "dataset_info.json",
    "dataset_infos.json",
    "features.json",
    "labels.json",
    "label_names.json",
    "label_config.json",
    "config.json",
)
CARD = "README.md"
NAMES = ("names", "label_names", "id2label")
MAX_DEPTH = 20  # levels of nested objects; descriptions of features have about six
MAX_SIZE = 1 << 22  # bytes; larger files are not searched for names
ALIAS = re.compile(r"[:\-]\s+[&*]\w")  # YAML anchors and aliases, with which a small file can describe a huge object


class LabelNames:
    """Looks up the names of the numeric tags and labels in one data file.

    The names are read from the data file itself or from files next to it, when a name is requested for the first time.

    path (Path): The data file.
    features (Any): The description of features (Hugging Face `Features` as JSON) in the file itself, or None.
    """

    def __init__(self, path: Path, features: Any = None) -> None:
        self.path, self.features = path, features
        self._tags: dict[str, list[str]] = {}
        self._labels: dict[int, str] | None = None

    def tags(self, field: str, origin: str) -> list[str]:
        """Return the names of the numeric tags that a field holds.

        field (str): The field that holds the numbers.
        origin (str): File and line of the first number, for the error message.
        RETURNS (list[str]): List of names, whose index is the number, such as ["O", "B-PER", "I-PER"].
        RAISES (CorpusError): If no description names the tags, or a file of names is not valid JSON.
        """
        if field not in self._tags:
            found = (find_names(described, field) for described in self._descriptions())
            names = next((names for names in found if names is not None), None)
            if names is None:
                raise CorpusError(Errors.ZT223.format(origin=origin, field=field, tried=_tried()))
            self._tags[field] = names
        return self._tags[field]

    def label(self, number: int, origin: str) -> str:
        """Return the name of the span label that a number stands for.

        number (int): The number in the data file.
        origin (str): File and line of the number, for the error message.
        RETURNS (str): The name, such as "PER".
        RAISES (CorpusError): If no description names the label, or a file of names is not valid JSON.
        """
        if self._labels is None:
            found = (find_label_names(described) for described in self._descriptions())
            self._labels = next((names for names in found if names), {})
        if number not in self._labels:
            raise CorpusError(Errors.ZT243.format(origin=origin, number=number, tried=_tried()))
        return self._labels[number]

    def _descriptions(self) -> Iterator[Any]:
        """Yield all descriptions in which the names may be, as parsed JSON or YAML.

        A description may be in the data file itself, or in files such as `dataset_info.json` in its folder or in the
        two folders above.
        """
        if self.features is not None:
            yield self.features
        for folder in (self.path.parent, *list(self.path.absolute().parent.parents)[:2]):
            for name in DESCRIPTIONS if folder == self.path.parent else DESCRIPTIONS[:2]:
                if (folder / name).is_file():
                    yield _read_json(folder / name)
            card = _read_card(folder / CARD)
            if card is not None:
                yield card


def _tried() -> str:
    return ", ".join([*DESCRIPTIONS, CARD])


def _read_json(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_SIZE:
            raise ValueError(f"larger than {MAX_SIZE} bytes")
        return parse_json(path.read_bytes())
    except ValueError as error:
        raise CorpusError(Errors.ZT222.format(path=path, reason=error)) from None


def _read_card(path: Path) -> Any:
    """Read the key `dataset_info` in the YAML header of a Hugging Face data set card.

    path (Path): The card, a README.md.
    RETURNS (Any): The parsed value. None if the file is missing, has no valid header, or the header lacks the key.
    """
    from srsly import yaml_loads

    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(MAX_SIZE).decode("utf-8-sig", "replace").replace("\r\n", "\n")
    if not head.startswith("---\n") or "\n---" not in head[4:] or ALIAS.search(head):
        return None
    try:
        card = yaml_loads(head[4:].partition("\n---")[0])
    except (ValueError, RecursionError):  # srsly raises a ValueError for invalid YAML
        return None  # a README that is not a data set card
    return card.get("dataset_info") if isinstance(card, dict) else None


def find_names(value: Any, field: str = TAGS, depth: int = MAX_DEPTH) -> list[str] | None:
    """Find the names of numeric tags in a description of features.

    value (Any): The description: parsed JSON or YAML. The names may be a list, {name: number} or {number: name}, and
        may be nested in other objects and lists. In an object, the values of the keys `field`, `names`, `label_names`
        and `id2label` are searched first; in a list, the objects whose `name` is `field`.
    field (str): Name of the field that holds the numbers.
    depth (int): Largest number of levels of nested objects and lists to search.
    RETURNS (Optional[list[str]]): List of names, whose index is the number; None if the description has no names.
    """
    if depth == 0 or not isinstance(value, list | dict):
        return None
    if isinstance(value, list):
        if value and all(isinstance(name, str) and TAG.fullmatch(name) for name in value):
            return value
        inner = sorted((v for v in value if isinstance(v, dict)), key=lambda v: v.get("name") != field)
    else:
        by_number = _by_number(value)
        if by_number and all(map(TAG.fullmatch, by_number.values())):
            return [by_number[i] for i in sorted(by_number)] if set(by_number) == set(range(len(by_number))) else None
        first = (field, *NAMES)
        inner = [*(value[key] for key in first if key in value), *(v for k, v in value.items() if k not in first)]
    found = (find_names(described, field, depth - 1) for described in inner)
    return next((names for names in found if names is not None), None)


def find_label_names(value: Any, depth: int = MAX_DEPTH) -> dict[int, str]:
    """Find the names of numeric span labels in a description of features.

    value (Any): The description: parsed JSON or YAML. The names may be a list, {name: number}, {number: name}, or a
        list of objects with `id` and `text` or `name`, as doccano exports them. They may be nested in other objects.
    depth (int): Largest number of levels of nested objects and lists to search.
    RETURNS (dict[int, str]): Number → name; empty if the description has no names.
    """
    if depth == 0 or not isinstance(value, list | dict):
        return {}
    if isinstance(value, list):
        if value and all(isinstance(name, str) for name in value):
            return dict(enumerate(value))
        ids = {v.get("id"): v.get("text") or v.get("name") for v in value if isinstance(v, dict)}
        named = {number: name for number, name in ids.items() if type(number) is int and isinstance(name, str)}
        if len(named) == len(value):
            return named
        inner = value
    else:
        by_number = _by_number(value)
        if by_number and sorted(by_number) in (list(range(len(value))), list(range(1, len(value) + 1))):
            return by_number
        # A list of strings under another key is not a list of label names.
        others = [v for k, v in value.items() if k not in NAMES and (isinstance(v, dict) or _is_list_of_objects(v))]
        inner = [*(value[key] for key in NAMES if key in value), *others]
    return next((names for described in inner if (names := find_label_names(described, depth - 1))), {})


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(inner, dict) for inner in value)


def _by_number(value: dict[Any, Any]) -> dict[int, str]:
    """Return {number: name} for an object {number: name} or {name: number}; an empty dict for any other object."""
    pairs = [(k, v) if isinstance(k, str) and type(v) is int else (v, k) for k, v in value.items()]
    if pairs and all(isinstance(name, str) and str(number).isdecimal() for name, number in pairs):
        return {int(number): name for name, number in pairs}
    return {}
