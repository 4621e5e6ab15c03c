"""Test the temperature of a component: fitting, saving, and unchanged entities."""

from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.training import Example

from spacy_zh_tw_ner.components.calibration import calibrate
from spacy_zh_tw_ner.components.inspection import find_recognizer
from spacy_zh_tw_ner.crf import at_temperature, log_likelihood

from .training_data import HASH_EMBED_CNN, SENTENCES, TEXTS, build, examples_of, fit, model_of, scored

WRONG = [(text, ents[:1]) for text, ents in SENTENCES]  # gold annotations without most of the entities that were learnt


@pytest.fixture
def sure() -> Language:
    return fit(build(), 25)


def golds(nlp: Language, sentences=SENTENCES):
    return [example.reference for example in examples_of(nlp, sentences)]


def test_calibrate_maximizes_the_likelihood_of_the_gold_entities(sure: Language) -> None:
    found = calibrate(sure, golds(sure, WRONG))
    component = find_recognizer(sure)
    docs = [sure.make_doc(text) for text in TEXTS]
    gold = component.gold_mask(Example(doc, g) for doc, g in zip(docs, golds(sure, WRONG), strict=True))
    rows, lengths, transitions = component.potentials(docs)

    def likelihood(temperature: float) -> float:
        cooled = at_temperature(rows, transitions, temperature)
        return float(log_likelihood(cooled[0], lengths, cooled[1], gold).log_likelihood.sum())

    assert component.temperature == found > 1.0
    assert likelihood(found) > max(likelihood(found * 1.02), likelihood(found / 1.02), likelihood(1.0))


def test_temperature_changes_scores_but_not_entities(sure: Language) -> None:
    before = [scored(doc) for doc in sure.pipe(TEXTS)]
    calibrate(sure, golds(sure, WRONG))
    after = [scored(doc) for doc in sure.pipe(TEXTS)]
    assert [[ent[:3] for ent in ents] for ents in after] == [[ent[:3] for ent in ents] for ents in before]
    assert np.mean([ent[3] for ents in after for ent in ents]) < np.mean([ent[3] for ents in before for ent in ents])


def test_temperature_is_saved_and_loaded(sure: Language, tmp_path: Path) -> None:
    find_recognizer(sure).temperature = 1.75
    sure.to_disk(tmp_path / "pipeline")
    loaded = spacy.load(tmp_path / "pipeline")
    assert find_recognizer(loaded).temperature == 1.75
    assert [scored(doc) for doc in loaded.pipe(TEXTS)] == [scored(doc) for doc in sure.pipe(TEXTS)]
    assert find_recognizer(build().from_bytes(sure.to_bytes())).temperature == 1.75


def test_initialize_resets_the_temperature(sure: Language) -> None:
    find_recognizer(sure).temperature = 3.0
    examples = examples_of(sure)
    sure.initialize(lambda: examples)
    assert find_recognizer(sure).temperature == 1.0


def test_component_with_a_listener_can_be_calibrated() -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("tok2vec", config={"model": HASH_EMBED_CNN})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "*"}
    nlp.add_pipe("zh_tw_crf_ner", name="names", config={"model": model_of(listener)})
    nlp.add_pipe("sentencizer")
    fit(nlp, 10)
    assert calibrate(nlp, golds(nlp), "names") != 1.0
    assert nlp.pipe_names == ["tok2vec", "names", "sentencizer"]


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_temperature_out_of_range_raises(sure: Language, value: float) -> None:
    with pytest.raises(ValueError, match=r"\[ZT112\] temperature="):
        find_recognizer(sure).temperature = value


@pytest.mark.parametrize("name", [None, "other", "sentencizer"])
def test_calibrate_without_a_recognizer_raises(name: str | None) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("sentencizer")
    with pytest.raises(ValueError, match=rf"\[ZT113\] .*'{name or 'zh_tw_crf_ner'}'.*It has: sentencizer\."):
        calibrate(nlp, [], name)
