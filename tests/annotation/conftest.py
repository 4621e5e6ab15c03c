"""Fixtures that make jobs for a tiny pipeline, and run them without worker processes."""

from pathlib import Path
from typing import Any

import pytest

from spacy_zh_tw_ner.annotation import annotate as module
from spacy_zh_tw_ner.annotation.job import AnnotationJob

from .helpers import MakeJob, run_here


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_processes", run_here)


@pytest.fixture
def make_job(tiny_pipeline: Path, tmp_path: Path) -> MakeJob:
    def make(
        source: str | bytes | Path,
        target: str = "out.jsonl",
        *,
        suffix: str = ".jsonl",
        pipeline: Path = tiny_pipeline,
        **settings: Any,
    ) -> AnnotationJob:
        path = tmp_path / f"in{suffix}" if not isinstance(source, Path) else source
        if isinstance(source, str):
            source = source.encode()
        if isinstance(source, bytes):
            path.write_bytes(source)
        return AnnotationJob(path, tmp_path / target, str(pipeline), **settings)

    return make
