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

    target (Path): The folder; what was in it before goes.
    write (Callable[[Path], None]): Writes into an empty folder.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        temporary.chmod(0o755)
        write(temporary)
        put_in_place(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def put_in_place(temporary: Path, target: Path) -> None:
    """Rename a file or folder that is whole to its target.

    A folder cannot replace another in one step: for an instant there is none, and an interruption then leaves both
    beside the target, the old one with `.old` in its name.

    temporary (Path): On the same disk as the target.
    target (Path): A file or folder that was there before goes.
    """
    if not (target.is_dir() or (temporary.is_dir() and target.exists())):
        temporary.replace(target)
        return
    old = target.with_name(f".{target.name}.{temporary.name}.old")
    target.replace(old)
    temporary.replace(target)
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink()


def spacy_files(path: Path) -> list[Path]:
    """The `.spacy` files that a corpus consists of: a file, or the parts in a folder, in order.

    spaCy's own Corpus reads both, too.

    path (Path): A `.spacy` file, or a folder.
    RETURNS (list[Path]): The files; the path itself where there is nothing of the kind, for messages.
    """
    if not path.is_dir():
        return [path]
    return sorted(path.glob("*.spacy")) or [path]
