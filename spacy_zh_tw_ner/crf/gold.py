"""Gold tags of a batch: the set of allowed tags of each token, usually a single one."""

from dataclasses import dataclass

import numpy as np

from .layout import IndicesT, Layout
from .transitions import BoolsT, FloatsT, Transitions


@dataclass
class Gold:
    """Gold tags as indices, and the state of annotation of each sequence.

    tags: (n_rows,) the gold tag of each row; the first allowed one if there are several.
    emissions: (n_rows,) index of the gold tag in the flattened emissions.
    transitions: (n_rows − 1,) index of the transition to the next row in the flattened transition matrix.
    known, unknown, impossible: (batch_size,) bool: every row allows exactly one tag; every row allows all tags; some
    row allows no tag.
    """

    tags: IndicesT
    emissions: IndicesT
    transitions: IndicesT
    known: BoolsT
    unknown: BoolsT
    impossible: BoolsT

    @property
    def partly_known(self) -> BoolsT:
        """Return a (batch_size,) mask of sequences that are neither known, nor unknown, nor impossible."""
        return ~(self.known | self.unknown | self.impossible)


def gold_from_mask(mask: BoolsT, layout: Layout) -> Gold:
    """Convert a gold mask, (n_rows, n_tags) bool, to indices."""
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
    """Return the (batch_size,) float64 scores of the gold paths; undefined for sequences that are not known."""
    scores = emissions.reshape(-1)[gold.emissions].astype(np.float64)
    steps = transitions.matrix.reshape(-1)[gold.transitions].astype(np.float64)
    steps[layout.lasts[:-1]] = 0.0
    scores[:-1] += steps
    scores[layout.firsts] += transitions.start[gold.tags[layout.firsts]]
    scores[layout.lasts] += transitions.end[gold.tags[layout.lasts]]
    return layout.sum_by_sequence(scores)
