"""Mutated files raise only errors of this package, take bounded memory, and change nothing outside a sandbox."""

import json
import os
import subprocess
import sys
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO, Any

import pytest

LONGEST = 60.0  # seconds for one file, on a busy machine
STARTS = 5  # of the process; each start continues after the file that ended the process before
ROOT = Path(__file__).parents[2]
READERS = ("pipeline", "checkpoint", "exported", "spacy", "corpora")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits on memory are those of Linux"),
]


@pytest.mark.parametrize("reader", READERS)
def test_mutated_files_are_read_or_raise_errors_of_this_package(
    reader: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    count: int = request.config.getoption("mutations")
    first, problems, results = 0, list[str](), list[str]()
    for start in range(STARTS):
        sandbox = tmp_path / f"sandbox{start}"
        (sandbox / "temporary").mkdir(parents=True)
        done, ended = _run(reader, sandbox, first, count - first)
        problems += [f"{line['end']} {line['case']}: {line['problem']}" for line in done if line["problem"]]
        results += [line["result"] for line in done]
        assert list((sandbox / "temporary").iterdir()) == [], "temporary files are left"
        assert sorted(path.name for path in sandbox.iterdir()) == ["input", "temporary"]
        first += len(done)
        if first == count:
            break
        problems.append(f"{first}: {ended}")
        first += 1
    assert problems == []
    assert len(results) == count
    assert results.count("read") > count // 50, "hardly any file is good enough to be read"
    assert len(set(results)) > 1


def _run(reader: str, sandbox: Path, first: int, count: int) -> tuple[list[dict[str, Any]], str]:
    """Read files in a separate process.

    RETURNS (tuple): The lines that the process reported, and a description of how it ended.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.untrusted.child", reader, str(sandbox), str(first), str(count)]
    log = sandbox.with_suffix(".log")
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment, text=True
        )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("y\n" * 1000)  # answers to prompts whether code may run
    process.stdin.close()
    lines: Queue[str | None] = Queue()
    Thread(target=_forward, args=(process.stdout, lines), daemon=True).start()
    done, timeout = [], 5 * LONGEST  # the first line comes after imports and good files
    while True:
        try:
            line = lines.get(timeout=timeout)
        except Empty:
            process.kill()
            process.wait()
            return done, f"no end after {timeout} s"
        if line is None:
            code = process.wait()
            return done, f"exit code {code}: {log.read_text(errors='replace')[-600:]}"
        timeout = LONGEST
        found = json.loads(line)
        if "end" in found:
            done.append(found)


def _forward(stream: IO[str], lines: "Queue[str | None]") -> None:
    for line in stream:
        lines.put(line)
    stream.close()
    lines.put(None)
