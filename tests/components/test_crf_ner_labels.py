"""Test the labels of `zh_tw_crf_ner`: from the corpus, from the config, and added later."""

from typing import Any

import numpy as np
import pytest
from spacy.language import Language
from thinc.api import Adam, fix_random_seed

from .training_data import (
    BILSTM,
    SENTENCES,
    TEXTS,
    build,
    examples_of,
    found,
    model_of,
)


def test_labels_are_collected_from_the_corpus_and_sorted(nlp: Language) -> None:
    pipe = nlp.add_pipe("zh_tw_crf_ner", config={"model": model_of(BILSTM)})
    nlp.initialize(lambda: examples_of(nlp))
    assert pipe.labels == ("GPE", "ORG", "PERSON")
    assert pipe.label_data == ["GPE", "ORG", "PERSON"]
    assert len(pipe.scheme) == pipe.model.get_dim("nO") == 13


def test_given_labels_replace_those_of_the_corpus_and_keep_their_order(nlp: Language) -> None:
    pipe = nlp.add_pipe("zh_tw_crf_ner", config={"model": model_of(BILSTM)})
    pipe.initialize(lambda: examples_of(nlp), nlp=nlp, labels=["ORG", "LAW", "GPE"])
    assert pipe.labels == ("ORG", "LAW", "GPE")
    assert pipe.model.get_dim("nO") == 13


def test_initialize_block_of_a_config_sets_labels() -> None:
    nlp = build()
    nlp.config["initialize"]["components"]["ner"] = {"labels": ["PERSON", "ORG", "GPE"]}
    nlp.initialize(lambda: examples_of(nlp))
    assert nlp.get_pipe("ner").labels == ("PERSON", "ORG", "GPE")
    assert nlp.pipe_labels["ner"] == ["PERSON", "ORG", "GPE"]


def test_gold_entity_with_a_missing_label_counts_as_not_annotated() -> None:
    nlp = build()
    nlp.config["initialize"]["components"]["ner"] = {"labels": ["PERSON"]}
    examples = examples_of(nlp, [("臺北市", [(0, 3, "GPE")])])
    nlp.initialize(lambda: examples)
    pipe = nlp.get_pipe("ner")
    with pytest.warns(UserWarning, match=r"\[ZT904\] 1 gold entities .*: GPE \(1\)\. It has: PERSON\."):
        loss, gradients = pipe.get_loss(examples, pipe.model.predict([eg.predicted for eg in examples]))
    assert loss == pytest.approx(0.0, abs=1e-6)
    assert np.abs(gradients[0]).max() < 1e-6


def test_corpus_without_entities_raises() -> None:
    nlp = build()
    examples = examples_of(nlp, [("今天天氣很好。", [])])
    with pytest.raises(ValueError, match=r"\[ZT101\] The component 'ner' has no labels.*validate.*components\.ner\]"):
        nlp.initialize(lambda: examples)


def test_predicting_before_training_raises() -> None:
    nlp = build()
    with pytest.raises(ValueError, match=r"\[ZT116\] The component 'ner' has not been trained.*no labels.*initialize"):
        nlp("臺北市")
    nlp.get_pipe("ner").add_label("GPE")
    with pytest.raises(ValueError, match=r"\[ZT116\] The component 'ner' has not been trained.*no weights.*initialize"):
        nlp("臺北市")
    assert nlp("").text == ""


@pytest.mark.parametrize("label", ["", None, 3, ["GPE"]])
def test_label_that_is_not_a_nonempty_string_raises(label: Any) -> None:
    with pytest.raises(ValueError, match=r"\[ZT107\] A label must be a non-empty string \(got "):
        build().get_pipe("ner").add_label(label)


def test_add_label_returns_whether_the_label_is_new() -> None:
    pipe = build().get_pipe("ner")
    assert [pipe.add_label(label) for label in ("GPE", "ORG", "GPE")] == [1, 1, 0]
    assert pipe.labels == ("GPE", "ORG")
    assert "ORG" in pipe.vocab.strings


def test_add_label_before_initialization_puts_it_first() -> None:
    nlp = build()
    nlp.get_pipe("ner").add_label("ZOO")
    nlp.initialize(lambda: examples_of(nlp))
    assert nlp.get_pipe("ner").labels == ("ZOO", "GPE", "ORG", "PERSON")
    assert nlp.get_pipe("ner").model.get_dim("nO") == 17


def test_add_label_after_training_keeps_predictions(trained: Language) -> None:
    before = [found(doc) for doc in trained.pipe(TEXTS)]
    pipe = trained.get_pipe("ner")
    emissions = [array.copy() for array in pipe.model.predict([trained.make_doc(text) for text in TEXTS])]
    assert pipe.add_label("LAW") == 1
    assert pipe.labels == ("GPE", "ORG", "PERSON", "LAW")
    assert [found(doc) for doc in trained.pipe(TEXTS)] == before == [ents for _, ents in SENTENCES]
    for new, old in zip(pipe.model.predict([trained.make_doc(text) for text in TEXTS]), emissions, strict=True):
        assert new.shape[1] == old.shape[1] + 4
        np.testing.assert_allclose(new[:, : old.shape[1]], old, atol=1e-5)


def test_an_added_label_can_be_learnt_and_saved(trained: Language) -> None:
    trained.get_pipe("ner").add_label("LAW")
    more = [*SENTENCES, ("民法第一條規定如下。", [(0, 2, "LAW")])]
    examples = examples_of(trained, more)
    sgd = trained.resume_training(sgd=Adam(0.02, L2=0.0))
    for _ in range(25):
        trained.update(examples, sgd=sgd)
    assert [found(doc) for doc in trained.pipe(text for text, _ in more)] == [ents for _, ents in more]
    again = build().from_bytes(trained.to_bytes())
    assert [found(doc) for doc in again.pipe(text for text, _ in more)] == [ents for _, ents in more]


def test_training_continues_with_the_same_optimizer_after_add_label() -> None:
    nlp = build()
    fix_random_seed(0)
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    sgd = Adam(0.02, L2=0.0)
    for _ in range(5):
        nlp.update(examples, sgd=sgd)
    nlp.get_pipe("ner").add_label("LAW")
    more = examples_of(nlp, [*SENTENCES, ("民法第一條規定如下。", [(0, 2, "LAW")])])
    for _ in range(60):
        nlp.update(more, sgd=sgd)
    assert found(nlp("民法第一條規定如下。")) == [(0, 2, "LAW")]
