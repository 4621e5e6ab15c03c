"""Choose the device of models: the CPU, a GPU for all layers (with CuPy), or a GPU for the encoder only.

    require_gpu(0)                       # before spacy.load, nlp.initialize or init_nlp
    nlp = spacy.load("zh_tw_ner")

The layers of thinc need CuPy to run on a GPU; the encoders are torch modules and do not. Without CuPy, the Transformer
or BiLSTM, which takes nearly all of the computing time, runs on the GPU. The layers of thinc, the head and the CRF run
on the CPU, and hidden states and their gradients are copied between the devices once per batch.
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
    """The choice that `require_gpu` or `require_cpu` made last, for the whole process.

    device: The GPU on which only the encoders run; None if they run on the device of thinc.
    """

    device: torch.device | None = None


# Not a context variable, whose value other threads do not have: a service loads pipelines in another thread.
_choice = _Choice()


def encoder_device() -> torch.device:
    """Return the device on which encoders are created or loaded now.

    RETURNS (torch.device): The GPU, if `require_gpu` chose it for encoders only; otherwise the device of thinc.
    """
    return _choice.device or get_torch_default_device()


def require_gpu(gpu_id: int = 0, *, notify: Callable[[str], object] = logger.info) -> torch.device:
    """Use a GPU for pipelines that are created or loaded from now on; without CuPy, for their encoders only.

    gpu_id (int): Index of the GPU.
    notify (Callable[[str], object]): Called with a one-line message if only encoders will run on the GPU.
    RETURNS (torch.device): The device of encoders.
    RAISES (DeviceError): If there is no GPU of this index.
    """
    notice = check_gpu(gpu_id)
    _choice.device = None
    if notice is None:
        _thinc_gpu(gpu_id)
    else:
        _thinc_cpu()
        torch.cuda.set_device(gpu_id)  # torch's random numbers and memory statistics are those of the current device
        _choice.device = torch.device("cuda", gpu_id)
        notify(notice)
    return encoder_device()


def require_cpu() -> None:
    """Use the CPU for pipelines that are created or loaded from now on."""
    _choice.device = None
    _thinc_cpu()


def runs_encoders_alone() -> bool:
    """Return whether `require_gpu` chose a GPU for encoders only, so that thinc uses the CPU."""
    return _choice.device is not None


def check_gpu(gpu_id: int) -> str | None:
    """Check that a GPU is available, without choosing it.

    gpu_id (int): Index of the GPU.
    RETURNS (str | None): None if thinc can use the GPU; otherwise a one-line message that only encoders will run on it,
        with the reason and the remedy.
    RAISES (DeviceError): If there is no GPU of this index.
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
    """Return the name of the extra that installs CuPy for the CUDA version of torch, such as "cuda12x".

    If torch is built without CUDA, the name is "cuda12x".
    """
    major = (torch.version.cuda or "12").partition(".")[0]
    return f"cuda{major}x"


def _check_metal() -> None:
    """Check that a Mac has a GPU that torch supports.

    RAISES (DeviceError): If it has none.
    """
    from thinc.compat import has_gpu

    if not has_gpu:
        raise DeviceError(Errors.ZT700.format(reason="torch finds no Metal device"))


def _cupy_problem() -> str | None:
    """Return why thinc cannot use CuPy, as words that follow "CuPy", such as "is not installed"; None if it can."""
    from thinc.compat import has_cupy, has_cupy_gpu

    if not has_cupy:
        return "is not installed"
    return None if has_cupy_gpu else "finds no device (is it built for another CUDA?)"
