"""The table of counties and districts is complete."""

from spacy_zh_tw_ner.taiwan.places import COUNTIES, DISTRICTS, county_names, district_names


def test_there_are_22_counties_and_368_districts() -> None:
    assert len(COUNTIES) == 22
    assert sum(map(len, DISTRICTS.values())) == 368
    assert all(len(set(names)) == len(names) for names in DISTRICTS.values())
    assert {name[-1] for names in DISTRICTS.values() for name in names} == set("區鄉鎮市")


def test_special_municipalities_have_districts_only() -> None:
    assert all(name.endswith("區") for county, names in DISTRICTS.items() if county.endswith("市") for name in names)
    assert not any(
        name.endswith("區") for county, names in DISTRICTS.items() if county.endswith("縣") for name in names
    )


def test_names_are_found_in_both_spellings() -> None:
    assert {"台北市", "台北", "台東縣"} <= county_names()
    assert {"台東市", "霧台鄉", "那瑪夏區"} <= district_names()
