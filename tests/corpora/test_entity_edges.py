"""Entities whose first or last character is unlikely to belong to a name."""

import pytest

from spacy_zh_tw_ner.corpora.entity_edges import BRACKETS, Edge, edge_kind, find_edges
from spacy_zh_tw_ner.corpora.formats.docbin import Sentence
from spacy_zh_tw_ner.corpora.script_conversion import simplified_test
from spacy_zh_tw_ner.entities import Entity


@pytest.mark.parametrize(
    ("surface", "kind"),
    [
        ("臺北市", None),
        (" 臺北", "white space"),
        ("臺北\u3000", "white space"),
        ("\n", "white space"),
        ("臺北，", "punctuation"),
        ("、臺北", "punctuation"),
        ("臺北;", "punctuation"),
        ("《紅樓夢》", None),
        ("《紅樓夢", "bracket"),
        ("紅樓夢》", "bracket"),
        ("台積（電", None),  # not at an edge
        ("台積電（股）", None),
        ("（台積電", "bracket"),
        ("「一」與「二」", None),
        ("Apple Inc.", None),
        ("Yahoo!", None),
        ("百分之五十%", None),
        ("C++", None),
        ("-5", None),
        ("……", "punctuation"),
    ],
)
def test_the_kind_of_an_unlikely_edge_is_returned(surface: str, kind: str | None) -> None:
    assert edge_kind(surface) == kind


def test_all_brackets_are_in_pairs() -> None:
    assert len({*BRACKETS, *BRACKETS.values()}) == 2 * len(BRACKETS)


def test_edges_have_the_origin_of_their_sentence() -> None:
    entities = (Entity(0, 2, "A"), Entity(3, 6, "B"))
    sentence = Sentence("臺北和高雄，", entities, (False,) * 6, "a.txt:3")
    assert list(find_edges([sentence])) == [Edge("punctuation", "高雄，", "B", "a.txt:3")]


def test_simplified_characters_are_those_that_big5_lacks() -> None:
    is_simplified = simplified_test()
    assert all(map(is_simplified, "国湾这长说时间东车"))
    assert not any(map(is_simplified, "臺台灣國裡里后後面麵著着群峰万Aａ，。1１あ"))
