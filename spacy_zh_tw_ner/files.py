"""Files and folders that are written whole or not at all."""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp
from typing import IO


def write_whole(target: Path, data: bytes) -> None:
    """Write a file beside the target and rename it, so that whoever looks sees the old file or the whole new one."""
    write_streamed(target, lambda file: file.write(data))


def write_streamed(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Do as `write_whole` does, with data that need not fit into memory.

    target (Path): The file; what was in it before goes.
    write (Callable[[IO[bytes]], object]): Writes into an open file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            write(file)
            file.close()
            temporary.chmod(0o644)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def write_folder(target: Path, write: Callable[[Path], None]) -> None:
    """Have a folder written beside the target, and put it in its place when it is whole.

    A folder cannot replace another in one step: for an instant there is none, and an interruption then leaves both
    beside the target, the old one with `.old` in its name.

    target (Path): The folder; what was in it before goes.
    write (Callable[[Path], None]): Writes into an empty folder.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        temporary.chmod(0o755)
        write(temporary)
        old = temporary.with_name(temporary.name + ".old")
        if target.exists():
            target.replace(old)
        temporary.replace(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
