"""Read and write column formats (CoNLL): one token and its tag per line, in IOB1, IOB2, BIOES, BMES or BILOU."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from ..records import SILENT, Reading, Record, broken
from ..tags import TAG, decode_tags, encode_tags, find_tokens, is_iob1, join_tokens
from ..text_files import numbered_lines
from ..tokenizer_markers import (
    WORDPIECE_TAG,
    LostText,
    MarkerRemover,
    have_positions,
    is_special,
    is_wordpiece,
    valid_tag,
)

KEY_COMMENT = re.compile(r"# *[\w ]+ =")  # such as "# text ="
TEXT_COMMENT = re.compile(r"#\s*text\s*=\s?(.*)", re.DOTALL)
DOC_COMMENT = re.compile(r"#\s*newdoc(?:\s+id\s*=\s*(.*?))?\s*", re.DOTALL)
N_SURVEYED = 5_000  # lines from which the column of tags and the scheme are detected
ASCII_WHITE = " \t\r"
BLANKS = re.compile(" +")
DOCSTART = "-DOCSTART-"
N_CACHED = 200_000  # distinct lines; most corpora have only a few thousand


def split_row(line: str) -> list[str]:
    """Split a line into columns at tabs or, if there are none, at spaces.

    Only ASCII spaces and tabs are separators: U+3000 and U+00A0 are text. Spaces at the ends of a cell are removed. A
    cell that has only spaces becomes one space, which is a token.

    line (str): The line, without its line end.
    RETURNS (list[str]): The cells.
    """
    line = line.rstrip(ASCII_WHITE)
    if "\t" in line:
        return [cell.strip(ASCII_WHITE) or cell[:1] for cell in line.split("\t")]
    row = BLANKS.split(line.strip(" "))
    # The token is a space, so after stripping only the tag remains.
    return [" ", *row] if line.startswith(" ") and len(row) == 1 and TAG.fullmatch(row[0]) else row


def tag_column(rows: Sequence[Sequence[str]]) -> int | None:
    """Find the column that holds the entity tags.

    rows (Sequence[Sequence[str]]): Cells of the first lines of a file.
    RETURNS (Optional[int]): Index of the column with the most tags. If several have equally many, the last of them,
        because part-of-speech and chunk tags precede the entity tags. None if no column has tags in more than half of
        the rows.
    """
    rows = [row for row in rows if not (is_special(row[0]) or (is_wordpiece(row[0]) and WORDPIECE_TAG in row[1:]))]
    width = max(map(len, rows), default=0)
    counts = [sum(TAG.fullmatch(row[i]) is not None for row in rows if i < len(row)) for i in range(width)]
    best = max(counts[1:], default=0)
    return max(i for i in range(1, width) if counts[i] == best) if best * 2 > len(rows) else None


def is_comment(line: str, column: int | None = None) -> bool:
    """Return whether a line is a comment.

    A line that begins with # is a comment, except in two cases. In the first case, it has only two cells: a token that
    begins with #, such as #台灣, and a tag. In the second case, the line has a tag, and one of its first two cells is
    the token "#". Neither applies to a comment like `# text = …`, whose value may have tabs and end like a tag.

    line (str): The line.
    column (Optional[int]): Index of the column of the tags. None if it is unknown; then the last column is used.
    """
    if not line.startswith("#"):
        return False
    row = split_row(line)
    cells = row[1:][-1:] if column is None else row[column : column + 1]
    if not any(map(TAG.fullmatch, cells)):
        return True
    if "=" in row or KEY_COMMENT.match(line):
        return True
    is_hashtag = len(row) == 2 and len(row[0]) > 1  # such as #台灣, or the wordpiece ##ing
    return not is_hashtag and "#" not in row[:2]


@dataclass(frozen=True)
class _Layout:
    """Columns and peculiarities of a file in a column format.

    tag: Index of the column of the tags; None if no column has tags.
    token: Index of the column of the tokens.
    iob1: True if the tags are IOB1, in which an entity begins with B- only directly after one of the same label.
    positions: True if each token ends with the position of the character in its word, as in Weibo NER (科0 技1).
    documents: True if -DOCSTART- lines separate documents.
    """

    tag: int | None
    token: int
    iob1: bool
    positions: bool = False
    documents: bool = False


def read_columns(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Yield the sentences of a file that has one token and its tag per line, and blank lines between sentences.

    A comment `# text = …` gives the original text of the next sentence. Without this comment, the tokens are joined to
    a text, with spaces only between words of Latin and similar scripts.

    path (Path): The file.
    reading (Reading): Callbacks for progress, messages and rejected sentences. A sentence is rejected if part of its
        text is lost, for example by [UNK].
    YIELDS (Record): The text of a sentence, and its entities with character offsets.
    RAISES (CorpusError): If a line has no tag, or the tokens do not match their `# text =`.
    """
    layout = _survey(path)
    if layout.iob1:
        reading.notify(f"{path}: the tags are read as IOB1, where entities begin with I-.")
    cache, remove_markers = _RowCache(layout), MarkerRemover(layout.positions)
    rows: list[tuple[str, str]] = []
    text: str | None = None
    doc_id, first, n_documents = "", 0, 0
    # The added blank line ends the last sentence.
    for number, line in chain(numbered_lines(path, reading.advance), [(0, "")]):
        if not rows and is_comment(line, layout.tag):
            comment, header = TEXT_COMMENT.fullmatch(line), DOC_COMMENT.fullmatch(line)
            text, doc_id = (comment[1] if comment else text), ((header[1] or "") if header else doc_id)
            continue
        try:
            row = cache[line]
        except ValueError as error:
            remedy = "Write a token and its tag on each line."
            raise broken(f"{path}:{number}", "this line has no tag such as O or B-PER", str(error), remedy) from None
        if row is not None:
            first = first if rows else number
            rows.append(row)
        elif rows:
            try:
                record = _sentence(path, first, rows, text, remove_markers)
            except LostText as error:
                remedy = "Use the original text, from before it was split into wordpieces."
                reading.reject(f"{path}:{first}", str(error), "".join(token for token, _ in rows)[:60], remedy)
            else:
                record.doc_id = doc_id
                if layout.iob1:
                    record.repairs.clear()
                if record.text:
                    yield record
            rows, text = [], None
        if layout.documents and line.startswith(DOCSTART):
            n_documents += 1
            doc_id = f"{path.stem}-{n_documents}"
    remove_markers.report(path, reading.notify)


def _survey(path: Path) -> _Layout:
    sentences: list[list[list[str]]] = [[]]
    n_documents = 0
    for _, line in islice(numbered_lines(path), N_SURVEYED):
        n_documents += line.startswith(DOCSTART)
        if not line.strip() or line.startswith(DOCSTART):
            sentences.append([])
        elif sentences[-1] or not is_comment(line):
            sentences[-1].append(split_row(line))
    sentences = [rows for rows in sentences if rows]
    # If most lines have no tags, the column is that of the first sentence.
    column = tag_column([row for rows in sentences for row in rows]) or tag_column(next(iter(sentences), []))
    if column is None:
        return _Layout(None, 0, iob1=False)
    # The tokens are in the first column, or in the second one after a counter, as in CoNLL-U.
    counted = column > 1 and all(row[0] == str(i) for rows in sentences for i, row in enumerate(rows, start=1))
    tags = [[row[column] for row in rows if column < len(row)] for rows in sentences]
    positions = have_positions([row[int(counted)] for row in rows] for rows in sentences)
    # A single -DOCSTART- is only the header that some tools write.
    return _Layout(column, int(counted), is_iob1(tags), positions, documents=n_documents > 1)


class _RowCache(dict[str, tuple[str, str] | None]):
    """Dictionary of line → (token, tag), which parses a line when it is looked up and not yet a key.

    It saves time, because most lines occur many times in a corpus. The value is None for a line that ends a sentence.
    The lookup of a line without a tag raises a ValueError; its message is the cells of the line.
    """

    def __init__(self, layout: _Layout) -> None:
        super().__init__()
        self.layout = layout

    def __missing__(self, line: str) -> tuple[str, str] | None:
        if not line.strip() or line.startswith(DOCSTART):
            return None
        row, column = split_row(line), self.layout.tag
        if column is None or column >= len(row):
            raise ValueError(" ".join(row))
        token = row[self.layout.token]
        tag = valid_tag(token, row[column])
        if tag is None:
            raise ValueError(" ".join(row))
        if len(self) >= N_CACHED:
            self.clear()
        self[line] = found = (token, tag)
        return found


def _sentence(
    path: Path, first: int, rows: list[tuple[str, str]], text: str | None, remove_markers: MarkerRemover
) -> Record:
    tokens, tags, blanks = remove_markers([token for token, _ in rows], [tag for _, tag in rows], text)
    if text is None:
        text, spans = join_tokens(tokens, blanks)
    else:
        spans = find_tokens(tokens, text)
        remedy = "Correct the comment, or remove it."
        if len(spans) < len(tokens):
            origin, token = f"{path}:{first + len(spans)}", tokens[len(spans)]
            raise broken(origin, "the token is not next in `# text`", token, remedy)
        rest = text[spans[-1][1] if spans else 0 :]
        if rest.strip():
            raise broken(f"{path}:{first}", "`# text` continues after the last token", rest, remedy)
    entities, n_repaired = decode_tags(tags, spans)
    repairs = [f"{n_repaired} inside tags without a beginning"] if n_repaired else []
    return Record(text, entities, f"{path}:{first}", repairs=repairs)


def write_columns(record: Record, scheme: str, comments: Sequence[str] = ()) -> str:
    """Convert a record to lines that each have a token and its tag. Every character except white space is a token.

    record (Record): A record whose text has no line feed, and is not only white space.
    scheme (str): "bio" or "bioes".
    comments (Sequence[str]): Comments to write before the sentence, without "# ".
    RETURNS (str): The lines, ending with a blank line.
    """
    spans = [(i, i + 1) for i, char in enumerate(record.text) if not char.isspace()]
    tags = encode_tags(record.entities, spans, scheme)
    header = "".join(f"# {comment}\n" for comment in [*comments, f"text = {record.text}"])
    rows = "".join(f"{record.text[start]}\t{tag}\n" for (start, _), tag in zip(spans, tags, strict=True))
    return f"{header}{rows}\n"
