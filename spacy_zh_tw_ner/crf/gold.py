"""The gold tags of a batch: a set of tags for each token, most often of one."""

from dataclasses import dataclass

import numpy as np

from .layout import IndicesT, Layout
from .transitions import BoolsT, FloatsT, Transitions


@dataclass
class Gold:
    """What is known of each sequence.

    tags: (n_rows,) the known tag of each row. emissions: (n_rows,) its index in the flattened emissions. transitions:
    (n_rows − 1,) index in the flattened matrix of the transition to the next row.
    known, unknown, impossible: (batch_size,) bool, whether every tag of a sequence is known, whether no tag is, and
    whether a row has no tag at all.
    """

    tags: IndicesT
    emissions: IndicesT
    transitions: IndicesT
    known: BoolsT
    unknown: BoolsT
    impossible: BoolsT

    @property
    def partly_known(self) -> BoolsT:
        """(batch_size,) whether some tags are known and some are not."""
        return ~(self.known | self.unknown | self.impossible)


def read_gold(mask: BoolsT, layout: Layout) -> Gold:
    """Read the gold from its mask, (n_rows, n_tags) bool: the tags that each row may have."""
    n_tags = mask.shape[1]
    tags = mask.argmax(1)
    emissions, transitions = tags + np.arange(layout.n_rows) * n_tags, tags[:-1] * n_tags + tags[1:]
    if np.count_nonzero(mask) == layout.n_rows and mask.reshape(-1)[emissions].all():
        none = np.zeros(layout.n_sequences, dtype=bool)
        return Gold(tags, emissions, transitions, ~none, none, none)
    n_allowed = mask.sum(1)
    known = layout.sum_by_sequence(n_allowed != 1) == 0
    unknown = (layout.sum_by_sequence(n_allowed < n_tags) == 0) & ~known
    return Gold(tags, emissions, transitions, known, unknown, layout.sum_by_sequence(n_allowed == 0) > 0)


def score_paths(gold: Gold, emissions: FloatsT, layout: Layout, transitions: Transitions) -> FloatsT:
    """(batch_size,) float64 scores of the gold paths, which have a meaning where the path is known."""
    scores = emissions.reshape(-1)[gold.emissions].astype(np.float64)
    steps = transitions.matrix.reshape(-1)[gold.transitions].astype(np.float64)
    steps[layout.lasts[:-1]] = 0.0
    scores[:-1] += steps
    scores[layout.firsts] += transitions.start[gold.tags[layout.firsts]]
    scores[layout.lasts] += transitions.end[gold.tags[layout.lasts]]
    return layout.sum_by_sequence(scores)
