"""Whatever a library raises while a file is read becomes one of our errors."""

import gc

import pytest
import srsly

from spacy_zh_tw_ner.errors import CorpusError, Errors, SettingError, UnreadableFileError
from spacy_zh_tw_ner.untrusted import origin, reading


class PanicException(BaseException):
    """As pyo3 raises it where Rust code panics."""


ERRORS = [
    KeyError("x"),
    RecursionError(),
    OverflowError("x"),
    MemoryError(),
    PanicException("x"),
    ValueError("\x1b[2J"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_errors_are_translated(error: BaseException) -> None:
    message = rf"\[ZT640\] a/model cannot be read: {type(error).__name__}"
    with pytest.raises(UnreadableFileError, match=message) as found, reading("a/model"):
        raise error
    assert found.value.__cause__ is error
    assert str(found.value).isprintable()


@pytest.mark.parametrize("error", [OSError("full"), CorpusError(Errors.ZT203), KeyboardInterrupt()])
def test_others_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as found, reading("a"):
        raise error
    assert found.value is error


def test_a_setting_that_is_refused_is_told_with_its_file() -> None:
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
