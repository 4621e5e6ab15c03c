"""Import optional dependencies of annotation, or raise an error with the command that installs them."""

from types import ModuleType

from ..errors import Errors
from ..extras import install_hint


def parquet() -> ModuleType:
    """`pyarrow.parquet`. RAISES (ValueError): Where it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(
            Errors.ZT530.format(what="Parquet", package="pyarrow", hint=install_hint("parquet"))
        ) from error
    module: ModuleType = pyarrow.parquet
    return module


def ray_data() -> ModuleType:
    """`ray.data`. RAISES (ValueError): Where it is not installed."""
    try:
        import ray.data
    except ImportError as error:
        raise ValueError(
            Errors.ZT530.format(what="--engine ray", package="Ray Data", hint=install_hint("ray"))
        ) from error
    module: ModuleType = ray.data
    return module
