"""Name the file that is being read, and convert errors of libraries to `UnreadableFileError`."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from ..errors import Errors, UnreadableFileError, ZhTwNerError, code_of

LONGEST_REASON = 160  # characters of a library's message that are quoted
_origin: ContextVar[str] = ContextVar("origin", default="The data")


def origin() -> str:
    """Return the name of the file that is being read, for messages."""
    return _origin.get()


@contextmanager
def reading(path: str | Path, message: str | None = None) -> Iterator[None]:
    """Context manager for code that reads a file which may be damaged or hostile.

    path (str | Path): The file or folder, or a description of the data.
    message (Optional[str]): Message with {path} and {reason}; default: ZT640.
    RAISES (UnreadableFileError): For anything raised inside, except a ZhTwNerError, an OSError (the file is missing, no
        permission), and a GPU that is out of memory.
    """
    token, collects = _origin.set(str(path)), gc.isenabled()
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if isinstance(error, ZhTwNerError) or type(error).__name__ == "OutOfMemoryError":
            raise
        if code_of(error):  # an error of ours about a setting in the file
            raise UnreadableFileError(f"{error} (read from {path})") from error
        raise UnreadableFileError((message or Errors.ZT640).format(path=path, reason=_reason(error))) from error
    except BaseException as error:
        # A panic in Rust code (tokenizers, safetensors), which pyo3 does not derive from Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableFileError((message or Errors.ZT640).format(path=path, reason=_reason(error))) from error
    finally:
        _origin.reset(token)
        if collects:
            gc.enable()  # srsly.msgpack_loads leaves the garbage collector off where it raises


def _reason(error: BaseException) -> str:
    """Return the type and the beginning of the message of an error, without control characters."""
    line = " ".join(str(error)[: 4 * LONGEST_REASON].split())[:LONGEST_REASON]
    shown = "".join(char if char.isprintable() else "�" for char in line)
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__
