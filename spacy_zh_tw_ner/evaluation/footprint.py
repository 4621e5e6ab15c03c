"""Measure size, memory, speed and F of a pipeline in a separate process, on one thread."""

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import spacy

from ..recognizers.pipelines import pipeline_folder
from ..training.measures import peak_resident_memory
from .entity_counts import micro_f
from .predictions import read_golds

N_WARM_UP = 8  # texts that are predicted before the measurement


@dataclass(frozen=True)
class Footprint:
    """Measurements of a pipeline.

    size (int): Size of the pipeline's folder in bytes.
    peak (int | None): Peak resident memory of the process in bytes; None if the system does not report it.
    speed (float): Characters per second, on one thread.
    f_score (float): Micro F of exact spans, 0 to 100.
    """

    size: int
    peak: int | None
    speed: float
    f_score: float


def measure_footprint(pipeline: str, corpus: Path) -> Footprint:
    """Load a pipeline in a new process, run it over a corpus, and measure size, memory, speed and F.

    pipeline (str): Folder of the pipeline, or name of its package.
    corpus (Path): A `.spacy` file with gold documents. The pipeline processes their texts.
    RETURNS (Footprint): The measurements.
    RAISES (CorpusError): For a corpus that cannot be read.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measure, pipeline, corpus).result()


def folder_size(folder: Path) -> int:
    """Return the total size of all files in a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _measure(pipeline: str, corpus: Path) -> Footprint:
    """Load a pipeline, run it over a `.spacy` file, and measure it in the current process.

    `measure_footprint` calls this in a new process, because it limits torch to one thread, and because the peak memory
    is that of the whole process.
    """
    import torch

    torch.set_num_threads(1)
    nlp = spacy.load(pipeline)
    golds = list(read_golds(nlp, corpus))
    texts = [gold.text for gold in golds]
    list(nlp.pipe(texts[:N_WARM_UP]))
    start = time.perf_counter()
    docs = list(nlp.pipe(texts))
    speed = sum(map(len, texts)) / max(time.perf_counter() - start, 1e-9)
    f_score = micro_f(zip(golds, docs, strict=True))
    return Footprint(folder_size(pipeline_folder(pipeline)), peak_resident_memory(), speed, f_score)
