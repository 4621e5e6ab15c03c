"""Apply memory settings: half precision, frozen layers, gradient checkpointing, recovery from out-of-memory errors."""

import gc
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeAlias, TypeVar

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, noop_context_fn

from ..cpu_acceleration.probe import is_native
from ..errors import Errors, OutOfMemoryError, SettingError, Warnings
from .base_model import Base, depths, layers_of, shares_layers

T = TypeVar("T")
ContextsT: TypeAlias = Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# Parts of messages of out-of-memory errors that are plain RuntimeErrors: on a CPU, and from cuBLAS and cuDNN.
OUT_OF_MEMORY = (
    "DefaultCPUAllocator",
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def usable_precision(precision: str, device: torch.device) -> str:
    """Return the precision in which a device should compute: the given one, or "fp32" if a CPU would emulate it.

    A pipeline that was trained in half precision on a GPU is then not slow on a CPU: in bf16, an AMD EPYC without
    AVX-512 took 7 times as long as in float32 to read texts with multilingual-e5-small (`benchmarks.pretrained`).
    GPUs that emulate bfloat16 keep it, as memory may not suffice for float32.

    precision (str): "fp32", "fp16" or "bf16".
    """
    emulated = device.type == "cpu" and precision != "fp32" and not is_native(precision, device)
    return "fp32" if emulated else precision


def warn_if_emulated(precision: str, device: torch.device) -> None:
    """Warn if a device emulates a precision, which is then slower than float32.

    precision (str): "fp32", "fp16" or "bf16": the precision in which the device computes.
    """
    if precision != "fp32" and not is_native(precision, device):
        warnings.warn(Warnings.ZT920.format(precision=precision, device=device), stacklevel=2)


def halve_frozen(model: Base, precision: str) -> None:
    """Convert frozen weights to half precision, in place, where that does not change the results.

    Autocast rounds the weights of linear layers to half precision in each step. Rounding them once in advance gives the
    same results, and they take half the memory. Autocast does not round embeddings, so an embedding is converted only
    if all its values are exact in half precision.

    model (Base): The model.
    precision (str): The precision of autocast; "fp32" converts nothing.
    """
    if precision == "fp32":
        return
    dtype = DTYPES[precision]
    for part in model.modules():
        if type(part) is nn.Linear and not part.weight.requires_grad:
            part.weight.data = part.weight.data.to(dtype)
        elif isinstance(part, nn.Embedding) and not part.weight.requires_grad:
            # On the meta device there are no values to compare: the config says which type they have.
            halve_embedding(part, dtype, is_half_on_meta=getattr(model.config, "torch_dtype", None) == dtype)


def halve_embedding(part: nn.Embedding, dtype: torch.dtype, *, is_half_on_meta: bool = False) -> None:
    """Convert an embedding to half precision, in place, if no value changes. Its output stays float32.

    part (nn.Embedding): A frozen embedding.
    dtype (torch.dtype): torch.float16 or torch.bfloat16.
    is_half_on_meta (bool): Whether to convert an embedding on the meta device, which has no values to compare.
    """
    halved = part.weight.data.to(dtype)
    same = halved.dtype == part.weight.dtype
    if same or (is_half_on_meta if halved.is_meta else torch.equal(halved.float(), part.weight.data)):
        part.weight.data = halved
        part.register_forward_hook(_to_float)


def _to_float(module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
    """Forward hook: convert the output to float32."""
    return output.float()


def freeze(model: Base, n: int) -> None:
    """Freeze the embeddings and the first layers of a model, with the adapters in them.

    n (int): Number of layers to freeze. With 0, the embeddings are not frozen either.
    RAISES (ValueError): If the model has fewer layers, or its layers share their weights.
    """
    if not n:
        return
    if shares_layers(model):
        raise SettingError(Errors.ZT329.format(n=n, family=model.config.model_type))
    if n > len(layers_of(model)):
        raise SettingError(Errors.ZT330.format(n=n, layers=len(layers_of(model))))
    parameters = dict(model.named_parameters())
    for name, depth in depths(model).items():
        if depth <= n:
            parameters[name].requires_grad_(False)


def checkpoint_layers(model: Base, contexts: ContextsT = noop_context_fn) -> None:
    """Make each layer discard its activations in training, and compute them again in the backward pass.

    The forward method of each layer is replaced, in place. With `use_reentrant=False`, the input of a layer does not
    have to require a gradient; this is needed for frozen embeddings, LoRA and quantized weights.

    This is gradient checkpointing (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"). The
    implementation in transformers supports some model families only, and not ALBERT.

    model (Base): The model.
    contexts (Callable): Called without arguments in each training pass of a layer, as `context_fn` of
        `torch.utils.checkpoint`. Returns two context managers: one for this pass, and one for its repetition.
    """
    for layer in layers_of(model):
        layer.forward = partial(_run_layer, layer, contexts)


def _run_layer(layer: nn.Module, contexts: ContextsT, *args: Any, **kwargs: Any) -> Any:
    """Call the forward method of a layer. In training, its activations are discarded, and computed again later.

    layer (nn.Module): The layer.
    contexts (Callable): Returns two context managers: one for this forward pass, and one for its repetition.
    args, kwargs: Arguments of the forward method.
    RETURNS (Any): The result of the forward method.
    """
    forward = partial(type(layer).forward, layer)
    if layer.training and torch.is_grad_enabled():
        return checkpoint(forward, *args, use_reentrant=False, context_fn=contexts, **kwargs)
    return forward(*args, **kwargs)


class TorchOutOfMemoryError(OutOfMemoryError, torch.OutOfMemoryError):
    """Raised if a model runs out of memory. It is also a `torch.OutOfMemoryError`, which training loops catch."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of torch means that memory has run out."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)
    )


def attempt(run: Callable[[], T]) -> tuple[T] | None:
    """Call a function. If memory runs out, free all that the call has allocated.

    run (Callable[[], T]): The function. It must be possible to call it again after an error.
    RETURNS (tuple[T] | None): The result, in a tuple of one; None if memory ran out.
    RAISES: Any other error of the function.
    """
    try:
        return (run(),)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # After the `except` block, the traceback no longer refers to the tensors of all frames.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
