"""Test the grouping of items by length."""

from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.encoders.torch_interop import group_by_length


@given(st.lists(st.integers(1, 1500), max_size=40), st.integers(1, 5000), st.none() | st.integers(1, 5))
def test_groups_hold_every_item_once_within_the_size_limits(
    lengths: list[int], max_padded: int, max_items: int | None
) -> None:
    groups = group_by_length(lengths, max_padded=max_padded, max_items=max_items, fill=0.7)
    assert sorted(item for group in groups for item in group) == list(range(len(lengths)))
    for group in groups:
        sizes = [lengths[item] for item in group]
        assert sizes == sorted(sizes, reverse=True)
        assert len(group) == 1 or max(sizes) * len(group) <= max_padded
        assert max_items is None or len(group) <= max_items
        assert min(sizes) >= 0.7 * max(sizes)


def test_items_of_equal_length_share_a_group() -> None:
    assert group_by_length([5] * 6, max_padded=30) == [[0, 1, 2, 3, 4, 5]]
    assert group_by_length([5] * 6, max_padded=20) == [[0, 1, 2, 3], [4, 5]]
    assert group_by_length([5, 10, 7], max_padded=100) == [[1, 2], [0]]
    assert group_by_length([], max_padded=10) == []
