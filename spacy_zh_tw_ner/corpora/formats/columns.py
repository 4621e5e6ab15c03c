"""Read and write columns, one token and its tag per line: IOB1, IOB2, BIOES, BMES, BILOU, on characters or words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..records import SILENT, Reading, Record, broken
from ..tags import TAG, decode_tags, encode_tags, find_tokens, is_iob1, join_tokens
from ..text_files import numbered_lines
from ..tokenizer_markers import PIECE_TAG, LostText, SignRemover, have_positions, is_piece, is_special

TEXT_COMMENT = re.compile(r"#\s*text\s*=\s?(.*)", re.DOTALL)
DOC_COMMENT = re.compile(r"#\s*newdoc(?:\s+id\s*=\s*(.*?))?\s*", re.DOTALL)
SURVEYED = 5_000  # lines that tell which column holds the tags, and their scheme
ASCII_WHITE = " \t\r"
BLANKS = re.compile(" +")
DOCSTART = "-DOCSTART-"
REMEMBERED = 200_000  # different lines; most lines of a corpus are one of a few thousand


def split_row(line: str) -> list[str]:
    """Split a line into columns at tabs or, if there are none, at spaces.

    Only ASCII blanks and tabs separate: U+3000 and U+00A0 are text. Cells are trimmed, and a cell of blanks alone is
    one blank, which is a token like any other.
    """
    line = line.rstrip(ASCII_WHITE)
    if "\t" in line:
        return [cell.strip(ASCII_WHITE) or cell[:1] for cell in line.split("\t")]
    row = BLANKS.split(line.strip(" "))
    # If the token is a space, only the separator and the tag are left.
    return [" ", *row] if line.startswith(" ") and len(row) == 1 and TAG.fullmatch(row[0]) else row


def tag_column(rows: Sequence[Sequence[str]]) -> int | None:
    """Find the column that holds tags in more than half of the rows; the last one, behind POS tags and chunks."""
    rows = [row for row in rows if not (is_special(row[0]) or (is_piece(row[0]) and PIECE_TAG in row[1:]))]
    width = max(map(len, rows), default=0)
    counts = [sum(TAG.fullmatch(row[i]) is not None for row in rows if i < len(row)) for i in range(width)]
    best = max(counts[1:], default=0)
    return max(i for i in range(1, width) if counts[i] == best) if best * 2 > len(rows) else None


def is_comment(line: str, column: int | None = None) -> bool:
    """Tell a comment from a hash that is the first token of its sentence.

    line (str): The line.
    column (Optional[int]): The column that holds tags, where it is known.
    RETURNS (bool): Whether it is a comment.
    """
    if not line.startswith("#"):
        return False
    row = split_row(line)
    cells = row[1:][-1:] if column is None else row[column : column + 1]
    if not any(map(TAG.fullmatch, cells)):
        return True
    is_hashtag = len(row) == 2 and len(row[0]) > 1  # such as #台灣, or the wordpiece ##ing
    return not is_hashtag and ("#" not in row[:2] or "=" in row)


@dataclass(frozen=True)
class _Layout:
    """What holds for a whole file."""

    tag: int | None
    token: int
    iob1: bool
    positions: bool = False
    documents: bool = False  # separated by -DOCSTART-


class _Rows(dict[str, tuple[str, str] | None]):
    """Line → token and tag; None for what parts sentences. Lines repeat, so most are looked up and not cut again."""

    def __init__(self, layout: _Layout) -> None:
        super().__init__()
        self.layout = layout

    def __missing__(self, line: str) -> tuple[str, str] | None:
        if not line.strip() or line.startswith(DOCSTART):
            return None
        row, column = split_row(line), self.layout.tag
        if column is None or len(row) <= column:
            raise ValueError(" ".join(row))
        token, tag = row[self.layout.token], row[column]
        if not TAG.fullmatch(tag):
            if is_special(token):
                tag = "O"  # some tools give [CLS] a tag of its own
            elif tag != PIECE_TAG or not is_piece(token):
                raise ValueError(" ".join(row))
        if len(self) >= REMEMBERED:
            self.clear()
        self[line] = found = (token, tag)
        return found


def read_columns(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read a file of one token and tag a line, with blank lines between sentences.

    A `# text =` comment gives the sentence's own spacing; without one the tokens are joined as Chinese is written.

    path (Path): The file.
    reading (Reading): Who is told.
    YIELDS (Record): One a sentence.
    RAISES (CorpusError): For a line without a tag, or tokens that are not those of their text.
    """
    layout = _survey(path)
    if layout.iob1:
        reading.notify(f"{path}: the tags are read as IOB1, in which entities begin with I-.")
    parse, remove_signs = _Rows(layout), SignRemover(layout.positions)
    rows: list[tuple[str, str]] = []
    text: str | None = None
    doc_id, first, n_documents = "", 0, 0
    for number, line in _ended(path, reading):
        if not rows and is_comment(line, layout.tag):
            comment, header = TEXT_COMMENT.fullmatch(line), DOC_COMMENT.fullmatch(line)
            text, doc_id = (comment[1] if comment else text), ((header[1] or "") if header else doc_id)
            continue
        try:
            row = parse[line]
        except ValueError as error:
            remedy = "Write a token and its tag."
            raise broken(f"{path}:{number}", "no tag such as O or B-PER in this line", str(error), remedy) from None
        if row is not None:
            first = first if rows else number
            rows.append(row)
        elif rows:
            try:
                record = _sentence(path, first, rows, text, remove_signs)
            except LostText as error:
                remedy = "Take the text from before it was cut into wordpieces."
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
    remove_signs.report(path, reading.notify)


def _ended(path: Path, reading: Reading) -> Iterator[tuple[int, str]]:
    """The lines, and a blank one that ends the last sentence."""
    yield from numbered_lines(path, reading.advance)
    yield 0, ""


def _survey(path: Path) -> _Layout:
    sentences: list[list[list[str]]] = [[]]
    n_documents = 0
    for _, line in islice(numbered_lines(path), SURVEYED):
        n_documents += line.startswith(DOCSTART)
        if not line.strip() or line.startswith(DOCSTART):
            sentences.append([])
        elif sentences[-1] or not is_comment(line):
            sentences[-1].append(split_row(line))
    sentences = [rows for rows in sentences if rows]
    # Where most of a file is wrong, its first sentence says what was meant.
    column = tag_column([row for rows in sentences for row in rows]) or tag_column(next(iter(sentences), []))
    if column is None:
        return _Layout(None, 0, iob1=False)
    # Words stand in the first column, or behind a counter, as in CoNLL-U.
    counted = column > 1 and all(row[0] == str(i) for rows in sentences for i, row in enumerate(rows, start=1))
    tags = [[row[column] for row in rows if column < len(row)] for rows in sentences]
    positions = have_positions([row[int(counted)] for row in rows] for rows in sentences)
    # Some tools begin every file with a single -DOCSTART-.
    return _Layout(column, int(counted), is_iob1(tags), positions, documents=n_documents > 1)


def _sentence(
    path: Path, first: int, rows: list[tuple[str, str]], text: str | None, remove_signs: SignRemover
) -> Record:
    tokens, tags, blanks = remove_signs(*_unzipped(rows), text)
    if text is None:
        text, spans = join_tokens(tokens, blanks)
    else:
        spans = find_tokens(tokens, text)
        remedy = "Correct the comment, or remove it."
        if len(spans) < len(tokens):
            origin, token = f"{path}:{first + len(spans)}", tokens[len(spans)]
            raise broken(origin, "the token is not next in `# text`", token, remedy)
        if text[spans[-1][1] if spans else 0 :].strip():
            problem = "`# text` goes on behind the last token"
            raise broken(f"{path}:{first}", problem, text[spans[-1][1] :], remedy)
    entities, n_repaired = decode_tags(tags, spans)
    repairs = [f"{n_repaired} tags without a beginning"] if n_repaired else []
    return Record(text, entities, f"{path}:{first}", repairs=repairs)


def _unzipped(rows: list[tuple[str, str]]) -> tuple[Sequence[str], Sequence[str]]:
    tokens, tags = zip(*rows, strict=True)
    return tokens, tags


def write_columns(record: Record, scheme: str, comments: Sequence[str] = ()) -> str:
    """Write one record as a token and its tag a line: every character that is not white space is a token.

    record (Record): Its text holds no line feed, and something else than white space.
    scheme (str): "bio" or "bioes".
    comments (Sequence[str]): Lines to go before it, without their signs.
    RETURNS (str): Lines, a blank one last.
    """
    spans = [(i, i + 1) for i, char in enumerate(record.text) if not char.isspace()]
    tags = encode_tags(record.entities, spans, scheme)
    header = "".join(f"# {comment}\n" for comment in [*comments, f"text = {record.text}"])
    rows = "".join(f"{record.text[start]}\t{tag}\n" for (start, _), tag in zip(spans, tags, strict=True))
    return f"{header}{rows}\n"
