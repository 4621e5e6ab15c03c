"""Jobs run on a real Ray, on this machine and on a cluster, through the command line."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from spacy_zh_tw_ner.annotation import chunks
from spacy_zh_tw_ner.annotation.annotate import annotate
from spacy_zh_tw_ner.annotation.job import AnnotationJob
from spacy_zh_tw_ner.annotation.journal import NAME

from .helpers import EXPORTED, MakeJob, json_lines

WAIT = 300
HEAD = """
import ray
print(ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False).address_info["address"], flush=True)
input()
"""


def test_missing_packages_are_an_error_with_a_hint(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ValueError, match=r"\[ZT530\] .*pip install \"[^ ]*\[ray\]\""):
        annotate(make_job('{"text": "好"}\n'), engine="ray", progress=False)
    with pytest.raises(ValueError, match=r"\[ZT530\] .*pip install \"[^ ]*\[parquet\]\""):
        chunks.parquet()


@pytest.fixture
def expected(make_job: MakeJob, tiny_texts: list[str], here: None) -> AnnotationJob:
    """Return a finished job of the local engine, for comparison."""
    pytest.importorskip("ray")
    lines = json_lines(tiny_texts * 60) + "null\n" + json_lines(tiny_texts * 60)
    job = make_job(lines, "expected.jsonl", pipeline=EXPORTED, chunk_size=20)
    annotate(job, progress=False)
    return job


def start(job: AnnotationJob, *more: str) -> subprocess.Popen[str]:
    words = ["annotate", str(job.source), str(job.target), "-p", job.pipeline, "--chunk-size", str(job.chunk_size)]
    command = [sys.executable, "-m", "spacy_zh_tw_ner", *words, "--engine", "ray", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def same(job: AnnotationJob, expected: AnnotationJob) -> bool:
    return (job.target.read_bytes(), job.rejects.read_bytes()) == (
        expected.target.read_bytes(),
        expected.rejects.read_bytes(),
    )


@pytest.mark.slow
def test_a_killed_and_continued_ray_job_equals_the_local_engine(make_job: MakeJob, expected: AnnotationJob) -> None:
    job = make_job(expected.source, pipeline=EXPORTED, chunk_size=20)
    running = start(job, "--workers", "2")
    journal, until = job.folder / NAME, time.monotonic() + WAIT
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 2) and time.monotonic() < until:
        time.sleep(0.005)
    children = psutil.Process(running.pid).children(recursive=True)
    workers = [child for child in children if "MapWorker" in child.name()]
    assert workers
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert not job.target.exists()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive  # only the workers: Ray's own agents take longer
    done = start(job, "--workers", "2")
    said, error = done.communicate(timeout=WAIT)
    assert done.returncode == 0, said + error
    assert (
        "0%|" not in error.partition("records/s")[0].lstrip("\r")[:4]
    )  # the progress bar continues from the finished chunks
    assert same(job, expected)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Start a Ray cluster with two cores and a token, and yield its address."""
    pytest.importorskip("ray")
    for name, value in (("AUTH_MODE", "token"), ("AUTH_TOKEN", 2 * uuid4().hex), ("USAGE_STATS_ENABLED", "0")):
        monkeypatch.setenv(f"RAY_{name}", value)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", HEAD], encoding="utf-8", **pipes) as head:  # type: ignore[call-overload]
        try:
            yield head.stdout.readline().strip()
        finally:
            head.communicate("\n", timeout=60)


@pytest.mark.slow
def test_an_existing_cluster_can_be_used(make_job: MakeJob, expected: AnnotationJob, cluster: str) -> None:
    job = make_job(expected.source, pipeline=EXPORTED, chunk_size=20)
    done = start(job, "--address", cluster)
    said, error = done.communicate(timeout=WAIT)
    assert done.returncode == 0, said + error
    assert same(job, expected)


@pytest.mark.slow
def test_an_unreachable_cluster_is_an_error(make_job: MakeJob, expected: AnnotationJob) -> None:
    done = start(make_job(expected.source, pipeline=EXPORTED), "--address", "127.0.0.1:1")
    said, _ = done.communicate(timeout=WAIT)
    assert (done.returncode, "[ZT532]" in said, "127.0.0.1:1" in said) == (1, True, True)


@pytest.mark.slow
def test_an_error_in_a_worker_is_reported(expected: AnnotationJob, tmp_path: Path) -> None:
    """The workers cannot load the pipeline."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.cfg").write_text("[nlp]\nlang = 'zh_tw'\n")
    job = AnnotationJob(expected.source, tmp_path / "broken.jsonl", str(tmp_path / "broken"))
    done = start(job, "--workers", "1")
    said, _ = done.communicate(timeout=WAIT)
    assert (done.returncode, "[ZT527]" in said) == (1, True)
