"""Test the warnings about wrong use of the recognizer: each is given once, and correct use gives none."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_zh_tw_ner.components.calibration import calibrate

from .training_data import BILSTM, TEXTS, build, fit, model_of


@pytest.fixture(scope="module")
def nlp() -> Language:
    return fit(build(), 25)


def test_gazetteer_after_the_recognizer_warns(nlp: Language) -> None:
    other = build()
    with pytest.warns(UserWarning, match=r'\[ZT942\] .*runs after .ner.*before="ner"'):
        other.add_pipe("zh_tw_gazetteer")


def test_order_is_checked_wherever_a_component_is_added() -> None:
    nlp = build()
    nlp.add_pipe("doc_cleaner")
    with pytest.warns(UserWarning, match=r"\[ZT942\] .*runs after .ner"):
        nlp.add_pipe("zh_tw_gazetteer", before="doc_cleaner")
    late = spacy.blank("zh_tw")
    late.add_pipe("zh_tw_gazetteer")
    with pytest.warns(UserWarning, match=r"\[ZT942\] .*runs after .first"):
        late.add_pipe("zh_tw_crf_ner", name="first", config={"model": model_of(BILSTM)}, first=True)


@pytest.mark.parametrize("factory", ["zh_tw_pii", "ner", "entity_ruler"])
def test_entities_after_the_normalizer_warn(factory: str) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("zh_tw_normalizer")
    with pytest.warns(UserWarning, match=rf"\[ZT836\] .*runs before '{factory}'.*after=\"{factory}\""):
        nlp.add_pipe(factory)
    right = spacy.blank("zh_tw")
    right.add_pipe(factory)
    right.add_pipe("zh_tw_normalizer")


def test_gazetteer_before_the_recognizer_does_not_warn() -> None:
    for config, place in (({}, {"before": "ner"}), ({}, {"first": True}), ({"override": True}, {})):
        build().add_pipe("zh_tw_gazetteer", config=config, **place)
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("zh_tw_gazetteer")
    nlp.add_pipe("zh_tw_crf_ner", config={"model": model_of(BILSTM)})


def test_pipeline_of_another_language_warns(nlp: Language) -> None:
    with pytest.warns(
        UserWarning, match=r"\[ZT940\] The component 'ner' is in a pipeline of the language 'en'"
    ) as seen:
        spacy.blank("en").add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(BILSTM)})
    assert len(seen) == 1


def test_component_sourced_into_another_language_warns_once(nlp: Language) -> None:
    english = spacy.blank("en")
    english.add_pipe("ner", source=fit(build(), 1))
    with pytest.warns(UserWarning, match=r"\[ZT940\] .*language 'en'.*blank\(\"zh_tw\"\)") as seen:
        english(TEXTS[0])
    assert len(seen) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(english.pipe(TEXTS))


def test_words_as_tokens_warn_once() -> None:
    nlp = fit(build(), 1)
    docs = [Doc(nlp.vocab, words=["蔡英文", "總統"], spaces=[False, False]) for _ in range(3)]
    with pytest.warns(UserWarning, match=r"\[ZT941\] .*tokens such as '蔡英文'.*make_doc") as seen:
        list(nlp.pipe(docs))
    assert len(seen) == 1


@pytest.mark.parametrize("group", [[], ["latin", "digit"]])
def test_correct_use_does_not_warn(group: list[str], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"group": group}}})
        nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(BILSTM)})
        fit(nlp, 1)
        nlp.to_disk(tmp_path)
        again = spacy.load(tmp_path)
        for text in (*TEXTS, "Windows 2024 版", "\u200b", "👨\u200d👩\u200d👧", ""):
            again(text)


def test_char_tokenizer_in_another_language_does_not_warn() -> None:
    config: dict[str, Any] = {"nlp": {"tokenizer": {"@tokenizers": "spacy-zh-tw-ner.CharTokenizer.v1"}}}
    nlp = spacy.blank("en", config=config)
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(BILSTM)})
    fit(nlp, 1)(TEXTS[0])


@pytest.mark.parametrize("label", [None, "LAW"])
def test_calibrating_without_entities_of_the_labels_raises(nlp: Language, label: str | None) -> None:
    golds = [nlp.make_doc(text) for text in TEXTS]
    if label:
        golds[0].ents = [golds[0].char_span(0, 3, label=label)]
    before = nlp.get_pipe("ner").temperature
    with pytest.raises(ValueError, match=r"\[ZT115\] .* 4 held-out documents hold no entity.*GPE, ORG, PERSON"):
        calibrate(nlp, golds)
    with pytest.raises(ValueError, match=r"\[ZT115\]"):
        calibrate(nlp, [])
    assert nlp.get_pipe("ner").temperature == before
