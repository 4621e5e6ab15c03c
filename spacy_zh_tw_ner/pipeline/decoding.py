"""emissions → entities and their scores, for a batch at once."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch

from ..crf import Transitions, choose, decode, infer, probable_segments
from ..types import Entity, Prediction
from .tag_scheme import TagScheme


def decode_entities(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, scheme: TagScheme, min_score: float = 0.0
) -> Iterator[Prediction]:
    """Decode documents.

    emissions (torch.Tensor): (n_rows, n_tags) of all documents.
    lengths (Sequence[int]): Rows of each.
    transitions (Transitions): Constrained scores.
    scheme (TagScheme): What the tags mean.
    min_score (float): At 0 the entities are those of the best path. Above, they are all that are at least so probable,
        on the best path or not; where two overlap, the choice with the highest sum of (score − min_score) stays.
    YIELDS (Prediction): One a document.
    """
    found = (
        _probable(emissions, lengths, transitions, scheme, min_score)
        if min_score
        else _best_path(emissions, lengths, transitions, scheme)
    )
    bounds = np.cumsum([0, *lengths]).tolist()
    scored = next(found, None)
    for first, end in pairwise(bounds):
        of_doc = []
        while scored is not None and scored[0].start < end:
            of_doc.append(scored)
            scored = next(found, None)
        ents = tuple(Entity(entity.start - first, entity.end - first, entity.label) for entity, _ in of_doc)
        yield Prediction(ents, tuple(score for _, score in of_doc))


def _best_path(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, scheme: TagScheme
) -> Iterator[tuple[Entity, float]]:
    tags = decode(emissions, lengths, transitions)
    # No legal path goes on with an entity in the next document, so that they can be read as one.
    ents = scheme.entities(tags.numpy(force=True))
    starts, ends = [entity.start for entity in ents], [entity.end for entity in ents]
    scores = infer(emissions, lengths, transitions).path_probabilities(tags, starts, ends)
    yield from zip(ents, scores.tolist(), strict=True)


def _probable(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, scheme: TagScheme, min_score: float
) -> Iterator[tuple[Entity, float]]:
    posterior = infer(emissions, lengths, transitions)
    for segment in choose(probable_segments(posterior, torch.from_numpy(scheme.patterns()), min_score), min_score):
        yield Entity(segment.start, segment.end, scheme.labels[segment.kind]), segment.score
