"""Test the prediction of masked characters: an additional task in training that does not affect prediction."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.attrs import NORM
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Adam, Model, fix_random_seed

from spacy_zh_tw_ner.encoders import HiddenT, Tok2VecT
from spacy_zh_tw_ner.encoders.bilstm import build_bilstm_v1
from spacy_zh_tw_ner.encoders.char_ngrams import build_char_ngram_embed_v1
from spacy_zh_tw_ner.encoders.masked_characters import MASK, build_masked_characters_v1

TEXT = "國立臺灣大學位於臺北市大安區，是一所 國立大學。"


def encoder(dropout: float = 0.0) -> Tok2VecT:
    return build_bilstm_v1(build_char_ngram_embed_v1([12, 4], [256, 256]), hidden_width=12, depth=1, dropout=dropout)


def build(docs: list[Doc], **settings: Any) -> Tok2VecT:
    fix_random_seed(0)
    model = build_masked_characters_v1(encoder(), **{"width": 16, "n_targets": 64, **settings})
    model.initialize(X=docs)
    return model


class Spy:
    """An encoder that records the documents and gradients that it receives."""

    def __init__(self, width: int = 4) -> None:
        self.seen: list[list[str]] = []
        self.norms: list[list[str]] = []
        self.texts: list[str] = []
        self.gradients: HiddenT = []
        self.model: Tok2VecT = Model("spy", self.forward, dims={"nO": width})
        self.width = width

    def forward(
        self, model: Tok2VecT, docs: list[Doc], is_train: bool
    ) -> tuple[HiddenT, Callable[[HiddenT], list[Doc]]]:
        self.docs = docs
        self.seen = [[token.text for token in doc] for doc in docs]
        self.norms = [[token.norm_ for token in doc] for doc in docs]
        self.texts = [doc.text for doc in docs]

        def backprop(gradients: HiddenT) -> list[Doc]:
            self.gradients = gradients
            return []

        return [np.full((len(doc), self.width), 0.5, dtype="f") for doc in docs], backprop


@pytest.fixture
def docs(nlp: Language) -> list[Doc]:
    return [nlp(TEXT), nlp(""), nlp("臺北市 政府")]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    fix_random_seed(0)


def test_architecture_is_registered() -> None:
    name = "spacy-zh-tw-ner.MaskedCharacters.v1"
    assert spacy.registry.get("architectures", name) is build_masked_characters_v1


def test_prediction_equals_that_of_the_encoder(docs: list[Doc]) -> None:
    model = build(docs, rate=1.0)
    assert model.get_dim("nO") == 24
    for wrapped, alone in zip(model.predict(docs), model.layers[0].predict(docs), strict=True):
        assert (wrapped == alone).all()
    for wrapped, again in zip(model.predict(docs), model.predict(docs), strict=True):
        assert (wrapped == again).all()


def test_prediction_draws_no_random_numbers(docs: list[Doc]) -> None:
    model = build(docs)
    before = np.random.get_state()[1].copy()
    model.predict(docs)
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize("rate", [0.0, 0.15, 0.5, 1.0])
def test_share_of_masked_tokens_is_the_rate(nlp: Language, rate: float) -> None:
    spy = Spy()
    docs = [nlp(TEXT) for _ in range(100)]
    build_masked_characters_v1(spy.model, rate=rate, width=8, n_targets=32).initialize().begin_update(docs)
    hidden = sum(token == MASK for tokens in spy.seen for token in tokens)
    n_tokens = sum(map(len, docs))
    assert hidden / n_tokens == pytest.approx(rate, abs=0.03)
    if rate in (0.0, 1.0):
        assert hidden == rate * n_tokens


def test_masked_tokens_differ_between_batches(nlp: Language) -> None:
    spy, docs = Spy(), [nlp(TEXT * 4)]
    model = build_masked_characters_v1(spy.model, rate=0.3, width=8, n_targets=32).initialize()
    hidden = []
    for _ in range(3):
        model.begin_update(docs)
        hidden.append(tuple(token == MASK for token in spy.seen[0]))
    assert len(set(hidden)) == 3


def test_encoder_does_not_see_masked_tokens(nlp: Language) -> None:
    spy = Spy()
    docs = [nlp(TEXT), nlp(""), nlp("ＡＢＣ 公司 ")]
    build_masked_characters_v1(spy.model, rate=0.5, width=8, n_targets=32).initialize().begin_update(docs)
    assert spy.docs is not docs
    n_hidden = 0
    for doc, seen, norms, copy in zip(docs, spy.seen, spy.norms, spy.docs, strict=True):
        assert len(seen) == len(doc)
        for token, text, norm in zip(doc, seen, norms, strict=True):
            if MASK in (text, norm):
                assert (text, norm) == (MASK, MASK)
                n_hidden += 1
            else:
                assert (text, norm) == (token.text, token.norm_)
        assert [token.whitespace_ for token in copy] == [token.whitespace_ for token in doc]
        # The attributes of the lexeme are those of MASK, too.
        for token in copy:
            if token.text == MASK:
                assert {token.lower_, token.prefix_, token.suffix_, token.shape_} == {MASK}
    assert 5 < n_hidden < 25


def test_fully_masked_texts_of_equal_length_are_equal(nlp: Language) -> None:
    model = build([nlp(TEXT)], rate=1.0)
    (one, other), _ = model.begin_update([nlp("臺北市政府"), nlp("今天天氣好")])
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_original_documents_do_not_change(docs: list[Doc]) -> None:
    before = [(doc.text, doc.to_array(NORM).tolist()) for doc in docs]
    build(docs, rate=0.5).begin_update(docs)
    assert [(doc.text, doc.to_array(NORM).tolist()) for doc in docs] == before


def test_mask_is_a_noncharacter() -> None:
    assert len(MASK) == 1
    assert ord(MASK) & 0xFFFE == 0xFFFE


def test_gradient_of_the_masked_prediction_is_at_masked_tokens(nlp: Language) -> None:
    """Without a gradient of the main loss, only masked tokens have a gradient, which is proportional to `weight`."""
    docs = [nlp(TEXT), nlp(TEXT)]
    seen = {}
    for weight in (0.0, 0.3, 0.6):
        fix_random_seed(1)
        spy = Spy()
        model = build_masked_characters_v1(spy.model, rate=0.4, weight=weight, width=8, n_targets=32)
        model.layers[1].initialize()
        hidden, backprop = model.begin_update(docs)
        backprop([np.zeros_like(array) for array in hidden])
        masked = np.array([token == MASK for tokens in spy.seen for token in tokens])
        flat = np.concatenate(spy.gradients)
        assert not flat[~masked].any()
        assert flat[masked].any(1).all() == (weight > 0)
        seen[weight] = flat
    np.testing.assert_allclose(seen[0.6], 2 * seen[0.3], rtol=1e-4, atol=1e-7)


def test_gradient_of_the_main_loss_is_passed_on(docs: list[Doc]) -> None:
    spy = Spy()
    model = build_masked_characters_v1(spy.model, rate=0.4, weight=0.0, width=8, n_targets=32)
    model.layers[1].initialize()
    hidden, backprop = model.begin_update(docs)
    rng = np.random.default_rng(0)
    gradients = [rng.normal(size=array.shape).astype("f") for array in hidden]
    kept = [gradient.copy() for gradient in gradients]
    assert backprop(gradients) == []
    for passed, given, before in zip(spy.gradients, gradients, kept, strict=True):
        np.testing.assert_allclose(passed, before, atol=1e-6)
        assert (given == before).all()


def test_gradient_is_that_of_the_cross_entropy(docs: list[Doc]) -> None:
    spy = Spy()
    model = build_masked_characters_v1(spy.model, rate=0.4, weight=0.7, width=8, n_targets=32)
    guess = model.layers[1]
    guess.initialize()
    linear = guess.layers[-1]
    linear.set_param("W", np.random.default_rng(0).normal(size=(32, 8)).astype("f"))
    hidden, backprop = model.begin_update(docs)
    backprop([np.zeros_like(array) for array in hidden])
    masked = np.array([token == MASK for tokens in spy.seen for token in tokens])
    norms = np.concatenate([doc.to_array(NORM) for doc in docs])[masked]
    targets = (norms % np.uint64(32)).astype(int)
    scores = guess.predict(np.concatenate(hidden)[masked]).astype("d")
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    probabilities[np.arange(len(targets)), targets] -= 1.0
    # Averaged over the documents, like the gradient of the main loss.
    np.testing.assert_allclose(linear.get_grad("b"), probabilities.sum(0) * 0.7 / len(docs), atol=1e-5)


def test_all_parameters_have_gradients(docs: list[Doc]) -> None:
    model = build(docs, rate=0.5)
    fix_random_seed(2)
    hidden, backprop = model.begin_update(docs)
    assert backprop([np.zeros_like(array) for array in hidden]) == []
    embed = model.layers[0].layers[0]
    (shim,) = [shim for layer in model.walk() for shim in layer.shims]
    assert np.abs(embed.get_grad("E1")).max() > 0
    assert all(
        float(weight.grad.abs().max()) > 0 for name, weight in shim._model.named_parameters() if "weight" in name
    )
    for layer in model.layers[1].layers:
        assert all(np.abs(layer.get_grad(name)).max() > 0 for name in ("W", "b"))


def cross_entropy(model: Tok2VecT, docs: list[Doc]) -> float:
    """Return the mean cross-entropy, in nats, of predicting the middle token of each document when it is masked."""
    from spacy_zh_tw_ner.encoders.masked_characters import _mask

    lengths = [len(doc) for doc in docs]
    rows = np.cumsum([0, *lengths[:-1]]) + np.array(lengths) // 2
    hidden = np.concatenate(model.layers[0].predict(_mask(docs, lengths, rows)))[rows]
    scores = model.layers[1].predict(hidden).astype("d")
    norms = np.concatenate([doc.to_array(NORM) for doc in docs])[rows]
    targets = (norms % np.uint64(scores.shape[1])).astype(int)
    return float(np.mean(np.log(np.exp(scores).sum(1)) - scores[np.arange(len(rows)), targets]))


def test_cross_entropy_falls_in_training(nlp: Language) -> None:
    docs = [nlp(text) for text in ("臺北市政府", "高雄市議會", "臺中火車站", "國立臺灣大學")]
    model = build(docs, rate=0.3, weight=1.0)
    before = cross_entropy(model, docs)
    sgd = Adam(0.02, L2=0.0)
    for _ in range(60):
        hidden, backprop = model.begin_update(docs)
        backprop([np.zeros_like(array) for array in hidden])
        model.finish_update(sgd)
    assert before == pytest.approx(np.log(64), rel=0.2)  # a uniform guess among 64 targets
    assert cross_entropy(model, docs) < before / 2


def test_training_without_masked_tokens_equals_the_encoder(docs: list[Doc]) -> None:
    model = build(docs, rate=0.0)
    wrapped, _ = model.begin_update(docs)
    alone, _ = model.layers[0].begin_update(docs)
    for one, other in zip(wrapped, alone, strict=True):
        assert (one == other).all()


def test_empty_documents_can_be_trained_on(nlp: Language) -> None:
    docs = [nlp(""), nlp("")]
    model = build([nlp(TEXT)], rate=1.0)
    hidden, backprop = model.begin_update(docs)
    assert [array.shape for array in hidden] == [(0, 24), (0, 24)]
    backprop(hidden)


def test_model_loads_from_bytes(docs: list[Doc]) -> None:
    model = build(docs)
    again = build_masked_characters_v1(encoder(), width=16, n_targets=64).from_bytes(model.to_bytes())
    for seen, expected in zip(again.predict(docs), model.predict(docs), strict=True):
        assert (seen == expected).all()
    state = np.random.default_rng(0).normal(size=(3, 24)).astype("f")
    assert (again.layers[1].predict(state) == model.layers[1].predict(state)).all()
