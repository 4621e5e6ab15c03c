"""Test the model of the CRF head: emissions, transitions, and additional tags."""

from collections.abc import Callable

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Adam, Model

from spacy_zh_tw_ner.components.crf_tagger import build_crf_tagger_v1, resize_output
from spacy_zh_tw_ner.encoders import HiddenT, TaggerT, Tok2VecT
from spacy_zh_tw_ner.encoders.char_ngrams import build_char_ngram_embed_v1

PARAMS = ("matrix", "start", "end")


def build(n_tags: int | None = 5, transition_rate: float = 1.0) -> TaggerT:
    return build_crf_tagger_v1(build_char_ngram_embed_v1([8], [64]), n_tags, transition_rate)


@pytest.fixture
def docs(nlp: Language) -> list[Doc]:
    return [nlp("臺北市"), nlp(""), nlp("高雄市政府")]


def fill(model: TaggerT) -> None:
    """Set every parameter of the head to random values."""
    rng = np.random.default_rng(0)
    for ref, names in (("output_layer", ("W", "b")), ("transitions", PARAMS)):
        layer = model.get_ref(ref)
        for name in names:
            layer.set_param(name, rng.normal(size=layer.get_param(name).shape).astype("f"))


def test_each_document_has_one_array_of_emissions(docs: list[Doc]) -> None:
    model = build()
    model.initialize(X=docs)
    assert [array.shape for array in model.predict(docs)] == [(3, 5), (0, 5), (5, 5)]


def test_emissions_are_a_linear_map_of_the_hidden_states(docs: list[Doc]) -> None:
    model = build()
    model.initialize(X=docs)
    fill(model)
    layer = model.get_ref("output_layer")
    vectors = model.get_ref("tok2vec").predict(docs)
    for emissions, hidden in zip(model.predict(docs), vectors, strict=True):
        np.testing.assert_allclose(emissions, hidden @ layer.get_param("W").T + layer.get_param("b"), atol=1e-5)


def test_transitions_start_at_zero(docs: list[Doc]) -> None:
    model = build()
    model.initialize(X=docs)
    shapes = {name: model.get_ref("transitions").get_param(name) for name in PARAMS}
    assert {name: array.shape for name, array in shapes.items()} == {"matrix": (5, 5), "start": (5,), "end": (5,)}
    assert all((array == 0).all() for array in shapes.values())


def test_number_of_tags_can_be_set_after_building(docs: list[Doc]) -> None:
    model = build(n_tags=None)
    resize_output(model, 9)
    model.initialize(X=docs)
    assert model.get_dim("nO") == 9
    assert [array.shape[1] for array in model.predict(docs)] == [9, 9, 9]


def test_references_name_the_three_parts() -> None:
    tok2vec = build_char_ngram_embed_v1([8], [64])
    model = build_crf_tagger_v1(tok2vec, 5)
    assert model.get_ref("tok2vec") is tok2vec
    assert model.get_ref("output_layer").name == "linear"
    assert model.get_ref("transitions").name == "transitions"
    assert spacy.registry.get("architectures", "spacy-zh-tw-ner.CRFTagger.v1") is build_crf_tagger_v1


def test_encoder_width_can_be_inferred_at_initialization(docs: list[Doc]) -> None:
    def forward(model: Tok2VecT, docs: list[Doc], is_train: bool) -> tuple[HiddenT, Callable[[HiddenT], list[Doc]]]:
        return [np.ones((len(doc), 6), dtype="f") for doc in docs], lambda gradients: []

    encoder: Tok2VecT = Model("widthless", forward, dims={"nO": None})
    model = build_crf_tagger_v1(encoder, 5)
    model.initialize(X=docs)
    assert model.get_ref("output_layer").get_dim("nI") == 6
    assert [array.shape for array in model.predict(docs)] == [(3, 5), (0, 5), (5, 5)]


def test_resizing_keeps_emissions_and_transitions_of_the_old_tags(docs: list[Doc]) -> None:
    model = build()
    model.initialize(X=docs)
    fill(model)
    before = [array.copy() for array in model.predict(docs)]
    old = {name: model.get_ref("transitions").get_param(name).copy() for name in PARAMS}
    resize_output(model, 9)
    for wide, narrow in zip(model.predict(docs), before, strict=True):
        assert wide.shape == (len(narrow), 9)
        assert (wide[:, :5] == narrow).all()
        assert (wide[:, 5:] == 0).all()
    new = {name: model.get_ref("transitions").get_param(name) for name in PARAMS}
    assert (new["matrix"][:5, :5] == old["matrix"]).all()
    assert (new["matrix"][5:] == 0).all()
    assert (new["matrix"][:, 5:] == 0).all()
    for name in ("start", "end"):
        assert new[name].tolist() == [*old[name].tolist(), 0, 0, 0, 0]
    dims = [model.get_dim("nO"), *(model.get_ref(ref).get_dim("nO") for ref in ("output_layer", "transitions"))]
    assert dims == [9, 9, 9]


def test_a_resized_model_can_be_trained_and_saved(docs: list[Doc]) -> None:
    model = build()
    model.initialize(X=docs)
    fill(model)
    resize_output(model, 9)
    emissions, backprop = model.begin_update(docs)
    backprop([np.ones_like(array) for array in emissions])
    layer = model.get_ref("output_layer")
    assert layer.get_grad("W").shape == layer.get_param("W").shape == (9, 8)
    model.finish_update(Adam(0.1))
    again = build(n_tags=9).from_bytes(model.to_bytes())
    for seen, expected in zip(again.predict(docs), model.predict(docs), strict=True):
        assert (seen == expected).all()


def test_model_without_a_number_of_tags_loads_a_saved_one(docs: list[Doc]) -> None:
    model = build(n_tags=9)
    model.initialize(X=docs)
    fill(model)
    again = build(n_tags=None).from_bytes(model.to_bytes())
    assert again.get_ref("transitions").get_dim("nO") == 9
    assert (again.get_ref("transitions").get_param("matrix") == model.get_ref("transitions").get_param("matrix")).all()


@pytest.mark.parametrize("rate", [1.0, 10.0, 100.0])
def test_transition_rate_scales_the_change_of_transition_scores(nlp: Language, rate: float) -> None:
    """Adam's first step changes every parameter by the learning rate, and so the scores by `rate` times that."""
    from spacy.training import Example

    doc = nlp.make_doc("臺北市")
    example = Example.from_dict(doc, {"entities": [(0, 3, "GPE")]})
    settings = {"model": {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1", "transition_rate": rate, "tok2vec": EMBED}}
    pipe = nlp.add_pipe("zh_tw_crf_ner", config=settings)
    nlp.initialize(lambda: [example])
    assert float(pipe.transitions().end[3]) == 0
    layer = pipe.model.get_ref("output_layer")
    before = layer.get_param("b").copy()
    nlp.update([example], sgd=Adam(0.001, L2=0.0, grad_clip=0.0, use_averages=False))
    moves = pipe.transitions()
    at = pipe.scheme.tags.index
    assert float(moves.start[at("B-GPE")]) == pytest.approx(0.001 * rate, rel=0.01)
    assert float(moves.end[at("E-GPE")]) == pytest.approx(0.001 * rate, rel=0.01)
    assert float(moves.matrix[at("B-GPE"), at("I-GPE")]) == pytest.approx(0.001 * rate, rel=0.01)
    assert float(moves.matrix[at("O"), at("O")]) == pytest.approx(-0.001 * rate, rel=0.01)
    assert np.abs(layer.get_param("b") - before).max() == pytest.approx(0.001, rel=0.01)


EMBED = {"@architectures": "spacy-zh-tw-ner.CharNgramEmbed.v1", "widths": [8], "rows": [64]}
