"""Choose where models run: all of spaCy on a GPU with CuPy, or without it the encoders alone.

    require_gpu(0)                       # before spacy.load, nlp.initialize or init_nlp
    nlp = spacy.load("zh_tw_ner")

Our encoders are torch modules, and torch needs no CuPy. thinc does. So without CuPy the Transformer or BiLSTM, which
does nearly all of the computing, runs on the GPU; thinc's layers, the head and the CRF stay on the CPU, and hidden
states and their gradients are copied between the two once a batch.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from platform import system

import torch
from thinc.api import get_torch_default_device
from thinc.api import require_cpu as _thinc_cpu
from thinc.api import require_gpu as _thinc_gpu

from .errors import DeviceError, Errors
from .extras import install_hint

logger = logging.getLogger("spacy_zh_tw_ner")


@dataclass
class _Choice:
    """Device of encoders; None for the device of thinc."""

    device: torch.device | None = None


# Not a context variable: a service loads and runs a pipeline in another thread than the one that chose the device.
_choice = _Choice()


def encoder_device() -> torch.device:
    """Return the device of encoders that are created or loaded now.

    RETURNS (torch.device): The GPU that `require_gpu` chose for encoders alone, or the device of thinc.
    """
    return _choice.device or get_torch_default_device()


def require_gpu(gpu_id: int = 0, *, notify: Callable[[str], object] = logger.info) -> torch.device:
    """Use a GPU for pipelines that are created or loaded from now on: all of them with CuPy, else only encoders.

    gpu_id (int): Number of the GPU.
    notify (Callable[[str], object]): Gets one line, if only encoders run there.
    RETURNS (torch.device): The device of encoders.
    RAISES (DeviceError): If there is no such GPU.
    """
    notice = check_gpu(gpu_id)
    _choice.device = None
    if notice is None:
        _thinc_gpu(gpu_id)
    else:
        _thinc_cpu()
        torch.cuda.set_device(gpu_id)  # random numbers and memory counters are those of the current device
        _choice.device = torch.device("cuda", gpu_id)
        notify(notice)
    return encoder_device()


def require_cpu() -> None:
    """Use the CPU for pipelines that are created or loaded from now on."""
    _choice.device = None
    _thinc_cpu()


def runs_encoders_alone() -> bool:
    """Return whether a device was chosen for encoders alone, so that thinc stays on the CPU."""
    return _choice.device is not None


def check_gpu(gpu_id: int) -> str | None:
    """Check that a GPU is available, without using it.

    gpu_id (int): Its number.
    RETURNS (str | None): A line that says that only encoders will run there, and how to change that; None if thinc can
        use the GPU, too.
    RAISES (DeviceError): If there is no such GPU.
    """
    if system() == "Darwin":
        _check_metal()
        return None
    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if n == 0:
        reason = "torch finds no device" if torch.version.cuda else f"torch {torch.__version__} is built for CPUs"
        raise DeviceError(Errors.ZT700.format(reason=reason))
    if not 0 <= gpu_id < n:
        raise DeviceError(Errors.ZT701.format(gpu_id=gpu_id, n=n, last=n - 1))
    problem = _cupy_problem()
    if problem is None:
        return None
    return Errors.ZT702.format(problem=problem, device=f"cuda:{gpu_id}", hint=install_hint(cuda_extra()))


def cuda_extra() -> str:
    """Return the name of the extra with the CuPy for the CUDA that torch was built with."""
    major = (torch.version.cuda or "12").partition(".")[0]
    return f"cuda{major}x"


def _check_metal() -> None:
    from thinc.compat import has_gpu

    if not has_gpu:
        raise DeviceError(Errors.ZT700.format(reason="torch finds no Metal device"))


def _cupy_problem() -> str | None:
    from thinc.compat import has_cupy, has_cupy_gpu

    if not has_cupy:
        return "is not installed"
    return None if has_cupy_gpu else "finds no device (is it built for another CUDA?)"
