"""One process writes a target at a time, and the next removes what a killed one left."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from spacy_zh_tw_ner.files import write_whole
from spacy_zh_tw_ner.staging import claimed, put_in_place, staged, temporary_path

KILLED = """
import os, signal, sys
from pathlib import Path
from spacy_zh_tw_ner.staging import staged
with staged(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    target, foreign = tmp_path / "pipeline", tmp_path / ".pipeline.backup"
    foreign.mkdir()
    done = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".pipeline.zh-tw-ner-*"))) == 2  # the folder, and the lock
    with staged(target) as folder:
        assert set(tmp_path.iterdir()) == {foreign, folder, tmp_path / ".pipeline.zh-tw-ner-lock"}
    assert list(tmp_path.iterdir()) == [foreign]


def test_temporaries_of_other_targets_stay(tmp_path: Path) -> None:
    other = temporary_path(tmp_path / "pipeline-2")
    other.mkdir()
    write_whole(tmp_path / "pipeline", b"1")
    assert other.is_dir()


def test_a_second_writer_is_refused_while_the_first_works(tmp_path: Path) -> None:
    target = tmp_path / "new" / "pipeline"
    with staged(target), pytest.raises(ValueError, match=r"\[ZT674\] .*pipeline is being written"), staged(target):
        pass
    with staged(target):
        pass
    assert list(tmp_path.iterdir()) == []  # the parent, too, which held nothing else


def test_another_process_is_refused(tmp_path: Path) -> None:
    code = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "")
    with staged(tmp_path / "pipeline"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "pipeline")], capture_output=True, text=True, check=False
        )
    assert "[ZT674]" in done.stderr


def test_of_many_writers_of_a_file_each_writes_all_of_it(tmp_path: Path) -> None:
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


def test_an_old_folder_is_restored_after_a_kill_between_the_two_renames(tmp_path: Path) -> None:
    target = tmp_path / "pipeline"
    (target / "ner").mkdir(parents=True)
    old = temporary_path(target)
    target.rename(old.with_name(f"{old.name}.old"))  # and then the process is killed
    with claimed(target):
        assert (target / "ner").is_dir()
    assert list(tmp_path.iterdir()) == [target]


def test_an_old_folder_is_put_back_when_the_new_one_cannot_be_renamed(tmp_path: Path) -> None:
    target = tmp_path / "pipeline"
    (target / "ner").mkdir(parents=True)
    with pytest.raises(FileNotFoundError):
        put_in_place(temporary_path(target), target)
    assert (target / "ner").is_dir()
    assert list(tmp_path.iterdir()) == [target]


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    target = tmp_path / ("檔" * 85)
    write_whole(target, b"1")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"1"]


def test_an_empty_folder_is_filled_and_stays_the_same(tmp_path: Path) -> None:
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
def test_permissions_are_those_of_the_process_or_of_the_file_that_was_there(tmp_path: Path) -> None:
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
