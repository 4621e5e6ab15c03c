"""docs → hidden: a Transformer that gives each token one vector."""

from collections.abc import Callable, Iterator
from typing import cast

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..encoders import HiddenT, Tok2VecT
from ..encoders.torch_interop import flatten, from_torch, to_torch, unflatten
from ..safe_points import is_interruptible
from .batches import Cut, cut_documents, make_micro_batches
from .serialization import SAVES
from .settings import BackboneSettings, require_choice
from .shim import BackboneShim
from .windows import ClauseWindows, SpanGetterT
from .wordpieces import MAX_WORDPIECES

STRETCH = 2_048  # tokens of a long document whose hidden states are held at once
SLICE = 512  # the same where other work may interrupt: about one window


def build_token_encoder(
    settings: BackboneSettings, get_spans: SpanGetterT, *, save: str = "full", save_dtype: str | None = None
) -> Tok2VecT:
    """Make what both registered architectures of `pipe` hold.

    settings (BackboneSettings): Which base, and what is done to it. It is loaded when the model is initialized.
    get_spans (Callable): How documents are cut. Where the spans of spacy-transformers overlap, each token is taken from
        the span in which it stands most centrally.
    save (str), save_dtype (Optional[str]): See `serialization.pack`.
    RETURNS (Model[list[Doc], list[Floats2d]]): One vector a token, the mean of its pieces' hidden states.
    RAISES (ValueError): For a `save` or `save_dtype` that there is not.
    """
    require_choice("save", save, SAVES)
    require_choice("save_dtype", save_dtype, (None, "fp16", "bf16"))
    size = get_spans.size if isinstance(get_spans, ClauseWindows) else 4 * MAX_WORDPIECES
    limit = max(1, min(MAX_WORDPIECES, size // 4))
    shim = BackboneShim(settings, save=save, save_dtype=save_dtype, max_wordpieces=limit)
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
    cut = _cut(model, docs)
    if not is_train:
        return unflatten(model.ops, _encode(shim, cut), lengths), _no_gradient
    passes = shim.passes
    batches = make_micro_batches(
        cut,
        shim.table,
        max_windows=passes.micro_batch if isinstance(passes.micro_batch, int) else None,
        max_padded=passes.train_limit,
        max_length=shim.backbone.max_length,
    )
    hidden, push = passes.begin(batches, sum(lengths))

    def backprop(gradients: HiddenT) -> list[Doc]:
        push(to_torch(flatten(model.ops, gradients)[0]))
        return []

    return unflatten(model.ops, from_torch(hidden), lengths), backprop


def encode_in_stretches(model: Tok2VecT, doc: Doc) -> Callable[[], Iterator[Floats2d]]:
    """Encode a document without ever having all of it in memory.

    doc (Doc): Not kept. What is kept of it are its pieces.
    RETURNS (Callable[[], Iterator[Floats2d]]): Gives, each time it is called, the hidden states of the document in
        order, those of about STRETCH tokens at a time.
    """
    shim, cut = shim_of(model), _cut(model, [doc])
    return lambda: (_own_rows(shim, stretch) for stretch in cut.stretches(SLICE if is_interruptible() else STRETCH))


def _own_rows(shim: BackboneShim, stretch: Cut) -> Floats2d:
    """What its windows are asked about lies together; what they only read lies before and behind."""
    return _encode(shim, stretch)[stretch.windows[0].own_start : stretch.windows[-1].own_end]


def _cut(model: Tok2VecT, docs: list[Doc]) -> Cut:
    shim = shim_of(model)
    return cut_documents(docs, shim.table, model.attrs["get_spans"], max_length=shim.backbone.max_length)


def _encode(shim: BackboneShim, cut: Cut) -> Floats2d:
    passes = shim.passes
    batches = make_micro_batches(cut, shim.table, max_padded=passes.eval_size, max_length=shim.backbone.max_length)
    return from_torch(passes.run(batches, cut.n_tokens))


def _no_gradient(gradients: HiddenT) -> list[Doc]:
    return []
