"""Offsets as tools write them → offsets in code points, ends exclusive.

Python counts code points, JavaScript UTF-16 units, and some tools what a reader sees as one character (graphemes, as in
UAX #29, where CR LF is one, too). The three differ behind characters such as 𠮷 and 👨‍👩‍👧 only. Where a format repeats
the annotated text, the slices decide; where it does not, only an offset that is impossible otherwise does.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..entities import Entity
from ..errors import CorpusError, Errors
from .records import Reading, Record, Reject, ignore


class RawSpan(NamedTuple):
    """An annotation as it was written; `surface` is its text, where the format repeats it."""

    start: int
    end: int
    label: str
    surface: str | None = None


@dataclass
class RawRecord:
    """A record whose offsets are in whatever unit its file uses."""

    text: str
    spans: list[RawSpan]
    origin: str
    doc_id: str = ""
    rejects: list[Reject] = field(default_factory=list)


class Convention(NamedTuple):
    """How a file counts."""

    unit: str
    inclusive: bool  # is the last character included?

    def __str__(self) -> str:
        return f"{self.unit}{'-inclusive' if self.inclusive else ''}"


RawReaderT: TypeAlias = Callable[[Path, Reading], Iterator[RawRecord]]

UNITS = ("codepoint", "utf16", "grapheme")
CONVENTIONS = {str(c): c for i in (False, True) for c in (Convention(unit, i) for unit in UNITS)}
CODEPOINT = CONVENTIONS["codepoint"]
# Every one of these is one UTF-16 unit and one grapheme, whatever stands beside it.
PLAIN = re.compile(r"[\n -~\xa0-\u02ff\u2000-\u200a\u2010-\u2027\u3000-\u3029\u3030-\u3098\u309b-\ua4cf！-ﾝ]*")
INSIDE_A_PAIR = -1
LINE_BREAKS = str.maketrans(dict.fromkeys("\n\r\t\x0b\x0c\x85\u2028\u2029", " "))


@lru_cache(maxsize=len(UNITS))  # all spans of one text ask in turn
def boundaries(text: str, unit: str) -> Sequence[int]:
    """Where the units of a text begin, and where the last one ends.

    text (str): The text.
    unit (str): "codepoint", "utf16" or "grapheme".
    RETURNS (Sequence[int]): The i-th is the offset of unit i in code points, or -1 for one inside a surrogate pair.
    """
    if unit == "codepoint" or PLAIN.fullmatch(text):
        return range(len(text) + 1)
    if unit == "utf16":
        starts = [p for i, char in enumerate(text) for p in ((i, INSIDE_A_PAIR) if char > "\uffff" else (i,))]
        return [*starts, len(text)]
    import regex  # comes with transformers

    return [*(match.start() for match in regex.finditer(r"\X", text)), len(text)]


def place(span: RawSpan, text: str, convention: Convention) -> Entity | None:
    """Read one span, or say that it cannot stand in its text."""
    starts = boundaries(text, convention.unit)
    end = span.end + convention.inclusive
    if not (0 <= span.start < end < len(starts)) or INSIDE_A_PAIR in (starts[span.start], starts[end]):
        return None
    return Entity(starts[span.start], starts[end], span.label)


def resolve_offsets(
    read: RawReaderT, path: Path, reading: Reading, *, default: Convention = CODEPOINT
) -> Iterator[Record]:
    """Read a file whose unit of offsets is not known beforehand: once to find it out, and once to use it.

    read (RawReaderT): The format's own reader.
    path (Path): The file.
    reading (Reading): `offsets` may name the convention; `notify` is told of any but the default.
    default (Convention): What the format is said to use.
    YIELDS (Record): Entities in code points. What fits no convention is among the record's rejects.
    RAISES (CorpusError): For an unknown convention, and whatever the reader raises.
    """
    half = replace(reading, advance=lambda n: reading.advance(n / 2))
    if reading.offsets == "auto":
        survey = _Survey(default)
        for raw in read(path, replace(half, notify=ignore)):
            survey.add(raw)
        chosen, candidates = survey.decide(path, reading), (default, *CONVENTIONS.values())
    elif reading.offsets in CONVENTIONS:
        chosen, half, candidates = CONVENTIONS[reading.offsets], reading, ()
    else:
        raise CorpusError(Errors.ZT221.format(value=reading.offsets, choices=", ".join(["auto", *CONVENTIONS])))
    for raw in read(path, half):
        yield _resolve(raw, chosen, candidates)


class _Survey:
    """What the spans of a file say about its convention."""

    def __init__(self, default: Convention) -> None:
        self.default = default
        self.votes: Counter[Convention] = Counter()
        self.n_with_surface = self.n_behind = 0
        self.n_impossible: Counter[str] = Counter()

    def add(self, raw: RawRecord) -> None:
        plain = PLAIN.fullmatch(raw.text) is not None
        for span in raw.spans:
            if span.surface is not None:
                self.n_with_surface += 1
                self.votes.update(c for c in CONVENTIONS.values() if _fits(span, raw.text, c))
            elif not plain:
                places = {c: place(span, raw.text, c) for c in CONVENTIONS.values() if not c.inclusive}
                self.n_behind += len(set(places.values())) > 1
                self.n_impossible.update(c.unit for c, entity in places.items() if entity is None)

    def decide(self, path: Path, reading: Reading) -> Convention:
        """Choose, and say so wherever the choice could be another one."""
        if self.n_with_surface:
            best = max([self.default, *CONVENTIONS.values()], key=self.votes.__getitem__)
            if best != self.default:
                reading.notify(
                    f"{path}: offsets are read as {best}: so {self.votes[best]} of {self.n_with_surface} spans are "
                    f"what the file says they are, and {self.votes[self.default]} as {self.default}."
                )
            return best
        for unit in ("codepoint", "utf16"):
            if self.n_impossible[self.default.unit] and not self.n_impossible[unit]:
                reading.notify(
                    f"{path}: offsets are read as {unit}: as {self.default}, {self.n_impossible[self.default.unit]} "
                    "spans could not stand in their texts. Set --offsets if that is wrong."
                )
                return CONVENTIONS[unit]
        if self.n_behind:
            reading.notify(
                f"{path}: offsets are read as {self.default}. For {self.n_behind} spans, which stand behind characters "
                "such as 𠮷 or 👍🏽, UTF-16 units or graphemes would mean another place, and the file does not repeat "
                "their texts: look at one of them, and set --offsets if it is wrong."
            )
        return self.default


def _resolve(raw: RawRecord, chosen: Convention, candidates: Sequence[Convention]) -> Record:
    record = Record(raw.text, [], raw.origin, raw.doc_id, rejects=list(raw.rejects))
    for span in raw.spans:
        if span.surface is None:
            entity = place(span, raw.text, chosen)
            if entity is None:
                reason = f"outside the text of {len(raw.text)} characters, or empty (offsets in {chosen})"
        else:
            found = next((c for c in (chosen, *candidates) if _fits(span, raw.text, c)), None)
            entity = place(span, raw.text, found) if found else None
            if found is None:
                seen = place(span, raw.text, chosen)
                stands = repr(raw.text[seen.start : seen.end]) if seen else "nothing"
                reason = f"the file says {span.surface!r}, and {stands} stands there"
            elif found != chosen:
                record.repairs.append(f"{span.surface!r} has offsets in {found}")
        if entity is None:
            record.rejects.append(Reject(Entity(span.start, span.end, span.label), reason))
        else:
            record.entities.append(entity)
    return record


def _fits(span: RawSpan, text: str, convention: Convention) -> bool:
    """Is it what the file says it is? Tools write a line break within a span as a blank, or as a backslash and an n."""
    entity = place(span, text, convention)
    if entity is None or span.surface is None:
        return False
    seen = text[entity.start : entity.end]
    return seen == span.surface or seen.translate(LINE_BREAKS) == span.surface.replace("\\n", " ").translate(
        LINE_BREAKS
    )
