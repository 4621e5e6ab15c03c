"""Key files, and the deterministic choices of a key."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from spacy_zh_tw_ner.errors import UsageError
from spacy_zh_tw_ner.masking import read_key
from spacy_zh_tw_ner.masking.keys import KeyedChoices, fingerprint, hash_of

KEY = b"0123456789abcdef"


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    (path / "key").write_bytes(data)
    (path / "key").chmod(mode)
    return path / "key"


def test_a_key_is_the_file_without_white_space_at_its_ends(tmp_path: Path) -> None:
    assert read_key(write(tmp_path, KEY + b"\n")) == KEY


@pytest.mark.parametrize(
    ("data", "mode", "message"),
    [
        (b"", 0o600, "is empty. Make one"),
        (b" \n", 0o600, "is empty. Make one"),
        (b"short", 0o600, r"must have 16 to 4,096 bytes \(got 5\)"),
        (b"x" * 5000, 0o600, r"must have 16 to 4,096 bytes \(got more than 4,096\)"),
        pytest.param(
            KEY,
            0o644,
            r"is open to all users \(mode 0644\). Run `chmod 600",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode"),
        ),
    ],
)
def test_an_unusable_key_file_is_an_error(tmp_path: Path, data: bytes, mode: int, message: str) -> None:
    with pytest.raises(UsageError, match=f"ZT876.*key {message}"):
        read_key(write(tmp_path, data, mode))


def test_a_missing_key_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ZT876.*cannot be read \(No such file or directory\). Check --key-file"):
        read_key(tmp_path / "key")


def test_choices_depend_on_all_arguments_and_are_uniform() -> None:
    drawn = {KeyedChoices(*rest).digits(12) for rest in [(KEY, "A", "b"), (KEY, "Ab", ""), (KEY, "A", "b", 1)]}
    assert len(drawn | {KeyedChoices(KEY + b"x", "A", "b").digits(12)}) == 4
    assert KeyedChoices(KEY, "A", "b").digits(400) == KeyedChoices(KEY, "A", "b").digits(400)
    counts = Counter(KeyedChoices(KEY, "A", "b").digits(5000))
    assert all(400 < n < 600 for n in counts.values())
    assert len(counts) == 10


def test_hashes_and_fingerprints_differ() -> None:
    assert len({hash_of(KEY, "A", "b"), hash_of(KEY, "A", "c"), fingerprint(KEY), fingerprint(KEY * 2)}) == 4
