"""Write files completely or not at all."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO

from .staging import claimed, resolve, temporary_path


def write_whole(target: Path, data: bytes) -> None:
    """Write a temporary file and rename it to the target, so readers see the old file or the complete new one."""
    write_streamed(target, lambda file: file.write(data))


def write_streamed(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Do as `write_whole` does, with data that need not fit into memory.

    target (Path): The file; its old content is lost, its permissions stay. A symbolic link is followed; devices and
        pipes, such as /dev/stdout, are written to as they are.
    write (Callable[[IO[bytes]], object]): Writes into an open file.
    """
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            write(file)
        return
    target = resolve(target)
    with claimed(target, wait=True):
        temporary = temporary_path(target)
        try:
            with temporary.open("xb") as file:
                write(file)
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def spacy_files(path: Path) -> list[Path]:
    """The `.spacy` files that a corpus consists of: a file, or the parts in a folder, in order.

    spaCy's own Corpus reads both, too.

    path (Path): A `.spacy` file, or a folder.
    RETURNS (list[Path]): The files; the path itself where there is nothing of the kind, for messages.
    """
    if not path.is_dir():
        return [path]
    return sorted(path.glob("*.spacy")) or [path]
