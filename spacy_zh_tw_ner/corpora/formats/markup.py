r"""Read inline markup, the format of this project for manual annotation: `[臺北市](GPE)的夏天`.

Each line is a sentence, `# doc = name` begins a document, and blank lines are ignored. A backslash escapes `[`, `]`,
`\` and, at the beginning of a line, `#`. `\n` is a line break inside a sentence.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ...entities import Entity
from ..records import SILENT, Reading, Record, broken
from ..text_files import numbered_lines

HEADER = re.compile(r"#\s*doc\s*=\s*(\S+)\s*")
# Groups: escaped sign or line break, opening bracket, label, plain text, anything else.
PART = re.compile(r"\\([\[\]\\#n])|(\[)|\]\(([^()\s]+)\)|([^\\\[\]]+)|(.)", re.DOTALL)


def read_markup(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Yield one record for each sentence of a file in the inline markup.

    path (Path): The file.
    reading (Reading): Only its callback `advance` is used. It receives the number of bytes read since its last call.
    YIELDS (Record): Text and entities of the sentence, its file and line, and the name of its document.
    RAISES (CorpusError): If the markup of a line is not valid.
    """
    doc_id = ""
    for number, line in numbered_lines(path, reading.advance):
        origin = f"{path}:{number}"
        if line.startswith("#"):
            header = HEADER.fullmatch(line)
            if header is None:
                problem = "this line begins with # but is not a document header"
                raise broken(origin, problem, line, r"Write `# doc = name`, or \#.")
            doc_id = header[1]
        elif line.strip():
            text, entities = parse_line(line, origin=origin)
            yield Record(text, entities, origin, doc_id)


def parse_line(line: str, *, origin: str = "line") -> tuple[str, list[Entity]]:
    """Parse one sentence of inline markup.

    line (str): The sentence.
    origin (str): File and line, for messages.
    RETURNS (tuple[str, list[Entity]]): The plain text, and its entities, with offsets in the characters of this text.
    RAISES (CorpusError): If an entity has no opening or closing bracket, is inside another entity, or is empty.
    """
    text: list[str] = []
    entities: list[Entity] = []
    length, start = 0, None
    for match in PART.finditer(line):
        escaped, opening, label, plain, _ = match.groups()
        if escaped or plain:
            text.append("\n" if escaped == "n" else escaped or plain)
            length += len(text[-1])
        elif opening and start is None:
            start = length
        elif label and start is not None and length > start:
            entities.append(Entity(start, length, label))
            start = None
        else:
            problem = "empty or unopened entity" if label else "stray bracket or backslash"
            problem = "an entity inside an entity" if opening else problem
            seen = line[match.start() : match.start() + 20]
            raise broken(origin, problem, seen, r"Write [text](LABEL), signs as \[ \] \\, line breaks as \n.")
    if start is not None:
        raise broken(origin, "an entity is not closed", line[-20:], "Write [text](LABEL).")
    return "".join(text), entities
