"""Keep original texts in maps apart from masked texts, and restore them.

A map is bound to its masked text by SHA-256. Map files are JSON Lines, a header and one line for each text, readable by
their owner only.
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
    """The original surfaces of one masked text.

    sha256 (str): SHA-256 of the masked text in UTF-8.
    originals (tuple[tuple[int, int, str], ...]): Start and end in the masked text, and what was there, in order.
        Irreversible replacements (redact, hash) are not included.
    """

    sha256: str
    originals: tuple[tuple[int, int, str], ...] = field(repr=False)  # a log must not show them

    def to_line(self) -> bytes:
        """Return the map as one line of JSON."""
        value = {"sha256": self.sha256, "originals": self.originals}
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def digest_of(text: str) -> str:
    """Return the SHA-256 that binds a map to a masked text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def unmask(text: str, map: MaskMap, *, what: str = "this text") -> str:
    """Restore the original text.

    text (str): The masked text.
    map (MaskMap): Its map.
    what (str): Name of the text in messages.
    RETURNS (str): The original; redacted and hashed entities stay as they are.
    RAISES (CorpusError): If the map belongs to another text, or the text was changed.
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
    """Write maps, in the order of their texts, to a file that only its owner can read (mode 0600).

    Windows has no such mode: there, a warning asks for an ACL.
    """
    write_map_lines(path, lambda file: file.writelines(map.to_line() for map in maps))


def write_map_lines(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a map file whose lines a function writes; see `write_maps`."""

    def write_all(file: IO[bytes]) -> None:
        file.write(json.dumps(HEADER).encode() + b"\n")
        write(file)

    if IS_WINDOWS:
        warnings.warn(Warnings.ZT883.format(path=path), stacklevel=2)
    write_streamed(path, write_all, private=True)


def read_maps(path: Path) -> Iterator[MaskMap]:
    """Yield the maps of a file, one at a time.

    RAISES (UnreadableFileError): If the file is damaged, or not a map file.
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
    try:
        return bool(json.loads(line) == HEADER)
    except (ValueError, RecursionError):
        return False


def _parse_map(key: str, line: bytes) -> MaskMap:
    """Check a line of a map file. Messages do not quote it: it may hold original texts."""
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
