"""Test loss and gradients of `zh_tw_crf_ner`, and its gold masks."""

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.tag_scheme import whole_entities

from .training_data import (
    BILSTM,
    SENTENCES,
    TEXTS,
    build,
    examples_of,
    found,
    model_of,
    scored,
)


def gradient_of(nlp: Language, examples: list[Example]) -> tuple[float, list[np.ndarray], dict[str, np.ndarray]]:
    """Return the loss of a batch, and the gradients of emissions and transitions."""
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


def test_update_on_missing_annotation_does_not_change_the_model(unsure: Language) -> None:
    before = [scored(doc) for doc in unsure.pipe(TEXTS)]
    unknown = [Example.from_dict(unsure.make_doc(text), {}) for text in TEXTS]
    # Plain gradient descent: Adam would change parameters by its learning rate even for a tiny gradient.
    from thinc.api import Optimizer

    unsure.update(unknown, sgd=Optimizer(0.1, L2=0.0, grad_clip=0.0, beta1=0.0, beta2=0.0, use_averages=False))
    after = [scored(doc) for doc in unsure.pipe(TEXTS)]
    assert [[ent[:3] for ent in doc] for doc in after] == [[ent[:3] for ent in doc] for doc in before]
    flat_after, flat_before = ([ent[3] for doc in docs for ent in doc] for docs in (after, before))
    assert flat_after == pytest.approx(flat_before, abs=1e-4)


def test_annotation_without_entities_differs_from_missing_annotation(unsure: Language) -> None:
    text = TEXTS[0]
    loss, gradients, _ = gradient_of(unsure, [Example.from_dict(unsure.make_doc(text), {"entities": []})])
    assert loss > 0.1
    assert np.abs(gradients[0]).max() > 1e-3


def test_partly_annotated_document_contributes_its_annotated_tokens(unsure: Language) -> None:
    text = TEXTS[0]
    partial = unsure.make_doc(text)
    partial.set_ents([Span(partial, 0, 3, label="PERSON")], default="missing")
    pipe = unsure.get_pipe("ner")
    loss, gradients, _ = gradient_of(unsure, [Example(unsure.make_doc(text), partial)])
    # The loss is −log of the probability that these three tokens are exactly this entity.
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


def test_model_learns_all_labels_from_partly_annotated_copies() -> None:
    """Each sentence occurs three times, each time with the entities of one label only: all labels are learnt."""
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


def test_gradient_of_emissions_equals_finite_differences(unsure: Language) -> None:
    examples = examples_of(unsure, SENTENCES[:2])
    pipe = unsure.get_pipe("ner")
    emissions = [array.astype("f") for array in pipe.model.predict([example.predicted for example in examples])]
    _, gradients = pipe.get_loss(examples, emissions)
    rng = np.random.default_rng(0)
    for _ in range(5):
        direction = [rng.normal(size=array.shape).astype("f") for array in emissions]
        step = 1e-2
        plus, minus = (
            pipe.get_loss(examples, [e + sign * step * d for e, d in zip(emissions, direction, strict=True)])[0]
            for sign in (1, -1)
        )
        slope = (plus - minus) / (2 * step) / len(examples)
        expected = sum(float((g * d).sum()) for g, d in zip(gradients, direction, strict=True))
        assert slope == pytest.approx(expected, rel=0.02, abs=0.02)


@pytest.mark.parametrize("rate", [1.0, 3.0])
@pytest.mark.parametrize("name", ["matrix", "start", "end"])
def test_gradient_of_transitions_equals_finite_differences(name: str, rate: float) -> None:
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


def test_loss_is_summed_and_gradients_are_averaged_over_documents(unsure: Language) -> None:
    examples = examples_of(unsure)
    loss, gradients, transitions = gradient_of(unsure, examples)
    alone = [gradient_of(unsure, [example]) for example in examples]
    assert np.isfinite(loss)
    assert loss == pytest.approx(sum(part for part, _, _ in alone), rel=1e-4)
    for gradient, (_, (single,), _) in zip(gradients, alone, strict=True):
        np.testing.assert_allclose(gradient * len(examples), single, atol=1e-4)
    for name, gradient in transitions.items():
        np.testing.assert_allclose(gradient * len(examples), sum(part[name] for *_, part in alone), atol=1e-3)


def test_reported_losses_fall() -> None:
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


def test_update_accepts_empty_documents(trained: Language) -> None:
    examples = examples_of(trained, [("", []), *SENTENCES, ("   ", [])])
    losses = trained.update(examples, sgd=Adam(0.001))
    assert np.isfinite(losses["ner"])
    assert trained.update(examples_of(trained, [("", []), ("", [])]), sgd=Adam(0.001)) == {"ner": 0.0}


def test_entity_that_ends_inside_a_token_counts_as_not_annotated() -> None:
    tokenizer = {"@tokenizers": "spacy-zh-tw-ner.CharTokenizer.v1", "group": ["latin"]}
    nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": tokenizer}})
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(BILSTM)})
    gold = spacy.blank("zh_tw")("在北GPT公司")
    gold.ents = [Span(gold, 0, 3, label="ORG")]
    example = Example(nlp.make_doc(gold.text), gold)
    nlp.initialize(lambda: [example])
    pipe = nlp.get_pipe("ner")
    allowed = pipe.gold_mask([example])
    assert allowed.all(1).tolist() == [True, True, True, False, False]
    assert np.isfinite(pipe.get_loss([example], pipe.model.predict([example.predicted]))[0])


def test_gold_on_equal_tokens_equals_spacys_alignment(unsure: Language) -> None:
    """`read_gold` skips the slow alignment if tokens are equal; the result must be the same."""
    pipe = unsure.get_pipe("ner")
    examples = [*examples_of(unsure), *(Example.from_dict(unsure.make_doc(text), {}) for text in TEXTS)]
    partly, blocked = unsure.make_doc(TEXTS[0]), unsure.make_doc(TEXTS[1])
    partly.set_ents([Span(partly, 0, 3, label="PERSON")], outside=[partly[3:5]], default="missing")
    blocked.set_ents([Span(blocked, 3, 6, label="ALIEN")], missing=[blocked[0:2]], default="outside")
    examples += [Example(unsure.make_doc(gold.text), gold) for gold in (partly, blocked)]
    with pytest.warns(UserWarning, match=r"\[ZT904\] 1 gold entities .*: ALIEN \(1\)"):
        gold = pipe.gold_mask(examples)
    allowed = np.split(gold, np.cumsum([len(example.predicted) for example in examples])[:-1])
    for seen, example in zip(allowed, examples, strict=True):
        biluo = example.get_aligned_ner()
        entities, _ = whole_entities(biluo)
        assert (seen == pipe.scheme.gold_mask(entities, np.array([tag == "O" for tag in biluo]))).all()


def test_gold_on_other_tokens_is_aligned_by_character(unsure: Language) -> None:
    words = ["蔡英文", "總統", "在", "臺北", "市", "接見", "台積電", "董事長", "。"]
    gold = Doc(unsure.vocab, words=words, spaces=[False] * len(words))
    gold.ents = [Span(gold, 0, 1, label="PERSON"), Span(gold, 3, 5, label="GPE"), Span(gold, 6, 7, label="ORG")]
    pipe = unsure.get_pipe("ner")
    by_words, by_characters = (
        pipe.gold_mask([Example(unsure.make_doc(TEXTS[0]), gold)]),
        pipe.gold_mask(examples_of(unsure)[:1]),
    )
    assert (by_words == by_characters).all()


class Fragmented(Example):
    """An example whose alignment has the beginning of an entity without its end."""

    def get_aligned_ner(self) -> list[str | None]:
        return ["B-GPE", "I-GPE", *["O"] * (len(self.predicted) - 2)]


def test_fragments_of_entities_are_counted_in_a_warning(unsure: Language) -> None:
    pipe = unsure.get_pipe("ner")
    whole = examples_of(unsure, SENTENCES[:1])
    broken = [Fragmented(unsure.make_doc(text), Doc(unsure.vocab, words=[text], spaces=[False])) for text in TEXTS[1:3]]
    examples = [*whole, *broken]
    emissions = pipe.model.predict([example.predicted for example in examples])
    with pytest.warns(UserWarning, match=r"^\[ZT902\] 2 gold entities cannot be converted to tags") as caught:
        loss, gradients = pipe.get_loss(examples, emissions)
    (warning,) = caught
    assert TEXTS[1] in str(warning.message)
    assert np.isfinite(loss)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
