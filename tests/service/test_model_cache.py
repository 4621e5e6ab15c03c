"""LRU cache of pipelines under a memory limit, and return of freed memory to the operating system."""

import ctypes
from pathlib import Path

import pytest
import spacy

from spacy_zh_tw_ner.recognizers.spacy_recognizer import SpacyRecognizer
from spacy_zh_tw_ner.service import model_cache
from spacy_zh_tw_ner.service.model_cache import ModelCache, Trimmer, named_sources


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_bytes(b"x" * 100)
        (tmp_path / name / "config.cfg").touch()
    return {name: str(tmp_path / name) for name in "abc"}


def test_the_least_recently_used_pipeline_is_unloaded_first(folders: dict[str, str]) -> None:
    seen: list[str] = []

    def load(source: str) -> SpacyRecognizer:
        seen.append(Path(source).name)
        return SpacyRecognizer(spacy.blank("zh_tw"))

    cache = ModelCache(folders, 250, load)
    first = cache.get("a")
    assert cache.get("b") is not first
    assert cache.get("a") is first  # b is now the least recently used
    cache.get("c")
    assert cache.loaded == ("a", "c")
    cache.get("b")
    assert (cache.loaded, seen) == (("c", "b"), ["a", "b", "c", "b"])


def test_a_pipeline_over_the_limit_is_refused_at_once(folders: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"\[ZT504\] The files of the pipeline 'a'"):
        ModelCache(folders, 99, lambda source: SpacyRecognizer(spacy.blank(source)))


def test_names_of_pipelines_come_from_the_argument_or_the_folder(folders: dict[str, str]) -> None:
    assert named_sources([folders["a"], f"news={folders['b']}"]) == {"a": folders["a"], "news": folders["b"]}
    with pytest.raises(ValueError, match="ZT503"):
        named_sources([folders["a"], f"a={folders['b']}"])
    with pytest.raises(ValueError, match=r"\[ZT531\].*'no_such_pipeline'"):
        named_sources(["no_such_pipeline"])


@pytest.fixture
def trims(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    done: list[int] = []
    monkeypatch.setattr(model_cache, "find_trim", lambda: lambda: done.append(1))
    return done


def test_freed_memory_is_returned_at_most_once_per_pause(trims: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(model_cache.time, "monotonic", lambda: now[0])
    trimmer = Trimmer()
    for _ in range(3):
        trimmer.used()
    assert (len(trims), trimmer.due) == (1, True)
    now[0] += model_cache.PAUSE + 0.1
    trimmer.used()
    trimmer.trim()
    assert (len(trims), trimmer.due) == (2, False)


def test_a_libc_without_malloc_trim_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    trimmer = Trimmer()
    trimmer.used()
    assert not trimmer.due
