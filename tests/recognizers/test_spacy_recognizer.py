"""Recognizer of a spaCy pipeline: labels, learned characters, and normal forms."""

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.language import Language

from spacy_zh_tw_ner.components import normalizer
from spacy_zh_tw_ner.export.from_hf import pipeline_from_hf
from spacy_zh_tw_ner.export.quantize import backbone_shims
from spacy_zh_tw_ner.recognizers.spacy_recognizer import SpacyRecognizer, big5
from spacy_zh_tw_ner.safe_points import interrupted_by


def test_big5_lists_the_characters_used_in_taiwan() -> None:
    characters = big5()
    assert len(characters) == len(set(characters)) > 13_000
    assert set("臺台灣鼎，。「」Aa0!") <= set(characters)
    assert not set(" \n们") & set(characters)


def test_learned_characters_add_no_lexemes_or_wordpieces_later(
    tiny_checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp: Language = pipeline_from_hf(str(tiny_checkpoint("bert")))
    SpacyRecognizer(nlp).learn_characters()
    (shim,) = backbone_shims(nlp)

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(shim.table, "_extended", refuse)
    n_lexemes = len(nlp.vocab)
    with nlp.memory_zone():
        nlp("國立臺灣大學（NTU）位於臺北市大安區。")
        assert len(nlp.vocab) == n_lexemes


def test_labels_come_from_components_that_set_entities(tiny_nlp: Language) -> None:
    assert SpacyRecognizer(tiny_nlp).labels == ("GPE", "ORG", "PERSON")
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "LAW", "pattern": "民法"}])  # type: ignore[attr-defined]
    nlp.add_pipe("textcat").add_label("POLITICS")  # type: ignore[attr-defined]
    assert SpacyRecognizer(nlp).labels == ("LAW",)


def test_entities_have_normal_forms_also_in_slices(tiny_pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = spacy.load(tiny_pipeline)
    text = "蔡英文總統在臺北市接見台積電董事長。"
    assert {entity.normalized for entity in SpacyRecognizer(nlp)([text])[0]} == {None}
    component = nlp.add_pipe("zh_tw_normalizer")
    # The tiny recognizer finds no dates or amounts, so this test normalizes places instead.
    monkeypatch.setattr(component, "normalized_labels", {"GPE"})
    monkeypatch.setattr(normalizer, "normalize", lambda text, *_, **__: text[::-1])
    recognizer = SpacyRecognizer(nlp)
    whole = recognizer([text])
    assert [entity.normalized for entity in whole[0]] == [None, "市北臺", None]
    with interrupted_by(lambda: None):
        assert recognizer([text]) == whole
