"""Large weights are stored in separate files if a pipeline is saved to a folder."""

from contextlib import suppress
from pathlib import Path

import pytest
import spacy

from spacy_zh_tw_ner.large_files import large_files_from, large_files_to, store, stored


def test_store_returns_none_outside_of_a_folder() -> None:
    assert store(b"large") is None


def test_stored_files_are_found_and_unused_ones_removed(tmp_path: Path) -> None:
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


def test_files_in_a_linked_folder_are_not_removed(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    with large_files_to(one, whole=True):
        store(b"one")
    other.mkdir()
    (other / "weights").symlink_to(one / "weights")
    with large_files_to(other, whole=True):
        store(b"other")
    assert sorted(path.read_bytes() for path in (one / "weights").iterdir()) == [b"one", b"other"]


def test_a_failed_save_keeps_the_old_files(tmp_path: Path) -> None:
    with large_files_to(tmp_path, whole=True):
        store(b"old")
    with suppress(RuntimeError), large_files_to(tmp_path, whole=True):
        store(b"new")
        raise RuntimeError
    assert len(list((tmp_path / "weights").iterdir())) == 2


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ZT620"):
        stored("a.safetensors")
    with large_files_from(tmp_path), pytest.raises(ValueError, match="ZT621"):
        stored("a.safetensors")


def test_nested_pipelines_have_separate_folders(tmp_path: Path) -> None:
    with large_files_to(tmp_path, whole=True):
        with large_files_to(tmp_path / "member", whole=True):
            store(b"inner")
        store(b"outer")
    assert [path.read_bytes() for path in (tmp_path / "weights").iterdir()] == [b"outer"]


def test_a_pipeline_without_large_weights_has_no_weights_folder(tmp_path: Path) -> None:
    spacy.blank("zh_tw").to_disk(tmp_path)
    assert not (tmp_path / "weights").exists()
    spacy.load(tmp_path)
