"""Test the predictions and scores of `zh_tw_crf_ner`: single texts and batches, before and after saving."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from thinc.api import Adam

from spacy_zh_tw_ner.components import span_annotations as scores_module
from spacy_zh_tw_ner.components.crf_ner import CRFEntityRecognizer
from spacy_zh_tw_ner.entities import Entity, Prediction

from .training_data import (
    MIXED,
    SENTENCES,
    TEXTS,
    build,
    check_equal,
    check_fits,
    examples_of,
    fit,
    found,
    scored,
)


@pytest.mark.parametrize("batch_size", [1, 2, 128])
def test_pipe_equals_single_calls(unsure: Language, batch_size: int) -> None:
    check_equal(unsure.pipe(MIXED, batch_size=batch_size), [unsure(text) for text in MIXED])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # Python 3.12 and later
def test_two_processes_equal_one(unsure: Language) -> None:
    check_equal(unsure.pipe(MIXED, n_process=2, batch_size=3), [unsure(text) for text in MIXED])


def test_empty_and_white_space_texts_have_no_entities(trained: Language) -> None:
    for texts in ([""], ["", ""], ["   "], ["\n"], ["\u200b"], ["", TEXTS[0], " "]):
        docs = list(trained.pipe(texts))
        assert [doc.text for doc in docs] == texts
        assert [len(doc.ents) for doc in docs] == [3 if text == TEXTS[0] else 0 for text in texts]


def test_empty_batch_gives_an_empty_result(trained: Language) -> None:
    pipe = trained.get_pipe("ner")
    assert list(trained.pipe([])) == []
    assert pipe.predict([]) == []
    pipe.set_annotations([], [])
    assert trained.update([], sgd=Adam(0.01)) == {}
    assert pipe.update([], sgd=Adam(0.01)) == {"ner": 0.0}


def test_predict_does_not_change_documents(trained: Language) -> None:
    doc = trained.make_doc(TEXTS[0])
    (prediction,) = trained.get_pipe("ner").predict([doc])
    assert isinstance(prediction, Prediction)
    assert prediction.ents == tuple(Entity(start, end, label) for start, end, label in SENTENCES[0][1])
    assert len(prediction.scores) == 3
    assert doc.ents == ()
    assert "ner" not in doc.spans


def test_long_text_is_decoded_as_a_whole(trained: Language) -> None:
    text = TEXTS[0] * 100
    doc = trained(text)
    assert doc.text == text
    assert found(doc)[0] == (0, 3, "PERSON")
    assert {(ent.text, ent.label_) for ent in doc.ents} == {("蔡英文", "PERSON"), ("臺北市", "GPE"), ("台積電", "ORG")}
    assert len(doc.ents) == 300


def test_bytes_disk_and_pickle_give_equal_predictions(unsure: Language, tmp_path: Path) -> None:
    expected = [unsure(text) for text in MIXED]
    unsure.to_disk(tmp_path / "pipeline")
    for again in (
        build().from_bytes(unsure.to_bytes()),
        spacy.load(tmp_path / "pipeline"),
        pickle.loads(pickle.dumps(unsure)),
    ):
        assert again.get_pipe("ner").labels == ("GPE", "ORG", "PERSON")
        check_equal([again(text) for text in MIXED], expected, tolerance=1e-6)


def test_component_alone_loads_from_bytes_and_disk(unsure: Language, tmp_path: Path) -> None:
    pipe = unsure.get_pipe("ner")
    docs = [unsure.make_doc(text) for text in TEXTS]
    expected = pipe.predict(docs)
    pipe.to_disk(tmp_path / "ner")
    for again in (
        build().get_pipe("ner").from_bytes(pipe.to_bytes()),
        build().get_pipe("ner").from_disk(tmp_path / "ner"),
    ):
        assert again.predict(docs) == expected


def test_loaded_pipeline_can_be_trained_further(unsure: Language, tmp_path: Path) -> None:
    unsure.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    sgd = again.resume_training(sgd=Adam(0.02, L2=0.0))
    for _ in range(40):
        again.update(examples_of(again), sgd=sgd)
    check_fits(again)


def test_score_of_an_entity_is_its_probability(unsure: Language) -> None:
    from spacy_zh_tw_ner.crf import infer

    pipe = unsure.get_pipe("ner")
    for text in TEXTS:
        doc = unsure(text)
        (emissions,) = pipe.model.predict([doc])
        posterior = infer(emissions, [len(doc)], pipe.transitions())
        tags = np.zeros(len(doc), dtype=np.int64)
        for ent in doc.ents:
            tags[ent.start : ent.end] = pipe.scheme.path(Entity(ent.start, ent.end, ent.label_))
        for ent in doc.ents:
            expected = float(posterior.path_probabilities(tags, [ent.start], [ent.end])[0])
            assert ent._.score == pytest.approx(expected, abs=1e-5)
            assert 0.0 < ent._.score <= 1.0


def test_span_group_holds_entities_and_scores(unsure: Language) -> None:
    doc = unsure(TEXTS[0])
    group = doc.spans["ner"]
    assert [(e.start, e.end, e.label_) for e in group] == [(e.start, e.end, e.label_) for e in doc.ents]
    assert group.attrs["scores"] == [ent._.score for ent in doc.ents]
    assert all(type(score) is float for score in group.attrs["scores"])


def test_span_that_was_not_predicted_has_no_score(unsure: Language) -> None:
    doc = unsure(TEXTS[0])
    ent = doc.ents[0]
    assert ent._.score is not None
    assert Span(doc, ent.start, ent.end, label="LAW")._.score is None
    assert Span(doc, ent.start, ent.end + 1, label=ent.label)._.score is None
    assert doc[len(doc) - 1 :]._.score is None
    assert unsure.make_doc(TEXTS[0])[0:3]._.score is None


def test_scores_survive_a_doc_bin_bytes_and_pickle(unsure: Language) -> None:
    docs = [unsure(text) for text in MIXED]
    expected = [scored(doc) for doc in docs]
    vocab = spacy.blank("zh_tw").vocab
    bin_ = DocBin().from_bytes(DocBin(docs=docs).to_bytes())
    assert [scored(doc) for doc in bin_.get_docs(vocab)] == expected
    assert [scored(Doc(unsure.vocab).from_bytes(doc.to_bytes())) for doc in docs] == expected
    assert [scored(pickle.loads(pickle.dumps(doc))) for doc in docs] == expected


def test_min_score_drops_less_probable_entities(unsure: Language) -> None:
    everything = [ent for doc in unsure.pipe(TEXTS) for ent in scored(doc)]
    probabilities = sorted(score for *_, score in everything)
    threshold = (probabilities[0] + probabilities[-1]) / 2
    strict = build(min_score=threshold).from_bytes(unsure.to_bytes())
    kept = [ent for doc in strict.pipe(TEXTS) for ent in scored(doc)]
    assert [ent[:3] for ent in kept] == [ent[:3] for ent in everything if ent[3] >= threshold]
    assert 0 < len(kept) < len(everything)
    for doc in strict.pipe(TEXTS):
        assert len(doc.spans["ner"]) == len(doc.spans["ner"].attrs["scores"]) == len(doc.ents)


def test_min_score_of_the_config_is_saved_and_loaded(tmp_path: Path) -> None:
    nlp = fit(build(min_score=1.0), 3)
    assert [doc.ents for doc in nlp.pipe(TEXTS)] == [()] * 4
    nlp.to_disk(tmp_path / "pipeline")
    assert [doc.ents for doc in spacy.load(tmp_path / "pipeline").pipe(TEXTS)] == [()] * 4


def test_min_score_can_be_set_when_a_pipeline_is_loaded(unsure: Language, tmp_path: Path) -> None:
    assert any(doc.ents for doc in unsure.pipe(TEXTS))
    unsure.to_disk(tmp_path / "pipeline")
    strict = spacy.load(tmp_path / "pipeline", config={"components.ner.min_score": 1.0})
    assert [doc.ents for doc in strict.pipe(TEXTS)] == [()] * 4


@pytest.mark.parametrize("min_score", [2.0, -0.1])
def test_min_score_out_of_range_raises(min_score: float) -> None:
    with pytest.raises(ValueError, match=rf"\[ZT106\] min_score must be from 0 to 1 \(got {min_score}\)"):
        build(min_score=min_score)


def test_min_score_nan_raises(nlp: Language) -> None:
    model = build().get_pipe("ner").model
    with pytest.raises(ValueError, match=r"\[ZT106\] min_score must be from 0 to 1 \(got nan\)"):
        CRFEntityRecognizer(nlp.vocab, model, min_score=float("nan"))


def test_warning_if_another_package_has_registered_the_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    build()
    assert Span.get_extension("score")[2] is scores_module.get_score
    ours = Span.get_extension("score")
    Span.set_extension("score", getter=lambda span: 0.5, force=True)
    try:
        with pytest.warns(
            UserWarning, match=r"\[ZT901\] Another package has registered `Span\._\.score`.*doc\.spans\['ner'\]"
        ):
            build()
    finally:
        Span.set_extension("score", getter=ours[2], force=True)
    build()
