"""Exclusive locks on files, which the system releases when a process ends or is killed."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import Errors, OutputError

# Error numbers that mean that a file system has no locks
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


@contextmanager
def locked(path: Path, target: Path, *, wait: bool) -> Iterator[bool]:
    """Context manager: create a lock file, hold an exclusive lock on it, and remove it at the end.

    path (Path): The lock file.
    target (Path): The file or folder that the lock protects, for the error message.
    wait (bool): Whether to wait for a lock that another process or thread holds, instead of raising an error.
    YIELDS (bool): Whether the file system supports locks. If not, nothing is locked.
    RAISES (OutputError): If another process or thread holds the lock, and `wait` is False.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            has_lock = lock(handle, wait=wait)
        except BlockingIOError:
            os.close(handle)
            raise OutputError(Errors.ZT674.format(path=target)) from None
        except BaseException:
            os.close(handle)
            raise
        # If the process that held the lock has removed the lock file since, lock the new file.
        if is_same_file(handle, path):
            break
        os.close(handle)
    try:
        yield has_lock
    finally:
        if sys.platform == "win32":
            os.close(handle)  # Windows does not remove open files
            with suppress(OSError):
                path.unlink()
        else:
            path.unlink(missing_ok=True)
            os.close(handle)


def is_same_file(handle: int, path: Path) -> bool:
    """Return whether the file that is open as descriptor `handle` is still the file at `path`.

    It is another file if, after `handle` was opened, `path` was removed or created again.
    """
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def lock(handle: int, *, wait: bool) -> bool:
        """Lock an open file; raise a BlockingIOError if another process has the lock and `wait` is False.

        The lock is released when the file is closed.

        handle (int): Descriptor of the file.
        wait (bool): Whether to wait while another process has the lock.
        RETURNS (bool): Always True: on Windows, locks are taken to be supported.
        """
        try:
            msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(str(error)) from error
        return True
else:
    import fcntl

    def lock(handle: int, *, wait: bool) -> bool:
        """Lock an open file; raise a BlockingIOError if another process has the lock and `wait` is False.

        The lock is released when the file is closed.

        handle (int): Descriptor of the file.
        wait (bool): Whether to wait while another process has the lock.
        RETURNS (bool): Whether the file system supports locks. If not, nothing is locked.
        """
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            return False
        return True
