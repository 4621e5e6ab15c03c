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
    """A replaced entity. Offsets are in code points; ends are exclusive.

    start, end (int): The span of the entity in the original text.
    masked_start, masked_end (int): The span of the new text in the masked text.
    label (str): The label of the entity.
    action (str): The action that was applied. It is "replace" if the action of the policy has no result, such as
        "generalise" for a date without a year.
    text (str): The new text.
    """

    start: int
    end: int
    masked_start: int
    masked_end: int
    label: str
    action: str
    text: str


class Masked(NamedTuple):
    """A masked text, and its map.

    text (str): The masked text.
    replacements (tuple[Replacement, ...]): All replaced entities, in the order of the text.
    entities (tuple[Found, ...]): Entities with offsets in the masked text: all replaced ones, and the kept ones in
        which no text was replaced.
    map (MaskMap): The original texts of the entities to which the action "replace", "pseudonym" or "generalise" was
        applied. From it, `unmask` restores them; all others are lost. Store it apart from the masked text.
    """

    text: str
    replacements: tuple[Replacement, ...]
    entities: tuple[Found, ...]
    map: MaskMap


class Masker:
    """Masks many texts with one policy. Call it with a document, or call `mask_text` with a text and its entities.

    An entity has the same pseudonym or hash in all texts. Placeholders are numbered from 1 in each text.

    policy (Optional[MaskingPolicy]): The policy; None for the default one, which replaces personal data.
    key (Optional[bytes]): Secret key of hashes and pseudonyms. It is required for hashes. None draws a random key for
        the pseudonyms of this object.
    RAISES (UsageError): If the policy has the action "hash" and `key` is None.
    """

    def __init__(self, policy: MaskingPolicy | None = None, *, key: bytes | None = None) -> None:
        self.policy = policy or MaskingPolicy()
        if key is None and self.policy.uses("hash"):
            raise UsageError(Errors.ZT877)
        self._key = key if key is not None else secrets.token_bytes(32)

    def __call__(self, doc: "Doc") -> Masked:
        """Mask the entities of `doc.ents`.

        doc (Doc): The document, which is not changed.
        RETURNS (Masked): The masked text, its replacements and its map.
        """
        found = [Found(ent.start_char, ent.end_char, ent.label_, None) for ent in doc.ents]
        return self.mask_text(doc.text, found)

    def mask_text(self, text: str, entities: Iterable[Found]) -> Masked:
        """Mask the entities of a text.

        If the text of a masked entity has two characters or more, its other occurrences are masked as well.

        text (str): The text.
        entities (Iterable[Found]): Entities. Overlapping ones are masked as one, with the label of the first.
        RETURNS (Masked): The masked text, its replacements and its map.
        """
        return _TextMasker(self.policy, self._key, text, entities).run()

    def replacer(self) -> Replacer:
        """Return a callable that takes the label and the text of an entity, and returns the action and the new text.

        It has the policy and the key of this masker, so an entity gets the pseudonym or hash that the masker gives it.
        The placeholders of each new callable are numbered from 1.
        """
        return Replacer(self.policy, self._key)


def mask(doc: "Doc", policy: MaskingPolicy | None = None, *, key: bytes | None = None) -> Masked:
    """Mask the entities of one document. To mask several with the same pseudonyms, use `Masker`.

    doc (Doc): A document whose `doc.ents` are masked by their labels.
    policy (Optional[MaskingPolicy]): The policy; None for the default one, which replaces personal data.
    key (Optional[bytes]): Secret key of hashes and pseudonyms. It is required for hashes. None draws a random key for
        pseudonyms.
    RETURNS (Masked): The masked text, its replacements and its map.
    RAISES (UsageError): If the policy has the action "hash" and `key` is None.
    """
    return Masker(policy, key=key)(doc)


class _TextMasker:
    """Masks one text. `Masker.mask_text` creates an object for each text, and calls `run` once.

    policy (MaskingPolicy): The policy.
    key (bytes): Secret key of hashes and pseudonyms.
    text (str): The text.
    entities (Iterable[Found]): Entities. Overlapping ones are masked as one, with the label of the first.
    """

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
        """Return the masked text, its replacements and its map.

        A pseudonym or generalised value that makes the original text of a masked entity appear in the masked text is
        replaced by a placeholder. If such texts still appear after two rounds, all pseudonyms and generalised values
        are replaced by placeholders.
        """
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
        """Return whether an entity is not changed.

        Its action is "keep", or its generalised value is its own text, such as 臺北市.
        """
        action, surface = self.policy.action(ent.label), self.text[ent.start : ent.end]
        return action == KEEP or (action == "generalise" and generalise(ent.label, surface) == surface)

    def _with_repetitions(self, spans: list[Found], labels: dict[str, str]) -> list[Found]:
        """Add the places where the text of an entity to mask occurs again, outside of the entities to mask.

        spans (list[Found]): Entities to mask, in the order of the text.
        labels (dict[str, str]): Text of a masked entity → its label.
        RETURNS (list[Found]): All spans to mask, in the order of the text.
        """
        found, i, last = list[Found](), 0, 0
        for start, end in self.index.find(self.text):
            while i < len(spans) and spans[i].end <= start:
                i += 1
            if start >= last and (i == len(spans) or end <= spans[i].start):
                found.append(Found(start, end, labels[self.text[start:end]], None))
                last = end
        return sorted([*spans, *found]) if found else spans

    def _join(self, made: list[tuple[str, str]]) -> tuple[str, list[tuple[int, int]]]:
        """Return the masked text, and the start and end of each replacement in it.

        made (list[tuple[str, str]]): Action and new text of each span.
        """
        parts, places, last, offset = list[str](), list[tuple[int, int]](), 0, 0
        for span, (_, new) in zip(self.spans, made, strict=True):
            offset += span.start - last
            places.append((offset, offset + len(new)))
            parts += [self.text[last : span.start], new]
            last, offset = span.end, offset + len(new)
        return "".join([*parts, self.text[last:]]), places

    def _exposed(self, text: str, made: list[tuple[str, str]], places: list[tuple[int, int]]) -> list[int]:
        """Find pseudonyms and generalised values that reveal a masked entity.

        A value reveals an entity if the original text of the entity occurs in the masked text and overlaps the value.

        text (str): The masked text.
        made (list[tuple[str, str]]): Action and new text of each span.
        places (list[tuple[int, int]]): Start and end of each new text in the masked text.
        RETURNS (list[int]): Indices of these values in `made`.
        """
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
        """Return the entities with offsets in the masked text: replaced ones, and kept ones without a replacement."""
        rows = zip(replacements, self.spans, strict=True)
        found = [Found(r.masked_start, r.masked_end, r.label, span.score) for r, span in rows]
        i, shift = 0, 0
        for ent in self.kept:
            while i < len(replacements) and replacements[i].end <= ent.start:
                shift = replacements[i].masked_end - replacements[i].end
                i += 1
            if i == len(replacements) or ent.end <= replacements[i].start:
                found.append(ent._replace(start=ent.start + shift, end=ent.end + shift))
        return tuple(sorted(found, key=lambda ent: (ent.start, ent.end)))
