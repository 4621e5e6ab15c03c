"""Embeddings → hidden states: a bidirectional LSTM in torch.

Hochreiter and Schmidhuber 1997, "Long Short-Term Memory"; Graves and Schmidhuber 2005, "Framewise Phoneme
Classification with Bidirectional LSTM".
"""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model, chain
from thinc.types import Floats2d

from ..cpu_acceleration.probe import is_native
from ..errors import (
    Errors,
    PipelineError,
    SettingError,
)
from ..thread_safety import one_at_a_time
from ..untrusted import require
from . import EncoderHooks, HiddenT, Tok2VecT, hooks_of
from .long_documents import chunk_size, copy_tokens
from .torch_interop import TorchShim, flatten, from_torch, group_by_length, to_torch, unflatten

# Longer texts are encoded in windows of WINDOW tokens with CONTEXT tokens on both sides. This bounds memory, and the
# output of an LSTM hardly depends on tokens further away.
WINDOW, CONTEXT = 512, 64
MAX_PADDED = 32_768  # tokens per batch of windows, padding included
PRECISIONS = ("fp32", "bf16")
CHUNK = 4_096  # tokens of a long document whose hidden states are in memory at a time: 8 windows


@one_at_a_time
def build_bilstm_v1(
    embed: Tok2VecT,
    hidden_width: int = 192,
    depth: int = 2,
    dropout: float = 0.5,
    layer_norm: bool = False,
    precision: str = "fp32",
) -> Tok2VecT:
    """Registered as `spacy-zh-tw-ner.BiLSTM.v1`: a bidirectional LSTM.

    embed (Model[list[Doc], list[Floats2d]]): Embedding of fixed width: one vector per token.
    hidden_width (int): Units per direction; the output is twice as wide.
    depth (int): Number of layers, 1 to 3.
    dropout (float): Share of the values that are dropped from the input, and from the output of each layer.
    layer_norm (bool): Normalize the output of each layer (Ba, Kiros and Hinton 2016).
    precision (str): "fp32", or "bf16", which `quantize --to bf16` sets. A "bf16" model cannot be trained. On CPUs
        without bfloat16 instructions, it computes in float32 with weights rounded to bfloat16.
    RETURNS (Model[list[Doc], list[Floats2d]]): The encoder: one hidden state per token.
    RAISES (ZhTwNerError): For another depth or precision, or an embedding without a fixed width.
    """
    if precision not in PRECISIONS:
        raise SettingError(Errors.ZT303.format(precision=precision, choices=", ".join(PRECISIONS)))
    if not 1 <= depth <= 3:
        raise SettingError(Errors.ZT302.format(depth=depth))
    if not embed.has_dim("nO"):
        raise SettingError(Errors.ZT305.format(embed=embed.name))
    module = BiLSTM(embed.get_dim("nO"), hidden_width, depth=depth, dropout=dropout, layer_norm=layer_norm)
    if precision == "bf16" and is_native(precision, torch.device("cpu")):
        module.to(torch.bfloat16)
    checks: EncoderHooks = {"check": check}
    chunks: EncoderHooks = {"encode_chunks": encode_chunks}
    encode: Model[HiddenT, HiddenT] = Model(
        "bilstm",
        forward,
        shims=[TorchShim(module)],
        dims={"nO": 2 * hidden_width},
        attrs={"precision": precision, **checks},
    )
    model = cast(Tok2VecT, chain(embed, encode))
    model.set_dim("nO", 2 * hidden_width)
    model.attrs.update(chunks)
    return model


def check(model: Model[HiddenT, HiddenT]) -> None:
    """Check the precision of a BiLSTM layer that was loaded from a file.

    This is the layer's hook `check`, which a CRF component calls after it has loaded its model.

    RAISES (UnreadableFileError): For an unknown precision.
    """
    require(model.attrs["precision"] in PRECISIONS, "precision", model.attrs["precision"], f"one of {PRECISIONS}")


def encode_chunks(model: Tok2VecT, doc: Doc) -> Iterator[Floats2d] | None:
    """Encode a long document in chunks of several windows, so that not all hidden states are in memory at once.

    This is the layer's hook `encode_chunks`, which a CRF component calls for long documents.

    model (Model), doc (Doc): The BiLSTM layer with its embedding, and the document.
    RETURNS (Optional[Iterator]): Hidden states of each chunk, (n, nO), in document order. None if it is unknown on how
        many neighbouring tokens an embedding depends, because the embedding layer has no hook `reach`.
    """
    embed = model.layers[0]
    hooks = hooks_of(embed)
    reach = hooks["reach"](embed) if "reach" in hooks else None
    return None if reach is None else _encode_chunks(model, doc, reach)


def _encode_chunks(model: Tok2VecT, doc: Doc, reach: int) -> Iterator[Floats2d]:
    """Yield the hidden states of a long document in order, (n, nO): those of several windows at a time.

    model (Model), doc (Doc): The BiLSTM layer with its embedding, and the document.
    reach (int): Number of tokens before a token, and after it, on which its embedding depends.
    """
    embed, encode = model.layers
    found, n_windows = windows([len(doc)]), -(-chunk_size(CHUNK) // WINDOW)
    for index in range(0, len(found), n_windows):
        here = found[index : index + n_windows]
        first, end = here[0][0], here[-1][1]
        start = max(0, first - reach)
        (vectors,) = embed.predict([copy_tokens(doc, start, min(end + reach, len(doc)))])
        rows = to_torch(vectors[first - start : end - start], device=_shim(encode).device)
        shifted = [(a - first, b - first, c - first, d - first) for a, b, c, d in here]
        hidden, _ = _shim(encode)(ArgsKwargs((rows, [len(rows)]), {"selected": shifted}), False)
        yield from_torch(hidden)


def forward(
    model: Model[HiddenT, HiddenT], vectors: HiddenT, is_train: bool
) -> tuple[HiddenT, Callable[[HiddenT], HiddenT]]:
    """Encode a batch with the torch module.

    This is the forward function of the thinc layer.

    vectors (list[Floats2d]): Embeddings, (n_tokens, nI) for each document.
    RETURNS (tuple): Hidden states, (n_tokens, nO) for each document; and the backward pass, from their gradients to the
        gradients of `vectors`.
    RAISES (PipelineError): If a model in bf16 is trained.
    """
    if is_train and model.attrs["precision"] != "fp32":
        raise PipelineError(Errors.ZT304.format(precision=model.attrs["precision"]))
    rows, lengths = flatten(model.ops, vectors)
    shim = _shim(model)
    inputs = to_torch(rows, device=shim.device, requires_grad=is_train)
    hidden, torch_backprop = shim(ArgsKwargs((inputs, lengths), {}), is_train)

    def backprop(gradients: HiddenT) -> HiddenT:
        gradient = to_torch(flatten(model.ops, gradients)[0], device=shim.device)
        inputs = torch_backprop(ArgsKwargs(((hidden,),), {"grad_tensors": gradient}))
        return unflatten(model.ops, from_torch(inputs.args[0]), lengths)

    return unflatten(model.ops, from_torch(hidden), lengths), backprop


def _shim(model: Model[HiddenT, HiddenT]) -> TorchShim:
    return cast(TorchShim, model.shims[0])


class BiLSTM(torch.nn.Module):
    """A bidirectional LSTM: each layer has one LSTM per direction.

    On a CPU, two LSTMs on padded batches, the second on flipped sequences, are 1.4 times as fast as torch's
    bidirectional LSTM on packed sequences, with the same result.

    width (int): Width of the input.
    hidden (int): Units per direction.
    depth (int): Number of layers.
    dropout (float): Share of the values that are dropped from the input, and from the output of each layer.
    layer_norm (bool): Normalize the output of each layer.
    """

    def __init__(self, width: int, hidden: int, *, depth: int, dropout: float, layer_norm: bool) -> None:
        super().__init__()
        widths = [width] + [2 * hidden] * (depth - 1)
        self.forwards = torch.nn.ModuleList(torch.nn.LSTM(w, hidden) for w in widths)
        self.backwards = torch.nn.ModuleList(torch.nn.LSTM(w, hidden) for w in widths)
        norm: Callable[[], torch.nn.Module] = (
            (lambda: torch.nn.LayerNorm(2 * hidden)) if layer_norm else torch.nn.Identity
        )
        self.norms = torch.nn.ModuleList(norm() for _ in widths)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(
        self, vectors: torch.Tensor, lengths: Sequence[int], selected: Sequence["Window"] | None = None
    ) -> torch.Tensor:
        """Encode a ragged batch.

        Long sequences are cut into windows that overlap. A window begins and ends with context: tokens whose hidden
        states are taken from the neighbouring windows.

        vectors (torch.Tensor): (n_tokens, width), the concatenated sequences.
        lengths (Sequence[int]): Number of tokens of each sequence.
        selected (Optional[Sequence[Window]]): Windows to encode; None for all windows of the sequences.
        RETURNS (torch.Tensor): float32, (n_kept, 2 * hidden) hidden states of the tokens of the windows that are not
            context. For all windows, these are all tokens: (n_tokens, 2 * hidden).
        """
        vectors = vectors.to(next(self.parameters()).dtype)
        found = windows(lengths) if selected is None else selected
        groups = group_by_length([last - first for first, last, _, _ in found], max_padded=MAX_PADDED)
        hidden = [self._encode(vectors, [found[i] for i in group]) for group in groups]
        if not hidden:
            # An empty result that is still part of the autograd graph.
            return (vectors.sum() * vectors.new_zeros(0, 2 * cast(torch.nn.LSTM, self.forwards[0]).hidden_size)).float()
        rows, values = (torch.cat(parts) for parts in zip(*hidden, strict=True))
        return torch.empty_like(values).index_copy_(0, rows - found[0][2], values).float()

    def _encode(self, vectors: torch.Tensor, group: Sequence["Window"]) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode windows of similar lengths as one padded batch.

        vectors (torch.Tensor): (n_tokens, width), the concatenated sequences.
        group (Sequence[Window]): The windows.
        RETURNS (tuple[torch.Tensor, torch.Tensor]): For those tokens of the windows that are not context: their row
            indices in `vectors`, (n_kept,), and their hidden states, (n_kept, 2 * hidden).
        """
        firsts = torch.tensor([first for first, _, _, _ in group], device=vectors.device)
        sizes = torch.tensor([last - first for first, last, _, _ in group], device=vectors.device)
        steps = torch.arange(int(sizes.max()), device=vectors.device)[:, None]
        # shape: (n_steps, n_windows)
        real = steps < sizes
        rows = torch.where(real, firsts + steps, 0)
        mirrored = torch.where(real, sizes - 1 - steps, steps)
        # shape: (n_steps, n_windows, width)
        x = self.dropout(vectors[rows])
        for forwards, backwards, norm in zip(self.forwards, self.backwards, self.norms, strict=True):
            x = self.dropout(norm(torch.cat([forwards(x)[0], _flip(backwards(_flip(x, mirrored))[0], mirrored)], 2)))
        starts, ends = (
            torch.tensor(column, device=vectors.device) for column in zip(*(w[2:] for w in group), strict=True)
        )
        own = real & (rows >= starts) & (rows < ends)
        return rows[own], x[own]


def _flip(x: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
    """Reverse each sequence of a padded batch, (n_steps, n_windows, width). Padding stays at the end.

    x (torch.Tensor): The batch.
    mirrored (torch.Tensor): (n_steps, n_windows) index of the step of `x` that is copied to each step of the result.
    """
    return x.gather(0, mirrored[:, :, None].expand(-1, -1, x.shape[2]))


# Rows that are encoded, and rows whose hidden states are kept: first encoded, end of encoded, first kept, end of kept.
Window = tuple[int, int, int, int]


def windows(lengths: Sequence[int]) -> list[Window]:
    """Split sequences into windows of at most WINDOW rows, with up to CONTEXT rows of context on both sides.

    A sequence of at most WINDOW + 2 · CONTEXT rows is one window, without context.

    lengths (Sequence[int]): Number of rows of each sequence.
    RETURNS (list[Window]): For each window: its first row and end (exclusive), and the first row and end of its rows
        that are not context. Rows are counted through the concatenated sequences.
    """
    found: list[Window] = []
    start = 0
    for length in lengths:
        end = start + length
        if 0 < length <= WINDOW + 2 * CONTEXT:
            found.append((start, end, start, end))
        elif length:
            for keep in range(start, end, WINDOW):
                kept_end = min(keep + WINDOW, end)
                found.append((max(start, keep - CONTEXT), min(end, kept_end + CONTEXT), keep, kept_end))
        start = end
    return found
