"""Parts of addresses: what `pairs.tsv` does not have."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.taiwan.address_parts import HAN, LONGEST, Address, han_except, normalize_address
from spacy_zh_tw_ner.taiwan.places import DISTRICTS

PLACES = [(county, district) for county, districts in DISTRICTS.items() for district in districts]


@pytest.mark.parametrize(("county", "district"), PLACES)
def test_every_district_is_found_in_its_county(county: str, district: str) -> None:
    expected = Address(county=county, district=district, road="中山路", number="5")
    for written in (county, county.replace("臺", "台")):
        assert normalize_address(f"{written}{district}中山路5號") == expected
    assert normalize_address(f"{district}中山路5號") == expected._replace(county=None)


@pytest.mark.parametrize("county", DISTRICTS)
def test_a_district_of_another_county_is_refused(county: str) -> None:
    for other, district in PLACES[::7]:
        if district not in DISTRICTS[county]:
            assert normalize_address(f"{county}{district}中山路5號") is None, other


def test_short_forms_are_completed_where_one_county_fits() -> None:
    counties = {"新竹東區": "新竹市", "新竹竹北市": "新竹縣", "嘉義民雄鄉": "嘉義縣", "台北大安區": "臺北市"}
    for written, county in counties.items():
        found = normalize_address(f"{written}中山路5號")
        assert found is not None
        assert found.county == county
    assert normalize_address("新竹中山路5號") is None
    assert normalize_address("新竹北路5號") == Address(road="新竹北路", number="5")


@given(st.integers(1, 9), st.integers(1, 999), st.integers(1, 99), st.integers(1, 1999), st.integers(1, 50))
def test_numbers_are_kept(section: int, lane: int, alley: int, number: int, floor: int) -> None:
    text = f"臺北市大安區和平東路{section}段{lane}巷{alley}弄{number}號{floor}樓"
    numbers = {"section": section, "lane": lane, "alley": alley, "number": number, "floor": floor}
    expected = Address(county="臺北市", district="大安區", road="和平東路")
    assert normalize_address(text) == expected._replace(**{name: str(value) for name, value in numbers.items()})


@given(st.text("里村鄰路街大道段巷弄號之樓室BF一十1中山新北市區縣,- 台大安", max_size=LONGEST))
def test_parts_are_in_the_text(text: str) -> None:
    found = normalize_address(text)
    if found is not None:
        plain = "".join(text.split()).replace("台", "臺")
        for part in (found.village, found.locality):
            assert part is None or part in plain
        assert any(found)
        assert not any(" " in part for part in found if part is not None)


def test_texts_of_any_length_are_taken() -> None:
    of_64 = ("中" * 64, "一" * 64, "中里" * 32, "中" * 20 + "1" * 44)  # the longest that the pattern is tried on
    for text in ("里" * 10**5, "號之 " * 10**5, "臺北市" + " " * 300 + "大安區", *of_64):
        assert normalize_address(text) is None


@given(st.text("㐀㐁䶿一丁號之路鿿a9-", max_size=9))
def test_character_classes_leave_out_what_they_say(left_out: str) -> None:
    pattern = re.compile(han_except(left_out))
    near = {
        code + step for code in (*map(ord, left_out), *(end for ends in HAN for end in ends)) for step in (-1, 0, 1)
    }
    for code in near:
        is_han = any(first <= code <= last for first, last in HAN)
        assert (pattern.fullmatch(chr(code)) is not None) is (is_han and chr(code) not in left_out)
