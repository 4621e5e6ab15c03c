"""Test that compiled loops work without a writable cache folder, and that a long compilation prints a message."""

import subprocess
import sys

import pytest

from spacy_zh_tw_ner.crf import kernels

from .helpers import no_numba

CODE = """
import numba, numpy as np
original = numba.njit
def njit(*args, cache=False, **options):
    if cache:
        raise RuntimeError("cannot cache function: no locator available")
    return original(*args, **options)
numba.njit = njit
from spacy_zh_tw_ner.crf import Transitions, decode
transitions = Transitions(np.zeros((3, 3), "f"), np.zeros(3, "f"), np.zeros(3, "f"))
print(decode(np.eye(3, dtype="f"), [3], transitions, compiled=True))
"""


@no_numba
@pytest.mark.slow
def test_compiled_loops_work_without_a_cache_folder() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout == "[0 1 2]\n"


@no_numba
def test_long_compilation_prints_a_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from threading import Event

    monkeypatch.setattr(kernels, "NOTIFY_AFTER", 0.01)
    monkeypatch.setattr(kernels, "_compile", lambda _: Event().wait(0.5))
    kernels._load_kernels.__wrapped__()
    assert "Compiling the CRF" in capsys.readouterr().err


@no_numba
def test_quick_compilation_prints_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(kernels, "_compile", lambda _: None)
    assert kernels._load_kernels.__wrapped__().find_best_paths.__module__ == "spacy_zh_tw_ner.crf.kernels.viterbi"
    assert capsys.readouterr().err == ""


def test_requesting_compiled_loops_without_numba_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "has_numba", lambda: False)
    assert kernels.kernels_for(None) is None
    with pytest.raises(ValueError, match=r"\[ZT110\] .*pip install"):
        kernels.kernels_for(True)
