"""Read and write the span groups of a document: scores of entities, and evidence for the recognizer.

* `doc.spans["ner"]` holds the predicted entities, and its `attrs["scores"]` one score per span. `span._.score` reads
  them, and a DocBin stores them. A copy of the scores is in `doc.user_data`, spaCy's storage of extension attributes,
  which `Doc.from_docs`, `doc.to_json(underscore=["score"])` and `span.as_doc(copy_user_data=True)` copy.
* Groups of overlapping spans, such as those of `zh_tw_crf_spans`, have scores in the same attribute. They have no copy
  in `doc.user_data`, whose keys have no labels: two spans of the same characters would have the same key.
* `doc.spans["gazetteer"]` holds spans that are probably entities. They are called evidence. Its `attrs["bonuses"]` has
  one bonus per span: a number that is added to the emissions of the tags that its tokens have if the span is an entity.
"""

import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, cast

from spacy.tokens import Doc, Span

from ..entities import Entity, Prediction
from ..entity_decoding import Evidence, make_evidence
from ..errors import (
    Errors,
    SettingError,
    Warnings,
)
from ..language.span_groups import CharacterSpans
from ..tag_chains import TagChains
from ..tag_scheme import TagScheme
from ..tokenization.word_list import DEFAULT_BONUS

SPANS_KEY = "ner"
SCORES = "scores"
EXTENSION = "score"
EVIDENCE_KEY = "gazetteer"
BONUSES = "bonuses"
KeyT = tuple[str, str, int, int]


def get_score(span: Span) -> float | None:
    """Return the score of a span; `span._.score` calls it.

    span (Span): A span of any document.
    RETURNS (Optional[float]): The score of the entity in `doc.ents` with the start, end and label of the span. If there
        is no such entity, the score of such a span in another group, as `zh_tw_crf_spans` writes it. None if no group
        has a score for it.
    """
    score = entity_score(span)
    for key in span.doc.spans if score is None else ():
        group = group_with_values(span.doc, key, SCORES) if key != SPANS_KEY else None
        if group is not None and (found := _find_score(group, span, range(len(group)))) is not None:
            return found
    return score


def entity_score(span: Span) -> float | None:
    """Return the score of an entity.

    span (Span): A span of any document.
    RETURNS (Optional[float]): The probability that a recognizer gave to the entity with the start, end and label of
        the span, or the score of the rule by which `zh_tw_pii` found it. None if there is no such entity. An entity
        keeps its score even if `doc.retokenize` moves its boundaries.
    """
    group = group_with_values(span.doc, SPANS_KEY, SCORES)
    return _stored_score(span) if group is None else _find_score(group, span, _overlapping(group, span))


def _find_score(group: CharacterSpans, span: Span, overlapping: Iterable[int]) -> float | None:
    """Return the score that a group has for a span with the same boundaries and label; None if it has none.

    `doc.retokenize` may have merged the first or last token of a span in the group with other tokens. If no span of the
    group has the same boundaries, such a span is used if it overlaps and has the same label.

    group (CharacterSpans): Spans sorted by start, with scores.
    span (Span): The span whose score is wanted.
    overlapping (Iterable[int]): Indices of the spans of the group that may overlap the span.
    """
    scores = group.attrs[SCORES]
    for index in starting_at(group, span.start):
        if (group[index].end, group[index].label) == (span.end, span.label):
            return float(scores[index])
    # The entity began or ended inside a token that retokenizing has merged, so its boundaries have moved.
    for index in overlapping:
        other = group[index]
        is_there = other.label == span.label and other.start < span.end and span.start < other.end
        if is_there and not group.is_aligned(index):
            return float(scores[index])
    return None


def group_with_values(doc: Doc, key: str, name: str) -> CharacterSpans | None:
    """Return a span group that has one value per span, such as a score, in one of its attributes.

    A document that was read from bytes has a plain SpanGroup, whose spans would be wrong after `doc.retokenize`. In
    `doc.spans`, it is replaced by a `CharacterSpans`, a group whose spans keep their characters when tokens change.

    doc (Doc): The document.
    key (str): Key of the group in `doc.spans`.
    name (str): Key of the values in the `attrs` of the group.
    RETURNS (Optional[CharacterSpans]): The group; None if it does not exist, or if the numbers of values and spans
        differ.
    """
    group: Any = dict(doc.spans).get(key)
    if group is None or len(group.attrs.get(name, ())) != len(group):
        return None
    if not isinstance(group, CharacterSpans):
        doc.spans[key] = group = CharacterSpans.of(group)
    return cast(CharacterSpans, group)


def starting_at(group: CharacterSpans, start: int) -> Iterator[int]:
    """Yield the indices of the spans of a group, sorted by start, that begin at the token `start`."""
    # Two entities in one merged token have the same start.
    first = bisect_left(group, start, key=lambda entity: entity.start)
    while first < len(group) and group[first].start == start:
        yield first
        first += 1


def _overlapping(group: CharacterSpans, span: Span) -> Iterator[int]:
    """Yield the indices of the spans of a group, sorted by start, that overlap a span; the last index first."""
    last = bisect_right(group, span.end - 1, key=lambda entity: entity.start)
    while last and group[last - 1].end > span.start:
        last -= 1
        yield last


def _stored_score(span: Span) -> float | None:
    """Return the score that `doc.user_data` has for the characters of a span.

    The result is None if there is no such score, or if the first token of the span does not belong to an entity with
    the label of the span.
    """
    score = cast("dict[KeyT, float]", span.doc.user_data).get(_key(span))
    # The keys of user_data have no labels, so the label is compared with that of the entity.
    if score is None or span.start == span.end or span.doc[span.start].ent_type != span.label:
        return None
    return float(score)


def _key(span: Span) -> KeyT:
    """Return spaCy's key of `span._.score` in `doc.user_data`: a tuple with the start and end in characters."""
    return ("._.", EXTENSION, span.start_char, span.end_char)


def register_extension() -> None:
    """Define `Span._.score` if it is not defined; warn if another package has defined it."""
    if not Span.has_extension(EXTENSION):
        Span.set_extension(EXTENSION, getter=get_score)
    elif Span.get_extension(EXTENSION)[2] is not get_score:
        warnings.warn(Warnings.ZT901.format(key=SPANS_KEY), stacklevel=2)


def read_scores(doc: Doc) -> dict[Entity, float]:
    """Return the scores in `doc.spans["ner"]`, which has the predicted entities of a document; empty if there are none.

    doc (Doc): The document.
    RETURNS (dict[Entity, float]): (start, end, label) of each entity → its score. Start and end are the present token
        indices, which `doc.retokenize` may have changed; the end is exclusive.
    """
    group = group_with_values(doc, SPANS_KEY, SCORES)
    if group is None:
        return {}
    entities = (Entity(span.start, span.end, span.label_) for span in group)
    return dict(zip(entities, map(float, group.attrs[SCORES]), strict=True))


def write_scores(doc: Doc, prediction: Prediction) -> None:
    """Write predicted entities and their scores to `doc.spans["ner"]` and `doc.user_data`, and replace those in them.

    doc (Doc): The document; changed in place. `doc.ents` stays as it is.
    prediction (Prediction): Entities with token offsets, and one probability per entity.
    """
    spans = write_span_group(doc, SPANS_KEY, prediction)
    user_data: dict[Any, Any] = doc.user_data
    for key in [key for key in user_data if isinstance(key, tuple) and key[:2] == ("._.", EXTENSION)]:
        del user_data[key]
    user_data.update(zip(map(_key, spans), prediction.scores, strict=True))


def write_span_group(doc: Doc, key: str, prediction: Prediction) -> list[Span]:
    """Write spans to `doc.spans[key]`, replacing the group that it has; return the spans.

    Their scores are stored in the `attrs["scores"]` of the new group.

    prediction (Prediction): Spans with token offsets and labels, and one probability per span.
    """
    spans = [Span(doc, start, end, label=label) for start, end, label in prediction.ents]
    doc.spans[key] = CharacterSpans(doc, name=key, spans=spans, attrs={SCORES: list(prediction.scores)})
    return spans


def write_evidence(doc: Doc, spans: Iterable[Span], bonus: float) -> None:
    """Add spans that are probably entities to `doc.spans["gazetteer"]`, after those that it has.

    doc (Doc): The document; changed in place.
    spans (Iterable[Span]): The spans; they may overlap.
    bonus (float): Bonus per token, in log-odds, stored for each span in the `attrs["bonuses"]` of the group. It is
        added to the emission of the tag that the token has if the span is an entity.
    """
    new = list(spans)
    earlier = list(doc.spans.get(EVIDENCE_KEY, []))
    bonuses = [*_bonuses(doc), *[bonus] * len(new)]
    attrs = {BONUSES: bonuses}
    doc.spans[EVIDENCE_KEY] = CharacterSpans(doc, name=EVIDENCE_KEY, spans=[*earlier, *new], attrs=attrs)


def find_evidence(docs: Sequence[Doc], scheme: TagScheme | TagChains) -> Evidence:
    """Read the spans in `doc.spans["gazetteer"]`, and convert them to numbers that are later added to the emissions.

    A span that is an entity has one tag for each of its tokens. The bonus of the span is for the emission of this tag
    at each token. So a tag path with the whole span as an entity gains most, and long spans gain more than short ones.

    docs (Sequence[Doc]): The documents.
    scheme (TagScheme | TagChains): Tags of the component: a TagScheme for entities that do not overlap, TagChains for
        spans of different labels that may overlap. Spans with a label that TagChains lack are ignored, because they may
        be meant for the recognizer of `doc.ents`.
    RETURNS (Evidence): One row, tag and bonus for each token of each span. A row is the index of a token among the
        tokens of all documents.
    RAISES (ZhTwNerError): If a span has a label that the TagScheme lacks.
    """
    rows: list[int] = []
    tags: list[int] = []
    bonuses: list[float] = []
    for doc, first in zip(docs, accumulate(map(len, docs), initial=0), strict=False):
        for span, bonus in zip(doc.spans.get(EVIDENCE_KEY, ()), _bonuses(doc), strict=True):
            if span.label_ not in scheme.labels:
                if isinstance(scheme, TagChains):
                    continue
                raise SettingError(Errors.ZT360.format(label=span.label_, text=span.text, labels=list(scheme.labels)))
            path = scheme.path(Entity(span.start, span.end, span.label_))
            rows += range(first + span.start, first + span.end)
            tags += path
            bonuses += [bonus] * len(path)
    return make_evidence(rows, tags, bonuses)


def _bonuses(doc: Doc) -> list[float]:
    """Return the bonus of each span in `doc.spans["gazetteer"]`, in log-odds per token; empty without such a group.

    The numbers are in the `attrs["bonuses"]` of the group; without that key, all are DEFAULT_BONUS.
    """
    if EVIDENCE_KEY not in doc.spans:
        return []
    group = doc.spans[EVIDENCE_KEY]
    bonuses: list[float] = group.attrs.get(BONUSES, [DEFAULT_BONUS] * len(group))
    if len(bonuses) != len(group):
        raise SettingError(Errors.ZT363.format(key=EVIDENCE_KEY, bonuses=len(bonuses), spans=len(group)))
    return bonuses
