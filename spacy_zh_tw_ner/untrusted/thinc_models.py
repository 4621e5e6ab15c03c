"""Check thinc models whose weights, dimensions and settings were read from a file.

`Model.from_bytes` trusts the file: it sets references to other layers, replaces functions in `attrs` by data, and
accepts arrays of any shape.
"""

import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from thinc.api import Model

from ..errors import Errors, UnreadableFileError
from . import origin, require, scan_msgpack


def scan_file(path: Path) -> None:
    """Check the declared lengths in a msgpack file, which is mapped into memory instead of being read.

    Call it before the file is parsed: the parser allocates lists of these lengths.

    path (Path): The file.
    RAISES (UnreadableFileError): If a length goes beyond the end of the file, values are nested deeper than DEEPEST, or
        there are more than MOST_ITEMS values.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            scan_msgpack(b"")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
            scan_msgpack(view)


@contextmanager
def unchanged_structure(model: Model[Any, Any]) -> Iterator[None]:
    """Context manager for a block that loads a model: at its end, check that the model has the structure of the config.

    The block may change names of layers, and settings that are lists or dicts, such as the widths of n-grams. They are
    reset to those of the config.

    model (Model): A model that was built from the config.
    RAISES (UnreadableFileError): If loading has changed a reference to a layer, a function in `attrs`, or the type of a
        setting.
    """
    before = [_structure(layer) for layer in model.walk()]
    yield
    for layer, (name, references, attributes) in zip(model.walk(), before, strict=True):
        layer.name = name
        for reference, target in references.items():
            same = layer.has_ref(reference) and layer.get_ref(reference).id == target
            key = f"{name}.refs.{reference}"
            require(bool(same) or target is None, key, "another layer", "the layer that the config names")
        for key, value in attributes.items():
            _require_similar(f"{name}.attrs.{key}", layer.attrs.get(key), value)
            if isinstance(value, dict | list | tuple) and value:
                layer.attrs[key] = value


def require_param(layer: Model[Any, Any], name: str, shape: tuple[int | None, ...]) -> Any:
    """Return a loaded parameter of a layer, after checking it.

    layer (Model): The layer.
    name (str): Name of the parameter.
    shape (tuple[int | None, ...]): Expected shape; None for a dimension of any size.
    RETURNS (FloatsXd): The parameter.
    RAISES (UnreadableFileError): If it is missing, has another shape, is not float32, or is not finite.
    """
    array: Any = layer.get_param(name) if layer.has_param(name) else None
    what, seen = f"{layer.name}.{name}", getattr(array, "shape", None)
    if seen is None or len(seen) != len(shape) or any(b not in (None, a) for a, b in zip(seen, shape, strict=True)):
        raise UnreadableFileError(Errors.ZT649.format(origin=origin(), what=what, seen=seen, expected=shape))
    require(array.dtype == np.float32, what, array.dtype, "of float32")
    require(bool(layer.ops.xp.isfinite(array).all()), what, "other values", "finite numbers")
    return array


def _structure(layer: Model[Any, Any]) -> tuple[str, dict[str, int | None], dict[str, Any]]:
    """Return the parts of a layer that loading may change.

    RETURNS (tuple): The name of the layer; name of a reference → id of the layer to which it refers, or None if it is
        not set; and a shallow copy of `attrs`.
    """
    references = {name: layer.get_ref(name).id if layer.has_ref(name) else None for name in layer.ref_names}
    return layer.name, references, dict(layer.attrs)


def _require_similar(key: str, value: object, before: object) -> None:
    """Check that loading has not changed the kind of an attribute.

    key (str): Name of the attribute in the message.
    value (object): The loaded value.
    before (object): The value before loading. If it is a function, `value` must be the same function. If it is a
        number, `value` must be a finite number. If it is a string, bool, dict, list or tuple, `value` must be of the
        same type, except that lists may become tuples and tuples lists. Otherwise, any value is allowed.
    RAISES (UnreadableFileError): If the loaded value is not allowed.
    """
    if isinstance(before, Callable):  # type: ignore[arg-type]
        require(value is before, key, type(value).__name__, "the function of this layer")
    elif isinstance(before, bool | str) or before is None:
        require(before is None or type(value) is type(before), key, value, f"of type {type(before).__name__}")
    elif isinstance(before, int | float):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        require(is_number and bool(np.isfinite(value)), key, value, "a finite number")  # type: ignore[call-overload]
    elif isinstance(before, dict | list | tuple):
        is_one = isinstance(value, list | tuple) if not isinstance(before, dict) else isinstance(value, dict)
        require(is_one, key, type(value).__name__, f"a {type(before).__name__}")
