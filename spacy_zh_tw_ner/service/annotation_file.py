"""Append lines to the file in which `serve --annotations` collects annotations.

A line that was written survives a crash of the machine.
"""

import json
import logging
import os
import re
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import Errors, OutputError, ServiceError
from ..file_locks import lock
from .http_errors import Refusal

FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
MODE = 0o600  # annotated texts may be private
BLOCK = 1 << 16  # bytes read at once to find the beginning of the last line
BEGINNING = b'{"action": "'  # of each line
OWN = re.compile(rb'\{\s*"action"\s*:')  # the same in a line that was edited, for example with jq
log = logging.getLogger(__name__)


class AnnotationFile:
    """File of JSON lines, to which lines are only appended, by one process at a time.

    Each line is an event of Label Studio: an annotation was saved, or annotations were deleted.

    Each call of `append` opens the file, locks it, writes all its lines at once, and waits until they are on the disk.
    If the process is killed while it writes, the file ends in an incomplete line. The next call of `append` removes
    this line. Label Studio got no confirmation of the event that it belongs to.

    path (Path): The file. It is created if it is missing.
    limit (int): Largest size in bytes.
    RAISES (ServiceError): If the file cannot be opened for writing.
    RAISES (OutputError): If the path is a file that does not begin with an event. It is not changed.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._path, self._limit = path, limit
        self._lock = threading.Lock()  # for threads on Windows, where the file is not locked
        try:
            _require_own(path)
            with self._opened():
                pass
        except OSError as error:
            raise ServiceError(Errors.ZT744.format(path=path, reason=error.strerror or error)) from None

    def append(self, lines: Sequence[str]) -> None:
        """Append lines. When this method returns, they are on the disk.

        lines (Sequence[str]): Lines of ASCII without line ends.
        RAISES (Refusal): 507 if the file would exceed the limit; 503 if it cannot be written. Nothing is appended then.
        """
        data = "".join(f"{line}\n" for line in lines).encode("ascii")
        try:
            with self._opened() as handle:
                size = os.fstat(handle).st_size
                if size + len(data) > self._limit:
                    raise Refusal(507, Errors.ZT745.format(path=self._path, limit=self._limit >> 20))
                try:
                    if os.write(handle, data) != len(data):  # one call: no other line can get in between
                        raise OSError("the disk is full")
                    os.fsync(handle)
                except OSError:
                    os.ftruncate(handle, size)
                    raise
        except OSError as error:
            raise Refusal(503, Errors.ZT744.format(path=self._path, reason=error.strerror or error)) from None

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Context manager: open the file, lock it, and remove an incomplete last line.

        YIELDS (int): The file descriptor. It is closed, and the lock released, at the end of the context.
        """
        with self._lock:
            is_new = not self._path.exists()
            handle = os.open(self._path, FLAGS, MODE)
            try:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise OSError("it is not a regular file")
                # On Windows, a lock would also keep other processes from reading the file.
                if sys.platform != "win32" and not lock(handle, wait=True):
                    raise OSError("its file system has no locks")
                if is_new:
                    _sync_folder(self._path.parent)
                self._repair(handle)
                yield handle
            finally:
                os.close(handle)  # releases the lock

    def _repair(self, handle: int) -> None:
        """Repair the last line of the file if it has no line end.

        A beginning of a line that this service writes is removed: the process was killed while it wrote the line. Any
        other last line, such as one that was edited by hand, gets a line end.

        handle (int): Descriptor of the locked file.
        """
        size = os.fstat(handle).st_size
        start = _last_line(handle, size)
        if start == size:
            return
        os.lseek(handle, start, os.SEEK_SET)
        rest = os.read(handle, size - start)
        if _is_json(rest) or not (rest.startswith(BEGINNING) or BEGINNING.startswith(rest)):
            os.write(handle, b"\n")
        else:
            log.warning(
                "%s: an incomplete line of %d bytes was removed; its event was not confirmed", self._path, len(rest)
            )
            os.ftruncate(handle, start)


def _require_own(path: Path) -> None:
    """Raise an OutputError if a file has content that does not begin with an event of Label Studio.

    Such a file may be a corpus that was given by mistake.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(256).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not OWN.match(start) and not BEGINNING.startswith(start):
        raise OutputError(Errors.ZT671.format(path=path, seen="it does not begin with an event of Label Studio"))


def _last_line(handle: int, size: int) -> int:
    """Find the last line end of a file.

    handle (int): File descriptor.
    size (int): Size of the file in bytes.
    RETURNS (int): Offset in bytes of the character after the last line end; 0 if the file has no line end.
    """
    end = size
    while end > 0:
        start = max(0, end - BLOCK)
        os.lseek(handle, start, os.SEEK_SET)
        found = os.read(handle, end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Write the entries of a folder to the disk (fsync), so that a file just created in it survives a crash."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
