"""Measure size, memory, speed and F of a pipeline, each in a separate process on one thread."""

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import spacy

from ..recognizers.pipelines import pipeline_folder
from ..training.char_corpus import CharCorpus
from .predictions import count_exact, micro

WARM_UP = 8  # texts that are read before the clock starts


@dataclass(frozen=True)
class Footprint:
    """What was measured.

    size (int): Bytes of the folder.
    peak (int | None): Bytes of memory that the process had at most; None where the system does not say.
    speed (float): Characters a second, on one thread.
    f_score (float): Micro F of exact spans, 0 to 100.
    """

    size: int
    peak: int | None
    speed: float
    f_score: float


def measure_footprint(pipeline: str, corpus: Path) -> Footprint:
    """Load a pipeline in a new process, and run it over a corpus.

    pipeline (str): Its folder, or the name of its package.
    corpus (Path): A `.spacy` file.
    RETURNS (Footprint): What was measured.
    RAISES (CorpusError): For a corpus that cannot be read.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measure, pipeline, corpus).result()


def folder_size(folder: Path) -> int:
    """RETURNS (int): Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _measure(pipeline: str, corpus: Path) -> Footprint:
    import torch

    torch.set_num_threads(1)
    nlp = spacy.load(pipeline)
    golds = [example.reference for example in CharCorpus(corpus)(nlp)]
    texts = [gold.text for gold in golds]
    list(nlp.pipe(texts[:WARM_UP]))
    start = time.perf_counter()
    docs = list(nlp.pipe(texts))
    speed = sum(map(len, texts)) / max(time.perf_counter() - start, 1e-9)
    f_score = 100 * micro(count_exact(zip(golds, docs, strict=True))).f_score
    return Footprint(folder_size(pipeline_folder(pipeline)), _peak(), speed, f_score)


def _peak() -> int | None:
    # `getrusage` would count what the parent had when it started this process.
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)
