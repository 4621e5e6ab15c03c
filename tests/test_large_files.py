"""Weights stand in a file of their own where a pipeline is in a folder, and nowhere else."""

from contextlib import suppress
from pathlib import Path

import pytest
import spacy

from spacy_zh_tw_ner.large_files import large_files_from, large_files_to, store, stored


def test_bytes_hold_all_where_no_folder_is_written() -> None:
    assert store(b"large") is None


def test_a_file_is_found_again_and_goes_with_its_owner(tmp_path: Path) -> None:
    with large_files_to(tmp_path, whole=True):
        names = [store(data) for data in (b"one", b"two", b"one")]
    assert names[0] == names[2] != names[1]
    with large_files_from(tmp_path):
        assert [stored(name).read_bytes() for name in names if name] == [b"one", b"two", b"one"]
    with large_files_to(tmp_path, whole=False):
        store(b"three")
    assert len(list((tmp_path / "weights").iterdir())) == 3
    with large_files_to(tmp_path, whole=True):
        store(b"two")
    assert [path.read_bytes() for path in (tmp_path / "weights").iterdir()] == [b"two"]


def test_files_behind_a_link_are_not_removed(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    with large_files_to(one, whole=True):
        store(b"one")
    other.mkdir()
    (other / "weights").symlink_to(one / "weights")
    with large_files_to(other, whole=True):
        store(b"other")
    assert sorted(path.read_bytes() for path in (one / "weights").iterdir()) == [b"one", b"other"]


def test_of_a_pipeline_that_could_not_be_written_the_old_files_stay(tmp_path: Path) -> None:
    with large_files_to(tmp_path, whole=True):
        store(b"old")
    with suppress(RuntimeError), large_files_to(tmp_path, whole=True):
        store(b"new")
        raise RuntimeError
    assert len(list((tmp_path / "weights").iterdir())) == 2


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ZT620"):
        stored("a.safetensors")
    with large_files_from(tmp_path), pytest.raises(ValueError, match="ZT621"):
        stored("a.safetensors")


def test_members_of_a_pipeline_have_their_own_folders(tmp_path: Path) -> None:
    with large_files_to(tmp_path, whole=True):
        with large_files_to(tmp_path / "member", whole=True):
            store(b"inner")
        store(b"outer")
    assert [path.read_bytes() for path in (tmp_path / "weights").iterdir()] == [b"outer"]


def test_a_pipeline_without_large_parts_has_no_folder_of_them(tmp_path: Path) -> None:
    spacy.blank("zh_tw").to_disk(tmp_path)
    assert not (tmp_path / "weights").exists()
    spacy.load(tmp_path)
