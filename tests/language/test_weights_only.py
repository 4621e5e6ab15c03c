"""Test that torch loads weights without pickle while a pipeline is loaded, also for components of other packages."""

import os
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language

from spacy_zh_tw_ner.language import NOT_WEIGHTS_ONLY, WEIGHTS_ONLY


class Watcher:
    """A component that records the environment variable for torch when it is loaded."""

    seen: list[str | None]

    def __init__(self) -> None:
        self.seen = []

    def __call__(self, doc: Any) -> Any:
        return doc

    def to_disk(self, path: Path, *, exclude: Any = ()) -> None:
        path.write_text("x")

    def from_disk(self, path: Path, *, exclude: Any = ()) -> None:
        self.seen.append(os.environ.get(WEIGHTS_ONLY))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Language.factory("weights_watcher", func=lambda nlp, name: Watcher())
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("weights_watcher")
    nlp.to_disk(tmp_path)
    return tmp_path


def test_variable_is_set_while_loading_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (WEIGHTS_ONLY, NOT_WEIGHTS_ONLY):
        monkeypatch.delenv(name, raising=False)
    watcher: Any = spacy.load(folder).get_pipe("weights_watcher")
    assert watcher.seen == ["1"]
    assert WEIGHTS_ONLY not in os.environ


def test_variable_set_by_the_user_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NOT_WEIGHTS_ONLY, "1")
    watcher: Any = spacy.load(folder).get_pipe("weights_watcher")
    assert watcher.seen == [None]
