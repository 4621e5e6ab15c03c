"""The names of tags that a data set of Hugging Face writes as numbers."""

from pathlib import Path
from typing import Any

from ..errors import CorpusError, Errors
from ..untrusted import parse_json
from .tags import TAG

TAGS = "ner_tags"
BESIDE = ("dataset_info.json", "dataset_infos.json", "features.json", "labels.json", "label_names.json", "config.json")


def names_beside(path: Path, origin: str) -> list[str]:
    """Find the names in one of the files in which data sets keep them.

    path (Path): The file of data.
    origin (str): Where the first number stands, for the message.
    RETURNS (list[str]): Tags by number.
    RAISES (CorpusError): Where there is no such file, or a broken one.
    """
    for name in BESIDE:
        beside = path.parent / name
        if beside.is_file():
            try:
                names = find_names(parse_json(beside.read_bytes()))
            except ValueError as error:
                raise CorpusError(Errors.ZT222.format(path=beside, reason=error)) from None
            if names is not None:
                return names
    raise CorpusError(Errors.ZT223.format(origin=origin, tried=", ".join(BESIDE)))


def find_names(value: Any) -> list[str] | None:
    """Find the names of a `ClassLabel` in a description of features.

    value (Any): A list of names; {name: number} or {number: name}; or an object that holds one of these, at any depth,
        under `names`, `label_names`, `id2label` or `ner_tags`.
    RETURNS (Optional[list[str]]): The names by number.
    """
    if isinstance(value, list):
        return value if value and all(isinstance(name, str) and TAG.fullmatch(name) for name in value) else None
    if not isinstance(value, dict):
        return None
    pairs = [(k, v) if isinstance(k, str) and isinstance(v, int) else (v, k) for k, v in value.items()]
    if pairs and all(isinstance(name, str) and TAG.fullmatch(name) and str(i).isdigit() for name, i in pairs):
        by_number = {int(i): name for name, i in pairs}
        return [by_number[i] for i in range(len(by_number))] if set(by_number) == set(range(len(by_number))) else None
    first = [value[key] for key in (TAGS, "names", "label_names", "id2label") if key in value]
    found = (find_names(inner) for inner in [*first, *value.values()])
    return next((names for names in found if names is not None), None)
