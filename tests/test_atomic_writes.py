"""Files and folders are written completely or not changed; only one process writes a target at a time."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import pytest

from spacy_zh_tw_ner.atomic_writes import (
    claimed,
    put_in_place,
    staged,
    temporary_path,
    write_streamed,
    write_whole,
)

KILLED = """
import os, signal, sys
from pathlib import Path
from spacy_zh_tw_ner.atomic_writes import staged
with staged(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_temporary_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    target, foreign = tmp_path / "pipeline", tmp_path / ".pipeline.backup"
    foreign.mkdir()
    done = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".pipeline.zh-tw-ner-*"))) == 2  # the folder, and the lock
    with staged(target) as folder:
        assert set(tmp_path.iterdir()) == {foreign, folder, tmp_path / ".pipeline.zh-tw-ner-lock"}
    assert list(tmp_path.iterdir()) == [foreign]


def test_temporary_files_of_other_targets_are_kept(tmp_path: Path) -> None:
    other = temporary_path(tmp_path / "pipeline-2")
    other.mkdir()
    write_whole(tmp_path / "pipeline", b"1")
    assert other.is_dir()


def test_a_second_writer_in_the_same_process_is_an_error(tmp_path: Path) -> None:
    target = tmp_path / "new" / "pipeline"
    with staged(target), pytest.raises(ValueError, match=r"\[ZT674\] .*pipeline is being written"), staged(target):
        pass
    with staged(target):
        pass
    assert list(tmp_path.iterdir()) == []  # the empty parent folder is removed, too


def test_a_second_writer_in_another_process_is_an_error(tmp_path: Path) -> None:
    code = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "")
    with staged(tmp_path / "pipeline"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "pipeline")], capture_output=True, text=True, check=False
        )
    assert "[ZT674]" in done.stderr


def test_concurrent_writes_of_a_file_are_complete(tmp_path: Path) -> None:
    def write(digit: int) -> None:
        for _ in range(20):
            write_whole(tmp_path / "file", str(digit).encode() * 10_000)

    threads = [threading.Thread(target=write, args=(digit,)) for digit in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set((tmp_path / "file").read_bytes())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_old_folder_is_restored_after_a_kill_between_the_renames(tmp_path: Path) -> None:
    target = tmp_path / "pipeline"
    (target / "ner").mkdir(parents=True)
    old = temporary_path(target)
    target.rename(old.with_name(f"{old.name}.old"))  # as if the process were killed after this rename
    with claimed(target):
        assert (target / "ner").is_dir()
    assert list(tmp_path.iterdir()) == [target]


def test_the_old_folder_is_restored_if_the_rename_fails(tmp_path: Path) -> None:
    target = tmp_path / "pipeline"
    (target / "ner").mkdir(parents=True)
    with pytest.raises(FileNotFoundError):
        put_in_place(temporary_path(target), target)
    assert (target / "ner").is_dir()
    assert list(tmp_path.iterdir()) == [target]


def test_the_longest_file_name_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("檔" * 85)
    write_whole(target, b"1")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"1"]


def test_an_empty_folder_is_filled_in_place(tmp_path: Path) -> None:
    target = tmp_path / "mounted"
    target.mkdir()
    before = target.stat().st_ino
    with staged(target) as folder:
        (folder / "ner").mkdir()
        (folder / "meta.json").write_text("{}")
        put_in_place(folder, target)
    assert target.stat().st_ino == before
    assert sorted(path.name for path in target.iterdir()) == ["meta.json", "ner"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_permissions_follow_the_umask_or_the_old_file(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_whole(tmp_path / "private", b"1")
        with staged(tmp_path / "folder") as folder:
            (folder / "x").touch()
            put_in_place(folder, tmp_path / "folder")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "private", tmp_path / "folder")] == [0o600, 0o700]
    (tmp_path / "private").chmod(0o640)
    write_whole(tmp_path / "private", b"2")
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o640


def test_replacing_a_file_leaves_no_other_files(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    write_whole(target, b"1")
    write_whole(target, b"2")
    assert target.read_bytes() == b"2"
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_whole(target, b"1")

    def fail(file: IO[bytes]) -> None:
        file.write(b"2")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_streamed(target, fail)
    assert target.read_bytes() == b"1"
    assert list(tmp_path.iterdir()) == [target]


def test_a_symbolic_link_is_followed_and_kept(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("1")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_whole(tmp_path / "link.txt", b"2")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_bytes() == b"2"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_a_pipe_is_written_to_directly(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_whole(tmp_path / "pipe", b"1")
    assert os.read(reader, 10) == b"1"
    os.close(reader)
    assert list(tmp_path.iterdir()) == [tmp_path / "pipe"]
    assert (tmp_path / "pipe").is_fifo()
