"""Measure `annotate` with one and two workers, and with Ray: the time of the whole command, and of the work alone.

The input is the sentences of the bundled corpus, repeated; the pipeline is a small BiLSTM with random weights. Times
are wall times: on a core that is busy with other work, two workers are no faster than one. The processor time, which
the processes of the local engine report at their end, shows what two workers would take on two idle cores.
"""

import argparse
import json
import resource
import statistics
import time
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import spacy
from spacy.training import Example
from thinc.api import fix_random_seed

from benchmarks.measure import machine, table
from benchmarks.synthetic import ROOT, sentences
from spacy_zh_tw_ner.annotation.chunks import find_chunks
from spacy_zh_tw_ner.annotation.job import AnnotationJob
from spacy_zh_tw_ner.annotation.processes import run_processes
from spacy_zh_tw_ner.annotation.ray_data import run_ray

GOAL = 1.7  # times one worker
CHUNK = 250


def make_pipeline(folder: Path) -> None:
    """Save the pipeline of configs/bilstm.cfg, with 18 labels and random weights."""
    fix_random_seed(0)
    config = spacy.util.load_config(ROOT / "configs" / "bilstm.cfg")
    nlp = spacy.util.load_model_from_config(
        {**config, "paths": {**config["paths"], "train": "train", "dev": "dev"}}, auto_fill=True
    )
    text = "".join(islice(sentences(), 50))
    entities = [(4 * i, 4 * i + 3, f"L{i}") for i in range(18)]
    example = Example.from_dict(nlp.make_doc(text), {"entities": entities})
    nlp.get_pipe("ner").initialize(lambda: [example], nlp=nlp)  # type: ignore[attr-defined]
    nlp.to_disk(folder)


def work(job: AnnotationJob, engine: str, workers: int) -> tuple[float, float, float]:
    """Return the seconds of the job, the seconds per record once all workers have started, and processor seconds."""
    if engine == "local":
        run = run_processes(job, find_chunks(job)[0], workers, False)
    else:
        run = run_ray(job, find_chunks(job)[0], workers, False, None)
    job.folder.mkdir(exist_ok=True)
    start, finished, used = time.perf_counter(), [], processor_seconds()
    for chunk, _ in run:
        finished.append((time.perf_counter() - start, chunk.count))
    whole = time.perf_counter() - start
    # When each worker has finished a chunk, all processes have started.
    began = finished[workers - 1][0]
    records = sum(count for _, count in finished[workers:])
    return whole, (finished[-1][0] - began) / records, processor_seconds() - used


def processor_seconds() -> float:
    """Return the processor time of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", nargs="+", default=["local", "ray"])
    arguments = parser.parse_args()
    print(machine())
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_pipeline(folder / "pipeline")
        texts = list(islice(cycle(list(sentences())), arguments.records))
        lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
        (folder / "in.jsonl").write_text(lines, encoding="utf-8")
        characters = sum(map(len, texts)) / len(texts)
        contestants = [(engine, workers) for engine in arguments.engines for workers in (1, 2)]
        times: dict[tuple[str, int], list[tuple[float, float, float]]] = {c: [] for c in contestants}
        for _ in range(arguments.rounds):
            for engine, workers in contestants:
                job = AnnotationJob(
                    folder / "in.jsonl", folder / "out.jsonl", str(folder / "pipeline"), chunk_size=CHUNK
                )
                times[engine, workers].append(work(job, engine, workers))
    medians = {c: [statistics.median(seconds) for seconds in zip(*found, strict=True)] for c, found in times.items()}
    rows: list[tuple[object, ...]] = []
    for (engine, workers), (whole, record, used) in medians.items():
        speed, ratio = f"{characters / record:,.0f}", f"{medians[engine, 1][1] / record:.2f}"
        if engine == "ray":  # Ray returns finished chunks in large groups, so only the whole job can be timed
            speed = ratio = "–"
        rows.append((engine, workers, f"{whole:.1f}", speed, ratio, f"{used:.1f}"))
    header = (
        "engine",
        "workers",
        "seconds in all",
        "characters/s once begun",
        f"of one worker (goal {GOAL:g})",
        "processor s",
    )
    print(table(rows, header))


if __name__ == "__main__":
    main()
