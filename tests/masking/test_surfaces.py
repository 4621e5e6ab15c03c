"""Surfaces are found wherever they occur, by either of the two searches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.masking import surfaces
from spacy_zh_tw_ner.masking.surfaces import SHORTEST, SurfaceIndex

TEXTS = st.text("王小明0a", max_size=30)


def places(text: str, searched: set[str]) -> list[tuple[int, int]]:
    """Find all occurrences one by one, longer ones first."""
    found = [
        (i, i + len(surface)) for surface in searched for i in range(len(text)) if text[i : i + len(surface)] == surface
    ]
    return sorted(found, key=lambda place: (place[0], -place[1]))


@pytest.mark.parametrize("few", [0, 32])
@given(text=TEXTS, searched=st.sets(st.text("王小明0a", min_size=SHORTEST, max_size=5), max_size=40))
def test_all_occurrences_are_found_in_order(few: int, text: str, searched: set[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surfaces, "FEW", few)
        index = SurfaceIndex(searched)
        assert list(index.find(text)) == places(text, searched)
        assert index.occurs(text) is bool(places(text, searched))


def test_single_characters_are_not_searched() -> None:
    assert list(SurfaceIndex(["王", "王小"]).find("王明王小")) == [(2, 4)]
