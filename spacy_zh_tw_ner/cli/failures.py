"""Convert any error of a command to one message with a code and a remedy."""

import errno
from collections.abc import Mapping

from ..errors import Errors, code_of
from ..install_hints import install_hint

REMEDIES: Mapping[int | None, str] = {
    errno.ENOSPC: "Free some disk space, or choose another output.",
    errno.EDQUOT: "Free some disk space, or choose another output.",
    errno.EACCES: "Check its permissions, or choose another path.",
    errno.EPERM: "Check its permissions, or choose another path.",
    errno.EROFS: "Choose a path on a file system that can be written.",
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "Choose a path below a folder, not below a file.",
    errno.EEXIST: "Choose a path below a folder, not below a file.",
    errno.EISDIR: "Give a file, not a folder.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EMFILE: "Raise the limit of open files (`ulimit -n`).",
    errno.EBUSY: "Choose another path, such as a folder inside it.",
}
# Optional packages, by the extra that installs them
EXTRAS = {
    "pyarrow": "parquet",
    "ray": "ray",
    "numba": "fast",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "fastapi": "serve",
    "uvicorn": "serve",
    "prometheus_client": "serve",
    "seqeval": "evaluate",
    "resvg_py": "evaluate",
}
# Errors in a value of the command line that its parser cannot check: exit status 2
USAGE_CODES = frozenset({"ZT004", "ZT245", "ZT370", "ZT445", "ZT446", "ZT503", "ZT521", "ZT528", "ZT601"})
INTERRUPTED = {
    "train": "Run it again with --resume to continue from the last checkpoint.",
    "annotate": "Run the same command again to continue where it stopped.",
}


def exit_status(error: BaseException) -> int:
    """Return 2 if the command line was wrong, else 1."""
    return 2 if code_of(error) in USAGE_CODES else 1


def describe(error: BaseException, command: str) -> str:
    """Return a message with a code for any exception.

    error (BaseException): The exception that ended the command.
    command (str): The name of the command.
    RETURNS (str): The exception's own message if it has a code, else a message of `Errors` with a remedy.
    """
    text = str(error).strip()
    if text.startswith("[ZT"):
        return text
    if isinstance(error, KeyboardInterrupt):
        message = Errors.ZT679.format(command=command, remedy=INTERRUPTED.get(command, "Its outputs were not changed."))
    elif isinstance(error, MemoryError):
        message = Errors.ZT681
    elif isinstance(error, ModuleNotFoundError) and error.name is not None:
        package = error.name.partition(".")[0]
        hint = install_hint(EXTRAS[package]) if package in EXTRAS else f"pip install {package.replace('_', '-')}"
        message = Errors.ZT680.format(package=package, hint=hint)
    elif isinstance(error, OSError) and error.strerror:
        remedy = REMEDIES.get(error.errno, "Check the path.")
        message = Errors.ZT676.format(path=error.filename or command, reason=error.strerror, remedy=remedy)
    elif isinstance(error, ValueError | OSError) and text:
        message = Errors.ZT677.format(reason=text)
    else:
        reason = " ".join(text.split()).removesuffix(".") or "no message"
        message = Errors.ZT678.format(command=command, kind=type(error).__name__, reason=reason)
    return str(message)
