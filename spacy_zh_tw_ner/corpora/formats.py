"""Which formats can be read, and which one a file is in."""

from itertools import islice
from pathlib import Path

from ..errors import CorpusError, Errors
from .cluener import read_cluener
from .columns import TEXT_COMMENT, read_columns, split_row, tag_column
from .markup import HEADER, read_markup
from .records import ReaderT, numbered_lines

FORMATS: dict[str, ReaderT] = {"markup": read_markup, "columns": read_columns, "cluener": read_cluener}


def guess_format(path: Path) -> str:
    """Tell the format from the first lines of a file.

    path (Path): The file.
    RETURNS (str): A key of FORMATS.
    RAISES (CorpusError): Where nothing fits, with what was tried.
    """
    lines = [line for _, line in islice(numbered_lines(path), 200)]
    content = [line for line in lines if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    if not content:
        raise CorpusError(Errors.ZT203.format(path=path))
    if all(line.startswith("{") and '"text"' in line for line in content):
        return "cluener"
    if (
        any(TEXT_COMMENT.match(line) for line in lines)
        or tag_column([split_row(line) for line in content[:50]]) is not None
    ):
        return "columns"
    if any("](" in line for line in content) or any(HEADER.fullmatch(line) for line in lines):
        return "markup"
    tried = "cluener (lines are no JSON objects), columns (no column of tags), markup (no [text](LABEL))"
    raise CorpusError(Errors.ZT205.format(path=path, tried=tried))
