"""transformers without what it imports for many machines, compilation and the writing of text.

`transformers.modeling_utils` brings torch's compiler, `torch.distributed.tensor` and sympy, and, where they are
installed, scikit-learn, SciPy and pandas. A process that does nothing but read texts uses none of them, and has 63 MiB
less without, and more where scikit-learn is. Whoever asks for them later finds them.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch

COMPILER = "torch._dynamo"
VMAP = f"{COMPILER}._trace_wrapped_higher_order_op"
NOT_INSTALLED: dict[str, Any] = {"_sklearn_available": False, "_scipy_available": False}  # as transformers knows it
MODULES = ("transformers.masking_utils", "transformers.modeling_utils", "transformers.models.auto.modeling_auto")


def import_transformers() -> None:
    """Import what loads and runs a model, and little else.

    It does nothing where the compiler or models have been imported before. No other thread may import anything
    meanwhile.
    """
    if not sys.modules.keys().isdisjoint([COMPILER, *MODULES]):
        return
    from transformers.utils import import_utils

    # Names in decorators, which mark what is not to be compiled; and one that is called much later, if ever.
    compiler: dict[str, Any] = {
        COMPILER: SimpleNamespace(disable=_same),
        VMAP: SimpleNamespace(TransformGetItemToIndex=_in_vmap),
    }
    try:
        with (
            _stand_ins(compiler),
            patch.multiple(import_utils, create=True, **NOT_INSTALLED),
            patch.object(torch.distributed, "is_available", lambda: False),
        ):
            for name in MODULES:
                import_module(name)
    except Exception:  # of another version, which wants more: it gets it when it is used
        return


@contextmanager
def _stand_ins(modules: Mapping[str, Any]) -> Iterator[None]:
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in modules:
            sys.modules.pop(name, None)


def _same(function: Any = None, *_: Any, **__: Any) -> Any:
    return function if function is not None else _same


def _in_vmap() -> Any:
    """torch's own, where it is wanted after all."""
    return import_module(VMAP).TransformGetItemToIndex()
