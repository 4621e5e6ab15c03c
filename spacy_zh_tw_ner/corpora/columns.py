"""A token and its tag a line, as CoNLL and UNER write: IOB1, IOB2, BIOES, BMES, BILOU, on characters or words."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import CorpusError, Errors
from ..types import Entity
from .records import Record, numbered_lines

TAG = re.compile(r"O|[BIESMLU]-\S+")
TEXT_COMMENT = re.compile(r"#\s*text\s*=\s?(.*)", re.DOTALL)
DOC_COMMENT = re.compile(r"#\s*newdoc id\s*=\s*(\S+)")
GOES_ON, CLOSES = frozenset("IMEL"), frozenset("ESLU")


def split_row(line: str) -> list[str]:
    """Cut a line into columns, at tabs where there is any, else at spaces."""
    return line.rstrip().split("\t") if "\t" in line else line.split()


def tag_column(rows: Sequence[Sequence[str]]) -> int | None:
    """Find the column that holds nothing but tags, or say that there is none."""
    width = min(map(len, rows), default=0)
    return next((i for i in range(1, width) if all(TAG.fullmatch(row[i]) for row in rows)), None)


def read_columns(path: Path) -> Iterator[Record]:
    """Read a file of one token and tag a line, with blank lines between sentences.

    A `# text =` comment gives the sentence's own spacing; without one the tokens are joined as Chinese is written.

    path (Path): The file.
    YIELDS (Record): One a sentence.
    RAISES (CorpusError): For a line without a tag, or tokens that are not those of their text.
    """
    rows: list[tuple[int, list[str]]] = []
    text: str | None = None
    doc_id, column = "", None
    for number, line in _ended(path):
        if line.startswith("#") and not rows:
            comment, header = TEXT_COMMENT.fullmatch(line), DOC_COMMENT.match(line)
            text, doc_id = (comment[1] if comment else text), (header[1] if header else doc_id)
        elif line.strip() and not line.startswith("-DOCSTART-"):
            rows.append((number, split_row(line)))
        elif rows:
            column = tag_column([row for _, row in rows]) if column is None else column
            yield _sentence(path, rows, text, column, doc_id)
            rows, text = [], None


def _ended(path: Path) -> Iterator[tuple[int, str]]:
    """The lines, and a blank one that ends the last sentence."""
    yield from numbered_lines(path)
    yield 0, ""


def _sentence(
    path: Path, rows: list[tuple[int, list[str]]], text: str | None, column: int | None, doc_id: str
) -> Record:
    origin = f"{path}:{rows[0][0]}"
    for number, row in rows:
        if column is None or len(row) <= column or not TAG.fullmatch(row[column]):
            raise CorpusError(
                Errors.ZT201.format(
                    origin=f"{path}:{number}",
                    problem="no tag such as O or B-PER in this line",
                    seen=" ".join(row),
                    remedy="Write a token and its tag.",
                )
            )
    assert column is not None
    # Words stand in the first column, or behind a counter, as in CoNLL-U.
    counted = column > 1 and all(row[0].isdigit() for _, row in rows)
    tokens, tags = [row[int(counted)] for _, row in rows], [row[column] for _, row in rows]
    text = "".join(tokens) if text is None else text
    spans, position = [], 0
    for (number, _), token in zip(rows, tokens, strict=True):
        start = text.find(token, position)
        if start < 0 or text[position:start].strip():
            remedy = "Correct the comment, or remove it."
            raise CorpusError(
                Errors.ZT201.format(
                    origin=f"{path}:{number}", problem="the token is not next in `# text`", seen=token, remedy=remedy
                )
            )
        position = start + len(token)
        spans.append((start, position))
    if text[position:].strip():
        problem, remedy = "`# text` goes on behind the last token", "Correct the comment, or remove it."
        raise CorpusError(Errors.ZT201.format(origin=origin, problem=problem, seen=text[position:], remedy=remedy))
    entities, n_repaired = decode_tags(tags, spans)
    return Record(text, entities, origin, doc_id, [f"{n_repaired} tags without a beginning"] if n_repaired else [])


def decode_tags(tags: Sequence[str], spans: Sequence[tuple[int, int]]) -> tuple[list[Entity], int]:
    """Read entities from tags of any of the schemes.

    An inside tag that continues nothing begins an entity, as in IOB1; that is a repair unless the file is IOB1.

    tags (Sequence[str]): One tag a token.
    spans (Sequence[tuple[int, int]]): First character of each token, and the one after its last.
    RETURNS (tuple[list[Entity], int]): Entities by character, and how many began with an inside tag.
    """
    entities: list[Entity] = []
    n_repaired, open_label = 0, None
    for tag, (start, end) in zip(tags, spans, strict=True):
        kind, _, label = tag.partition("-")
        if kind in GOES_ON and label == open_label:
            entities[-1] = entities[-1]._replace(end=end)
        elif kind != "O":
            n_repaired += kind in GOES_ON
            entities.append(Entity(start, end, label))
        open_label = None if kind == "O" or kind in CLOSES else label
    return entities, n_repaired
