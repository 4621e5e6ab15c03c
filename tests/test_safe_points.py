"""Safe points call the installed function."""

import pytest

from spacy_zh_tw_ner.safe_points import interrupted_by, is_interruptible, safe_point


def test_without_a_function_nothing_happens() -> None:
    assert not is_interruptible()
    safe_point()


def test_the_function_is_called_at_each_point_but_not_inside_itself() -> None:
    seen: list[bool] = []

    def interrupt() -> None:
        seen.append(is_interruptible())
        safe_point()

    with interrupted_by(interrupt):
        assert is_interruptible()
        safe_point()
        safe_point()
    assert seen == [False, False]
    assert not is_interruptible()


def test_inner_blocks_and_errors_restore_the_outer_function() -> None:
    seen: list[str] = []

    def fail() -> None:
        seen.append("outer")
        raise KeyError

    with interrupted_by(fail):
        with interrupted_by(lambda: seen.append("inner")):
            safe_point()
        with interrupted_by(None):
            safe_point()
        with pytest.raises(KeyError):
            safe_point()
        assert is_interruptible()
    assert seen == ["inner", "outer"]
    assert not is_interruptible()
