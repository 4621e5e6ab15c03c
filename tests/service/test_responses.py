"""Serialized entities with offsets in the unit that the client chose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.entities import Found
from spacy_zh_tw_ner.service.responses import OffsetConverter, OffsetUnit, entities
from spacy_zh_tw_ner.service.schema import EntityAnswer, Options

FAMILY = "𠮷野家台北👨🏻‍🚒消防局"
UNITS: list[tuple[OffsetUnit, str, int]] = [
    ("codepoint", "utf-32-le", 4),
    ("utf16", "utf-16-le", 2),
    ("utf8", "utf-8", 1),
]


@pytest.mark.parametrize(("unit", "start"), [("codepoint", 9), ("utf16", 13), ("utf8", 31)])
def test_offsets_are_converted_to_each_unit(unit: OffsetUnit, start: int) -> None:
    at = FAMILY.index("消防局")
    assert OffsetConverter(FAMILY, unit)(at) == start


@pytest.mark.parametrize(("unit", "codec", "width"), UNITS)
@given(data=st.data(), text=st.text(st.characters(exclude_categories=["Cs"])))
def test_offsets_slice_the_same_text_from_the_encoded_bytes(
    unit: OffsetUnit, codec: str, width: int, data: st.DataObject, text: str
) -> None:
    offsets = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=8)))
    converted = list(map(OffsetConverter(text, unit), offsets))
    encoded = text.encode(codec)
    for i in range(len(offsets) - 1):
        piece = encoded[converted[i] * width : converted[i + 1] * width].decode(codec)
        assert piece == text[offsets[i] : offsets[i + 1]]


def test_normal_forms_are_in_the_response_if_there_are_any() -> None:
    found = (Found(0, 3, "MONEY", 0.5, "TWD 35000"), Found(3, 4, "GPE", None))
    first, second = entities("三萬五台", found, Options())
    assert first == {"start": 0, "end": 3, "label": "MONEY", "score": 0.5, "text": "三萬五", "normalized": "TWD 35000"}
    assert "normalized" not in second
    assert [EntityAnswer(**answer).normalized for answer in (first, second)] == ["TWD 35000", None]
