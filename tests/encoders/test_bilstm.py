"""Test the BiLSTM: batches, windows, gradients, settings and saving."""

from typing import Any

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Adam, Model, fix_random_seed

from spacy_zh_tw_ner.encoders import Tok2VecT
from spacy_zh_tw_ner.encoders.bilstm import CONTEXT, WINDOW, BiLSTM, build_bilstm_v1, windows
from spacy_zh_tw_ner.encoders.char_ngrams import build_char_ngram_embed_v1

WIDTH, HIDDEN = 6, 5


def module_of(depth: int = 2, layer_norm: bool = False, dropout: float = 0.5) -> BiLSTM:
    torch.manual_seed(0)
    return BiLSTM(WIDTH, HIDDEN, depth=depth, dropout=dropout, layer_norm=layer_norm).eval()


def draw(lengths: list[int]) -> torch.Tensor:
    return torch.randn(sum(lengths), WIDTH, generator=torch.Generator().manual_seed(1))


def reference(module: BiLSTM, x: torch.Tensor) -> torch.Tensor:
    """Encode one sequence with torch's bidirectional LSTM and the same weights: (n_tokens, 2 * HIDDEN)."""
    for forwards, backwards, norm in zip(module.forwards, module.backwards, module.norms, strict=True):
        both = torch.nn.LSTM(x.shape[1], HIDDEN, bidirectional=True)
        weights = dict(forwards.state_dict()) | {f"{k}_reverse": v for k, v in backwards.state_dict().items()}
        both.load_state_dict(weights)
        x = norm(both(x[:, None])[0][:, 0])
    return x


def build(nlp: Language, **config: Any) -> Tok2VecT:
    fix_random_seed(0)
    model = build_bilstm_v1(build_char_ngram_embed_v1([8, 4], [256, 256]), hidden_width=HIDDEN, **config)
    model.initialize(X=[nlp("臺北市")])
    return model


def test_architecture_is_registered() -> None:
    assert spacy.registry.get("architectures", "spacy-zh-tw-ner.BiLSTM.v1") is build_bilstm_v1


# -- the module


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_batch_equals_torchs_bidirectional_lstm(depth: int, layer_norm: bool) -> None:
    lengths = [7, 1, 0, 30, 5, 5, 0, 2, 29, 12]
    module, vectors = module_of(depth, layer_norm), draw(lengths)
    with torch.no_grad():
        together = module(vectors, lengths)
        alone = [reference(module, part) for part in torch.split(vectors, lengths) if len(part)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=12))
def test_batch_equals_its_sequences_alone(lengths: list[int]) -> None:
    module, vectors = module_of(), draw(lengths)
    with torch.no_grad():
        together = module(vectors, lengths)
        alone = [module(part, [len(part)]) for part in torch.split(vectors, lengths)] if lengths else []
    assert together.shape == (sum(lengths), 2 * HIDDEN)
    if alone:
        torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_empty_input_gives_empty_output(lengths: list[int]) -> None:
    assert module_of()(draw(lengths), lengths).shape == (0, 2 * HIDDEN)


@pytest.mark.parametrize("n", [1, 2, WINDOW - 1, WINDOW, WINDOW + 1, WINDOW + 2 * CONTEXT - 1, WINDOW + 2 * CONTEXT])
def test_text_within_one_window_is_not_split(n: int) -> None:
    module, vectors = module_of(depth=1), draw([n])
    with torch.no_grad():
        torch.testing.assert_close(module(vectors, [n]), reference(module, vectors), atol=1e-5, rtol=0)


@pytest.mark.parametrize("n", [WINDOW + 2 * CONTEXT + 1, 2 * WINDOW, 2 * WINDOW + 1, 1700])
def test_windows_of_a_long_text_equal_the_whole_text(n: int) -> None:
    module, vectors = module_of(depth=1), draw([n])
    with torch.no_grad():
        cut, whole = module(vectors, [n]), reference(module, vectors)
    assert cut.shape == whole.shape
    # An LSTM with random weights forgets about half at each step, so nothing is left after 64 tokens of context.
    torch.testing.assert_close(cut, whole, atol=1e-5, rtol=0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3 * WINDOW), max_size=8))
def test_windows_keep_each_row_once_with_context_from_its_text(lengths: list[int]) -> None:
    found = windows(lengths)
    kept = [row for _, _, start, end in found for row in range(start, end)]
    assert kept == list(range(sum(lengths)))
    text = np.repeat(np.arange(len(lengths)), lengths)
    bounds = np.cumsum([0, *lengths])
    for first, last, start, end in found:
        assert first <= start < end <= last
        assert last - first <= WINDOW + 2 * CONTEXT
        assert text[first] == text[last - 1]
        begin_of_text, end_of_text = bounds[text[first]], bounds[text[first] + 1]
        assert first == begin_of_text or start - first >= CONTEXT
        assert last == end_of_text or last - end >= CONTEXT


def test_batch_of_long_and_short_texts_equals_each_alone() -> None:
    lengths = [1500, 3, 0, 700, WINDOW + 2 * CONTEXT + 1, 40]
    module, vectors = module_of(), draw(lengths)
    with torch.no_grad():
        together = module(vectors, lengths)
        alone = torch.cat([module(part, [len(part)]) for part in torch.split(vectors, lengths)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_texts_of_a_batch_are_independent() -> None:
    lengths = [9, 8, 7]
    module, vectors = module_of(), draw(lengths)
    changed = vectors.clone()
    changed[9:17] += 1.0
    with torch.no_grad():
        before, after = module(vectors, lengths), module(changed, lengths)
    torch.testing.assert_close(before[:9], after[:9], atol=1e-6, rtol=0)
    torch.testing.assert_close(before[17:], after[17:], atol=1e-6, rtol=0)
    assert (before[9:17] - after[9:17]).abs().amax(1).min() > 0.01


def test_halves_of_the_output_depend_on_opposite_directions() -> None:
    module, vectors = module_of(depth=1), draw([10])
    changed = vectors.clone()
    changed[5] += 1.0
    with torch.no_grad():
        moved = (module(changed, [10]) - module(vectors, [10])).abs() > 1e-7
    assert moved[:, :HIDDEN].any(1).tolist() == [False] * 5 + [True] * 5
    assert moved[:, HIDDEN:].any(1).tolist() == [True] * 6 + [False] * 4


def test_dropout_is_active_in_training_only() -> None:
    module, vectors = module_of(dropout=0.5), draw([20])
    with torch.no_grad():
        assert torch.equal(module(vectors, [20]), module(vectors, [20]))
        module.train()
        dropped = module(vectors, [20]) == 0
    assert 0.3 < dropped.float().mean() < 0.7


def test_gradients_of_a_batch_equal_those_of_each_sequence() -> None:
    lengths = [4, 0, 30, 1, 700, 11]
    module, vectors = module_of(), draw(lengths)
    weights = torch.randn(sum(lengths), 2 * HIDDEN, generator=torch.Generator().manual_seed(2))
    results = []
    for together in (True, False):
        leaf = vectors.clone().requires_grad_()
        module.zero_grad()
        parts = [module(leaf, lengths)] if together else [module(x, [len(x)]) for x in torch.split(leaf, lengths)]
        (torch.cat(parts) * weights).sum().backward()
        results.append([leaf.grad, *(parameter.grad.clone() for parameter in module.parameters())])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


# -- the thinc model


def test_each_document_has_its_hidden_states(nlp: Language) -> None:
    model = build(nlp)
    docs = [nlp("臺北市政府"), nlp(""), nlp("市"), nlp("臺北" * 700)]
    assert model.get_dim("nO") == 2 * HIDDEN
    hidden = model.predict(docs)
    assert [array.shape for array in hidden] == [(5, 10), (0, 10), (1, 10), (1400, 10)]
    for together, doc in zip(hidden, docs, strict=True):
        np.testing.assert_allclose(together, model.predict([doc])[0], atol=1e-5)
    assert model.predict([]) == []


@pytest.mark.parametrize(("depth", "layer_norm"), [(1, False), (2, True), (3, False)])
def test_settings_determine_the_layers(nlp: Language, depth: int, layer_norm: bool) -> None:
    model = build(nlp, depth=depth, layer_norm=layer_norm)
    (shim,) = [shim for layer in model.walk() for shim in layer.shims]
    module = shim._model
    assert len(module.forwards) == len(module.backwards) == depth
    assert [type(norm) for norm in module.norms] == [torch.nn.LayerNorm if layer_norm else torch.nn.Identity] * depth
    assert [lstm.input_size for lstm in module.forwards] == [16, *[2 * HIDDEN] * (depth - 1)]
    (hidden,) = model.predict([nlp("臺北市")])
    assert np.isfinite(hidden).all()
    if layer_norm:
        np.testing.assert_allclose(hidden.mean(1), 0.0, atol=1e-5)


@pytest.mark.parametrize("depth", [0, 4, -1])
def test_depth_out_of_range_raises(depth: int) -> None:
    with pytest.raises(ValueError, match=rf"\[ZT302\] BiLSTM: depth must be from 1 to 3 \(got {depth}\)"):
        build_bilstm_v1(build_char_ngram_embed_v1([8], [16]), depth=depth)


def test_embedding_without_a_fixed_width_raises() -> None:
    embed: Tok2VecT = Model("widthless", lambda model, docs, is_train: ([], lambda gradients: []), dims={"nO": None})
    with pytest.raises(ValueError, match=r"\[ZT305\].*the output width of the embedding 'widthless' is not known"):
        build_bilstm_v1(embed)


def test_gradients_of_embedding_and_weights_equal_finite_differences(nlp: Language) -> None:
    model = build(nlp, dropout=0.0)
    docs = [nlp("臺北市政府"), nlp(""), nlp("高雄市")]
    hidden, backprop = model.begin_update(docs)
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=array.shape).astype("f") for array in hidden]
    backprop(weights)

    def value() -> float:
        return sum(float((h * w).sum(dtype="d")) for h, w in zip(model.predict(docs), weights, strict=True))

    embed = model.layers[0]
    table = embed.get_param("E1").copy()
    direction = rng.normal(size=table.shape).astype("f")
    values = []
    for sign in (1, -1):
        embed.set_param("E1", table + np.float32(sign * 1e-2) * direction)
        values.append(value())
    embed.set_param("E1", table)
    slope = (values[0] - values[1]) / 2e-2
    assert slope == pytest.approx(float((embed.get_grad("E1") * direction).sum()), rel=0.02, abs=1e-3)

    (shim,) = [shim for layer in model.walk() for shim in layer.shims]
    weight = shim._model.forwards[1].weight_hh_l0
    step = torch.randn(weight.shape, generator=torch.Generator().manual_seed(3))
    values = []
    with torch.no_grad():
        for sign in (1, -2):
            weight += sign * 1e-2 * step
            values.append(value())
    assert (values[0] - values[1]) / 2e-2 == pytest.approx(float((weight.grad * step).sum()), rel=0.02, abs=1e-3)


def test_update_changes_embedding_and_weights(nlp: Language) -> None:
    model = build(nlp, dropout=0.0)
    docs = [nlp("臺北市")]
    (before,), backprop = model.begin_update(docs)
    before = before.copy()
    backprop([before])
    model.finish_update(Adam(0.01))
    (after,) = model.predict(docs)
    # The update descends the gradient of half the squared norm, so the norm falls.
    assert np.square(after).sum() < np.square(before).sum()


def test_weights_are_saved_as_safetensors_and_loaded(nlp: Language) -> None:
    model = build(nlp, depth=2, layer_norm=True)
    docs = [nlp("臺北市政府"), nlp("市" * 1300)]
    again = build(nlp, depth=2, layer_norm=True)
    (shim,) = [shim for layer in again.walk() for shim in layer.shims]
    with torch.no_grad():
        for parameter in shim._model.parameters():
            parameter.zero_()
    again.from_bytes(model.to_bytes())
    for seen, expected in zip(again.predict(docs), model.predict(docs), strict=True):
        assert (seen == expected).all()

    from spacy_zh_tw_ner.encoders.torch_interop import _serialize

    (source,) = [shim for layer in model.walk() for shim in layer.shims]
    tensors = load(_serialize(source._model))
    assert set(tensors) == set(source._model.state_dict())
    assert all(torch.equal(tensors[name], tensor) for name, tensor in source._model.state_dict().items())


def test_saved_bytes_contain_no_pickle(nlp: Language) -> None:
    model = build(nlp)
    data = model.to_bytes()
    assert b"forwards.0.weight_ih_l0" in data
    assert b"torch._utils" not in data
    assert b"cbuiltins" not in data


def test_loading_weights_of_another_shape_raises(nlp: Language) -> None:
    with pytest.raises(Exception, match=r"size mismatch|Unexpected key|Missing key"):
        build(nlp, depth=1).from_bytes(build(nlp, depth=2).to_bytes())


def test_loaded_model_can_be_trained(nlp: Language) -> None:
    model = build(nlp, dropout=0.0).from_bytes(build(nlp, dropout=0.0).to_bytes())
    docs = [nlp("臺北市")]
    (before,), backprop = model.begin_update(docs)
    before = before.copy()
    backprop([before])
    model.finish_update(Adam(0.01))
    assert np.square(model.predict(docs)[0]).sum() < np.square(before).sum()


def test_dropout_of_the_config_is_active_in_training_only(nlp: Language) -> None:
    model = build(nlp, dropout=0.5)
    docs: list[Doc] = [nlp("臺北市政府" * 10)]
    (trained,), _ = model.begin_update(docs)
    assert 0.3 < (trained == 0).mean() < 0.7
    (predicted,) = model.predict(docs)
    assert (predicted != 0).all()
    assert (predicted == model.predict(docs)[0]).all()
