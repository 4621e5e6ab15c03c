"""docs → hidden: a Transformer that gives each token one vector."""

from collections.abc import Callable
from typing import cast

from spacy.tokens import Doc
from thinc.api import Model

from ...types import HiddenT, Tok2VecT
from ..ragged import flatten, from_torch, to_torch, unflatten
from .batches import make_micro_batches
from .pieces import MAX_PIECES
from .settings import BackboneSettings, LoraSettings, MemorySettings, QuantizationSettings, require_choice
from .shim import BackboneShim
from .windows import ClauseWindows, SpanGetterT


def build_token_encoder(
    name: str,
    get_spans: SpanGetterT,
    revision: str | None = None,
    lora: LoraSettings | None = None,
    quantization: QuantizationSettings | None = None,
    memory: MemorySettings | None = None,
    attention: str | None = None,
    dropout: float | None = None,
    save: str = "full",
    save_dtype: str | None = None,
) -> Tok2VecT:
    """Make what both registered architectures of `pipe` hold.

    name (str): Id on the Hugging Face Hub, or a folder, of any encoder or decoder: CKIP, MacBERT, DeBERTa, Qwen …
    get_spans (Callable): How documents are cut, `spacy-zh-tw-ner.clause_windows.v1`, or a span getter of
        spacy-transformers; where its spans overlap, each token is taken from the span in which it stands most
        centrally.
    revision (Optional[str]): Branch, tag or commit on the Hub. Name a commit to have the same weights next year.
    lora (Optional[LoraSettings]): `spacy-zh-tw-ner.lora.v1`; null trains all weights.
    quantization (Optional[QuantizationSettings]): `spacy-zh-tw-ner.quantization.v1`; null keeps 32 bits.
    memory (Optional[MemorySettings]): `spacy-zh-tw-ner.memory.v1`; null for float32 and nothing saved.
    attention (Optional[str]): For decoders, "causal" or "bidirectional"; null for the model's own way.
    dropout (Optional[float]): For every dropout of the base; null for the checkpoint's own.
    save (str): "full", "adapter" (the base is found again by name and hash), or "merged".
    save_dtype (Optional[str]): "fp16" or "bf16" halves what is saved.
    RETURNS (Model[list[Doc], list[Floats2d]]): One vector a token, the mean of its pieces' hidden states.
    RAISES (ValueError): For settings that do not go together.
    """
    require_choice("save", save, ("full", "adapter", "merged"))
    require_choice("save_dtype", save_dtype, (None, "fp16", "bf16"))
    settings = BackboneSettings(name, revision, lora, quantization, memory or MemorySettings(), attention, dropout)
    size = get_spans.size if isinstance(get_spans, ClauseWindows) else 4 * MAX_PIECES
    shim = BackboneShim(settings, save=save, save_dtype=save_dtype, max_pieces=max(1, min(MAX_PIECES, size // 4)))
    model: Tok2VecT = Model(
        "token_encoder", forward, init=init, shims=[shim], dims={"nO": None}, attrs={"get_spans": get_spans}
    )
    return model


def shim_of(model: Tok2VecT) -> BackboneShim:
    """The shim of a model that `build_token_encoder` has made."""
    return cast(BackboneShim, model.shims[0])


def init(model: Tok2VecT, X: list[Doc] | None = None, Y: HiddenT | None = None) -> None:
    """Load the base, unless there are weights already."""
    shim = shim_of(model)
    if not shim.is_loaded:
        shim.load()
    model.set_dim("nO", shim.backbone.width, force=True)


def forward(model: Tok2VecT, docs: list[Doc], is_train: bool) -> tuple[HiddenT, Callable[[HiddenT], list[Doc]]]:
    """Encode documents of any length."""
    shim = shim_of(model)
    lengths = [len(doc) for doc in docs]
    batches = make_micro_batches(
        docs,
        shim.table,
        model.attrs["get_spans"],
        max_length=shim.backbone.max_length,
        max_windows=shim.settings.memory.micro_batch if is_train else None,
    )
    if not is_train:
        return unflatten(model.ops, from_torch(shim.run(batches, sum(lengths))), lengths), _no_gradient
    hidden, push = shim.begin(batches, sum(lengths))

    def backprop(gradients: HiddenT) -> list[Doc]:
        push(to_torch(flatten(model.ops, gradients)[0]))
        return []

    return unflatten(model.ops, from_torch(hidden), lengths), backprop


def _no_gradient(gradients: HiddenT) -> list[Doc]:
    return []
