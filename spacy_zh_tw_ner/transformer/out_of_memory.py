"""Running out of memory, as something that can be met: noticed, cleaned up after, and tried again in smaller parts."""

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

T = TypeVar("T")

# On a CPU, and where cuBLAS or cuDNN ask for memory themselves, the error has no class of its own.
TOLD_BY = ("DefaultCPUAllocator", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory is what an error is about."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in TOLD_BY)
    )


def attempt(run: Callable[[], T]) -> tuple[T] | None:
    """Run something that may need more memory than there is.

    run (Callable[[], T]): What to do. It must leave nothing behind that it cannot do again.
    RETURNS (tuple[T] | None): What it gave, alone in a tuple; None if memory ran out, and then all is given back.
    RAISES: Any other error.
    """
    try:
        return (run(),)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # Only here is the traceback gone, which held on to the tensors of every frame.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
