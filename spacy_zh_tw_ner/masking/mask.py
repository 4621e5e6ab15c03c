"""Mask the entities of a text according to a policy.

text        王小明的電話是0912345678，王小明…      entities: PERSON 0–3, PHONE 7–17
masked      〔姓名1〕的電話是〔電話1〕，〔姓名1〕…
"""

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from ..entities import Found
from ..errors import Errors, UsageError
from .generalise import generalise
from .labels import KEEP, REPLACE
from .maps import MaskMap, digest_of
from .policy import MaskingPolicy
from .replacer import Replacer
from .surfaces import LONGEST, SurfaceIndex

if TYPE_CHECKING:
    from spacy.tokens import Doc

REVERSIBLE = (REPLACE, "pseudonym", "generalise")
VALUES = ("pseudonym", "generalise")  # actions whose results look like text; placeholders have brackets


class Replacement(NamedTuple):
    """A masked place: offsets before and after in code points, and its new text.

    action: The action that was applied: "replace" where another one had no value, such as a date without a year.
    """

    start: int
    end: int
    masked_start: int
    masked_end: int
    label: str
    action: str
    text: str


class Masked(NamedTuple):
    """A masked text.

    text: The masked text.
    replacements: All masked places, in order.
    entities: Entities in the masked text: the masked ones, and those that are kept.
    map: The originals of reversible replacements; keep it apart from the text.
    """

    text: str
    replacements: tuple[Replacement, ...]
    entities: tuple[Found, ...]
    map: MaskMap


class Masker:
    """Masks texts with one policy; with pseudonyms, an entity has the same one in all of them.

    policy (Optional[MaskingPolicy]): The policy; None for the default one, which replaces personal data.
    key (Optional[bytes]): Secret that determines hashes and pseudonyms. Without one, pseudonyms are the same for this
        object only.
    RAISES (UsageError): If the policy has the action "hash" and there is no key.
    """

    def __init__(self, policy: MaskingPolicy | None = None, *, key: bytes | None = None) -> None:
        self.policy = policy or MaskingPolicy()
        if key is None and self.policy.uses("hash"):
            raise UsageError(Errors.ZT877)
        self._key = key if key is not None else secrets.token_bytes(32)

    def __call__(self, doc: "Doc") -> Masked:
        """Mask the entities of a document."""
        found = [Found(ent.start_char, ent.end_char, ent.label_, None) for ent in doc.ents]
        return self.mask_text(doc.text, found)

    def mask_text(self, text: str, entities: Iterable[Found]) -> Masked:
        """Mask entities of a text, and all other occurrences of their surfaces (of two characters or more).

        text (str): The text.
        entities (Iterable[Found]): Entities. Of those that overlap, the union is masked, with the label of the first.
        RETURNS (Masked): The masked text, and what was replaced.
        """
        return _TextMasker(self.policy, self._key, text, entities).run()

    def replacer(self) -> Replacer:
        """Return a function that replaces one entity after the other, without their texts.

        Its pseudonyms and hashes are those of this object; its placeholders are numbered from 1.
        """
        return Replacer(self.policy, self._key)


def mask(doc: "Doc", policy: MaskingPolicy | None = None, *, key: bytes | None = None) -> Masked:
    """Mask the entities of a document; see `Masker`, which also masks many with the same pseudonyms.

    doc (Doc): Its `doc.ents` are masked by their labels.
    policy (Optional[MaskingPolicy]): The policy; None for the default one, which replaces personal data.
    key (Optional[bytes]): Secret that determines hashes and pseudonyms.
    RETURNS (Masked): The masked text, and what was replaced.
    RAISES (UsageError): If the policy has the action "hash" and there is no key.
    """
    return Masker(policy, key=key)(doc)


class _TextMasker:
    """The state of masking one text."""

    def __init__(self, policy: MaskingPolicy, key: bytes, text: str, entities: Iterable[Found]) -> None:
        self.policy, self.text = policy, text
        self.kept: list[Found] = []
        spans: list[Found] = []
        for ent in sorted(entities, key=lambda ent: (ent.start, -ent.end)):
            if self._is_kept(ent):
                self.kept.append(ent)
            elif spans and ent.start < spans[-1].end:
                spans[-1] = spans[-1]._replace(end=max(ent.end, spans[-1].end))
            elif ent.start < ent.end:
                spans.append(ent)
        labels: dict[str, str] = {}
        for ent in spans:
            labels.setdefault(text[ent.start : min(ent.end, ent.start + LONGEST)], ent.label)
        self.index = SurfaceIndex(labels)
        self.spans = self._with_repetitions(spans, labels)
        self.replacer = Replacer(policy, key, is_exposing=self.index.occurs)

    def run(self) -> Masked:
        """Replace all spans."""
        made = [self.replacer(span.label, self.text[span.start : span.end]) for span in self.spans]
        text, places = self._join(made)
        for replaces_all in (False, False, True):
            exposed = self._exposed(text, made, places)
            if not exposed:
                break
            for i in range(len(made)) if replaces_all else exposed:
                if made[i][0] in VALUES:
                    start, end, label, *_ = self.spans[i]
                    made[i] = (REPLACE, self.replacer.placeholder(label, self.text[start:end]))
            text, places = self._join(made)
        rows = zip(self.spans, made, places, strict=True)
        replacements = tuple(
            Replacement(span.start, span.end, *place, span.label, *replaced) for span, replaced, place in rows
        )
        originals = tuple(
            (done.masked_start, done.masked_end, self.text[done.start : done.end])
            for done in replacements
            if done.action in REVERSIBLE
        )
        entities = self._entities(replacements)
        return Masked(text, replacements, entities, MaskMap(digest_of(text), originals))

    def _is_kept(self, ent: Found) -> bool:
        """Return whether an entity stays as it is, such as 臺北市, which has no more general form."""
        action, surface = self.policy.action(ent.label), self.text[ent.start : ent.end]
        return action == KEEP or (action == "generalise" and generalise(ent.label, surface) == surface)

    def _with_repetitions(self, spans: list[Found], labels: dict[str, str]) -> list[Found]:
        """Add occurrences of masked surfaces that are no entities, or are inside of kept ones."""
        found, i, last = list[Found](), 0, 0
        for start, end in self.index.find(self.text):
            while i < len(spans) and spans[i].end <= start:
                i += 1
            if start >= last and (i == len(spans) or end <= spans[i].start):
                found.append(Found(start, end, labels[self.text[start:end]], None))
                last = end
        return sorted([*spans, *found])

    def _join(self, made: list[tuple[str, str]]) -> tuple[str, list[tuple[int, int]]]:
        """Return the masked text, and the places of the replacements in it."""
        parts, places, last, offset = list[str](), list[tuple[int, int]](), 0, 0
        for span, (_, new) in zip(self.spans, made, strict=True):
            offset += span.start - last
            places.append((offset, offset + len(new)))
            parts += [self.text[last : span.start], new]
            last, offset = span.end, offset + len(new)
        return "".join([*parts, self.text[last:]]), places

    def _exposed(self, text: str, made: list[tuple[str, str]], places: list[tuple[int, int]]) -> list[int]:
        """Find pseudonyms and generalised values that, with the text around them, make a masked surface again."""
        if all(action not in VALUES for action, _ in made):
            return []
        found: set[int] = set()
        i = 0
        for start, end in self.index.find(text):
            while i < len(places) and places[i][1] <= start:
                i += 1
            j = i
            while j < len(places) and places[j][0] < end:
                found.add(j)
                j += 1
        return sorted(j for j in found if made[j][0] in VALUES)

    def _entities(self, replacements: tuple[Replacement, ...]) -> tuple[Found, ...]:
        """Return the entities of the masked text; kept ones that contain a masked place are left out."""
        scores = {(span.start, span.end): span.score for span in self.spans}
        found = [Found(r.masked_start, r.masked_end, r.label, scores[r.start, r.end]) for r in replacements]
        i, shift = 0, 0
        for ent in self.kept:
            while i < len(replacements) and replacements[i].end <= ent.start:
                shift = replacements[i].masked_end - replacements[i].end
                i += 1
            if i == len(replacements) or ent.end <= replacements[i].start:
                found.append(ent._replace(start=ent.start + shift, end=ent.end + shift))
        return tuple(sorted(found, key=lambda ent: (ent.start, ent.end)))
