"""Fixtures of pipelines for the tests of components."""

from collections.abc import Callable
from pathlib import Path

import pytest
from spacy.language import Language
from thinc.api import fix_random_seed

from tests.pipelines import write

from .training_data import TEXTS, build, fit, scored


@pytest.fixture
def folder_of(
    tiny_checkpoint: Callable[[str], Path], once: Callable[[str, Callable[[Path], object]], Path]
) -> Callable[[str], Path]:
    """Return a function: name of an architecture → folder of a saved pipeline."""
    base = tiny_checkpoint("bert")
    return lambda name: once(f"architecture-{name}", lambda folder: write(name, base, folder)) / "pipeline"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    fix_random_seed(0)


@pytest.fixture(scope="session")
def saved() -> bytes:
    """Return the bytes of a pipeline that finds all entities of the four training sentences."""
    return fit(build(), 40).to_bytes()


@pytest.fixture
def trained(saved: bytes) -> Language:
    return build().from_bytes(saved)


@pytest.fixture(scope="session")
def unsure_bytes() -> bytes:
    """Return the bytes of a pipeline whose training stopped early, so that its scores are well below 1."""
    return fit(build(), 12).to_bytes()


@pytest.fixture
def unsure(unsure_bytes: bytes) -> Language:
    nlp = build().from_bytes(unsure_bytes)
    probabilities = [score for doc in nlp.pipe(TEXTS) for *_, score in scored(doc)]
    assert probabilities
    assert 0.0 < min(probabilities) < 0.99
    return nlp
