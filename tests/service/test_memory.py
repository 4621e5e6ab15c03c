"""Freed memory goes back, and Transformers read in steps."""

import ctypes
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from spacy_zh_tw_ner.encoders.transformer.batches import MicroBatch
from spacy_zh_tw_ner.pipeline.from_hf import pipeline_from_hf
from spacy_zh_tw_ner.pipeline.quantize import backbone_shims
from spacy_zh_tw_ner.service import memory
from spacy_zh_tw_ner.service.memory import STEP, Trimmer, read_in_steps


@pytest.fixture
def trims(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    done: list[int] = []
    monkeypatch.setattr(memory, "_find_trim", lambda: lambda: done.append(1))
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


def test_a_transformer_reads_in_steps(tiny_checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = pipeline_from_hf(str(tiny_checkpoint("bert")))
    texts = ["台北很大。" * 20] * 30
    whole = [[ent._.score for ent in doc.ents] for doc in nlp.pipe(texts)]
    (shim,) = backbone_shims(nlp)
    read_in_steps(nlp)
    sizes: list[int] = []
    values = shim.passes._values

    def watched(batch: MicroBatch) -> torch.Tensor:
        sizes.append(batch.size)
        return values(batch)

    monkeypatch.setattr(shim.passes, "_values", watched)
    again = [[ent._.score for ent in doc.ents] for doc in nlp.pipe(texts)]
    assert len(sizes) > 2
    assert max(sizes) <= STEP
    assert [len(scores) for scores in again] == [len(scores) for scores in whole]
    assert again[0] == pytest.approx(whole[0], abs=1e-4)
