"""Only file names without a folder become paths, and the hashes of files are checked."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.errors import UnreadableFileError
from spacy_zh_tw_ner.untrusted import inside, require_bare_name, require_digest, sha256_of

BAD = [
    *("", ".", "..", "...", "../x", "..\\x", "a/b", "a\\b", "/x", "\\x", "C:x", "C:\\x", "\\\\host\\x", "a\0b", "a\nb"),
    *("NUL", "nul.txt", "Con", "COM1", "lpt9.json", "CONIN$", "x ", "x.", "a*b", 'a"b', "x" * 201, "長" * 67, "\ud800"),
    *(None, 1, b"x", ["x"]),
]


@pytest.mark.parametrize("name", BAD, ids=repr)
def test_names_with_folders_or_of_devices_are_errors(name: object) -> None:
    with pytest.raises(UnreadableFileError, match="ZT641"):
        require_bare_name(name)


@pytest.mark.parametrize("name", ["x", "vocab.txt", ".hidden", "..x", "a..b", "console", "com10", "詞表.json", "a b"])
def test_bare_names_are_accepted(name: str) -> None:
    assert require_bare_name(name) == name


@given(st.text())
def test_accepted_names_stay_in_their_folder(name: str) -> None:
    folder = Path("/srv/pipeline")
    try:
        path = inside(folder, name)
    except UnreadableFileError:
        return
    assert path.parent == folder
    assert path.name == name


def test_symbolic_links_out_of_the_folder_are_errors(tmp_path: Path) -> None:
    folder = tmp_path / "pipeline"
    folder.mkdir()
    (folder / "real").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"y")
    (folder / "near").symlink_to("real")
    (folder / "far").symlink_to(tmp_path / "secret")
    (tmp_path / "link").symlink_to(folder)
    assert inside(folder, "near").read_bytes() == inside(tmp_path / "link", "near").read_bytes() == b"x"
    with pytest.raises(UnreadableFileError, match="ZT642"):
        inside(folder, "far")


def test_a_file_with_another_hash_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(bytes(3 * 2**20))
    digest = sha256_of(path)
    assert digest == hashlib.sha256(bytes(3 * 2**20)).hexdigest()
    for expected in (digest, digest[:32]):
        require_digest(path, expected)
    path.write_bytes(bytes(3 * 2**20 - 1) + b"\x01")
    for expected in (digest, digest[:32], ""):
        with pytest.raises(UnreadableFileError, match="ZT643"):
            require_digest(path, expected)
