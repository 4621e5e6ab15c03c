"""All errors of libraries that read a file become errors of this package."""

import gc

import pytest
import srsly

from spacy_zh_tw_ner.errors import CorpusError, Errors, SettingError, UnreadableFileError
from spacy_zh_tw_ner.untrusted import origin, reading


class PanicException(BaseException):
    """Like the exception that pyo3 raises when Rust code panics."""


ERRORS = [
    KeyError("x"),
    RecursionError(),
    OverflowError("x"),
    MemoryError(),
    PanicException("x"),
    ValueError("\x1b[2J"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_errors_of_libraries_are_converted(error: BaseException) -> None:
    message = rf"\[ZT640\] a/model cannot be read: {type(error).__name__}"
    with pytest.raises(UnreadableFileError, match=message) as found, reading("a/model"):
        raise error
    assert found.value.__cause__ is error
    assert str(found.value).isprintable()


@pytest.mark.parametrize("error", [OSError("full"), CorpusError(Errors.ZT203), KeyboardInterrupt()])
def test_other_errors_are_raised_unchanged(error: BaseException) -> None:
    with pytest.raises(type(error)) as found, reading("a"):
        raise error
    assert found.value is error


def test_a_setting_error_names_the_file() -> None:
    with pytest.raises(UnreadableFileError, match=r"\[ZT106\] .* \(read from a/cfg\)"), reading("a"), reading("a/cfg"):
        raise SettingError(Errors.ZT106.format(value=2))


def test_the_innermost_file_is_named() -> None:
    assert origin() == "The data"
    with reading("outer"):
        with reading("inner"):
            assert origin() == "inner"
        assert origin() == "outer"
    assert origin() == "The data"


def test_the_garbage_collector_is_on_after_broken_msgpack() -> None:
    with pytest.raises(UnreadableFileError), reading("a"):
        srsly.msgpack_loads(b"\xc1")
    assert gc.isenabled()
