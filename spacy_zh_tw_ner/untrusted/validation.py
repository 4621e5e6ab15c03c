"""Convert the errors of libraries that read files, and validate types and ranges of the values that were read."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from ..errors import Errors, PipelineError, SettingError, UnreadableFileError, ZhTwNerError

MAX_REASON = 160  # characters of a library's message that are quoted
_origin: ContextVar[str] = ContextVar("origin", default="The data")  # the file that is being read
MAX_SEEN = 80  # characters of a value that are quoted in a message
T = TypeVar("T")


def origin() -> str:
    """Return the name of the file that is being read, for messages.

    This is the `path` of the innermost active `reading` context, or "The data" outside of all contexts.
    """
    return _origin.get()


@contextmanager
def reading(path: str | Path, message: str | None = None) -> Iterator[None]:
    """Context manager for code that reads a file which may be damaged or hostile.

    path (str | Path): The file or folder, or a description of the data.
    message (Optional[str]): Message of the UnreadableFileError, with the fields {path} and {reason}. None for the
        default, which says that the file is damaged or incomplete.
    RAISES (UnreadableFileError): For errors in the block, including SettingError and PipelineError, which are raised if
        a value in the file is not allowed. These errors are not converted: other ZhTwNerErrors, OSErrors (the file is
        missing or not readable), and out-of-memory errors of a GPU.
    """
    token, collects = _origin.set(str(path)), gc.isenabled()
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if isinstance(error, SettingError | PipelineError):  # a value in the file is not allowed
            raise UnreadableFileError(f"{error} (read from {path})", error.code) from error
        if isinstance(error, ZhTwNerError) or type(error).__name__ == "OutOfMemoryError":  # torch's, not imported here
            raise
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


def refuse(key: str, value: object, expected: str) -> NoReturn:
    """Raise an UnreadableFileError with the message "`key` must be `expected` (got `value`)"."""
    try:
        seen = repr(value)
    except Exception:  # nested too deeply, or an integer of too many digits
        seen = type(value).__name__
    seen = seen if len(seen) <= MAX_SEEN else f"{seen[:MAX_SEEN]}…"
    raise UnreadableFileError(Errors.ZT644.format(origin=origin(), key=key, expected=expected, seen=seen))


def require(ok: bool, key: str, value: object, expected: str) -> None:
    """Raise an error unless a value is valid: "`key` must be `expected` (got `value`)".

    ok (bool): Whether the value is valid.
    key (str): Name of the value in the message.
    value (object): The value, shown in the message.
    expected (str): Description of valid values in the message.
    RAISES (UnreadableFileError): If `ok` is False.
    """
    if not ok:
        refuse(key, value, expected)


def require_type(key: str, value: object, kind: type[T]) -> T:
    """Return a value after checking its type. A bool is not accepted as an int or float.

    key (str): Name of the value in the message.
    value (object): The value.
    kind (type): Its expected type.
    RAISES (UnreadableFileError): If the value has another type.
    """
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        refuse(key, value, f"of type {kind.__name__}")
    return value


def in_range(key: str, value: object, least: float, most: float) -> float:
    """Return a value as float, after checking that it is a number from `least` to `most` (both included).

    key (str): Name of the value in the message.
    RAISES (UnreadableFileError): If the value is not a number, is NaN, or is out of range.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:  # type: ignore[operator]  # checked on this line
        refuse(key, value, f"a number from {least:g} to {most:g}")
    return float(value)  # type: ignore[arg-type]


def whole_number(key: str, value: object, least: int, most: int) -> int:
    """Return a value, after checking that it is an integer from `least` to `most` (both included).

    key (str): Name of the value in the message.
    RAISES (UnreadableFileError): If the value is not an integer, or is out of range.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        refuse(key, value, f"a whole number from {least} to {most}")
    return value


def require_labels(key: str, value: object) -> list[str]:
    """Return a value, after checking that it is a list of labels: valid, non-empty strings without duplicates.

    key (str): Name of the value in the message.
    RAISES (UnreadableFileError): If the value is not such a list.
    """
    labels: Any = value
    ok = isinstance(labels, list) and all(isinstance(label, str) and label for label in labels)
    if not ok or len(set(labels)) != len(labels) or not all(map(_is_text, labels)):
        refuse(key, value, "a list of different, non-empty strings")
    return list(labels)


def _is_text(value: str) -> bool:
    """Return whether a string has no lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _reason(error: BaseException) -> str:
    """Return the type and the beginning of the message of an error, without control characters."""
    line = " ".join(str(error)[: 4 * MAX_REASON].split())[:MAX_REASON]
    shown = "".join(char if char.isprintable() else "�" for char in line)
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__
