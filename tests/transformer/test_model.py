"""The Transformer in spaCy: vectors and gradients do not depend on windows, padding, batches or micro-batches."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, Optimizer, fix_random_seed

from benchmarks.synthetic import sentences
from spacy_zh_tw_ner.training.optimizers import GroupedOptimizer, create_grouped_optimizer_v1
from spacy_zh_tw_ner.transformer import memory
from spacy_zh_tw_ner.transformer.backbone import Backbone
from spacy_zh_tw_ner.transformer.model import build_token_encoder, shim_of
from spacy_zh_tw_ner.transformer.settings import BackboneSettings, MemorySettings
from spacy_zh_tw_ner.transformer.shim import BackboneShim
from spacy_zh_tw_ner.transformer.windows import ClauseWindows
from tests import pipelines

NLP = spacy.blank("zh_tw")
LINES = list(sentences())
TEXTS = [LINES[0], "", LINES[1][:3], " ", LINES[2] + LINES[3], "\n"]
WINDOWS = ClauseWindows(64, 8)
CheckpointT = Callable[[str], Path]
SENTENCES: list[tuple[str, list[tuple[int, int, str]]]] = [
    ("蔡英文總統在臺北市接見台積電董事長。", [(0, 3, "PERSON"), (6, 9, "GPE"), (11, 14, "ORG")]),
    ("鴻海在土城區設廠，郭台銘沒有到場。", [(0, 2, "ORG"), (3, 6, "GPE"), (9, 12, "PERSON")]),
]


def docs_of(texts: list[str]) -> list[Doc]:
    return [NLP.make_doc(text) for text in texts]


def load(base: Path, get_spans: Any = WINDOWS, **settings: Any) -> Any:
    model = build_token_encoder(BackboneSettings(str(base), **settings), get_spans)
    model.initialize()
    return model


def block(name: str, **settings: Any) -> dict[str, Any]:
    return {name: {"@misc": f"spacy-zh-tw-ner.{name}.v1", **settings}}


def pipeline(base: Path, **settings: Any) -> Language:
    nlp = spacy.blank("zh_tw")
    pipelines.add_transformer(nlp, base, **{"get_spans": pipelines.WINDOWS | {"size": 64, "overlap": 8}} | settings)
    pipelines.add_head(nlp, pipelines.LISTENER)
    return nlp


def examples_of(nlp: Language) -> list[Example]:
    return [Example.from_dict(nlp.make_doc(text), {"entities": ents}) for text, ents in SENTENCES]


def update(nlp: Language, examples: list[Example], optimizer: Optimizer) -> float:
    losses: dict[str, float] = {}
    nlp.update(examples, sgd=False, losses=losses)
    for name in nlp.pipe_names:
        nlp.get_pipe(name).finish_update(optimizer)  # type: ignore[attr-defined]
    return losses["ner"]


def fit(nlp: Language, n_steps: int, optimizer: Optimizer | None = None) -> list[float]:
    fix_random_seed(0)
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    optimizer = optimizer or create_grouped_optimizer_v1(3e-3, 2e-2)
    return [update(nlp, examples, optimizer) for _ in range(n_steps)]


def shim_in(nlp: Language) -> BackboneShim:
    return shim_of(nlp.get_pipe("transformer").model.layers[0])  # type: ignore[attr-defined]


def found_by(nlp: Language, texts: list[str]) -> list[Any]:
    return [[(e.start, e.end, e.label_, round(e._.score, 4)) for e in doc.ents] for doc in nlp.pipe(texts)]


@pytest.mark.parametrize("family", ["bert", "albert", "electra", "deberta-v2", "qwen2", "llama"])
def test_vectors_do_not_depend_on_the_batch(family: str, tiny_checkpoint: CheckpointT) -> None:
    model = load(tiny_checkpoint(family))
    docs = docs_of(TEXTS)
    together = model.predict(docs)
    assert [array.shape for array in together] == [(len(doc), 32) for doc in docs]
    for doc, rows in zip(docs, together, strict=True):
        np.testing.assert_allclose(rows, model.predict([doc])[0], atol=2e-5)


def test_vectors_of_one_window_equal_those_of_spacy_transformers(
    tiny_checkpoint: CheckpointT,
) -> None:
    base = str(tiny_checkpoint("bert"))
    texts = ["".join(c for c in line if "\u4e00" <= c <= "\u9fff")[:50] for line in LINES[:5]]
    theirs = spacy.blank("zh_tw")
    model = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": base,
        "get_spans": {"@span_getters": "spacy-transformers.doc_spans.v1"},
        "tokenizer_config": {"use_fast": True},
    }
    theirs.add_pipe("transformer", config={"model": model})
    theirs.initialize()
    for text, rows in zip(texts, load(Path(base)).predict(docs_of(texts)), strict=True):
        data = theirs(text)._.trf_data
        flat = data.tensors[0].reshape(-1, 32)
        expected = [flat[data.align[i].dataXd.ravel()].mean(0) for i in range(len(text))]
        np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_vectors_of_a_long_document_equal_those_of_its_windows(tiny_checkpoint: CheckpointT) -> None:
    model = load(tiny_checkpoint("bert"), ClauseWindows(24, 4))
    (doc,) = docs_of(["".join(LINES[:8])])
    (rows,) = model.predict([doc])
    (spans,) = ClauseWindows(24, 4)([doc])
    assert len(spans) > 5
    for i, span in enumerate(spans):
        part = Doc(NLP.vocab, words=[token.text for token in span], spaces=[False] * len(span))
        for token, norm in zip(part, span, strict=True):
            token.norm_ = norm.norm_
        (alone,) = load_wide(model).predict([part])
        own = slice(span.start + (4 if i else 0), span.end - (4 if i < len(spans) - 1 else 0))
        np.testing.assert_allclose(rows[own], alone[own.start - span.start : own.stop - span.start], atol=2e-5)


def load_wide(model: Any) -> Any:
    wide = build_token_encoder(BackboneSettings("unused"), ClauseWindows(500, 4))
    wide.shims[0] = model.shims[0]
    wide.set_dim("nO", 32)
    return wide


def test_span_getters_of_spacy_transformers_work(tiny_checkpoint: CheckpointT) -> None:
    getter = spacy.registry.get("span_getters", "spacy-transformers.strided_spans.v1")(window=20, stride=10)
    doc = NLP.make_doc("".join(LINES[:3]))
    (rows,) = load(tiny_checkpoint("bert"), getter).predict([doc])
    assert rows.shape == (len(doc), 32)
    assert (np.abs(rows).sum(1) > 0).all()


@pytest.mark.parametrize("micro_batch", [1, 2, 5])
def test_micro_batches_give_the_gradients_of_the_whole_batch(micro_batch: int, tiny_checkpoint: CheckpointT) -> None:
    """The comparison is without dropout."""
    docs = docs_of([LINES[0], "".join(LINES[1:6]), LINES[6]])
    found = []
    for size in (None, micro_batch):
        model = load(tiny_checkpoint("bert"), dropout=0.0, memory=MemorySettings(micro_batch=size))
        rows, backprop = model(docs, is_train=True)
        fix_random_seed(1)
        backprop([np.random.normal(size=array.shape).astype("f") for array in rows])
        found.append((rows, {n: p.grad for n, p in shim_of(model).backbone.named_parameters() if p.grad is not None}))
    for one, two in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
    assert found[0][1].keys() == found[1][1].keys()
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(gradient, found[1][1][name], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_dropout_is_the_same_when_a_micro_batch_runs_again(checkpointing: bool, tiny_checkpoint: CheckpointT) -> None:
    memory = MemorySettings(micro_batch=2, gradient_checkpointing=checkpointing)
    model = load(tiny_checkpoint("bert"), dropout=0.3, memory=memory)
    shim, docs = shim_of(model), docs_of(LINES[:5])
    seen: list[torch.Tensor] = []
    original = shim.runner._values
    shim.runner._values = lambda batch: seen.append(original(batch)) or seen[-1]  # type: ignore[method-assign]
    rows, backprop = model(docs, is_train=True)
    n_first = len(seen)
    state = torch.get_rng_state()
    backprop([np.ones_like(array) for array in rows])
    assert torch.equal(state, torch.get_rng_state())
    assert len(seen) == 2 * n_first > 2
    for first, again in zip(seen[:n_first], seen[n_first:], strict=True):
        assert torch.equal(first, again)
        assert (first.requires_grad, again.requires_grad) == (False, True)


@pytest.mark.parametrize("settings", [{}, block("lora", r=4), block("memory", micro_batch=1)])
def test_a_pipeline_learns_with_grouped_optimizer(settings: dict[str, Any], tiny_checkpoint: CheckpointT) -> None:
    losses = fit(pipeline(tiny_checkpoint("bert"), **settings), 25)
    assert losses[-1] < 0.2 * losses[0]


def test_a_pipeline_learns_with_an_optimizer_of_thinc(tiny_checkpoint: CheckpointT) -> None:
    nlp = pipeline(tiny_checkpoint("bert"))
    losses = fit(nlp, 25, Adam(3e-3, use_averages=True))
    assert losses[-1] < 0.2 * losses[0]


def test_use_params_sets_and_restores_averaged_weights(tiny_checkpoint: CheckpointT) -> None:
    nlp, optimizer = pipeline(tiny_checkpoint("bert")), Adam(3e-3, use_averages=True)
    fit(nlp, 3, optimizer)
    name, parameter = next(iter(shim_in(nlp).backbone.named_parameters()))
    before = parameter.data.clone()
    with nlp.use_params(optimizer.averages):
        average = optimizer.averages[shim_in(nlp).id, name]  # type: ignore[index]
        np.testing.assert_array_equal(parameter.data.numpy(), average)
        assert not torch.equal(parameter.data, before)
    assert torch.equal(parameter.data, before)


def test_fp16_needs_the_gradient_scaling_of_grouped_optimizer(tiny_checkpoint: CheckpointT) -> None:
    nlp = pipeline(tiny_checkpoint("bert"), **block("memory", precision="fp16"))
    with pytest.raises(ValueError, match=r"\[ZT314\] precision = \"fp16\""):
        fit(nlp, 1, Adam(1e-3))
    losses = fit(pipeline(tiny_checkpoint("bert"), **block("memory", precision="fp16")), 15)
    assert losses[-1] < losses[0]


def test_gradients_of_fp16_are_scaled_only_where_fp16_is_used(
    tiny_checkpoint: CheckpointT, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "is_native", lambda *args: False)  # a CPU that would emulate fp16
    nlp = pipeline(tiny_checkpoint("bert"), **block("memory", precision="fp16"))
    optimizer = create_grouped_optimizer_v1(1e-2, 1e-2)
    fit(nlp, 1, optimizer)
    shim = shim_in(nlp)
    assert not shim.scaler.is_enabled()
    state = shim.optimizer_to_bytes()
    monkeypatch.setattr(memory, "is_native", lambda *args: True)
    monkeypatch.setattr(Backbone, "to", lambda self, device: self)
    shim.to_device("cuda", 0)
    assert shim.backbone.precision == "fp16"
    shim.optimizer_from_bytes(state, optimizer)
    assert shim.scaler.is_enabled()


def test_an_excluded_encoder_does_not_change_while_the_head_learns(tiny_checkpoint: CheckpointT) -> None:
    nlp = pipeline(tiny_checkpoint("bert"))
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    before = {name: p.clone() for name, p in shim_in(nlp).backbone.named_parameters()}
    optimizer = create_grouped_optimizer_v1(1e-2, 1e-2)
    for _ in range(3):
        losses: dict[str, float] = {}
        nlp.update(examples, sgd=optimizer, losses=losses, exclude=["transformer"], annotates=["transformer"])
    assert losses["ner"] > 0
    assert all(torch.equal(before[name], p) for name, p in shim_in(nlp).backbone.named_parameters())


def test_pipe_gives_the_same_entities_as_single_calls(tiny_checkpoint: CheckpointT) -> None:
    nlp = pipeline(tiny_checkpoint("bert"))
    fit(nlp, 20)
    texts = [*(text for text, _ in SENTENCES), "", "  ", "\n", SENTENCES[0][0] * 20]
    assert found_by(nlp, texts) == [found_by(nlp, [text])[0] for text in texts]
    assert len(found_by(nlp, texts[-1:])[0]) > 20


@pytest.mark.parametrize("save", ["full", "merged", "adapter"])
def test_a_pipeline_is_restored_from_disk_and_bytes(save: str, tiny_checkpoint: CheckpointT, tmp_path: Path) -> None:
    nlp = pipeline(tiny_checkpoint("bert"), **block("lora", r=4), save=save)
    fit(nlp, 20)
    texts = [text for text, _ in SENTENCES]
    expected = found_by(nlp, texts)
    assert any(expected)
    nlp.to_disk(tmp_path / "pipeline")
    assert found_by(spacy.load(tmp_path / "pipeline"), texts) == expected
    assert found_by(pipeline(tiny_checkpoint("bert"), save=save).from_bytes(nlp.to_bytes()), texts) == expected


def test_save_dtype_reduces_the_size(tiny_checkpoint: CheckpointT) -> None:
    sizes = []
    for save_dtype in (None, "fp16"):
        nlp = pipeline(tiny_checkpoint("bert"), save_dtype=save_dtype)
        fit(nlp, 1)
        sizes.append(len(shim_in(nlp).to_bytes()))
    assert sizes[1] < 0.75 * sizes[0]


def test_listeners_can_be_replaced(tiny_checkpoint: CheckpointT, tmp_path: Path) -> None:
    nlp = pipeline(tiny_checkpoint("bert"))
    fit(nlp, 20)
    texts = [text for text, _ in SENTENCES]
    expected = found_by(nlp, texts)
    nlp.replace_listeners("transformer", "ner", ["model.tok2vec"])
    nlp.remove_pipe("transformer")
    assert found_by(nlp, texts) == expected
    nlp.to_disk(tmp_path / "pipeline")
    loaded = spacy.load(tmp_path / "pipeline")
    assert found_by(loaded, texts) == expected
    assert update(loaded, examples_of(loaded), create_grouped_optimizer_v1(1e-3, 1e-3)) > 0


def test_components_can_be_sourced(tiny_checkpoint: CheckpointT) -> None:
    nlp = pipeline(tiny_checkpoint("bert"))
    fit(nlp, 20)
    other = spacy.blank("zh_tw")
    other.add_pipe("transformer", source=nlp)
    other.add_pipe("ner", source=nlp)
    texts = [text for text, _ in SENTENCES]
    assert found_by(other, texts) == found_by(nlp, texts)


def test_a_pipeline_can_be_pickled(tiny_checkpoint: CheckpointT) -> None:
    nlp = pipeline(tiny_checkpoint("bert"))
    fit(nlp, 20)
    texts = [text for text, _ in SENTENCES]
    assert found_by(pickle.loads(pickle.dumps(nlp)), texts) == found_by(nlp, texts)


def test_using_a_model_without_weights_is_an_error(tiny_checkpoint: CheckpointT) -> None:
    nlp = pipeline(tiny_checkpoint("bert"))
    with pytest.raises(ValueError, match=r"\[ZT313\] The transformer '.*' has no weights yet"):
        nlp("臺北")


def test_encoder_and_head_have_separate_learning_rates(tiny_checkpoint: CheckpointT) -> None:
    nlp = pipeline(tiny_checkpoint("bert"))
    optimizer = create_grouped_optimizer_v1([1e-3, 5e-4, 0.0], [1e-2, 1e-3], layer_decay=0.5)
    assert isinstance(optimizer, GroupedOptimizer)
    fit(nlp, 1, optimizer)
    inner = shim_in(nlp)._optimizer
    assert inner is not None
    assert max(group["lr"] for group in inner.param_groups) == 1e-3
    assert min(group["lr"] for group in inner.param_groups) == pytest.approx(1e-3 * 0.5**2)
    optimizer.step_schedules()
    assert (optimizer.encoder_rate, optimizer.learn_rate) == (5e-4, 1e-3)
    update(nlp, examples_of(nlp), optimizer)
    assert max(group["lr"] for group in inner.param_groups) == 5e-4
    optimizer.step_schedules()
    before = {name: p.clone() for name, p in shim_in(nlp).backbone.named_parameters()}
    update(nlp, examples_of(nlp), optimizer)
    assert all(torch.equal(before[name], p) for name, p in shim_in(nlp).backbone.named_parameters())


def test_the_norm_of_all_gradients_is_clipped_together(tiny_checkpoint: CheckpointT) -> None:
    nlp = pipeline(tiny_checkpoint("bert"))
    fit(nlp, 1, create_grouped_optimizer_v1(0.0, 0.0))
    shim = shim_in(nlp)
    encoder = create_grouped_optimizer_v1(0.0, 0.0, grad_clip=0.5).encoder
    for parameter in shim.backbone.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    seen: list[float] = []
    inner = shim._optimizer
    assert inner is not None
    step = inner.step
    inner.step = lambda *a, **k: (
        seen.append(float(sum(p.grad.norm() ** 2 for p in shim.backbone.parameters()) ** 0.5)) or step(*a, **k)
    )  # type: ignore[method-assign,assignment]
    encoder.step(inner, shim.scaler)
    assert seen == [pytest.approx(0.5, rel=1e-3)]
    assert all(p.grad is None for p in shim.backbone.parameters())


class LocalEncoder(torch.nn.Module):
    """Encoder in which a hidden state depends on two wordpieces on each side only."""

    width, max_length, device = 16, 512, torch.device("cpu")

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = self.embedding = torch.nn.Embedding(5000, self.width)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        own = self.embedding(input_ids) * attention_mask[:, :, None]
        padded = torch.nn.functional.pad(own, (0, 0, 2, 2))
        n = input_ids.shape[1]
        return torch.stack([(i + 1) * padded[:, i : i + n] for i in range(5)]).sum(0).tanh()


@pytest.mark.parametrize("overlap", [2, 3, 5])
def test_vectors_do_not_depend_on_where_windows_are_cut(overlap: int, tiny_checkpoint: CheckpointT) -> None:
    """With an overlap of two wordpieces or more, cut documents get the vectors of the whole document.

    Tokens within two characters of the end of a sentence are left out, as windows do not overlap there.
    """
    whole, cut = (load(tiny_checkpoint("bert"), ClauseWindows(size, overlap)) for size in (500, 20))
    for model in (whole, cut):
        shim_of(model)._model = shim_of(model).runner.backbone = LocalEncoder()  # type: ignore[assignment]
    for shift in range(45):
        for filler in ("山", "好，", "走。"):
            (doc,) = docs_of([(filler * shift)[:shift] + "國立臺灣大學位於臺北市。" + filler * 20])
            (expected,), (found,) = whole.predict([doc]), cut.predict([doc])
            within = ["。" not in doc.text[max(0, i - 2) : i + 2] for i in range(len(doc))]
            assert sum(within) >= 8
            np.testing.assert_allclose(found[within], expected[within], atol=1e-6)
