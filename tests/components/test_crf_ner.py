"""The component `zh_tw_crf_ner`, trained for real on four sentences, behind every kind of encoder."""

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from spacy_zh_tw_ner.components import span_annotations as scores_module
from spacy_zh_tw_ner.components.crf_ner import CRFEntityRecognizer, make_ner_scorer, score_ner
from spacy_zh_tw_ner.entities import Entity, Prediction

SENTENCES: list[tuple[str, list[tuple[int, int, str]]]] = [
    ("蔡英文總統在臺北市接見台積電董事長。", [(0, 3, "PERSON"), (6, 9, "GPE"), (11, 14, "ORG")]),
    ("鴻海在土城區設廠，郭台銘沒有到場。", [(0, 2, "ORG"), (3, 6, "GPE"), (9, 12, "PERSON")]),
    ("陳建仁說，中央研究院在南港區。", [(0, 3, "PERSON"), (5, 10, "ORG"), (11, 14, "GPE")]),
    ("今天天氣很好，我們去吃飯吧！", []),
]
TEXTS = [text for text, _ in SENTENCES]
# What stands between sentences in real input.
MIXED = ["", *TEXTS, "   ", "\n", TEXTS[0] * 3, "\u200b", "郭", "", TEXTS[1] + " " + TEXTS[2]]

CRF_TAGGER = "spacy-zh-tw-ner.CRFTagger.v1"
HASH_EMBED_CNN: dict[str, Any] = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 32,
    "depth": 2,
    "embed_size": 300,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": False,
}
BILSTM: dict[str, Any] = {
    "@architectures": "spacy-zh-tw-ner.BiLSTM.v1",
    "hidden_width": 24,
    "depth": 1,
    "dropout": 0.1,
    "embed": {"@architectures": "spacy-zh-tw-ner.CharNgramEmbed.v1", "widths": [24, 8], "rows": [500, 500]},
}
MASKED: dict[str, Any] = {
    "@architectures": "spacy-zh-tw-ner.MaskedCharacters.v1",
    "rate": 0.1,
    "width": 8,
    "n_targets": 64,
    "tok2vec": BILSTM,
}


def model_of(tok2vec: dict[str, Any]) -> dict[str, Any]:
    return {"@architectures": CRF_TAGGER, "tok2vec": tok2vec}


def examples_of(nlp: Language, sentences: Iterable[tuple[str, Any]] = SENTENCES) -> list[Example]:
    return [Example.from_dict(nlp.make_doc(text), {"entities": ents}) for text, ents in sentences]


def build(tok2vec: dict[str, Any] = BILSTM, **config: Any) -> Language:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(tok2vec), **config})
    return nlp


def fit(nlp: Language, n_steps: int, rate: float = 0.02, sentences: Iterable[tuple[str, Any]] = SENTENCES) -> Language:
    fix_random_seed(0)
    examples = examples_of(nlp, sentences)
    nlp.initialize(lambda: examples)
    sgd = Adam(rate, L2=0.0)
    for _ in range(n_steps):
        nlp.update(examples, sgd=sgd)
    return nlp


def found(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


def scored(doc: Doc) -> list[tuple[int, int, str, float]]:
    return [(ent.start_char, ent.end_char, ent.label_, ent._.score) for ent in doc.ents]


def check_equal(seen: Iterable[Doc], expected: Iterable[Doc], tolerance: float = 1e-4) -> None:
    for one, other in zip(seen, expected, strict=True):
        assert one.text == other.text
        assert found(one) == found(other)
        assert [ent._.score for ent in one.ents] == pytest.approx([ent._.score for ent in other.ents], abs=tolerance)


def check_fits(nlp: Language) -> None:
    assert [found(doc) for doc in nlp.pipe(TEXTS)] == [ents for _, ents in SENTENCES]
    scores = nlp.evaluate(examples_of(nlp))
    assert (scores["ents_f"], scores["ents_p"], scores["ents_r"]) == (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def saved() -> bytes:
    """A pipeline that knows the four sentences by heart."""
    return fit(build(), 40).to_bytes()


@pytest.fixture
def trained(saved: bytes) -> Language:
    return build().from_bytes(saved)


@pytest.fixture(scope="module")
def unsure_bytes() -> bytes:
    """The same, stopped early: its scores lie between 0 and 1."""
    return fit(build(), 12).to_bytes()


@pytest.fixture
def unsure(unsure_bytes: bytes) -> Language:
    nlp = build().from_bytes(unsure_bytes)
    probabilities = [score for doc in nlp.pipe(TEXTS) for *_, score in scored(doc)]
    assert probabilities
    assert 0.0 < min(probabilities) < 0.99
    return nlp


# -- the encoders it stands behind


@pytest.mark.parametrize("tok2vec", [HASH_EMBED_CNN, BILSTM, MASKED], ids=lambda x: x["@architectures"])
def test_four_sentences_are_learnt_by_heart(tok2vec: dict[str, Any]) -> None:
    check_fits(fit(build(tok2vec), 60))


def test_four_sentences_are_learnt_behind_a_listener_to_a_tok2vec_pipe() -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("tok2vec", config={"model": HASH_EMBED_CNN})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(listener)})
    fit(nlp, 60)
    check_fits(nlp)
    check_equal(nlp.pipe(MIXED, batch_size=2), [nlp(text) for text in MIXED])
    again = spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())
    check_fits(again)


def test_four_sentences_are_learnt_behind_our_encoder_in_a_tok2vec_pipe() -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("tok2vec", config={"model": BILSTM})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 48, "upstream": "tok2vec"}
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(listener)})
    fit(nlp, 40)
    check_fits(nlp)
    check_equal(nlp.pipe(MIXED, batch_size=2), [nlp(text) for text in MIXED])


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of random weights, and a WordPiece tokenizer of the characters of the four sentences."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set("".join(TEXTS)))]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    fix_random_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=48,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def test_four_sentences_are_learnt_behind_a_listener_to_a_transformer(tiny_bert: Path, tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    model = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": str(tiny_bert),
        "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 16, "stride": 12},
        "tokenizer_config": {"use_fast": True},
    }
    nlp.add_pipe("transformer", config={"model": model})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
        "upstream": "transformer",
    }
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(listener)})
    fit(nlp, 60, rate=0.01)
    check_fits(nlp)
    texts = [text for text in MIXED if text.strip()]
    check_equal(nlp.pipe(texts, batch_size=2), [nlp(text) for text in texts])
    nlp.to_disk(tmp_path / "pipeline")
    check_fits(spacy.load(tmp_path / "pipeline"))


# -- labels


def test_labels_are_found_in_the_corpus_and_sorted(nlp: Language) -> None:
    pipe = nlp.add_pipe("zh_tw_crf_ner", config={"model": model_of(BILSTM)})
    nlp.initialize(lambda: examples_of(nlp))
    assert pipe.labels == ("GPE", "ORG", "PERSON")
    assert pipe.label_data == ["GPE", "ORG", "PERSON"]
    assert len(pipe.scheme) == pipe.model.get_dim("nO") == 13


def test_label_data_takes_the_place_of_the_corpus_and_keeps_its_order(nlp: Language) -> None:
    pipe = nlp.add_pipe("zh_tw_crf_ner", config={"model": model_of(BILSTM)})
    pipe.initialize(lambda: examples_of(nlp), nlp=nlp, labels=["ORG", "LAW", "GPE"])
    assert pipe.labels == ("ORG", "LAW", "GPE")
    assert pipe.model.get_dim("nO") == 13


def test_label_data_goes_through_the_initialize_block_of_a_config() -> None:
    nlp = build()
    nlp.config["initialize"]["components"]["ner"] = {"labels": ["PERSON", "ORG", "GPE"]}
    nlp.initialize(lambda: examples_of(nlp))
    assert nlp.get_pipe("ner").labels == ("PERSON", "ORG", "GPE")
    assert nlp.pipe_labels["ner"] == ["PERSON", "ORG", "GPE"]


def test_a_label_of_the_corpus_that_label_data_lacks_is_unknown_and_not_outside() -> None:
    nlp = build()
    nlp.config["initialize"]["components"]["ner"] = {"labels": ["PERSON"]}
    examples = examples_of(nlp, [("臺北市", [(0, 3, "GPE")])])
    nlp.initialize(lambda: examples)
    pipe = nlp.get_pipe("ner")
    with pytest.warns(UserWarning, match=r"\[ZT904\] 1 gold entities .*: GPE \(1\)\. It has: PERSON\."):
        loss, gradients = pipe.get_loss(examples, pipe.model.predict([eg.predicted for eg in examples]))
    assert loss == pytest.approx(0.0, abs=1e-6)
    assert np.abs(gradients[0]).max() < 1e-6


def test_a_corpus_without_entities_is_refused_with_what_to_do() -> None:
    nlp = build()
    examples = examples_of(nlp, [("今天天氣很好。", [])])
    with pytest.raises(ValueError, match=r"\[ZT101\] The component 'ner' has no labels.*validate.*components\.ner\]"):
        nlp.initialize(lambda: examples)


def test_predicting_without_labels_is_refused_and_not_silent() -> None:
    nlp = build()
    with pytest.raises(ValueError, match=r"\[ZT116\] The component 'ner' has not been trained.*no labels.*initialize"):
        nlp("臺北市")
    nlp.get_pipe("ner").add_label("GPE")
    with pytest.raises(ValueError, match=r"\[ZT116\] The component 'ner' has not been trained.*no weights.*initialize"):
        nlp("臺北市")
    assert nlp("").text == ""


@pytest.mark.parametrize("label", ["", None, 3, ["GPE"]])
def test_a_label_must_be_a_string_with_something_in_it(label: Any) -> None:
    with pytest.raises(ValueError, match=r"\[ZT107\] A label must be a non-empty string, not "):
        build().get_pipe("ner").add_label(label)


def test_add_label_tells_whether_the_label_is_new() -> None:
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


def test_add_label_after_training_keeps_what_has_been_learnt(trained: Language) -> None:
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


def test_training_goes_on_with_the_same_optimizer_after_a_label_is_added() -> None:
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


# -- one text or many


@pytest.mark.parametrize("batch_size", [1, 2, 128])
def test_pipe_gives_what_single_calls_give(unsure: Language, batch_size: int) -> None:
    check_equal(unsure.pipe(MIXED, batch_size=batch_size), [unsure(text) for text in MIXED])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # Python 3.12 and later
def test_two_processes_give_what_one_gives(unsure: Language) -> None:
    check_equal(unsure.pipe(MIXED, n_process=2, batch_size=3), [unsure(text) for text in MIXED])


def test_texts_without_words_have_no_entities_and_do_no_harm(trained: Language) -> None:
    for texts in ([""], ["", ""], ["   "], ["\n"], ["\u200b"], ["", TEXTS[0], " "]):
        docs = list(trained.pipe(texts))
        assert [doc.text for doc in docs] == texts
        assert [len(doc.ents) for doc in docs] == [3 if text == TEXTS[0] else 0 for text in texts]


def test_an_empty_batch_is_an_empty_answer(trained: Language) -> None:
    pipe = trained.get_pipe("ner")
    assert list(trained.pipe([])) == []
    assert pipe.predict([]) == []
    pipe.set_annotations([], [])
    assert trained.update([], sgd=Adam(0.01)) == {}
    assert pipe.update([], sgd=Adam(0.01)) == {"ner": 0.0}


def test_predict_leaves_documents_as_they_are(trained: Language) -> None:
    doc = trained.make_doc(TEXTS[0])
    (prediction,) = trained.get_pipe("ner").predict([doc])
    assert isinstance(prediction, Prediction)
    assert prediction.ents == tuple(Entity(start, end, label) for start, end, label in SENTENCES[0][1])
    assert len(prediction.scores) == 3
    assert doc.ents == ()
    assert "ner" not in doc.spans


def test_a_long_text_is_decoded_as_a_whole(trained: Language) -> None:
    text = TEXTS[0] * 100
    doc = trained(text)
    assert doc.text == text
    assert found(doc)[0] == (0, 3, "PERSON")
    assert {(ent.text, ent.label_) for ent in doc.ents} == {("蔡英文", "PERSON"), ("臺北市", "GPE"), ("台積電", "ORG")}
    assert len(doc.ents) == 300


# -- the loss


def gradient_of(nlp: Language, examples: list[Example]) -> tuple[float, list[np.ndarray], dict[str, np.ndarray]]:
    """Loss, gradient of the emissions, and gradient of the transitions of a batch."""
    pipe = nlp.get_pipe("ner")
    layer = pipe.model.get_ref("transitions")
    for name in ("matrix", "start", "end"):
        layer.set_grad(name, np.zeros_like(layer.get_param(name)))
    loss, gradients = pipe.get_loss(examples, pipe.model.predict([example.predicted for example in examples]))
    return loss, gradients, {name: layer.get_grad(name).copy() for name in ("matrix", "start", "end")}


def test_missing_annotation_contributes_nothing(unsure: Language) -> None:
    unknown = [
        Example(unsure.make_doc(text), Doc(unsure.vocab, words=list(text), spaces=[False] * len(text)))
        for text in TEXTS
    ]
    assert not any(example.reference.has_annotation("ENT_IOB") for example in unknown)
    loss, gradients, transitions = gradient_of(unsure, unknown)
    assert loss == pytest.approx(0.0, abs=1e-5)
    assert max(np.abs(gradient).max() for gradient in gradients) < 1e-6
    assert max(np.abs(gradient).max() for gradient in transitions.values()) < 1e-5


def test_updating_on_missing_annotation_leaves_the_model_as_it_was(unsure: Language) -> None:
    before = [scored(doc) for doc in unsure.pipe(TEXTS)]
    unknown = [Example.from_dict(unsure.make_doc(text), {}) for text in TEXTS]
    # Plain gradient descent: Adam would move by its learning rate however small the gradient.
    from thinc.api import Optimizer

    unsure.update(unknown, sgd=Optimizer(0.1, L2=0.0, grad_clip=0.0, beta1=0.0, beta2=0.0, use_averages=False))
    after = [scored(doc) for doc in unsure.pipe(TEXTS)]
    assert [[ent[:3] for ent in doc] for doc in after] == [[ent[:3] for ent in doc] for doc in before]
    flat_after, flat_before = ([ent[3] for doc in docs for ent in doc] for docs in (after, before))
    assert flat_after == pytest.approx(flat_before, abs=1e-4)


def test_no_entities_is_not_the_same_as_missing_annotation(unsure: Language) -> None:
    text = TEXTS[0]
    loss, gradients, _ = gradient_of(unsure, [Example.from_dict(unsure.make_doc(text), {"entities": []})])
    assert loss > 0.1
    assert np.abs(gradients[0]).max() > 1e-3


def test_a_partly_annotated_document_contributes_its_known_part(unsure: Language) -> None:
    text = TEXTS[0]
    known = unsure.make_doc(text)
    known.set_ents([Span(known, 0, 3, label="PERSON")], default="missing")
    pipe = unsure.get_pipe("ner")
    loss, gradients, _ = gradient_of(unsure, [Example(unsure.make_doc(text), known)])
    # −log of the probability that these three tokens are exactly this entity, whatever stands behind them.
    from spacy_zh_tw_ner.crf import infer

    (emissions,) = pipe.model.predict([unsure.make_doc(text)])
    posterior = infer(emissions, [len(text)], pipe.transitions())
    tags = np.zeros(len(text), dtype=np.int64)
    tags[:3] = pipe.scheme.path(Entity(0, 3, "PERSON"))
    probability = float(posterior.path_probabilities(tags, [0], [3])[0])
    assert loss == pytest.approx(-np.log(probability), rel=1e-3)
    assert np.abs(gradients[0][:3]).max() > 1e-3
    # The gradient is a difference of probabilities, so it sums to 0 in each row.
    np.testing.assert_allclose(gradients[0].sum(1), 0.0, atol=1e-5)


def test_a_model_learns_the_known_part_and_is_free_in_the_rest() -> None:
    """In one half of the corpus only persons are known, in the other only places: all of both is learnt."""
    nlp = build()
    examples = []
    for keep in ("PERSON", "GPE", "ORG"):
        for text, ents in SENTENCES[:3]:
            gold = nlp.make_doc(text)
            spans = [gold.char_span(start, end, label=label) for start, end, label in ents if label == keep]
            gold.set_ents(spans, default="missing")
            examples.append(Example(nlp.make_doc(text), gold))
    examples += examples_of(nlp, SENTENCES[3:])
    fix_random_seed(0)
    nlp.initialize(lambda: examples)
    sgd = Adam(0.02, L2=0.0)
    for _ in range(40):
        nlp.update(examples, sgd=sgd)
    for text, ents in SENTENCES:
        assert set(ents) <= set(found(nlp(text)))


def test_the_gradient_is_that_of_the_loss_by_finite_differences(unsure: Language) -> None:
    examples = examples_of(unsure, SENTENCES[:2])
    pipe = unsure.get_pipe("ner")
    emissions = [array.astype("f") for array in pipe.model.predict([example.predicted for example in examples])]
    _, gradients = pipe.get_loss(examples, emissions)
    rng = np.random.default_rng(0)
    for _ in range(5):
        direction = [rng.normal(size=array.shape).astype("f") for array in emissions]
        step = 1e-2
        ahead, behind = (
            pipe.get_loss(examples, [e + sign * step * d for e, d in zip(emissions, direction, strict=True)])[0]
            for sign in (1, -1)
        )
        slope = (ahead - behind) / (2 * step) / len(examples)
        expected = sum(float((g * d).sum()) for g, d in zip(gradients, direction, strict=True))
        assert slope == pytest.approx(expected, rel=0.02, abs=0.02)


@pytest.mark.parametrize("rate", [1.0, 3.0])
@pytest.mark.parametrize("name", ["matrix", "start", "end"])
def test_the_gradient_of_the_transitions_is_that_of_the_loss_by_finite_differences(name: str, rate: float) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": {**model_of(BILSTM), "transition_rate": rate}})
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    layer = nlp.get_pipe("ner").model.get_ref("transitions")
    rng = np.random.default_rng(0)
    for each in ("matrix", "start", "end"):
        layer.set_param(each, rng.normal(size=layer.get_param(each).shape).astype("f") / 2)
    direction = rng.normal(size=layer.get_param(name).shape).astype("f")
    _, _, gradients = gradient_of(nlp, examples)
    before, step, losses = layer.get_param(name).copy(), 1e-2, []
    for sign in (1, -1):
        layer.set_param(name, before + np.float32(sign * step) * direction)
        losses.append(gradient_of(nlp, examples)[0])
    slope = (losses[0] - losses[1]) / (2 * step) / len(examples)
    assert slope == pytest.approx(float((gradients[name] * direction).sum()), rel=0.02, abs=0.02)


def test_loss_is_finite_and_summed_over_documents_and_the_gradient_averaged(unsure: Language) -> None:
    examples = examples_of(unsure)
    loss, gradients, transitions = gradient_of(unsure, examples)
    alone = [gradient_of(unsure, [example]) for example in examples]
    assert np.isfinite(loss)
    assert loss == pytest.approx(sum(part for part, _, _ in alone), rel=1e-4)
    for gradient, (_, (single,), _) in zip(gradients, alone, strict=True):
        np.testing.assert_allclose(gradient * len(examples), single, atol=1e-4)
    for name, gradient in transitions.items():
        np.testing.assert_allclose(gradient * len(examples), sum(part[name] for *_, part in alone), atol=1e-3)


def test_update_reports_losses_that_fall() -> None:
    nlp = build()
    fix_random_seed(0)
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    sgd = Adam(0.02, L2=0.0)
    losses = [nlp.update(examples, sgd=sgd)["ner"] for _ in range(15)]
    assert all(np.isfinite(losses))
    assert losses[-1] < losses[0] / 2
    assert nlp.update(examples, sgd=sgd, losses={"ner": 1000.0})["ner"] == pytest.approx(
        1000.0 + losses[-1], abs=losses[0]
    )


def test_updating_with_empty_documents_among_others_is_fine(trained: Language) -> None:
    examples = examples_of(trained, [("", []), *SENTENCES, ("   ", [])])
    losses = trained.update(examples, sgd=Adam(0.001))
    assert np.isfinite(losses["ner"])
    assert trained.update(examples_of(trained, [("", []), ("", [])]), sgd=Adam(0.001)) == {"ner": 0.0}


def test_an_entity_that_ends_inside_a_token_is_unknown() -> None:
    tokenizer = {"@tokenizers": "spacy-zh-tw-ner.CharTokenizer.v1", "group": ["latin"]}
    nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": tokenizer}})
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(BILSTM)})
    gold = spacy.blank("zh_tw")("在北GPT公司")
    gold.ents = [Span(gold, 0, 3, label="ORG")]
    example = Example(nlp.make_doc(gold.text), gold)
    nlp.initialize(lambda: [example])
    pipe = nlp.get_pipe("ner")
    allowed = pipe.gold([example])
    assert allowed.all(1).tolist() == [True, True, True, False, False]
    assert np.isfinite(pipe.get_loss([example], pipe.model.predict([example.predicted]))[0])


def test_gold_on_the_same_tokens_is_read_as_spacy_aligns_it(unsure: Language) -> None:
    """Aligning equal tokens is left out because it takes time; what comes of it must not change."""
    pipe = unsure.get_pipe("ner")
    examples = [*examples_of(unsure), *(Example.from_dict(unsure.make_doc(text), {}) for text in TEXTS)]
    partly, blocked = unsure.make_doc(TEXTS[0]), unsure.make_doc(TEXTS[1])
    partly.set_ents([Span(partly, 0, 3, label="PERSON")], outside=[partly[3:5]], default="missing")
    blocked.set_ents([Span(blocked, 3, 6, label="ALIEN")], missing=[blocked[0:2]], default="outside")
    examples += [Example(unsure.make_doc(gold.text), gold) for gold in (partly, blocked)]
    with pytest.warns(UserWarning, match=r"\[ZT904\] 1 gold entities .*: ALIEN \(1\)"):
        gold = pipe.gold(examples)
    allowed = np.split(gold, np.cumsum([len(example.predicted) for example in examples])[:-1])
    for seen, example in zip(allowed, examples, strict=True):
        assert (seen == pipe.scheme.allowed(example.get_aligned_ner())[0]).all()


def test_gold_on_other_tokens_is_aligned_by_character(unsure: Language) -> None:
    words = ["蔡英文", "總統", "在", "臺北", "市", "接見", "台積電", "董事長", "。"]
    gold = Doc(unsure.vocab, words=words, spaces=[False] * len(words))
    gold.ents = [Span(gold, 0, 1, label="PERSON"), Span(gold, 3, 5, label="GPE"), Span(gold, 6, 7, label="ORG")]
    pipe = unsure.get_pipe("ner")
    by_words, by_characters = (
        pipe.gold([Example(unsure.make_doc(TEXTS[0]), gold)]),
        pipe.gold(examples_of(unsure)[:1]),
    )
    assert (by_words == by_characters).all()


class Fragmented(Example):
    """An example whose alignment leaves the beginning of an entity without its end."""

    def get_aligned_ner(self) -> list[str | None]:
        return ["B-GPE", "I-GPE", *["O"] * (len(self.predicted) - 2)]


def test_fragments_of_entities_are_counted_in_a_warning(unsure: Language) -> None:
    pipe = unsure.get_pipe("ner")
    whole = examples_of(unsure, SENTENCES[:1])
    broken = [Fragmented(unsure.make_doc(text), Doc(unsure.vocab, words=[text], spaces=[False])) for text in TEXTS[1:3]]
    examples = [*whole, *broken]
    emissions = pipe.model.predict([example.predicted for example in examples])
    with pytest.warns(UserWarning, match=r"^\[ZT902\] 2 gold annotations fit no legal tag sequence") as caught:
        loss, gradients = pipe.get_loss(examples, emissions)
    (warning,) = caught
    assert TEXTS[1] in str(warning.message)
    assert np.isfinite(loss)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


# -- saving


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


def test_the_component_alone_comes_back_from_bytes_and_disk(unsure: Language, tmp_path: Path) -> None:
    pipe = unsure.get_pipe("ner")
    docs = [unsure.make_doc(text) for text in TEXTS]
    expected = pipe.predict(docs)
    pipe.to_disk(tmp_path / "ner")
    for again in (
        build().get_pipe("ner").from_bytes(pipe.to_bytes()),
        build().get_pipe("ner").from_disk(tmp_path / "ner"),
    ):
        assert again.predict(docs) == expected


def test_a_loaded_pipeline_trains_on(unsure: Language, tmp_path: Path) -> None:
    unsure.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    sgd = again.resume_training(sgd=Adam(0.02, L2=0.0))
    for _ in range(40):
        again.update(examples_of(again), sgd=sgd)
    check_fits(again)


# -- scores


def test_every_entity_has_its_probability_as_score(unsure: Language) -> None:
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


def test_scores_stand_in_the_span_group_beside_their_entities(unsure: Language) -> None:
    doc = unsure(TEXTS[0])
    group = doc.spans["ner"]
    assert [(e.start, e.end, e.label_) for e in group] == [(e.start, e.end, e.label_) for e in doc.ents]
    assert group.attrs["scores"] == [ent._.score for ent in doc.ents]
    assert all(type(score) is float for score in group.attrs["scores"])


def test_a_span_that_the_component_did_not_find_has_no_score(unsure: Language) -> None:
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


def test_min_score_leaves_less_probable_entities_out(unsure: Language) -> None:
    everything = [ent for doc in unsure.pipe(TEXTS) for ent in scored(doc)]
    probabilities = sorted(score for *_, score in everything)
    threshold = (probabilities[0] + probabilities[-1]) / 2
    strict = build(min_score=threshold).from_bytes(unsure.to_bytes())
    kept = [ent for doc in strict.pipe(TEXTS) for ent in scored(doc)]
    assert [ent[:3] for ent in kept] == [ent[:3] for ent in everything if ent[3] >= threshold]
    assert 0 < len(kept) < len(everything)
    for doc in strict.pipe(TEXTS):
        assert len(doc.spans["ner"]) == len(doc.spans["ner"].attrs["scores"]) == len(doc.ents)


def test_min_score_of_the_config_is_saved_and_read_again(tmp_path: Path) -> None:
    nlp = fit(build(min_score=1.0), 3)
    assert [doc.ents for doc in nlp.pipe(TEXTS)] == [()] * 4
    nlp.to_disk(tmp_path / "pipeline")
    assert [doc.ents for doc in spacy.load(tmp_path / "pipeline").pipe(TEXTS)] == [()] * 4


def test_min_score_can_be_chosen_when_a_saved_pipeline_is_loaded(unsure: Language, tmp_path: Path) -> None:
    assert any(doc.ents for doc in unsure.pipe(TEXTS))
    unsure.to_disk(tmp_path / "pipeline")
    strict = spacy.load(tmp_path / "pipeline", config={"components.ner.min_score": 1.0})
    assert [doc.ents for doc in strict.pipe(TEXTS)] == [()] * 4


@pytest.mark.parametrize("min_score", [2.0, -0.1])
def test_a_min_score_that_is_no_probability_is_refused(min_score: float) -> None:
    with pytest.raises(ValueError, match=rf"\[ZT106\] min_score must be from 0 to 1 \(got {min_score}\)"):
        build(min_score=min_score)


def test_a_min_score_that_is_no_number_is_refused(nlp: Language) -> None:
    model = build().get_pipe("ner").model
    with pytest.raises(ValueError, match=r"\[ZT106\] min_score must be from 0 to 1 \(got nan\)"):
        CRFEntityRecognizer(nlp.vocab, model, min_score=float("nan"))


def test_another_package_that_owns_the_extension_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
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


# -- beside other components


def test_entities_that_were_there_stay_and_push_out_what_overlaps_them(trained: Language) -> None:
    doc = trained.make_doc(TEXTS[0])
    doc.ents = [Span(doc, 1, 3, label="GIVEN"), Span(doc, 6, 9, label="GPE")]
    trained.get_pipe("ner")(doc)
    assert found(doc) == [(1, 3, "GIVEN"), (6, 9, "GPE"), (11, 14, "ORG")]
    # Given and found alike has the score of the find; given only has none.
    assert [ent._.score is None for ent in doc.ents] == [True, False, False]
    assert [ent.text for ent in doc.spans["ner"]] == ["臺北市", "台積電"]


def test_overwrite_replaces_entities_that_were_there(saved: bytes) -> None:
    trained = build(overwrite=True).from_bytes(saved)
    doc = trained.make_doc(TEXTS[0])
    doc.ents = [Span(doc, 1, 3, label="GIVEN"), Span(doc, 15, 17, label="GIVEN")]
    trained.get_pipe("ner")(doc)
    assert found(doc) == SENTENCES[0][1]
    assert all(ent._.score is not None for ent in doc.ents)


def test_an_entity_ruler_before_it_has_the_last_word(trained: Language) -> None:
    ruler = trained.add_pipe("entity_ruler", before="ner")
    ruler.add_patterns([{"label": "TITLE", "pattern": [{"ORTH": "總"}, {"ORTH": "統"}]}])
    assert found(trained(TEXTS[0])) == [(0, 3, "PERSON"), (3, 5, "TITLE"), (6, 9, "GPE"), (11, 14, "ORG")]


def test_running_twice_is_running_once(trained: Language) -> None:
    doc = trained(TEXTS[0])
    first = scored(doc)
    trained.get_pipe("ner")(doc)
    assert scored(doc) == first


def test_a_frozen_component_stays_as_it_is_while_others_train(unsure: Language) -> None:
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


def test_select_pipes_switches_it_off_and_on(trained: Language) -> None:
    with trained.select_pipes(disable=["ner"]):
        doc = trained(TEXTS[0])
        assert doc.ents == ()
        assert "ner" not in doc.spans
    assert found(trained(TEXTS[0])) == SENTENCES[0][1]
    with trained.select_pipes(enable=["ner"]):
        assert found(trained(TEXTS[0])) == SENTENCES[0][1]


def test_it_can_be_sourced_into_another_pipeline(unsure: Language, tmp_path: Path) -> None:
    other = spacy.blank("zh_tw")
    other.add_pipe("sentencizer")
    other.add_pipe("ner", source=unsure, name="entities")
    check_equal([other(text) for text in TEXTS], [unsure(text) for text in TEXTS])
    other.to_disk(tmp_path / "pipeline")
    check_equal([spacy.load(tmp_path / "pipeline")(text) for text in TEXTS], [unsure(text) for text in TEXTS])


def test_two_instances_keep_their_own_losses(nlp: Language) -> None:
    for name in ("people", "places"):
        nlp.add_pipe("zh_tw_crf_ner", name=name, config={"model": model_of(BILSTM)})
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    assert set(nlp.update(examples, sgd=Adam(0.01))) == {"people", "places"}


def test_averaged_weights_are_used_inside_use_params_and_put_back(nlp: Language) -> None:
    """The averages of the torch module, too, which thinc's own shim would pass by."""
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


def test_it_works_inside_a_memory_zone_and_after_it(unsure: Language) -> None:
    expected = [scored(unsure(text)) for text in MIXED]
    texts = [*MIXED, "龘龖在𠮷野家吃飯。"]
    for _ in range(2):
        with unsure.memory_zone():
            assert [scored(doc) for doc in unsure.pipe(texts)][: len(MIXED)] == [
                [(*ent[:3], pytest.approx(ent[3], abs=1e-4)) for ent in doc] for doc in expected
            ]
    check_equal([unsure(text) for text in MIXED], [unsure(text) for text in MIXED])
    assert unsure("龘龖在𠮷野家吃飯。").text == "龘龖在𠮷野家吃飯。"


# -- how spaCy sees it


def test_evaluate_gives_micro_and_per_type_scores(trained: Language) -> None:
    examples = examples_of(trained)
    examples[0] = Example.from_dict(trained.make_doc(TEXTS[0]), {"entities": [(0, 3, "PERSON"), (3, 5, "PERSON")]})
    scores = trained.evaluate(examples)
    # Found: 9 entities, of which 7 are gold; the gold has 8.
    assert scores["ents_p"] == pytest.approx(7 / 9)
    assert scores["ents_r"] == pytest.approx(7 / 8)
    assert scores["ents_f"] == pytest.approx(2 * 7 / 17)
    assert scores["ents_per_type"]["PERSON"]["r"] == pytest.approx(3 / 4)
    assert set(scores["ents_per_type"]) == {"PERSON", "GPE", "ORG"}


def test_documents_without_gold_are_not_scored(trained: Language) -> None:
    scores = trained.evaluate([Example.from_dict(trained.make_doc(TEXTS[0]), {})])
    assert scores["ents_f"] is None


def test_the_factory_is_registered_with_what_it_assigns_and_how_it_counts() -> None:
    meta = Language.get_factory_meta("zh_tw_crf_ner")
    assert set(meta.assigns) == {"doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"}
    assert meta.default_score_weights == {"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None}
    assert make_ner_scorer() is score_ner
    assert spacy.registry.get("scorers", "spacy-zh-tw-ner.ner_scorer.v1") is make_ner_scorer


def test_the_default_config_builds_a_component_that_trains(nlp: Language) -> None:
    pipe = nlp.add_pipe("zh_tw_crf_ner")
    assert isinstance(pipe, CRFEntityRecognizer)
    assert pipe.labels == ()
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    assert nlp.update(examples, sgd=Adam(0.001))["zh_tw_crf_ner"] > 0.0


def test_it_works_behind_the_tokens_of_another_language() -> None:
    nlp = spacy.blank("en")
    with pytest.warns(UserWarning, match=r"\[ZT940\] The component 'ner' is in a pipeline of the language 'en'.*zh_tw"):
        nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(BILSTM)})
    sentences = [("Ada lives in Taipei.", [(0, 3, "PERSON"), (13, 19, "GPE")]), ("It rains.", [])]
    fit(nlp, 30, sentences=sentences)
    assert [found(doc) for doc in nlp.pipe(text for text, _ in sentences)] == [ents for _, ents in sentences]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    fix_random_seed(0)
