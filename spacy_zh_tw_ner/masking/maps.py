"""Maps with the original texts of masked entities: write and read map files, and restore masked texts.

A map has the SHA-256 of its masked text: `unmask` refuses any other text. Map files are JSON Lines: a header, and one
line for each text. Only their owner can read them.
"""

import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO

from ..atomic_writes import write_streamed
from ..errors import CorpusError, Errors, Warnings
from ..untrusted import parse_json, reading, require, whole_number

HEADER = {"format": "zh-tw-ner mask map", "version": 1}
IS_WINDOWS = sys.platform == "win32"
MAX_LINE = 2**28  # bytes of the map of one text


@dataclass(frozen=True)
class MaskMap:
    """The original texts of the masked entities of one text.

    sha256 (str): SHA-256 of the masked text in UTF-8.
    originals (tuple[tuple[int, int, str], ...]): Start and end of each replacement in the masked text (code points, end
        exclusive), and its original text, in the order of the text. Irreversible replacements (redact, hash) are left
        out.
    """

    sha256: str
    originals: tuple[tuple[int, int, str], ...] = field(repr=False)  # hidden, so that logs do not contain personal data

    def to_line(self) -> bytes:
        """Return the map as a line of a map file: a JSON object in UTF-8, with the line break."""
        value = {"sha256": self.sha256, "originals": self.originals}
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def digest_of(text: str) -> str:
    """Return the SHA-256 of a masked text in UTF-8, in hexadecimal digits. The text may contain lone surrogates."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def unmask(text: str, map: MaskMap, *, what: str = "this text") -> str:
    """Restore the original text.

    text (str): The masked text.
    map (MaskMap): Its map.
    what (str): Name of the text in error messages.
    RETURNS (str): The original text. Redacted and hashed entities stay masked.
    RAISES (CorpusError): If the map belongs to another text, or the text was changed after masking.
    """
    if digest_of(text) != map.sha256:
        raise CorpusError(Errors.ZT878.format(what=what))
    parts, last = [], 0
    for start, end, original in map.originals:
        if not last <= start <= end <= len(text):
            raise CorpusError(Errors.ZT878.format(what=what))
        parts += [text[last:start], original]
        last = end
    return "".join([*parts, text[last:]])


def write_maps(path: Path, maps: Iterable[MaskMap]) -> None:
    """Write a map file that only its owner can read (mode 0600).

    On Windows, file modes have no such effect. So a warning is issued there, which asks the user to restrict access.

    path (Path): The file, which is replaced if it exists.
    maps (Iterable[MaskMap]): The maps, in the order of their texts.
    """
    write_map_lines(path, lambda file: file.writelines(map.to_line() for map in maps))


def write_map_lines(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a map file that only its owner can read, whose lines a function writes.

    path (Path): The file, which is replaced if it exists.
    write (Callable[[IO[bytes]], object]): Called with the open file, after the header was written. It writes the lines
        that `MaskMap.to_line` returns.
    """

    def write_all(file: IO[bytes]) -> None:
        file.write(json.dumps(HEADER).encode() + b"\n")
        write(file)

    if IS_WINDOWS:
        warnings.warn(Warnings.ZT883.format(path=path), stacklevel=2)
    write_streamed(path, write_all, private=True)


def read_maps(path: Path) -> Iterator[MaskMap]:
    """Read the maps of a file one at a time.

    path (Path): The map file.
    YIELDS (MaskMap): In the order of the texts.
    RAISES (UnreadableFileError): If the file is damaged or is no map file.
    """
    with path.open("rb") as file:
        header = file.readline(200)
        with reading(path):
            require(_is_header(header), "line 1", header[:40].decode("utf-8", "replace"), json.dumps(HEADER))
        number = 1
        while line := file.readline(MAX_LINE + 1):
            number += 1
            with reading(path):
                require(line.endswith(b"\n"), f"line {number}", "an incomplete line", f"at most {MAX_LINE} bytes")
                found = _parse_map(f"line {number}", line)
            yield found


def _is_header(line: bytes) -> bool:
    """Return whether a line is the header of a map file of this version."""
    try:
        return bool(json.loads(line) == HEADER)
    except (ValueError, RecursionError):
        return False


def _parse_map(key: str, line: bytes) -> MaskMap:
    """Parse and check a line of a map file. Messages do not quote the line, because it may have original texts.

    key (str): Name of the line in messages, such as "line 2".
    line (bytes): The line.
    RETURNS (MaskMap): The map.
    RAISES (ValueError): If the line is not JSON, or not a map. The caller adds the name of the file to the error.
    """
    entry = parse_json(line)
    ok = isinstance(entry, dict) and entry.keys() == {"sha256", "originals"} and isinstance(entry["sha256"], str)
    require(ok and isinstance(entry["originals"], list), key, "another value", "an object with sha256 and originals")
    originals = []
    for place in entry["originals"]:
        ok = isinstance(place, list) and len(place) == 3 and isinstance(place[2], str)
        require(ok, f"{key}: originals", "another value", "lists of start, end and text")
        start, end = (whole_number(f"{key}: offset", value, 0, 2**62) for value in place[:2])
        originals.append((start, end, place[2]))
    return MaskMap(entry["sha256"], tuple(originals))
