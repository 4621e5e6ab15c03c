"""Save and restore the states of the random number generators of Python, numpy and torch."""

import random
from typing import Any, TypeAlias, cast

import numpy as np
import torch

from ..untrusted import in_range, require, require_type, whole_number

ArrayT: TypeAlias = np.ndarray[Any, Any]


def python_state() -> Any:
    """Return the states of the random number generators of Python and numpy, under "random" and "numpy", for JSON.

    Numpy's key, an array of 624 numbers, is left out: `random_states` returns it.
    """
    numpy_state = cast(tuple[Any, ...], np.random.get_state())
    return {"random": random.getstate(), "numpy": [numpy_state[0], *map(int, numpy_state[2:4]), float(numpy_state[4])]}


def random_states() -> dict[str, ArrayT]:
    """Return arrays with the states of random number generators: "numpy", "torch" and, with a GPU, "cuda".

    The array of numpy is the key of its generator. `python_state` has the other parts of numpy's state.
    """
    states = {"numpy": cast(tuple[Any, ...], np.random.get_state())[1], "torch": torch.get_rng_state().numpy()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state().numpy()
    return states


def restore_random(arrays: dict[str, ArrayT], python: Any) -> None:
    """Restore the states of the global random number generators of Python, numpy and torch after checking them.

    The state of the GPU is restored only if the arrays have one and there is a GPU.

    arrays (dict): Arrays of a checkpoint by name. Those that `random_states` has returned have the prefix "random/".
    python (Any): A value that `python_state` has returned.
    RAISES (UnreadableFileError): If a value cannot be the state of its generator.
    """
    require_type("python", python, dict)
    version, numbers, gauss = python["random"]
    random.setstate((version, tuple(numbers), gauss))
    kind, position, has_gauss, cached = python["numpy"]
    key = arrays["random/numpy"]
    # numpy does not check the position, and would read out of bounds.
    whole_number("python.numpy", position, 0, 624)
    require((key.shape, key.dtype) == ((624,), np.dtype(np.uint32)), "random/numpy", key.shape, "624 numbers of uint32")
    has_gauss, cached = whole_number("python.numpy", has_gauss, 0, 1), in_range("python.numpy", cached, -1e9, 1e9)
    np.random.set_state((kind, key, position, has_gauss, cached))
    torch.set_rng_state(torch.from_numpy(arrays["random/torch"]))
    if "random/cuda" in arrays and torch.cuda.is_available():
        torch.cuda.set_rng_state(torch.from_numpy(arrays["random/cuda"]))
