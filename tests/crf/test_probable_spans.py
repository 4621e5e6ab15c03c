"""Test probable segments against enumeration of all paths, and `choose` against enumeration of all subsets."""

from itertools import combinations, product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.crf import Segment, choose

from .helpers import bioes, both_paths, constrained, decode, infer, probable_segments


def patterns(n_labels: int) -> torch.Tensor:
    return torch.tensor([[1 + 4 * i, 2 + 4 * i, 3 + 4 * i, 4 + 4 * i] for i in range(n_labels)])


def read(tags: tuple[int, ...]) -> set[tuple[int, int, int]]:
    """Return the segments of a legal path, as (start, end, kind)."""
    found, start = set(), 0
    for i, tag in enumerate(tags):
        kind, place = divmod(tag - 1, 4)
        if tag and place == 0:
            start = i
        elif tag and place == 2:
            found.add((start, i + 1, kind))
        elif tag and place == 3:
            found.add((i, i + 1, kind))
    return found


def enumerate_segments(emissions: torch.Tensor, transitions) -> dict[tuple[int, int, int], float]:
    length, n_tags = emissions.shape
    scored = []
    for tags in product(range(n_tags), repeat=length):
        path = torch.tensor(tags)
        score = emissions.double().gather(1, path[:, None]).sum() + transitions.matrix[path[:-1], path[1:]].sum()
        scored.append((tags, float(score + transitions.start[path[0]] + transitions.end[path[-1]])))
    weights = torch.tensor([score for _, score in scored], dtype=torch.float64).softmax(0).tolist()
    found: dict[tuple[int, int, int], float] = {}
    for (tags, _), weight in zip(scored, weights, strict=True):
        # Illegal paths have weight 0.
        for segment in read(tags) if weight > 1e-30 else ():
            found[segment] = found.get(segment, 0.0) + weight
    return found


@both_paths
@pytest.mark.parametrize(("n_labels", "lengths"), [(1, [6]), (1, [1, 0, 5, 2]), (2, [4, 1])])
@pytest.mark.parametrize("threshold", [0.001, 0.1, 0.5])
@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_segments_equal_enumeration(compiled, n_labels, lengths, threshold, scale) -> None:
    # At scale 40 the sequence underflows in float32, and float64 log space is used.
    torch.manual_seed(len(lengths))
    emissions = torch.randn(sum(lengths), 1 + 4 * n_labels) * scale
    transitions = constrained(bioes(n_labels))
    posterior = infer(emissions, lengths, transitions, compiled=compiled)
    found = probable_segments(posterior, patterns(n_labels), threshold)
    expected, row = {}, 0
    for length in lengths:
        if length:
            for (start, end, kind), score in enumerate_segments(emissions[row : row + length], transitions).items():
                expected[start + row, end + row, kind] = score
        row += length
    seen = {(s.start, s.end, s.kind): s.score for s in found}
    assert len(seen) == len(found)
    assert seen == {key: pytest.approx(p, abs=1e-5) for key, p in expected.items() if p >= threshold}


def test_empty_batch_has_no_segments() -> None:
    posterior = infer(torch.empty(0, 5), [0, 0], constrained(bioes(1)))
    assert probable_segments(posterior, patterns(1), 0.1) == []


def test_all_segments_above_one_half_are_chosen() -> None:
    """Segments above one half cannot overlap: overlapping segments exclude each other, so their sum is at most 1."""
    torch.manual_seed(0)
    posterior = infer(torch.randn(500, 9) * 3, [100] * 5, constrained(bioes(2)))
    found = probable_segments(posterior, patterns(2), 0.5)
    assert found
    assert sorted(choose(found, 0.5)) == sorted(found)


def test_confident_segments_equal_the_viterbi_path() -> None:
    torch.manual_seed(1)
    emissions, transitions = torch.randn(60, 9) * 40, constrained(bioes(2))
    tags = tuple(decode(emissions, [60], transitions).tolist())
    found = choose(probable_segments(infer(emissions, [60], transitions), patterns(2), 0.5), 0.5)
    assert {(s.start, s.end, s.kind) for s in found} == read(tags)


segments = st.builds(
    lambda start, size, score: Segment(start, start + size, 0, score),
    st.integers(0, 12),
    st.integers(1, 6),
    st.floats(0.01, 1.0),
)


@given(st.lists(segments, max_size=8), st.floats(0.01, 0.9))
def test_choose_maximizes_the_sum_of_scores_above_the_threshold(found: list[Segment], threshold: float) -> None:
    def worth(chosen) -> float:
        return sum(s.score - threshold for s in chosen)

    def overlaps(chosen) -> bool:
        return any(a.start < b.end and b.start < a.end for a, b in combinations(chosen, 2))

    best = max(
        worth(subset) for size in range(len(found) + 1) for subset in combinations(found, size) if not overlaps(subset)
    )
    chosen = choose(found, threshold)
    assert not overlaps(chosen)
    assert [s.start for s in chosen] == sorted(s.start for s in chosen)
    assert worth(chosen) == pytest.approx(best, abs=1e-9)
