"""Pipelines that several tests of components share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipelines import write


@pytest.fixture
def folder_of(
    tiny_checkpoint: Callable[[str], Path], once: Callable[[str, Callable[[Path], object]], Path]
) -> Callable[[str], Path]:
    """A folder with the pipeline of an architecture."""
    base = tiny_checkpoint("bert")
    return lambda name: once(f"architecture-{name}", lambda folder: write(name, base, folder)) / "pipeline"
