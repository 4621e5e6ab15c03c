"""Import ONNX Runtime without its telemetry."""

import os
from types import ModuleType

TELEMETRY = "ORT_DISABLE_TELEMETRY"


def import_onnxruntime() -> ModuleType:
    """Import onnxruntime, an optional package.

    Since 1.31 it sends events about sessions to its makers, and leaves a file `.ses` in the folder for temporary files,
    unless this variable is set before it is imported. A user's own value is kept.

    RAISES (ImportError): If it is not installed.
    """
    os.environ.setdefault(TELEMETRY, "1")
    import onnxruntime

    module: ModuleType = onnxruntime
    return module
