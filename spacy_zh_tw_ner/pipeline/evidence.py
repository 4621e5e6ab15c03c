"""`doc.spans["gazetteer"]` → emissions: what somebody else believes to be entities, as soft evidence for the head."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

import torch
from spacy.tokens import Doc, Span

from ..errors import Errors
from ..types import Entity
from .tag_scheme import TagScheme

EVIDENCE_KEY = "gazetteer"
BONUSES = "bonuses"
DEFAULT_BONUS = 2.0


def write_evidence(doc: Doc, spans: Iterable[Span], bonus: float) -> None:
    """Add spans to the evidence of a document.

    doc (Doc): The document.
    spans (Iterable[Span]): Any, also overlapping ones.
    bonus (float): What each of their tokens adds to the score of its tag, in log-odds.
    """
    new = list(spans)
    earlier = list(doc.spans.get(EVIDENCE_KEY, []))
    bonuses = [*_bonuses(doc), *[bonus] * len(new)]
    doc.spans[EVIDENCE_KEY] = [*earlier, *new]
    doc.spans[EVIDENCE_KEY].attrs[BONUSES] = bonuses


def add_evidence(emissions: torch.Tensor, docs: Sequence[Doc], scheme: TagScheme) -> torch.Tensor:
    """Raise the emissions of the tags that would make entities of the evidence.

    A path gains the bonus once a token where its tag is that of the span, so whole spans gain most, and long words more
    than short ones. Of two spans that ask for the same tag the higher bonus counts.

    emissions (torch.Tensor): (n_rows, n_tags) of all documents.
    docs (Sequence[Doc]): The documents.
    scheme (TagScheme): What the tags mean.
    RETURNS (torch.Tensor): (n_rows, n_tags); the same array where there is no evidence.
    RAISES (ValueError): For a label that is not in the scheme.
    """
    cells: list[int] = []
    values: list[float] = []
    for doc, first in zip(docs, accumulate(map(len, docs), initial=0), strict=False):
        for span, bonus in zip(doc.spans.get(EVIDENCE_KEY, ()), _bonuses(doc), strict=True):
            if span.label_ not in scheme.labels:
                raise ValueError(Errors.ZT360.format(label=span.label_, text=span.text, labels=list(scheme.labels)))
            path = scheme.path(Entity(span.start, span.end, span.label_))
            cells += [row * len(scheme) + tag for row, tag in enumerate(path, start=first + span.start)]
            values += [bonus] * len(path)
    if not cells:
        return emissions
    index = torch.tensor(cells, device=emissions.device)
    bonuses = torch.tensor(values, dtype=emissions.dtype, device=emissions.device)
    evidence = torch.zeros(emissions.numel(), dtype=emissions.dtype, device=emissions.device)
    return emissions + evidence.scatter_reduce(0, index, bonuses, "amax").view_as(emissions)


def _bonuses(doc: Doc) -> list[float]:
    """The bonus of each span that is evidence already."""
    if EVIDENCE_KEY not in doc.spans:
        return []
    group = doc.spans[EVIDENCE_KEY]
    bonuses: list[float] = group.attrs.get(BONUSES, [DEFAULT_BONUS] * len(group))
    if len(bonuses) != len(group):
        raise ValueError(Errors.ZT363.format(key=EVIDENCE_KEY, bonuses=len(bonuses), spans=len(group)))
    return bonuses
