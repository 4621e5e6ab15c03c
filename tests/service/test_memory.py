"""Freed memory goes back to the system."""

import ctypes

import pytest

from spacy_zh_tw_ner.service import memory
from spacy_zh_tw_ner.service.memory import Trimmer


@pytest.fixture
def trims(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    done: list[int] = []
    monkeypatch.setattr(memory, "find_trim", lambda: lambda: done.append(1))
    return done


def test_memory_is_given_back_now_and_then(trims: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(memory.time, "monotonic", lambda: now[0])
    trimmer = Trimmer()
    for _ in range(3):
        trimmer.used()
    assert (len(trims), trimmer.due) == (1, True)
    now[0] += memory.PAUSE + 0.1
    trimmer.used()
    trimmer.trim()
    assert (len(trims), trimmer.due) == (2, False)


def test_a_machine_without_glibc_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    trimmer = Trimmer()
    trimmer.used()
    assert not trimmer.due
