"""Span groups that survive retokenizing.

spaCy's groups store token indices. `doc.retokenize()` does not update them. If the document has become shorter, reading
the group raises E035, and so do `doc.to_bytes()`, `DocBin` and `doc.copy()`. Here each span is looked up again by its
character offsets:

    臺 北 市 長        doc.spans["ner"] = [(0, 3)]
    臺北市 長          after merge_entities: [(0, 1)], the same characters

For documents from bytes, JSON, `DocBin`, `Doc.from_docs` or another process, spaCy creates the groups.
`keep_on_characters` makes spaCy create groups of this class for documents of the language `zh_tw`.
"""

import struct
from collections.abc import Iterable
from typing import Any, cast

import srsly
from spacy.tokens import Doc, Span, SpanGroup
from spacy.tokens._dict_proxies import SpanGroups

# A span as spaCy serializes it: id, kb_id, label, start and end by token, start and end by character.
PACKED = struct.Struct(">QQQllll")
LANGUAGE = "zh_tw"
EXTENSIONS = ("score", "normalized")  # extension attributes of entities that also have values in span groups


class CharacterSpans(SpanGroup):
    """A span group whose spans contain the same characters after the tokens of the document have changed.

    If an end of a span is inside a token after the change, the span is expanded to whole tokens.
    """

    @classmethod
    def of(cls, group: SpanGroup) -> "CharacterSpans":
        """Convert a group of spaCy, whose token indices may be wrong (such as after reading bytes), to this class."""
        return group if isinstance(group, cls) else cast(CharacterSpans, cls(group.doc).from_bytes(group.to_bytes()))

    def __getitem__(self, index: int) -> Span:
        """Return a span, with its token indices updated if tokens have changed."""
        try:
            span = super().__getitem__(index)
        except IndexError:
            if not -len(self) <= index < len(self):
                raise
        else:
            if _fits(span):
                return span
        packed = self._packed()
        self._move(packed)
        return self._aligned(packed[index])

    def is_aligned(self, index: int) -> bool:
        """Return whether a span still begins and ends at token boundaries. If not, it is expanded to whole tokens."""
        *_, start, end = PACKED.unpack(self._packed()[index])
        return self.doc.char_span(start, end) is not None

    def to_bytes(self) -> bytes:
        """Serialize the group, with its token indices updated if tokens have changed."""
        packed = [PACKED.pack(s.id, s.kb_id, s.label, s.start, s.end, s.start_char, s.end_char) for s in self]
        data: bytes = srsly.msgpack_dumps({"name": self.name, "attrs": self.attrs, "spans": packed})
        return data

    def copy(self, doc: Doc | None = None) -> "CharacterSpans":
        """Copy the group to another document of the same text; by default to the same document."""
        target = self.doc if doc is None else doc
        for span in self if target.vocab is not self.doc.vocab else ():
            for string in (span.label_, span.kb_id_, span.id_):
                target.vocab.strings.add(string)
        copied = CharacterSpans(target)
        # Copy character offsets and not token indices, so that expanded spans keep their original characters.
        return cast(CharacterSpans, copied.from_bytes(super().to_bytes()))

    def _packed(self) -> list[bytes]:
        """Return the spans as spaCy serializes them: one string of bytes per span, in the struct format PACKED.

        It has the id, the knowledge base id and the label, and start and end in tokens and in characters.
        """
        packed: list[bytes] = srsly.msgpack_loads(super().to_bytes())["spans"]
        return packed

    def _move(self, packed: list[bytes]) -> None:
        """Update the token indices of the spans to the current tokens. Spans with an end inside a token are left as is.

        packed (list[bytes]): The spans, from `_packed`.
        """
        user_data: dict[Any, Any] = self.doc.user_data
        for index, span in enumerate(map(self._aligned, packed)):
            *_, start, end = PACKED.unpack(packed[index])
            if (start, end) == (span.start_char, span.end_char):
                super().__setitem__(index, span)  # type: ignore[misc]  # missing in spaCy's stub
                continue
            # `Doc.from_json` raises if the offsets of an extension attribute are not token boundaries.
            for name in EXTENSIONS:
                if ("._.", name, start, end) in user_data:
                    value = user_data.pop(("._.", name, start, end))
                    user_data["._.", name, span.start_char, span.end_char] = value

    def _aligned(self, packed: bytes) -> Span:
        """Return the span of whole current tokens that covers the character offsets of a serialized span."""
        span_id, kb_id, label, _, _, start, end = PACKED.unpack(packed)
        span = self.doc.char_span(start, end, label=label, kb_id=kb_id, span_id=span_id, alignment_mode="expand")
        # The span is empty if the text has become shorter.
        return span if span is not None else Span(self.doc, 0, 0, label=label, kb_id=kb_id, span_id=span_id)


def _fits(span: Span) -> bool:
    """Return whether the token indices of a span still agree with its character offsets."""
    if span.start == span.end:
        return True
    first, last = span.doc[span.start], span.doc[span.end - 1]
    return bool(first.idx == span.start_char and last.idx + len(last) == span.end_char)


def keep_on_characters(groups: type[Any] = SpanGroups) -> bool:
    """Make `doc.spans` of documents of the language `zh_tw` create groups of the class `CharacterSpans`.

    spaCy has no hook for this, so two methods of the class of `doc.spans` are replaced, once.

    groups (type): The class of `doc.spans`.
    RETURNS (bool): Whether the two methods exist in the class. If not, nothing is replaced, and documents from bytes,
        JSON or other processes have spaCy's own groups.
    """
    make, read = vars(groups).get("_make_span_group"), vars(groups).get("from_bytes")
    if make is None or read is None:
        return False
    if hasattr(make, "__wrapped__"):
        return True

    def make_group(self: Any, name: str, spans: Iterable[Span]) -> SpanGroup:
        group = cast(SpanGroup, make(self, name, spans))
        return CharacterSpans.of(group) if group.doc.vocab.lang == LANGUAGE else group

    def from_bytes(self: Any, bytes_data: bytes) -> Any:
        read(self, bytes_data)
        doc = self.doc_ref()
        if doc is not None and doc.vocab.lang == LANGUAGE:
            self.data.update({key: CharacterSpans.of(group) for key, group in self.data.items()})
        return self

    make_group.__wrapped__ = make  # type: ignore[attr-defined]
    groups._make_span_group, groups.from_bytes = make_group, from_bytes
    return True


keep_on_characters()
