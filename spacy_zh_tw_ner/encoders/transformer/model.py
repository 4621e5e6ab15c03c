"""docs → hidden: a Transformer that gives each token one vector."""

from collections.abc import Callable
from typing import cast

from spacy.tokens import Doc
from thinc.api import Model

from ...types import HiddenT, Tok2VecT
from ..ragged import flatten, from_torch, to_torch, unflatten
from .batches import make_micro_batches
from .checkpoint import SAVES
from .pieces import MAX_PIECES
from .settings import BackboneSettings, require_choice
from .shim import BackboneShim
from .windows import ClauseWindows, SpanGetterT


def build_token_encoder(
    settings: BackboneSettings, get_spans: SpanGetterT, *, save: str = "full", save_dtype: str | None = None
) -> Tok2VecT:
    """Make what both registered architectures of `pipe` hold.

    settings (BackboneSettings): Which base, and what is done to it. It is loaded when the model is initialized.
    get_spans (Callable): How documents are cut. Where the spans of spacy-transformers overlap, each token is taken from
        the span in which it stands most centrally.
    save (str), save_dtype (Optional[str]): See `checkpoint.pack`.
    RETURNS (Model[list[Doc], list[Floats2d]]): One vector a token, the mean of its pieces' hidden states.
    RAISES (ValueError): For a `save` or `save_dtype` that there is not.
    """
    require_choice("save", save, SAVES)
    require_choice("save_dtype", save_dtype, (None, "fp16", "bf16"))
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
    passes = shim.passes
    batches = make_micro_batches(
        docs,
        shim.table,
        model.attrs["get_spans"],
        max_length=shim.backbone.max_length,
        max_windows=passes.micro_batch if is_train and isinstance(passes.micro_batch, int) else None,
        max_padded=passes.train_limit if is_train else passes.eval_size,
    )
    if not is_train:
        return unflatten(model.ops, from_torch(passes.run(batches, sum(lengths))), lengths), _no_gradient
    hidden, push = passes.begin(batches, sum(lengths))

    def backprop(gradients: HiddenT) -> list[Doc]:
        push(to_torch(flatten(model.ops, gradients)[0]))
        return []

    return unflatten(model.ops, from_torch(hidden), lengths), backprop


def _no_gradient(gradients: HiddenT) -> list[Doc]:
    return []
