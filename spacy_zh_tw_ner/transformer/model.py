"""Thinc model of a Transformer: one vector for each token of a document of any length."""

from collections.abc import Callable, Iterator
from typing import cast

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..encoders import HiddenT, Tok2VecT
from ..encoders.torch_interop import flatten, from_torch, to_torch, unflatten
from ..safe_points import is_interruptible
from .batches import make_micro_batches
from .serialization import SAVES
from .settings import BackboneSettings, require_choice
from .shim import BackboneShim
from .windows import ClauseWindows, SpanGetterT, WindowedDocs, cut_documents
from .wordpieces import MAX_WORDPIECES

CHUNK = 2_048  # tokens of a long document whose hidden states are in memory at once
INTERRUPTIBLE_CHUNK = 512  # the same where other work may interrupt (see `safe_points`): about one window


def build_token_encoder(
    settings: BackboneSettings, get_spans: SpanGetterT, *, save: str = "full", save_dtype: str | None = None
) -> Tok2VecT:
    """Build the encoder that the architectures TransformerModel.v1 and Tok2VecTransformer.v1 contain.

    settings (BackboneSettings): The base model and its settings. The base model is loaded when the thinc model is
        initialized.
    get_spans (Callable): Cuts documents into spans. If a token is in several spans, its vector comes from the span in
        which it has more context on both sides.
    save (str): Weights to save: "full" for the base model and the adapters, "adapter" for the adapters only, or
        "merged" for the base model with the adapters added to its weights.
    save_dtype (Optional[str]): Precision of saved weights, "fp16" or "bf16"; None keeps their precision.
    RETURNS (Model[list[Doc], list[Floats2d]]): One vector per token, the mean of its wordpieces' hidden states.
    RAISES (ValueError): For an unknown `save` or `save_dtype`.
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
    """Return the shim of a model that `build_token_encoder` has built."""
    return cast(BackboneShim, model.shims[0])


def init(model: Tok2VecT, X: list[Doc] | None = None, Y: HiddenT | None = None) -> None:
    """Load the base model, unless the model has weights already, and set the output width.

    thinc calls it in `model.initialize`. X and Y are not used.
    """
    shim = shim_of(model)
    if not shim.is_loaded:
        shim.load()
    model.set_dim("nO", shim.backbone.width, force=True)


def forward(model: Tok2VecT, docs: list[Doc], is_train: bool) -> tuple[HiddenT, Callable[[HiddenT], list[Doc]]]:
    """Compute one vector per token.

    RETURNS (tuple): The vectors, (n_tokens, width) for each document; and the backward pass. It takes the gradients of
        the vectors, adds the gradients of the weights to the parameters of the base model, and returns [].
    """
    shim, runner = shim_of(model), shim_of(model).runner
    lengths = [len(doc) for doc in docs]
    cut = _cut(model, docs)
    if not is_train:
        return unflatten(model.ops, _encode(shim, cut), lengths), lambda gradients: []
    batches = make_micro_batches(
        cut,
        shim.table,
        max_windows=runner.micro_batch if isinstance(runner.micro_batch, int) else None,
        max_padded=runner.train_limit,
        max_length=shim.backbone.max_length,
    )
    hidden, push = runner.begin(batches, sum(lengths))

    def backprop(gradients: HiddenT) -> list[Doc]:
        push(to_torch(flatten(model.ops, gradients)[0]))
        return []

    return unflatten(model.ops, from_torch(hidden), lengths), backprop


def chunk_encoder(model: Tok2VecT, doc: Doc) -> Callable[[], Iterator[Floats2d]]:
    """Return a function that encodes a document in chunks, so that not all hidden states are in memory at once.

    doc (Doc): The document. The returned function keeps its wordpieces in memory, but not the document itself.
    RETURNS (Callable[[], Iterator[Floats2d]]): Each call yields the hidden states of the document in order, about
        CHUNK tokens at a time.
    """
    shim, cut = shim_of(model), _cut(model, [doc])

    def encode() -> Iterator[Floats2d]:
        for chunk in cut.chunks(INTERRUPTIBLE_CHUNK if is_interruptible() else CHUNK):
            # Leave out tokens before and after the chunk, which its windows have only as context.
            yield _encode(shim, chunk)[chunk.windows[0].own_start : chunk.windows[-1].own_end]

    return encode


def _cut(model: Tok2VecT, docs: list[Doc]) -> WindowedDocs:
    """Cut documents into windows that are not longer than the backbone supports."""
    shim = shim_of(model)
    return cut_documents(docs, shim.table, model.attrs["get_spans"], max_length=shim.backbone.max_length)


def _encode(shim: BackboneShim, cut: WindowedDocs) -> Floats2d:
    """Return the hidden states of all tokens, (n_tokens, width), without building an autograd graph."""
    limits = {"max_padded": shim.runner.eval_size, "max_length": shim.backbone.max_length}
    return from_torch(shim.runner.run(make_micro_batches(cut, shim.table, **limits), cut.n_tokens))
