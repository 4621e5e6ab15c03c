"""Jobs run in real worker processes, which are killed."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from spacy_zh_tw_ner import devices
from spacy_zh_tw_ner.annotation.annotate import annotate
from spacy_zh_tw_ner.annotation.job import AnnotationJob
from spacy_zh_tw_ner.annotation.journal import NAME
from spacy_zh_tw_ner.cli import zh_tw_ner_cli

from .helpers import EXPORTED, MakeJob, json_lines, rows_of

pytestmark = pytest.mark.slow
WAIT = 120  # seconds; long, because the machine may be busy


def command(job: AnnotationJob, *more: str) -> list[str]:
    return [
        "annotate",
        str(job.source),
        str(job.target),
        "-p",
        job.pipeline,
        "--chunk-size",
        str(job.chunk_size),
        *more,
    ]


def finished(job: AnnotationJob) -> int:
    journal = job.folder / NAME
    return max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0


def start(job: AnnotationJob, *more: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "spacy_zh_tw_ner", *command(job, *more)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def kill_after(job: AnnotationJob, stop: int) -> None:
    """Start a job, and kill it when `stop` chunks are finished."""
    running = start(job, "--workers", "2")
    try:
        until = time.monotonic() + WAIT
        while finished(job) < stop and running.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        children = psutil.Process(running.pid).children(recursive=True)
    finally:
        running.send_signal(signal.SIGKILL)
    running.communicate()
    assert running.returncode == -signal.SIGKILL
    assert stop <= finished(job) < 161
    assert not job.target.exists()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


@pytest.mark.usefixtures("here")  # for the expected output and the end of one job; the other jobs are processes
@pytest.mark.parametrize("target", ["out.jsonl", "out.spacy"])
def test_a_killed_and_continued_job_loses_and_repeats_nothing(
    make_job: MakeJob, tiny_texts: list[str], target: str
) -> None:
    lines = json_lines(tiny_texts * 200) + "null\n" + json_lines(tiny_texts * 200)
    whole = make_job(lines, f"whole-{target}", pipeline=EXPORTED, chunk_size=20)
    expected = annotate(whole, progress=False)
    job = make_job(whole.source, target, pipeline=EXPORTED, chunk_size=20)
    if target == "out.jsonl":
        kill_after(job, 1)
    kill_after(job, 50)
    if target == "out.jsonl":
        before = finished(job)
        done = start(job, "--workers", "2")
        error = done.communicate(timeout=WAIT)[1].decode()
        assert done.returncode == 0, error
        assert re.search(
            rf"\| {20 * before}/{expected.records + 1} ", error
        )  # the progress bar continues from the finished chunks
    else:
        annotate(job, progress=False)
    assert job.target.read_bytes() == whole.target.read_bytes()
    assert job.rejects.read_bytes() == whole.rejects.read_bytes()
    assert not job.folder.exists()
    assert expected.records == 400 * len(tiny_texts)
    assert expected.rejected == 1


@pytest.mark.usefixtures("here")  # for the continued job
def test_a_killed_worker_is_an_error_and_its_chunk_is_annotated_later(make_job: MakeJob, tiny_texts: list[str]) -> None:
    job = make_job(json_lines(tiny_texts * 200), pipeline=EXPORTED, chunk_size=20)
    running = start(job, "--workers", "2")
    until = time.monotonic() + WAIT
    while finished(job) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    workers = [
        child
        for child in psutil.Process(running.pid).children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    ]
    assert len(workers) == 2
    os.kill(workers[0].pid, signal.SIGKILL)
    said = running.communicate(timeout=WAIT)[0].decode()
    assert (running.returncode, "[ZT527]" in said) == (1, True)
    result = CliRunner().invoke(zh_tw_ner_cli, command(job, "--workers", "1"))
    assert result.exit_code == 0, result.output
    assert [row["id"] for row in rows_of(job.target)] == list(range(200 * len(tiny_texts)))


def test_the_command_prints_its_counts(make_job: MakeJob) -> None:
    job = make_job('{"text": "在臺北市"}\n{"text": null}\n')
    result = CliRunner().invoke(zh_tw_ner_cli, command(job, "--workers", "1"))
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "1 records, 1 entities" in said
    assert "1 records could not be read" in said
    (row,) = rows_of(job.rejects)
    assert row == {"file": "in.jsonl", "line": 2, "reason": "'text' is null, not a string", "seen": '{"text": null}'}


def test_more_workers_than_gpus_are_an_error(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "check_gpu", lambda gpu_id: None)  # as if there were a GPU
    result = CliRunner().invoke(zh_tw_ner_cli, command(make_job('{"text": "好"}\n'), "--gpu", "--workers", "99"))
    assert (result.exit_code, "[ZT533]" in result.output) == (1, True), result.output
    result = CliRunner().invoke(zh_tw_ner_cli, command(make_job('{"text": "好"}\n'), "--workers", "-1"))
    assert (result.exit_code, "--workers" in result.output) == (2, True), result.output


def test_memory_does_not_grow_with_the_file(tiny_pipeline: Path, tiny_texts: list[str], tmp_path: Path) -> None:
    """A worker needs no more memory for a file of eight times the size."""
    if not Path("/proc/self/status").exists():
        pytest.skip(
            "this system does not report the peak memory of a process"
        )  # getrusage includes the memory of the parent
    code = (
        "import re, sys\n"
        "from pathlib import Path\n"
        "from spacy_zh_tw_ner.annotation.chunks import find_chunks\n"
        "from spacy_zh_tw_ner.annotation.job import AnnotationJob\n"
        "from spacy_zh_tw_ner.annotation.processes import Worker\n"
        "for source in sys.argv[2:]:\n"
        "    job = AnnotationJob(Path(source), Path(source + '.out.jsonl'), sys.argv[1], chunk_size=100)\n"
        "    work = Worker(job)\n"
        "    for chunk in find_chunks(job)[0]: work(chunk)\n"
        "    print(re.search('VmHWM: *\\t* *([0-9]+)', Path('/proc/self/status').read_text())[1])\n"
    )
    sources = []
    for times in (50, 400):
        sources.append(tmp_path / f"{times}.jsonl")
        sources[-1].write_text(json_lines(tiny_texts * times), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", code, tiny_pipeline, *sources], capture_output=True, check=True)
    few, many = map(int, done.stdout.split())
    assert many < 1.03 * few
