"""File of collected annotations: confirmed lines survive kill -9, and a line that was cut is removed."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from spacy_zh_tw_ner.errors import OutputError, ServiceError
from spacy_zh_tw_ner.service import annotation_file
from spacy_zh_tw_ner.service.annotation_file import AnnotationFile
from spacy_zh_tw_ner.service.http_errors import Refusal

LINE = json.dumps({"action": "ANNOTATION_CREATED", "id": 1})
# Appends numbered lines, and prints each number when its line is confirmed.
WRITER = """
import json, sys
from pathlib import Path
from spacy_zh_tw_ner.service.annotation_file import AnnotationFile
file = AnnotationFile(Path(sys.argv[1]), 1 << 30)
for number in range(int(sys.argv[2]), 1_000_000):
    file.append([json.dumps({"action": "x", "number": number, "padding": "x" * 20_000})])
    print(number, flush=True)
"""


def test_lines_are_appended_to_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "annotations.jsonl"
    AnnotationFile(path, 1_000).append([LINE, LINE])
    AnnotationFile(path, 1_000).append([LINE])
    assert path.read_text() == f"{LINE}\n" * 3
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("rest", "kept"),
    [
        (LINE[:-1], ""),
        (LINE[:5], ""),
        (LINE, f"{LINE}\n"),
        ("a note without a line end", "a note without a line end\n"),
        ("{}", "{}\n"),
    ],
)
def test_an_incomplete_line_is_removed(rest: str, kept: str, tmp_path: Path) -> None:
    path = tmp_path / "annotations.jsonl"
    for before in ("", f"{LINE}\n", f"{LINE}\n" * 3_000):
        if not before and kept and rest != LINE:
            continue  # not a file of annotations
        path.write_text(before + rest)
        AnnotationFile(path, 1 << 20).append([LINE])
        assert path.read_text() == f"{before}{kept}{LINE}\n"


def test_a_file_that_was_moved_away_is_created_again(tmp_path: Path) -> None:
    path = tmp_path / "annotations.jsonl"
    file = AnnotationFile(path, 1_000)
    file.append([LINE])
    path.rename(tmp_path / "old.jsonl")
    file.append([LINE])
    assert path.read_text() == (tmp_path / "old.jsonl").read_text() == f"{LINE}\n"


def test_a_file_over_the_limit_is_not_extended(tmp_path: Path) -> None:
    path = tmp_path / "annotations.jsonl"
    file = AnnotationFile(path, 2 * len(LINE) + 2)
    file.append([LINE])
    with pytest.raises(Refusal, match=r"\[ZT745\].* 0 MiB") as raised:
        file.append([LINE, LINE])
    assert raised.value.status == 507
    file.append([LINE])
    assert path.read_text() == f"{LINE}\n" * 2


def test_a_write_that_fails_leaves_no_incomplete_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "annotations.jsonl"
    file, write = AnnotationFile(path, 1_000), os.write
    file.append([LINE])

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    for name, fault in (("write", lambda handle, data: write(handle, data[:5])), ("fsync", fail)):
        with monkeypatch.context() as patch:
            patch.setattr(annotation_file.os, name, fault)
            with pytest.raises(Refusal, match=r"\[ZT744\]") as raised:
                file.append([LINE])
        assert raised.value.status == 503
        assert path.read_text() == f"{LINE}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="the file is not locked on Windows")
def test_a_file_system_without_locks_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation_file, "lock", lambda handle, wait: False)
    with pytest.raises(ServiceError, match=r"\[ZT744\].*no locks"):
        AnnotationFile(tmp_path / "annotations.jsonl", 1_000)


def test_paths_that_are_no_files_are_errors(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "a.jsonl", Path(os.devnull)):
        with pytest.raises(ServiceError, match=r"\[ZT744\]"):
            AnnotationFile(path, 1_000)


@pytest.mark.parametrize("content", [b"DocBin\x78\x9c", "一行文字".encode(), b'[{"action": "x"}]', b'{"text": "a"}'])
def test_a_file_of_the_user_is_not_changed(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "train.spacy"
    path.write_bytes(content)
    with pytest.raises(OutputError, match=r"\[ZT671\].*does not begin with an event"):
        AnnotationFile(path, 1 << 20)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", ["", "\n", '\ufeff{"action":"ANNOTATION_CREATED","id":1}\n', '{"act'])
def test_an_edited_or_cut_file_is_continued(content: str, tmp_path: Path) -> None:
    path = tmp_path / "annotations.jsonl"
    path.write_text(content, encoding="utf-8")
    AnnotationFile(path, 1 << 20).append([LINE])
    assert path.read_text(encoding="utf-8").endswith(f"{LINE}\n")


def test_lines_of_threads_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "annotations.jsonl"
    files = [AnnotationFile(path, 1 << 30) for _ in range(2)]  # two services with the same file
    threads = [
        threading.Thread(
            target=lambda n=n: [files[n % 2].append([json.dumps([n, i]) for i in range(3)]) for _ in range(9)]
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(found) == 4 * 9 * 3
    assert all([i for _, i in found[k : k + 3]] == [0, 1, 2] for k in range(0, len(found), 3))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_confirmed_lines_survive_a_killed_process(tmp_path: Path) -> None:
    path, confirmed = tmp_path / "annotations.jsonl", list[int]()
    for round_ in range(3):
        command = [sys.executable, "-c", WRITER, str(path), str(round_ * 10_000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(20):
                confirmed.append(int(process.stdout.readline()))
            process.send_signal(signal.SIGKILL)
            confirmed += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    AnnotationFile(path, 1 << 30).append([LINE])
    found = [json.loads(line).get("number") for line in path.read_text().splitlines()]
    assert {*confirmed} <= {*found}
    assert len(found) <= len(confirmed) + 3 + 1  # a line that was written may not be confirmed
