"""Detect the unit of offsets in a file, and convert them to offsets in code points with exclusive ends.

Python counts code points, JavaScript UTF-16 units, some tools graphemes (UAX #29). They differ only after characters
such as 𠮷 and emoji of several code points, and at CR LF, which is one grapheme. Conventions of tools that normalize
line ends, and count CR LF as one in any unit, have "-lf" in their names.

If the file repeats the annotated texts, the convention is chosen by which most offsets select these texts. Otherwise
the default of its format is used, unless some offsets are impossible by it (outside of the text, or inside a
character) and all are possible in another unit.
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
    """An annotation with the offsets of its file, before they are converted.

    start, end: Offsets in the unit of the file.
    label: Label of the annotation.
    surface: The annotated text as the file repeats it; None if it does not.
    gaps: Start and end of each gap in a discontinuous brat annotation. Gaps may contain only white space.
    origin: Line of the annotation; used only in the message that rejects an annotation with gaps.
    """

    start: int
    end: int
    label: str
    surface: str | None = None
    gaps: tuple[tuple[int, int], ...] = ()
    origin: str = ""


@dataclass
class RawRecord:
    """A text and its spans with the offsets of the file. `resolve_offsets` converts it to a `Record`.

    text, spans: The text and its annotations. origin: File and line, for messages.
    doc_id: Id of the document, or "". rejects: Annotations that the reader of the format has rejected.
    annotator: Person who annotated the text, or "". task: Id of the text in the annotation tool, or "".
    """

    text: str
    spans: list[RawSpan]
    origin: str
    doc_id: str = ""
    rejects: list[Reject] = field(default_factory=list)
    annotator: str = ""
    task: str = ""


class Convention(NamedTuple):
    """Convention for offsets.

    unit: "codepoint", "utf16" or "grapheme". inclusive: True if the end is the last character, not the one after it.
    crlf_is_one: True if CR LF counts as one unit.
    """

    unit: str
    inclusive: bool
    crlf_is_one: bool = False

    def __str__(self) -> str:
        return f"{self.unit}{'-lf' * self.crlf_is_one}{'-inclusive' * self.inclusive}"


RawReaderT: TypeAlias = Callable[[Path, Reading], Iterator[RawRecord]]

# The order is the preference among conventions that fit equally well. CR LF is always one grapheme.
COUNTS = (("codepoint", False), ("utf16", False), ("codepoint", True), ("utf16", True), ("grapheme", False))
CONVENTIONS = {
    str(c): c for inclusive in (False, True) for c in (Convention(unit, inclusive, crlf) for unit, crlf in COUNTS)
}
CODEPOINT, CODEPOINT_INCLUSIVE = CONVENTIONS["codepoint"], CONVENTIONS["codepoint-inclusive"]
# Each of these characters is one UTF-16 unit and one grapheme, whatever its neighbours are.
PLAIN = re.compile(r"[\n -~\xa0-\u02ff\u2000-\u200a\u2010-\u2027\u3000-\u3029\u3030-\u3098\u309b-\ua4cf！-ﾝ]*")
INSIDE_A_PAIR = -1
LINE_BREAKS = str.maketrans(dict.fromkeys("\n\r\t\x0b\x0c\x85\u2028\u2029", " "))


@lru_cache(maxsize=8)  # called for every span of a text and every convention
def boundaries(text: str, unit: str, crlf_is_one: bool = False) -> Sequence[int]:
    """Return the code point offset at which each unit of a text begins.

    text (str): The text.
    unit (str): "codepoint", "utf16" or "grapheme".
    crlf_is_one (bool): Count CR LF as one unit, as graphemes always do.
    RETURNS (Sequence[int]): Item i is the code point offset of unit i, or -1 for the second half of a surrogate pair.
        The last item is the length of the text in code points.
    """
    crlf_is_one = crlf_is_one and "\r\n" in text
    if (unit == "codepoint" and not crlf_is_one) or PLAIN.fullmatch(text):
        return range(len(text) + 1)
    if unit != "grapheme":
        wide = "\uffff" if unit == "utf16" else "\U0010ffff"
        starts = [
            p
            for i, char in enumerate(text)
            if not (crlf_is_one and char == "\n" and text[i - 1 : i] == "\r")
            for p in ((i, INSIDE_A_PAIR) if char > wide else (i,))
        ]
        return [*starts, len(text)]
    import regex

    return [*(match.start() for match in regex.finditer(r"\X", text)), len(text)]


def place(span: RawSpan, text: str, convention: Convention) -> Entity | None:
    """Convert the offsets of a span to code points.

    span (RawSpan): The span, with the offsets of its file.
    text (str): The text of its record.
    convention (Convention): How the offsets are counted.
    RETURNS (Optional[Entity]): The entity with offsets in code points and an exclusive end. None if the span is outside
        of the text or empty, or if an end of it is inside a character.
    """
    starts = boundaries(text, convention.unit, convention.crlf_is_one)
    end = span.end + convention.inclusive
    if not (0 <= span.start < end < len(starts)) or INSIDE_A_PAIR in (starts[span.start], starts[end]):
        return None
    return Entity(starts[span.start], starts[end], span.label)


def resolve_offsets(
    read: RawReaderT, path: Path, reading: Reading, *, default: Convention = CODEPOINT
) -> Iterator[Record]:
    """Read a file: once to detect its convention for offsets, and again to convert the offsets.

    read (RawReaderT): The reader of the format.
    path (Path): The file.
    reading (Reading): `offsets` names the convention, or is "auto" to detect it. With "auto", `notify` receives a
        message if the result is not the default, or some offsets are ambiguous. Otherwise, the file is read once.
    default (Convention): The documented convention of the format.
    YIELDS (Record): Records with entities in code points. Spans that fit no convention are in `rejects`.
    RAISES (CorpusError): If `offsets` names an unknown convention, or `read` cannot read the file.
    """
    half = replace(reading, advance=lambda n: reading.advance(n / 2))
    if reading.offsets == "auto":
        survey = _Survey(default)
        for raw in read(path, replace(half, notify=ignore, reject=ignore)):
            survey.add(raw)
        chosen, candidates = survey.decide(path, reading), (default, *CONVENTIONS.values())
    elif reading.offsets in CONVENTIONS:
        chosen, half, candidates = CONVENTIONS[reading.offsets], reading, ()
    else:
        raise CorpusError(Errors.ZT221.format(value=reading.offsets, choices=", ".join(["auto", *CONVENTIONS])))
    for raw in read(path, half):
        yield _resolve(raw, chosen, candidates)


class _Survey:
    """Counts, for each convention, the spans of a file that fit it, and chooses the convention with the most.

    default (Convention): The documented convention of the format.
    """

    def __init__(self, default: Convention) -> None:
        self.default = default
        self.votes: Counter[Convention] = Counter()
        self.n_with_surface = self.n_ambiguous = 0
        self.n_impossible: Counter[str] = Counter()

    def add(self, raw: RawRecord) -> None:
        """Count the spans of a record. A span whose text the file repeats is a vote for the conventions that fit best.

        Other spans are counted as impossible in each convention by which `place` returns None.
        """
        plain = PLAIN.fullmatch(raw.text) is not None
        for span in raw.spans:
            if span.surface is not None:
                self.n_with_surface += 1
                # In plain text all units are equal, so only inclusive and exclusive ends differ.
                tried = (CODEPOINT, CODEPOINT_INCLUSIVE) if plain else CONVENTIONS.values()
                fits = {c: _fit(span, raw.text, c) for c in tried}
                if plain:
                    fits = {c: fits[CODEPOINT_INCLUSIVE if c.inclusive else CODEPOINT] for c in CONVENTIONS.values()}
                best = min(fits.values())
                self.votes.update(c for c, fit in fits.items() if fit == best < NO_FIT)
            elif not plain:
                places = {c: place(span, raw.text, c) for c in CONVENTIONS.values() if not c.inclusive}
                self.n_ambiguous += len(set(places.values())) > 1
                self.n_impossible.update(str(c) for c, entity in places.items() if entity is None)

    def decide(self, path: Path, reading: Reading) -> Convention:
        """Choose the convention of a file from the counts, after all of its records were added.

        path (Path): The file, for the messages.
        reading (Reading): `notify` receives a message if the convention is not the default, or some offsets are
            ambiguous: units differ there, and the file does not repeat the annotated texts.
        """
        if self.n_with_surface:
            best = max([self.default, *CONVENTIONS.values()], key=self.votes.__getitem__)
            if best != self.default:
                reading.notify(
                    f"{path}: offsets are read as {best}: {self.votes[best]} of {self.n_with_surface} spans match the "
                    f"annotated texts in the file, but only {self.votes[self.default]} as {self.default}."
                )
            return best
        for unit in ("codepoint", "utf16"):
            default = self.default.unit
            if self.n_impossible[default] and not self.n_impossible[unit]:
                reading.notify(
                    f"{path}: offsets are read as {unit}, because {self.n_impossible[default]} spans are outside "
                    f"their texts or cut a character as {self.default}. Set --offsets if that is wrong."
                )
                return CONVENTIONS[unit]
        if self.n_ambiguous:
            reading.notify(
                f"{path}: offsets are read as {self.default}. {self.n_ambiguous} spans are ambiguous: they follow "
                "characters such as 𠮷 or 👍🏽, or CR LF, and the file does not repeat the annotated texts. Check one "
                "of them, and set --offsets if it is wrong."
            )
        return self.default


def _resolve(raw: RawRecord, chosen: Convention, candidates: Sequence[Convention]) -> Record:
    record = Record(
        raw.text, [], raw.origin, raw.doc_id, rejects=list(raw.rejects), annotator=raw.annotator, task=raw.task
    )
    for span in raw.spans:
        found = _best_convention(span, raw.text, chosen, candidates)
        entity = place(span, raw.text, found) if found else None
        reason = ""
        if found is None:
            seen = place(span, raw.text, chosen)
            there = repr(raw.text[seen.start : seen.end]) if seen else "nothing"
            reason = f"the file repeats the text as {span.surface!r}, but the offsets select {there}"
        elif entity is None:
            reason = f"outside the text of {len(raw.text)} characters, or empty (offsets in {chosen})"
        if span.gaps and not (found and entity and _gaps_are_white(span, raw.text, found)):
            borders = [span.start, *(border for gap in span.gaps for border in gap), span.end]
            fragments = ";".join(f"{start} {end}" for start, end in zip(borders[::2], borders[1::2], strict=True))
            reason = f"discontinuous ({fragments}), {span.origin}"
        if entity is None or reason:
            record.rejects.append(Reject(Entity(span.start, span.end, span.label), reason))
            continue
        if found != chosen:
            record.repairs.append(f"{span.surface!r} has offsets in {found}")
        record.entities.append(entity)
    return record


def _best_convention(
    span: RawSpan, text: str, chosen: Convention, candidates: Sequence[Convention]
) -> Convention | None:
    """Find the convention for the offsets of one span, which may differ from the convention of the file.

    If the file does not repeat the annotated text, `chosen` is returned.

    span (RawSpan), text (str): The span, and the text of its record.
    chosen (Convention): The convention of the file.
    candidates (Sequence[Convention]): Conventions to try if the offsets, counted by `chosen`, do not select the
        annotated text.
    RETURNS (Optional[Convention]): The convention by which the offsets select the annotated text, or one that differs
        only in line breaks or, failing this, in white space; None if there is no such convention.
    """
    if span.surface is None or _fit(span, text, chosen) == EXACT:
        return chosen
    fits = {c: _fit(span, text, c) for c in (chosen, *candidates)}
    best = min(fits, key=fits.__getitem__)
    return best if fits[best] < NO_FIT else None


def _gaps_are_white(span: RawSpan, text: str, convention: Convention) -> bool:
    starts = boundaries(text, convention.unit, convention.crlf_is_one)
    gaps = [(starts[start + convention.inclusive], starts[end]) for start, end in span.gaps]
    return not any(INSIDE_A_PAIR in gap or text[gap[0] : gap[1]].strip() for gap in gaps)


EXACT, SAME_LENGTH, COLLAPSED, NO_FIT = range(4)


def _fit(span: RawSpan, text: str, convention: Convention) -> int:
    r"""Compare the text at a span's offsets with the annotated text that the file repeats.

    Tools write a line break as a space, or as a backslash and an n; browsers collapse white space and trim the edges.
    These differences are accepted, but an exact match in another convention is preferred.

    RETURNS (int): The smaller, the more similar: EXACT if both texts are equal, SAME_LENGTH if only line breaks differ,
        COLLAPSED if only white space differs, otherwise NO_FIT.
    """
    entity = place(span, text, convention)
    if entity is None or span.surface is None:
        return NO_FIT
    seen = text[entity.start : entity.end]
    if seen == span.surface:
        return EXACT
    surface = span.surface.replace("\\n", " ")
    if seen.translate(LINE_BREAKS) == surface.translate(LINE_BREAKS):
        return SAME_LENGTH
    return COLLAPSED if "".join(seen.split()) == "".join(surface.split()) != "" else NO_FIT
