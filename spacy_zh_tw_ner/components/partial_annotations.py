"""Partial annotations of a document: sets of allowed tags, and a weight of O for tokens without annotation.

By `doc.ents`, a token is in an entity, is outside of entities (O), or has no annotation. Two more kinds of annotation
are stored in the document, so that a `.spacy` file holds them:

* `doc.spans["alternatives"]`: spans that may be entities. If alternatives cover a token, it may have the tags that they
  give it, and no others. The label "O" gives the tag O to the tokens of its span. The label "*" gives them all tags but
  O: they are in entities of any length and label. For 鴻海精密 with the alternatives 鴻海 ORG, 鴻海精密 ORG and 精密 O,
  [鴻海]精密 and [鴻海精密] are allowed.
* `doc.user_data["outside_weight"]`: the weight w of O at tokens without any annotation, from 0 to 1. The loss is
  log Z − log Z_gold, where Z sums exp(score) over all tag paths, and Z_gold over the paths that the annotation allows.
  In Z_gold, a path has the factor 1 − w for each of these tokens to which it gives another tag than O. So with 0 any
  tag may be right, as without a weight, and with 1 the token is O.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from spacy.attrs import ENT_IOB, ORTH  # type: ignore[import-not-found]
from spacy.tokens import Doc, Span
from spacy.training import Example

from ..crf.transitions import FloatsT
from ..entities import Entity
from ..errors import CorpusError, Errors
from ..tag_scheme import OUTSIDE, BoolsT, TagScheme

ALTERNATIVES_KEY = "alternatives"
OUTSIDE_LABEL, INSIDE_LABEL = "O", "*"
OUTSIDE_WEIGHT = "outside_weight"
IOB_MISSING = 0  # value of token.ent_iob for tokens without annotation


def write_partial(
    doc: Doc,
    entities: Iterable[Span],
    alternatives: Iterable[Span],
    outside: Iterable[Span],
    *,
    outside_weight: float,
) -> None:
    """Write a partial annotation to a document. All tokens that no span covers stay without annotation.

    doc (Doc): The document, which is changed in place. `doc.ents` gets the entities and the tokens that are O.
    entities (Iterable[Span]): Entities; no two overlap.
    alternatives (Iterable[Span]): Spans that may be entities, stored in `doc.spans["alternatives"]`. Where their tokens
        may also be outside of entities, the caller adds a span with the label "O".
    outside (Iterable[Span]): Spans of tokens that are O.
    outside_weight (float): Weight of O at tokens without annotation, from 0 (any tag may be right) to 1 (the tag is O).
        It is stored in `doc.user_data["outside_weight"]`, unless it is 0.
    """
    doc.set_ents(list(entities), outside=list(outside), default="missing")
    spans = list(alternatives)
    if spans:
        doc.spans[ALTERNATIVES_KEY] = spans
    if outside_weight:
        doc.user_data[OUTSIDE_WEIGHT] = outside_weight


def has_same_tokens(example: Example) -> bool:
    """Return whether the gold and the predicted document have the same tokens, so that no alignment is needed."""
    return np.array_equal(example.reference.to_array(ORTH), example.predicted.to_array(ORTH))


def annotated_labels(doc: Doc) -> set[str]:
    """Return the labels of the entities and alternatives of a document, without "O" and "*"."""
    labels = {entity.label_ for entity in doc.ents}
    if ALTERNATIVES_KEY in doc.spans:
        labels |= {span.label_ for span in doc.spans[ALTERNATIVES_KEY]} - {OUTSIDE_LABEL, INSIDE_LABEL}
    return labels


def allow_alternatives(mask: BoolsT, example: Example, scheme: TagScheme) -> None:
    """Restrict a gold mask in place, where the annotation allows several readings.

    `doc.spans["alternatives"]` has the alternatives: spans that may be entities. A token inside alternatives may have
    only the tags that one of them gives it. The label "O" gives it the tag O, and the label "*" all tags but O. A token
    keeps its mask if `doc.ents` already restricts its tags. It keeps all tags if one of its alternatives begins or ends
    inside a token of the predicted document, or has another label that is not in the scheme.

    mask (np.ndarray): (n_tokens, n_tags) bool gold mask of the tokens of the predicted document.
    example (Example): The example; its reference document has the alternatives.
    scheme (TagScheme): Tag scheme of the component.
    """
    covered: dict[int, set[int]] = {}
    unrestricted: set[int] = set()
    for start, end, label in _alternatives(example):
        if label == INSIDE_LABEL:
            for token in range(start, end):
                covered.setdefault(token, set()).update(range(OUTSIDE + 1, len(scheme)))
        elif label == OUTSIDE_LABEL or label in scheme.labels:
            path = [OUTSIDE] * (end - start) if label == OUTSIDE_LABEL else scheme.path(Entity(start, end, label))
            for token, tag in zip(range(start, end), path, strict=True):
                covered.setdefault(token, set()).add(tag)
        else:
            unrestricted.update(range(start, end))
    for token, tags in covered.items():
        if token not in unrestricted and mask[token].all():
            mask[token] = False
            mask[token, list(tags)] = True


def outside_log_weights(examples: Sequence[Example], scheme: TagScheme) -> FloatsT | None:
    """Return the argument `log_weights` of `crf.log_likelihood`, which favours O at tokens without annotation.

    A gold path has the factor 1 − w for each of these tokens to which it gives another tag than O. Here w is the weight
    of O, `doc.user_data["outside_weight"]` of the gold document.

    examples (Sequence[Example]): The batch.
    scheme (TagScheme): Tag scheme of the component.
    RETURNS (Optional[np.ndarray]): (n_rows, n_tags) float32, with a row for each token of the predicted documents:
        log(1 − w) for all tags but O at tokens without annotation, −∞ if w is 1; else 0. None if no document has a
        weight.
    RAISES (CorpusError): If a weight is not a number from 0 to 1.
    """
    if not any(OUTSIDE_WEIGHT in example.reference.user_data for example in examples):
        return None
    weights = np.zeros((sum(len(example.predicted) for example in examples), len(scheme)), np.float32)
    row = 0
    for example in examples:
        n_tokens = len(example.predicted)
        weight = example.reference.user_data.get(OUTSIDE_WEIGHT, 0.0)
        if not isinstance(weight, int | float) or not 0.0 <= weight <= 1.0:
            raise CorpusError(Errors.ZT777.format(value=weight, text=example.reference.text[:40]))
        if weight:
            # log 0 is −∞, which `log_likelihood` replaces by the score of forbidden tags.
            log_weight = np.log1p(-weight) if weight < 1.0 else -np.inf
            weights[row : row + n_tokens, OUTSIDE + 1 :] = np.where(_silent(example)[:, None], log_weight, 0.0)
        row += n_tokens
    return weights


def _silent(example: Example) -> BoolsT:
    """Return a (n_tokens,) bool mask of the tokens of the predicted document that have no gold annotation.

    These tokens are in no entity and in no alternative, and are not annotated as O.
    """
    if has_same_tokens(example):
        silent: BoolsT = example.reference.to_array(ENT_IOB) == IOB_MISSING
    else:
        silent = np.array([tag is None or tag == "-" for tag in example.get_aligned_ner()], dtype=bool)
    for start, end, _ in _alternatives(example):
        silent[start:end] = False
    return silent


def _alternatives(example: Example) -> Iterable[tuple[int, int, str | None]]:
    """Yield the alternatives of an example, aligned to the tokens of the predicted document.

    YIELDS (tuple[int, int, Optional[str]]): First token, end token (exclusive) and label. If the span begins or ends
        inside a token, it is expanded to whole tokens, and the label is None.
    """
    if ALTERNATIVES_KEY not in example.reference.spans:
        return
    for span in example.reference.spans[ALTERNATIVES_KEY]:
        place = example.predicted.char_span(span.start_char, span.end_char)
        if place is not None:
            yield place.start, place.end, span.label_
        elif (
            around := example.predicted.char_span(span.start_char, span.end_char, alignment_mode="expand")
        ) is not None:
            yield around.start, around.end, None
