"""Files and folders are there whole, or as they were."""

from pathlib import Path

import pytest

from spacy_zh_tw_ner.files import write_folder, write_whole


def test_a_file_replaces_another_and_leaves_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    write_whole(target, b"1")
    write_whole(target, b"2")
    assert target.read_bytes() == b"2"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_replaces_another_and_leaves_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "new" / "pipeline"
    write_folder(target, lambda folder: (folder / "old").touch())
    write_folder(target, lambda folder: (folder / "fresh").touch())
    assert [path.name for path in target.iterdir()] == ["fresh"]
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_that_fails_half_way_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "pipeline"
    write_folder(target, lambda folder: (folder / "old").touch())

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_folder(target, fail)
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_may_be_written_from_what_it_held(tmp_path: Path) -> None:
    target = tmp_path / "pipeline"
    write_folder(target, lambda folder: (folder / "a").write_text("1"))
    write_folder(target, lambda folder: (folder / "a").write_text((target / "a").read_text() + "2"))
    assert (target / "a").read_text() == "12"
