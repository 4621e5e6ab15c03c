"""Write files and folders completely or not at all.

An output is written to a temporary path in the folder of its target, and then renamed to the target.

The names of all temporary files and folders start with `.TARGET.zh-tw-ner-`. A process that writes a target holds its
lock; the system releases the lock when the process ends or is killed. So temporary files that a process finds after it
has got the lock were left by a killed process, and are removed.
"""

import errno
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import IO

from .errors import Errors, OutputError
from .file_locks import locked

MAX_NAME = 200  # bytes of the target's name in a temporary name; file systems allow 255 for the whole name


def write_whole(target: Path, data: bytes, *, private: bool = False) -> None:
    """Write bytes to a file, so that other processes see either the old content or the complete new content.

    target (Path): The file; `write_streamed` describes how existing files, symbolic links and devices are treated.
    data (bytes): The new content.
    private (bool): Whether only the owner may read the file.
    """
    write_streamed(target, lambda file: file.write(data), private=private)


def write_streamed(target: Path, write: Callable[[IO[bytes]], object], *, private: bool = False) -> None:
    """Call a function that writes a temporary file, and then rename this file to the target.

    target (Path): The file. An existing file is replaced, and its permissions are kept. Symbolic links are followed;
        devices and pipes, such as /dev/stdout, are written to directly.
    write (Callable[[IO[bytes]], object]): Function that writes the content to an open binary file.
    private (bool): Whether only the owner may read the file (mode 0600), whatever the permissions of an existing one.
    """
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            write(file)
        return
    target = resolve(target)
    with claimed(target, wait=True):
        temporary = temporary_path(target)
        try:
            with open(temporary, "xb", opener=_open_private if private else None) as file:
                write(file)
            if target.exists() and not private:
                shutil.copymode(target, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def temporary_path(target: Path) -> Path:
    """Return a random name for a temporary file or folder next to a target. Nothing is created."""
    return target.with_name(f"{_prefix(target)}{secrets.token_hex(4)}")


@contextmanager
def claimed(target: Path, *, wait: bool = False) -> Iterator[None]:
    """Context manager: hold the lock of a target, and remove temporary files that killed processes left.

    The lock is a file next to the target.

    target (Path): A file or folder that need not exist, with symbolic links resolved. Missing parent folders are
        created, and removed again if they are empty at the end.
    wait (bool): Whether to wait while another process writes the target, instead of raising an error.
    RAISES (OutputError): If another process or thread is writing the target.
    """
    made = [parent for parent in target.parents if not parent.exists()]  # the innermost first
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with locked(target.with_name(f"{_prefix(target)}lock"), target, wait=wait) as has_lock:
            if has_lock:
                _remove_leftovers(target)
            yield
    finally:
        for folder in made:
            with suppress(OSError):  # not empty: it holds the output, or files of another process
                folder.rmdir()


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Context manager: hold the lock of a target, and yield an empty temporary folder, which is removed at the end.

    The block writes its output to this folder, and calls `put_in_place` to rename the folder to the target.

    target (Path): A file or folder that need not exist, with symbolic links resolved.
    RAISES (OutputError): If another process or thread is writing the target.
    """
    with claimed(target):
        folder = temporary_path(target)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def put_in_place(temporary: Path, target: Path) -> None:
    """Rename a complete temporary file or folder to its target. The caller holds the lock of the target.

    A folder cannot replace another atomically: the old one is renamed to a temporary name with `.old`, then the new one
    is renamed to the target. After an interruption in between, the next process that locks the target restores the old
    folder.

    temporary (Path): The file or folder. If a file is on another file system than the target, it is
        copied to a temporary file next to the target first.
    target (Path): The final path. An existing file or folder is replaced. If it is an empty folder, the files are moved
        into it instead, because it may be a mount point, or the working directory of a shell.
    """
    if target.is_dir() and temporary.is_dir() and not any(target.iterdir()):
        for entry in sorted(temporary.iterdir(), key=lambda entry: entry.name in ("meta.json", "config.cfg")):
            shutil.move(entry, target / entry.name)
        return
    if not (target.is_dir() or (temporary.is_dir() and target.exists())):
        _rename(temporary, target)
        return
    old = temporary_path(target)
    old = old.with_name(f"{old.name}.old")
    target.replace(old)
    try:
        temporary.replace(target)
    except BaseException:
        old.replace(target)
        raise
    _remove(old)


def resolve(path: Path) -> Path:
    """Return an absolute path without symbolic links.

    RAISES (OutputError): If symbolic links form a circle.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError before Python 3.13
        raise OutputError(Errors.ZT675.format(path=path, reason="its symbolic links form a circle")) from error


def _rename(temporary: Path, target: Path) -> None:
    """Rename a temporary file to its target.

    A file cannot be renamed to another file system. Then it is first copied to a temporary file next to the target.
    """
    try:
        temporary.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy = temporary_path(target)
        shutil.move(temporary, copy)
        copy.replace(target)


def _open_private(path: str, flags: int) -> int:
    """Open a file, as the `opener` of `open`, and return its descriptor. A new file is only for its owner (0600)."""
    return os.open(path, flags, 0o600)


def _prefix(target: Path) -> str:
    """Return the beginning of all temporary names of a target; a long name is replaced by its hash."""
    name = target.name
    if len(os.fsencode(name)) > MAX_NAME:
        name = sha256(os.fsencode(name)).hexdigest()[:16]
    return f".{name}.zh-tw-ner-"


def _remove_leftovers(target: Path) -> None:
    """Remove temporary files and folders of a target, and restore an old folder whose replacement was interrupted.

    The caller holds the lock of the target, so no other process is using these files.
    """
    names = re.compile(rf"{re.escape(_prefix(target))}[0-9a-f]{{8}}(\.old)?")
    found = [path for path in target.parent.iterdir() if names.fullmatch(path.name)]
    for path in found:
        if path.suffix == ".old" and not target.exists():
            path.replace(target)
        else:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
