"""Store large weights in separate files, in the folder of the pipeline.

spaCy hands components bytes and no folder, and holds a file of them twice while it is loaded. So the pipeline says here
where it is being written to or read from, and whoever has something large asks.

    zh_tw_ner/config.cfg, transformer/model, …
    zh_tw_ner/weights/1f0c….safetensors

The name is a hash of what is in it: bytes never go with weights of another time, and damaged weights are not loaded.
Hashing 400 MiB takes 0.4 s on a CPU with SHA instructions (see `stored`).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from pathlib import Path

from .atomic_writes import write_whole
from .errors import Errors, UnreadableFileError
from .untrusted import inside, require_digest

FOLDER = "weights"
HASHED = re.compile(r"[0-9a-f]{32}")  # the part of a name that is the beginning of a SHA-256
SUFFIX = ".safetensors"
_written: ContextVar[tuple[Path, set[str]] | None] = ContextVar("written", default=None)
_read: ContextVar[Path | None] = ContextVar("read", default=None)


@contextmanager
def large_files_to(pipeline: Path, *, whole: bool) -> Iterator[None]:
    """Take files for the folder of a pipeline that is being written.

    pipeline (Path): The folder.
    whole (bool): Whether all of it is written, so that files of before have no owner any more.
    """
    folder, names = pipeline / FOLDER, set[str]()
    token = _written.set((folder, names))
    try:
        yield
    finally:
        _written.reset(token)
    if whole and not folder.is_symlink():  # other pipelines may use the folder it links to
        for path in folder.glob(f"*{SUFFIX}"):
            if path.name not in names and HASHED.fullmatch(path.stem):  # others are not ours
                path.unlink()


@contextmanager
def large_files_from(pipeline: Path) -> Iterator[None]:
    """Find files of a pipeline that is being read."""
    token = _read.set(pipeline / FOLDER)
    try:
        yield
    finally:
        _read.reset(token)


def store(data: bytes) -> str | None:
    """Write a file beside what is being written.

    data (bytes): What is large.
    RETURNS (Optional[str]): Its name; None where no pipeline is written to a folder, and bytes must hold all.
    """
    target = _written.get()
    if target is None:
        return None
    folder, names = target
    name = sha256(data).hexdigest()[:32] + SUFFIX
    names.add(name)
    if not (folder / name).exists():
        write_whole(folder / name, data)
    return name


def stored(name: str) -> Path:
    """Find a file that `store` has written, and make sure that it is unchanged.

    name (str): As it was returned, and read from a file since.
    RETURNS (Path): The file.
    RAISES (UnreadableFileError): If there is none, no pipeline is being read, the name or a link leads out of the
        folder, or the content is not what the name says.
    """
    folder = _read.get()
    if folder is None:
        raise UnreadableFileError(Errors.ZT620.format(name=name, folder=FOLDER))
    path = inside(inside(folder.parent, folder.name), name)
    if not path.is_file():
        raise UnreadableFileError(Errors.ZT621.format(path=path))
    if path.suffix == SUFFIX and HASHED.fullmatch(path.stem):
        require_digest(path, path.stem)
    return path
