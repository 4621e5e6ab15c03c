"""Usual characters are known before the first text, and stay known."""

from collections.abc import Callable
from pathlib import Path

import pytest
from spacy.language import Language

from spacy_zh_tw_ner.export.from_hf import pipeline_from_hf
from spacy_zh_tw_ner.export.quantize import backbone_shims
from spacy_zh_tw_ner.service.warm_up import big5, learn_characters


def test_big5_is_what_taiwan_writes() -> None:
    characters = big5()
    assert len(characters) == len(set(characters)) > 13_000
    assert set("臺台灣鼎，。「」Aa0!") <= set(characters)
    assert not set(" \n们") & set(characters)


def test_a_text_of_usual_characters_teaches_nothing(
    tiny_checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp: Language = pipeline_from_hf(str(tiny_checkpoint("bert")))
    learn_characters(nlp)
    (shim,) = backbone_shims(nlp)

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(shim.table, "_learn", refuse)
    n_lexemes = len(nlp.vocab)
    with nlp.memory_zone():
        nlp("國立臺灣大學（NTU）位於臺北市大安區。")
        assert len(nlp.vocab) == n_lexemes
