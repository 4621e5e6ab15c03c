"""Validate types and ranges of values that are read from a file."""

from typing import Any, NoReturn, TypeVar

from ..errors import Errors, UnreadableFileError
from .origin import origin

LONGEST = 80  # characters of a value that are quoted in a message
T = TypeVar("T")


def refuse(key: str, value: object, expected: str) -> NoReturn:
    """Raise the error for an invalid value; see `require`."""
    try:
        seen = repr(value)
    except Exception:  # nested too deeply, or an integer of too many digits
        seen = type(value).__name__
    seen = seen if len(seen) <= LONGEST else f"{seen[:LONGEST]}…"
    raise UnreadableFileError(Errors.ZT644.format(origin=origin(), key=key, expected=expected, seen=seen))


def require(ok: bool, key: str, value: object, expected: str) -> None:
    """Raise an error unless a value is valid.

    ok (bool): The value is valid.
    key (str): Name of the value in the message.
    value (object): The value.
    expected (str): Description of valid values in the message.
    RAISES (UnreadableFileError): If `ok` is False.
    """
    if not ok:
        refuse(key, value, expected)


def require_type(key: str, value: object, kind: type[T]) -> T:
    """Return a value if it is of a type; booleans do not count as numbers.

    RAISES (UnreadableFileError): If it is of another type.
    """
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        refuse(key, value, f"of type {kind.__name__}")
    return value


def in_range(key: str, value: object, least: float, most: float) -> float:
    """Return a value as float if it is a number from `least` to `most`; NaN is not.

    RAISES (UnreadableFileError): If it is not.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:  # type: ignore[operator]  # checked on this line
        refuse(key, value, f"a number from {least:g} to {most:g}")
    return float(value)  # type: ignore[arg-type]


def whole_number(key: str, value: object, least: int, most: int) -> int:
    """Return a value if it is a whole number from `least` to `most`.

    RAISES (UnreadableFileError): If it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        refuse(key, value, f"a whole number from {least} to {most}")
    return value


def require_labels(key: str, value: object) -> list[str]:
    """Return a value if it is a list of labels: different, non-empty strings.

    RAISES (UnreadableFileError): If it is not.
    """
    labels: Any = value
    ok = isinstance(labels, list) and all(isinstance(label, str) and label for label in labels)
    if not ok or len(set(labels)) != len(labels) or not all(map(_is_text, labels)):
        refuse(key, value, "a list of different, non-empty strings")
    return list(labels)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
