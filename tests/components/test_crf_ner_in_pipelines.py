"""Test `zh_tw_crf_ner` with other components that set entities, share encoders or are trained."""

from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Span
from thinc.api import Adam, fix_random_seed

from .training_data import (
    BILSTM,
    HASH_EMBED_CNN,
    MIXED,
    SENTENCES,
    TEXTS,
    build,
    check_equal,
    examples_of,
    found,
    model_of,
    scored,
)


def test_earlier_entities_are_kept_and_overlapping_predictions_dropped(trained: Language) -> None:
    doc = trained.make_doc(TEXTS[0])
    doc.ents = [Span(doc, 1, 3, label="GIVEN"), Span(doc, 6, 9, label="GPE")]
    trained.get_pipe("ner")(doc)
    assert found(doc) == [(1, 3, "GIVEN"), (6, 9, "GPE"), (11, 14, "ORG")]
    # An earlier entity that is also predicted has a score; one that is not predicted has none.
    assert [ent._.score is None for ent in doc.ents] == [True, False, False]
    assert [ent.text for ent in doc.spans["ner"]] == ["臺北市", "台積電"]


def test_overwrite_replaces_earlier_entities(saved: bytes) -> None:
    trained = build(overwrite=True).from_bytes(saved)
    doc = trained.make_doc(TEXTS[0])
    doc.ents = [Span(doc, 1, 3, label="GIVEN"), Span(doc, 15, 17, label="GIVEN")]
    trained.get_pipe("ner")(doc)
    assert found(doc) == SENTENCES[0][1]
    assert all(ent._.score is not None for ent in doc.ents)


def test_entities_of_an_earlier_entity_ruler_are_kept(trained: Language) -> None:
    ruler = trained.add_pipe("entity_ruler", before="ner")
    ruler.add_patterns([{"label": "TITLE", "pattern": [{"ORTH": "總"}, {"ORTH": "統"}]}])
    assert found(trained(TEXTS[0])) == [(0, 3, "PERSON"), (3, 5, "TITLE"), (6, 9, "GPE"), (11, 14, "ORG")]


def test_running_twice_gives_the_same_entities(trained: Language) -> None:
    doc = trained(TEXTS[0])
    first = scored(doc)
    trained.get_pipe("ner")(doc)
    assert scored(doc) == first


def test_frozen_component_does_not_change_in_training(unsure: Language) -> None:
    frozen = unsure.get_pipe("ner")
    before, docs = frozen.to_bytes(), [unsure.make_doc(text) for text in TEXTS]
    expected = frozen.predict(docs)
    other = unsure.add_pipe("zh_tw_crf_ner", name="other", config={"model": model_of(HASH_EMBED_CNN)})
    examples = examples_of(unsure)
    other.initialize(lambda: examples, nlp=unsure)
    untrained = other.to_bytes()
    sgd = unsure.resume_training()
    losses: dict[str, float] = {}
    for _ in range(2):
        losses = unsure.update(examples, sgd=sgd, losses=losses, exclude=["ner"])
    assert set(losses) == {"other"}
    assert other.to_bytes() != untrained
    assert frozen.to_bytes() == before
    assert frozen.predict(docs) == expected


def test_select_pipes_disables_and_enables_the_component(trained: Language) -> None:
    with trained.select_pipes(disable=["ner"]):
        doc = trained(TEXTS[0])
        assert doc.ents == ()
        assert "ner" not in doc.spans
    assert found(trained(TEXTS[0])) == SENTENCES[0][1]
    with trained.select_pipes(enable=["ner"]):
        assert found(trained(TEXTS[0])) == SENTENCES[0][1]


def test_component_can_be_sourced_into_another_pipeline(unsure: Language, tmp_path: Path) -> None:
    other = spacy.blank("zh_tw")
    other.add_pipe("sentencizer")
    other.add_pipe("ner", source=unsure, name="entities")
    check_equal([other(text) for text in TEXTS], [unsure(text) for text in TEXTS])
    other.to_disk(tmp_path / "pipeline")
    check_equal([spacy.load(tmp_path / "pipeline")(text) for text in TEXTS], [unsure(text) for text in TEXTS])


def test_two_instances_report_separate_losses(nlp: Language) -> None:
    for name in ("people", "places"):
        nlp.add_pipe("zh_tw_crf_ner", name=name, config={"model": model_of(BILSTM)})
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    assert set(nlp.update(examples, sgd=Adam(0.01))) == {"people", "places"}


def test_use_params_applies_averaged_weights_and_restores_them(nlp: Language) -> None:
    """The averages of the torch module are applied, too; thinc's own shim would not find them."""
    nlp = build()
    fix_random_seed(0)
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    sgd = Adam(0.05, L2=0.0, use_averages=True)
    for _ in range(8):
        nlp.update(examples, sgd=sgd)
    pipe = nlp.get_pipe("ner")
    docs = [nlp.make_doc(text) for text in TEXTS]
    (shim,) = [shim for layer in pipe.model.walk() for shim in layer.shims]
    weights = dict(shim._model.named_parameters())
    last = {name: weight.detach().clone() for name, weight in weights.items()}
    emissions = [array.copy() for array in pipe.model.predict(docs)]
    with nlp.use_params(sgd.averages):
        inside = pipe.model.predict(docs)
        for name, weight in shim._model.named_parameters():
            assert not (weight == last[name]).all()
            np.testing.assert_allclose(weight.detach().numpy(), sgd.averages[shim.id, name], atol=1e-6)
        assert not np.allclose(inside[0], emissions[0], atol=1e-3)
        saved = nlp.to_bytes()
    for name, weight in shim._model.named_parameters():
        assert (weight == last[name]).all()
    for seen, expected in zip(pipe.model.predict(docs), emissions, strict=True):
        np.testing.assert_allclose(seen, expected, atol=1e-6)
    for seen, expected in zip(build().from_bytes(saved).get_pipe("ner").model.predict(docs), inside, strict=True):
        np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_memory_zone_does_not_change_predictions(unsure: Language) -> None:
    expected = [scored(unsure(text)) for text in MIXED]
    texts = [*MIXED, "龘龖在𠮷野家吃飯。"]
    for _ in range(2):
        with unsure.memory_zone():
            assert [scored(doc) for doc in unsure.pipe(texts)][: len(MIXED)] == [
                [(*ent[:3], pytest.approx(ent[3], abs=1e-4)) for ent in doc] for doc in expected
            ]
    check_equal([unsure(text) for text in MIXED], [unsure(text) for text in MIXED])
    assert unsure("龘龖在𠮷野家吃飯。").text == "龘龖在𠮷野家吃飯。"
