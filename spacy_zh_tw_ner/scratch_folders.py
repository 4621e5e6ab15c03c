"""Folders for temporary files of a process, which the next process removes if this one is killed."""

import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from .file_locks import is_same_file
from .file_locks import lock as lock_file


def open_scratch_folder(prefix: str) -> tuple[Path, int]:
    """Make an empty folder for temporary files of this process, and remove those of killed processes.

    The process holds the lock of its folder until it ends or is killed.

    prefix (str): Beginning of the folder's name, in the system's folder of temporary files.
    RETURNS (tuple[Path, int]): The folder and the handle of its lock, both for `remove_scratch_folder`.
    """
    root = Path(tempfile.gettempdir())
    for path in root.glob(f"{prefix}*.lock"):
        with suppress(OSError):  # locked by its process, or a file of another user
            _remove_abandoned(path)
    while True:
        lock = root / f"{prefix}{secrets.token_hex(8)}.lock"
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with suppress(BlockingIOError):
            lock_file(handle, wait=False)
            if is_same_file(handle, lock):  # another process may have removed it before it was locked
                break
        os.close(handle)
    folder = lock.with_suffix("")
    folder.mkdir(0o700)
    return folder, handle


def remove_scratch_folder(folder: Path, handle: int) -> None:
    """Remove a folder of `open_scratch_folder`, and release its lock."""
    shutil.rmtree(folder, ignore_errors=True)
    os.close(handle)
    folder.with_suffix(".lock").unlink(missing_ok=True)


def _remove_abandoned(lock: Path) -> None:
    """Remove a scratch folder whose process has ended, and its lock file.

    lock (Path): The lock file. The folder has the same path without the suffix.
    RAISES (OSError): If a process holds the lock, or the file cannot be opened.
    """
    handle = os.open(lock, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        has_lock = lock_file(handle, wait=False) and is_same_file(handle, lock)
        if has_lock and not lock.with_suffix("").is_symlink():
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
    finally:
        os.close(handle)
    if has_lock:
        lock.unlink(missing_ok=True)
