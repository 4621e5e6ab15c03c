"""Write files and folders completely or not at all.

An output is written to a temporary path in the same folder, by one process at a time, and renamed into place.

Everything temporary has a name that starts with `.TARGET.zh-tw-ner-`. A process that writes holds the lock of its
target until it ends, even if it is killed. So temporaries that the next process finds were left by a killed process.
"""

import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import IO

from .errors import Errors, OutputError

MAX_NAME = 200  # bytes of a target's name in the name of a temporary; file systems allow 255 in total
# Error numbers of file systems without locks
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


def write_whole(target: Path, data: bytes, *, private: bool = False) -> None:
    """Write a temporary file and rename it to the target, so readers see the old file or the complete new one."""
    write_streamed(target, lambda file: file.write(data), private=private)


def write_streamed(target: Path, write: Callable[[IO[bytes]], object], *, private: bool = False) -> None:
    """Do as `write_whole` does, with data that need not fit into memory.

    target (Path): The file; its old content is lost, its permissions stay. A symbolic link is followed; devices and
        pipes, such as /dev/stdout, are written to as they are.
    write (Callable[[IO[bytes]], object]): Writes into an open file.
    private (bool): Only the owner may read the file (mode 0600), whatever the permissions of an old one were.
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
    """Return a new temporary path in the folder of a target, with the naming scheme of this package."""
    return target.with_name(f"{_prefix(target)}{secrets.token_hex(4)}")


@contextmanager
def claimed(target: Path, *, wait: bool = False) -> Iterator[None]:
    """Context manager: hold the lock of a target, and remove temporaries that killed processes left.

    target (Path): A file or folder, resolved; it need not exist. Its parent is made, and removed again if it is empty
        at the end.
    wait (bool): Wait for another process that writes the target instead of raising.
    RAISES (OutputError): If another process or thread is writing the target.
    """
    made = [parent for parent in target.parents if not parent.exists()]  # the innermost first
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(target.with_name(f"{_prefix(target)}lock"), target, wait=wait) as has_lock:
            if has_lock:
                _remove_leftovers(target)
            yield
    finally:
        for folder in made:
            with suppress(OSError):  # not empty: it holds the output, or files of another process
                folder.rmdir()


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Claim a target, and yield an empty temporary folder, which is removed at the end.

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
    """Rename a complete file or folder to its target, whose lock is held.

    A folder cannot replace another atomically: the old one is renamed to a temporary name with `.old`, then the new one
    is renamed to the target. After an interruption in between, the next process that claims the target restores the old
    folder.

    temporary (Path): On the same file system as the target.
    target (Path): An existing file or folder is removed. An empty folder is kept and filled: it may be a mount point,
        or the working directory of a shell.
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
    """Follow symbolic links.

    RAISES (OutputError): If they form a circle.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError before Python 3.13
        raise OutputError(Errors.ZT675.format(path=path, reason="its symbolic links form a circle")) from error


def _rename(temporary: Path, target: Path) -> None:
    """Rename a file; copy it first if the folder of the target is on another file system."""
    try:
        temporary.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy = temporary_path(target)
        shutil.move(temporary, copy)
        copy.replace(target)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _prefix(target: Path) -> str:
    name = target.name
    if len(os.fsencode(name)) > MAX_NAME:
        name = sha256(os.fsencode(name)).hexdigest()[:16]
    return f".{name}.zh-tw-ner-"


def _remove_leftovers(target: Path) -> None:
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


@contextmanager
def _locked(path: Path, target: Path, *, wait: bool) -> Iterator[bool]:
    """Lock a file, which the system unlocks when the process ends; yield whether the file system has locks at all."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            has_lock = _lock(handle, wait=wait)
        except BlockingIOError:
            os.close(handle)
            raise OutputError(Errors.ZT674.format(path=target)) from None
        except BaseException:
            os.close(handle)
            raise
        # The process that held the lock has removed the lock file: lock the new one.
        if _is_same(handle, path):
            break
        os.close(handle)
    try:
        yield has_lock
    finally:
        if sys.platform == "win32":
            os.close(handle)  # an open file cannot be removed there
            with suppress(OSError):
                path.unlink()
        else:
            path.unlink(missing_ok=True)
            os.close(handle)


def _is_same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int, *, wait: bool) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(str(error)) from error
        return True
else:
    import fcntl

    def _lock(handle: int, *, wait: bool) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            return False
        return True
