"""Files are there completely, or as they were."""

import os
from pathlib import Path
from typing import IO

import pytest

from spacy_zh_tw_ner.files import write_streamed, write_whole


def test_a_file_replaces_another_and_leaves_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    write_whole(target, b"1")
    write_whole(target, b"2")
    assert target.read_bytes() == b"2"
    assert list(target.parent.iterdir()) == [target]


def test_a_file_that_fails_half_way_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_whole(target, b"1")

    def fail(file: IO[bytes]) -> None:
        file.write(b"2")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_streamed(target, fail)
    assert target.read_bytes() == b"1"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("1")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_whole(tmp_path / "link.txt", b"2")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_bytes() == b"2"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_whole(tmp_path / "pipe", b"1")
    assert os.read(reader, 10) == b"1"
    os.close(reader)
    assert list(tmp_path.iterdir()) == [tmp_path / "pipe"]
    assert (tmp_path / "pipe").is_fifo()
