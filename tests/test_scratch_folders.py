"""Temporary folders of a process that is killed are removed by the next one."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from spacy_zh_tw_ner.scratch_folders import open_scratch_folder, remove_scratch_folder

KILLED_WITH_SCRATCH_FOLDER = """
import os, sys, tempfile
tempfile.tempdir = sys.argv[1]
from spacy_zh_tw_ner.scratch_folders import open_scratch_folder
folder, _ = open_scratch_folder("weights-")
(folder / "large").write_bytes(b"1")
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_the_scratch_folder_of_a_killed_process_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mine, handle = open_scratch_folder("weights-")
    (tmp_path / "weights-of-mine").mkdir()
    assert (
        subprocess.run([sys.executable, "-c", KILLED_WITH_SCRATCH_FOLDER, str(tmp_path)], check=False).returncode == -9
    )
    assert len(list(tmp_path.glob("weights-*/large"))) == 1
    other, other_handle = open_scratch_folder("weights-")
    assert {path for path in tmp_path.iterdir() if path.is_dir()} == {mine, other, tmp_path / "weights-of-mine"}
    remove_scratch_folder(other, other_handle)
    remove_scratch_folder(mine, handle)
    assert [path.name for path in tmp_path.iterdir()] == ["weights-of-mine"]
