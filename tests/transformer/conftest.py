"""Fixtures: tiny checkpoints of every model family with random weights, and a batch of input ids."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
import torch
from spacy.tokens import Doc, DocBin

from benchmarks import synthetic
from benchmarks.synthetic import FAMILIES, SPECIAL, of_wordpieces
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.export.fetch_base import fetch_base
from tests.real_encoder import E5_VARIABLE, config_for, run
from tests.tiny import ROOT

ROWS = 60
E5_STEPS = 100
OnceT = Callable[[str, Callable[[Path], object]], Path]

with warnings.catch_warnings():
    # When they are imported, both call functions that torch deprecates.
    warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
    import bitsandbytes
    import peft  # noqa: F401

assert bitsandbytes


@pytest.fixture(scope="session")
def make_checkpoint(once: Callable[[str, Callable[[Path], object]], Path]) -> Callable[..., Path]:
    """Return a function that saves a checkpoint with a vocabulary of `ROWS` wordpieces, once per set of arguments."""

    def make(family: str = "bert", *, layers: int = 2, hidden: int = 32, seed: int = 0, dtype: str = "float32") -> Path:
        def fill(folder: Path) -> None:
            characters = of_wordpieces([*SPECIAL, *(chr(0x4E00 + i) for i in range(ROWS - len(SPECIAL)))])
            sizes = {"layers": layers, "hidden": hidden, "inner": 2 * hidden, "max_length": 64, "seed": seed}
            synthetic.make_checkpoint(folder, family, tokenizer=characters, noise=0.1, dtype=dtype, **sizes)

        return once(f"checkpoint-{family}-{layers}-{hidden}-{seed}-{dtype}", fill)

    return make


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Input ids and mask of three sequences of 9, 6 and 1 wordpieces."""
    input_ids = torch.randint(5, ROWS, (3, 9), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(9) < torch.tensor([[9], [6], [1]])).long()
    return input_ids * mask, mask


@pytest.fixture(autouse=True)
def _same_code_on_any_cpu(half_precision_is_native: None) -> None:
    """Compute in half precision in all tests of this folder."""


@pytest.fixture(scope="session")
def e5_base(once: OnceT) -> Path:
    """Return a folder that holds the encoder, cut to the wordpieces of characters."""
    from spacy_zh_tw_ner.export.trim_base import write_trimmed

    def fill(folder: Path) -> None:
        whole = folder / "whole"
        fetch_base("e5-small", whole, file=Path(os.environ[E5_VARIABLE]), cache=folder / "cache")
        write_trimmed(str(whole), folder / "trimmed")

    return once("e5-small", fill) / "trimmed"


@pytest.fixture(scope="session")
def e5_corpus(once: OnceT) -> Path:
    settings = ConvertSettings(script="none")
    return once("taiwan", lambda f: convert(ROOT / "assets" / "taiwan", f / "taiwan", settings, notify=str)) / "taiwan"


@pytest.fixture(scope="session")
def e5_pipeline(e5_base: Path, e5_corpus: Path, once: OnceT) -> Path:
    """Return a pipeline with adapters that was trained for one to three minutes."""
    steps = {"training.max_steps": E5_STEPS, "training.eval_frequency": E5_STEPS}
    return once("e5-trained", lambda folder: run(config_for(e5_base, e5_corpus, **steps), folder)) / "model-last"


@pytest.fixture(scope="session")
def e5_docs(e5_corpus: Path) -> list[Doc]:
    """Return the first 120 annotated sentences of the test data."""
    found = DocBin().from_disk(e5_corpus / "test.spacy").get_docs(spacy.blank("zh_tw").vocab)
    return [doc for doc, _ in zip(found, range(120), strict=False)]
