"""Store large weights in separate files, in the folder of the pipeline.

spaCy passes bytes to components, not a folder, and holds a file of them twice in memory while it is loaded. So the
pipeline sets the folder that it is written to or read from here, and components with large weights ask for it.

    zh_tw_ner/config.cfg, transformer/model, …
    zh_tw_ner/weights/1f0c….safetensors

The name is a hash of the content: a component never loads the weights of another version of itself, or damaged ones.
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
    """Context manager: store large files in the folder of a pipeline that is being written.

    pipeline (Path): The folder.
    whole (bool): All components are written: files that none of them has stored are removed.
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
    """Context manager: find large files in the folder of a pipeline that is being read."""
    token = _read.set(pipeline / FOLDER)
    try:
        yield
    finally:
        _read.reset(token)


def store(data: bytes) -> str | None:
    """Write a large file into the folder of the pipeline that is being written.

    data (bytes): The content.
    RETURNS (Optional[str]): The name of the file; None if no pipeline is being written to a folder (`to_bytes`).
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
    """Find a file that `store` has written, and check that it is unchanged.

    name (str): The name that `store` returned; it was read from a file since.
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
