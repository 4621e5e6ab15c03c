"""The memory of the process stays bounded in training on many shapes."""

import ctypes
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spacy_zh_tw_ner import process_memory
from spacy_zh_tw_ner.process_memory import CACHE_CAPACITY, limit_primitive_cache, return_freed_memory

FIRST, LAST = 20, 140  # training steps between which memory is compared; each step has another shape
ALLOWED = 15  # MiB by which memory may grow: 3 were measured, and 50 with oneDNN's default limit


def test_the_cache_of_onednn_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CACHE_CAPACITY, raising=False)
    limit_primitive_cache()
    assert os.environ[CACHE_CAPACITY] == "32"


def test_a_limit_of_the_user_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_CAPACITY, "500")
    limit_primitive_cache()
    assert os.environ[CACHE_CAPACITY] == "500"


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_without_glibc_nothing_happens(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    monkeypatch.setattr(sys, "platform", system)
    return_freed_memory()


@pytest.mark.skipif(sys.platform != "linux", reason="malloc_trim is glibc's")
def test_malloc_trim_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Library:
        malloc_trim = staticmethod(asked.append)

    monkeypatch.setattr(process_memory.ctypes, "CDLL", lambda name: Library)
    return_freed_memory()
    assert asked == [0]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the figures are those of /proc")
def test_memory_does_not_grow_with_the_number_of_shapes() -> None:
    """Only `initialize` and `update` are called, as by `spacy train`."""
    variables = {name: value for name, value in os.environ.items() if name != CACHE_CAPACITY} | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__]
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=variables).stdout
    first, last = map(int, output.split())
    assert last - first < ALLOWED


def train_on_many_shapes() -> None:
    """Print the resident memory in MiB at two steps, after freed memory has been returned to the system."""
    import spacy
    from spacy.training import Example

    embed = {"@architectures": "spacy-zh-tw-ner.CharNgramEmbed.v1", "widths": [16, 8], "rows": [512, 512]}
    bilstm = {"@architectures": "spacy-zh-tw-ner.BiLSTM.v1", "embed": embed, "hidden_width": 64, "depth": 2}
    nlp = spacy.blank("zh_tw")
    head = {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1", "tok2vec": bilstm}
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": head})

    def batch(size: int, length: int) -> list[Any]:
        docs = [nlp.make_doc("蔡英文" + "臺" * (length - 3)) for _ in range(size)]
        return [Example.from_dict(doc, {"entities": [(0, 3, "PERSON")]}) for doc in docs]

    optimizer = nlp.initialize(lambda: batch(1, 5))
    shapes = [(size, length) for size in range(1, 25) for length in range(4, 28)]
    random.Random(0).shuffle(shapes)
    for step in range(LAST + 1):
        if step in (FIRST, LAST):
            return_freed_memory()
            lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
            print(next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS")))
        nlp.update(batch(*shapes[step]), sgd=optimizer)


if __name__ == "__main__":
    train_on_many_shapes()
