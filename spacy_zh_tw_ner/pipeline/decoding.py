"""emissions → entities and their scores, for a batch at once."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch

from ..crf import LongSequence, Rows, Segment, Transitions, choose, decode, infer, probable_segments
from ..entities import Entity
from ..tag_scheme import TagScheme
from ..types import Prediction

ProbabilitiesT = Callable[[torch.Tensor, Sequence[int], Sequence[int]], torch.Tensor]  # of stretches of a path


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
    posterior = infer(emissions, lengths, transitions)
    if min_score:
        patterns = torch.from_numpy(scheme.patterns())
        found = _probable(probable_segments(posterior, patterns, min_score), scheme, min_score)
    else:
        # No legal path goes on with an entity in the next document, so that they can be read as one.
        found = _best_path(decode(emissions, lengths, transitions), posterior.path_probabilities, scheme)
    bounds = np.cumsum([0, *lengths]).tolist()
    scored = next(found, None)
    for first, end in pairwise(bounds):
        of_doc = []
        while scored is not None and scored[0].start < end:
            of_doc.append(scored)
            scored = next(found, None)
        ents = tuple(Entity(entity.start - first, entity.end - first, entity.label) for entity, _ in of_doc)
        yield Prediction(ents, tuple(score for _, score in of_doc))


def decode_long(rows: Rows, transitions: Transitions, scheme: TagScheme, min_score: float = 0.0) -> Prediction:
    """Decode one document, which is too long for more than a part of it to be held; see `decode_entities`.

    rows (Rows): (n_tokens, n_tags) emissions, on disk.
    """
    long = LongSequence(rows, transitions)
    if min_score:
        patterns = torch.from_numpy(scheme.patterns())
        found = _probable(long.probable_segments(patterns, min_score), scheme, min_score)
    else:
        found = _best_path(long.decode(), long.path_probabilities, scheme)
    scored = list(found)
    return Prediction(tuple(entity for entity, _ in scored), tuple(score for _, score in scored))


def _best_path(tags: torch.Tensor, probabilities: ProbabilitiesT, scheme: TagScheme) -> Iterator[tuple[Entity, float]]:
    ents = scheme.entities(tags.numpy(force=True))
    scores = probabilities(tags, [entity.start for entity in ents], [entity.end for entity in ents])
    yield from zip(ents, scores.tolist(), strict=True)


def _probable(segments: Sequence[Segment], scheme: TagScheme, min_score: float) -> Iterator[tuple[Entity, float]]:
    for segment in choose(segments, min_score):
        yield Entity(segment.start, segment.end, scheme.labels[segment.kind]), segment.score
