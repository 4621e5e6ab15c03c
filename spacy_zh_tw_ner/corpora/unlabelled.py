"""Recognize files of texts without any annotation, as published test splits sometimes are."""

from pathlib import Path

from ..errors import CorpusError
from .columns import is_comment, split_row
from .formats import has_entities
from .records import FieldNames
from .rows import is_parquet, open_rows
from .tags import TAG
from .text_files import is_json_array, numbered_lines


def is_unlabelled_file(path: Path, fields: FieldNames) -> bool:
    """Return whether a file holds objects of which none has an annotation, or tokens without tags.

    path (Path): The file. Markup and columns with tags are never unlabelled: there the absence of entities is an error.
    fields (FieldNames): Names of fields, where they are not the usual ones.
    RETURNS (bool): False for an empty or broken file, for its reader to complain about.
    """
    try:
        if is_parquet(path) or is_json_array(path) or _first_line(path).startswith("{"):
            n = 0
            for _, data in open_rows(path).objects:
                n += 1
                if has_entities(data, fields):
                    return False
            return n > 0
        return _are_tokens_alone(path)
    except (CorpusError, OSError):
        return False


def _first_line(path: Path) -> str:
    return next((line.strip() for _, line in numbered_lines(path) if line.strip()), "")


def _are_tokens_alone(path: Path) -> bool:
    """Return whether a file has one token per line and blank lines between sentences: columns without tags."""
    n_tokens = n_short = n_blank = 0
    for _, line in numbered_lines(path):
        if not line.strip():
            n_blank += 1
        elif not is_comment(line):
            row = split_row(line)
            if len(row) != 1 or TAG.fullmatch(row[0]):
                return False
            n_tokens += 1
            n_short += len(row[0]) <= 2
    return n_tokens > 1 and n_blank > 0 and n_short > n_tokens / 2
