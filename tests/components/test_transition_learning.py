"""Test that transitions are learnt at a low learning rate of the encoder, and are exempt from weight decay."""

import numpy as np
import pytest
import spacy
from spacy.training import Example
from thinc.api import Adam


def make(rate: float):
    nlp = spacy.blank("zh_tw")
    config = {
        "model": {
            "@architectures": "spacy-zh-tw-ner.CRFTagger.v1",
            "transition_rate": rate,
            "tok2vec": {
                "@architectures": "spacy.HashEmbedCNN.v2",
                "width": 16,
                "depth": 1,
                "embed_size": 100,
                "window_size": 1,
                "maxout_pieces": 2,
                "subword_features": False,
                "pretrained_vectors": None,
            },
        }
    }
    pipe = nlp.add_pipe("zh_tw_crf_ner", config=config)
    doc = nlp.make_doc("王小明住在臺北市。")
    example = Example.from_dict(doc, {"entities": [(0, 3, "PERSON"), (5, 8, "GPE")]})
    nlp.initialize(lambda: [example])
    return nlp, pipe.model.get_ref("transitions"), example


def scores(layer, rate: float) -> np.ndarray:
    return layer.get_param("matrix") * rate


@pytest.mark.parametrize("rate", [100.0, 1000.0])
def test_transition_rate_compensates_a_learning_rate_of_2e_5(rate: float) -> None:
    nlp, layer, example = make(rate)
    optimizer = Adam(2e-5, L2=0.01, L2_is_weight_decay=True)
    for _ in range(10):
        nlp.update([example], sgd=optimizer)
    moved = np.abs(scores(layer, rate)).max()
    # Adam changes each parameter by about its learning rate per step.
    assert 0.5 * 10 * 2e-5 * rate < moved < 2 * 10 * 2e-5 * rate
    assert moved > 0.01


@pytest.mark.parametrize("is_weight_decay", [True, False])
def test_weight_decay_shrinks_weights_but_not_transitions(is_weight_decay: bool) -> None:
    after = {}
    for decay in (0.0, 10.0):
        nlp, layer, example = make(100.0)
        for name in ("matrix", "start", "end"):
            layer.set_param(name, np.full_like(layer.get_param(name), 0.05))
        weights = nlp.get_pipe("zh_tw_crf_ner").model.get_ref("output_layer")
        weights.set_param("W", np.ones_like(weights.get_param("W")))
        optimizer = Adam(1e-3, L2=decay, L2_is_weight_decay=is_weight_decay, grad_clip=0.0)
        nlp.update([example], sgd=optimizer)
        transitions = [layer.get_param(name).copy() for name in ("matrix", "start", "end")]
        after[decay] = transitions, weights.get_param("W").mean()
        assert pytest.approx(decay) == optimizer.L2
    for without, within in zip(after[0.0][0], after[10.0][0], strict=True):
        np.testing.assert_array_equal(without, within)
    assert after[10.0][1] < after[0.0][1]
