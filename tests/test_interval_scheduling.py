"""Weighted interval scheduling chooses the best of all subsets without overlaps."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.interval_scheduling import Segment, choose

SEGMENTS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 4), st.integers(0, 10)).map(
        lambda drawn: Segment(drawn[0], drawn[0] + drawn[1], 0, drawn[2] / 10)
    ),
    max_size=7,
)


def are_apart(segments: tuple[Segment, ...]) -> bool:
    ordered = sorted(segments)
    return all(one.end <= other.start for one, other in pairwise(ordered))


@given(SEGMENTS, st.sampled_from([0.0, 0.3, 0.5]))
def test_the_best_subset_is_chosen(segments: list[Segment], threshold: float) -> None:
    subsets = [subset for size in range(len(segments) + 1) for subset in combinations(segments, size)]
    best = max(sum(s.score - threshold for s in subset) for subset in subsets if are_apart(subset))
    chosen = choose(segments, threshold)
    assert are_apart(tuple(chosen))
    assert sum(s.score - threshold for s in chosen) == pytest.approx(best)
    assert all(s.score > threshold for s in chosen)
