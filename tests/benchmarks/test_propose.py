"""The naive corpus of `benchmarks.propose` has every proposed entity, and O elsewhere; its sources can be read."""

from pathlib import Path

import pytest
import spacy
import tomllib
from spacy.tokens import Span

from benchmarks import weak_sources
from benchmarks.propose import Budget, best_min_score, naive, write
from benchmarks.weak_sources import derived_lists, settings, syllables
from spacy_zh_tw_ner.components.partial_annotations import write_partial
from spacy_zh_tw_ner.corpora.formats.docbin import read_docbin
from spacy_zh_tw_ner.proposals import make_settings


def test_the_naive_corpus_is_complete(tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    doc = nlp.make_doc("鴻海精密在台北說話")
    spans = [Span(doc, 0, 2, "ORG"), Span(doc, 0, 4, "ORG"), Span(doc, 2, 4, "O")]
    write_partial(doc, [Span(doc, 5, 7, "LOC")], spans, [doc[4:5]], outside_weight=0.5)
    write(tmp_path / "proposed.spacy", [doc])
    (found,) = read_docbin(naive(tmp_path, tmp_path / "proposed.spacy")).get_docs(nlp.vocab)
    assert [(ent.text, ent.label_) for ent in found.ents] == [("鴻海精密", "ORG"), ("台北", "LOC")]
    assert [token.ent_iob for token in found] == [3, 1, 1, 1, 2, 3, 1, 2, 2]
    assert not found.spans
    assert "outside_weight" not in found.user_data


def test_the_sources_can_be_read_and_time_is_limited(tmp_path: Path) -> None:
    content = settings("爾斯")
    assert "<" not in content.replace(r"\L<", "").replace("(?<", "").replace("(?P<", "")
    assert len(make_settings(tomllib.loads(content), folder=tmp_path).sources) == 8
    assert Budget(0.0).is_left()
    assert not Budget(-1.0).is_left()


def test_characters_of_foreign_names_are_those_that_other_words_seldom_have() -> None:
    assert syllables(["爾斯", "爾人"] * 8, ["人人人人人人爾"]) == "爾斯"


def test_lists_are_derived_from_the_kinds_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weak_sources, "cldr_places", lambda: {"華沙"})
    kinds = {"place": ["北京", "北京市", "關聯"], "person": ["王小明", "高個子", "林二"], "foreign": ["爾斯", "爾斯克"]}
    lists = {
        name: set(words)
        for name, words in derived_lists({**kinds, "noun": ["大學", "桌子"], "other": [], "idiom": []}).items()
    }
    assert lists["sure_place"] == {"北京", "北京市", "華沙"}
    assert lists["sure_person"] == {"王小明"}
    assert lists["sure_foreign"] == {"爾斯克"}
    assert lists["plain_noun"] == {"桌子"}


def test_the_best_min_score_is_that_of_dev() -> None:
    assert best_min_score({"dev": {"0.1": 30.0, "0.35": 29.0}, "test": {"0.1": 1.0, "0.35": 2.0}}) == "0.1"
