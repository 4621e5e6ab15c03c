"""Store large weights in separate files, in the folder of the pipeline.

spaCy passes bytes to components instead of a folder, and holds these bytes twice in memory while it loads them. So the
language class stores the folder of the pipeline in a context variable of this module while a pipeline is saved or
loaded. Components with large weights call `store` and `stored`:

    zh_tw_ner/config.cfg, transformer/model, …
    zh_tw_ner/weights/1f0c….safetensors

The name of a file is a hash of its content. So a component never loads damaged weights, or weights that another version
of the component has saved. Hashing 400 MiB takes 0.4 s on a CPU with SHA instructions.
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
HASHED = re.compile(r"[0-9a-f]{32}")  # file name without suffix: the first half of a SHA-256
SUFFIX = ".safetensors"
_written: ContextVar[tuple[Path, set[str]] | None] = ContextVar("written", default=None)
_read: ContextVar[Path | None] = ContextVar("read", default=None)


@contextmanager
def large_files_to(pipeline: Path, *, whole: bool) -> Iterator[None]:
    """Context manager: let `store` write to the folder of a pipeline that is being saved.

    pipeline (Path): The folder of the pipeline.
    whole (bool): True if all components are saved: at the end of the block, files of earlier saves that this save has
        not written are removed. False if some are excluded: no file is removed, because it may belong to one of them.
    """
    folder, names = pipeline / FOLDER, set[str]()
    token = _written.set((folder, names))
    try:
        yield
    finally:
        _written.reset(token)
    if whole and not folder.is_symlink():  # other pipelines may use the target of a symbolic link
        for path in folder.glob(f"*{SUFFIX}"):
            if path.name not in names and HASHED.fullmatch(path.stem):  # `store` writes no other names
                path.unlink()


@contextmanager
def large_files_from(pipeline: Path) -> Iterator[None]:
    """Context manager: let `stored` find files in the folder of a pipeline that is being loaded."""
    token = _read.set(pipeline / FOLDER)
    try:
        yield
    finally:
        _read.reset(token)


def store(data: bytes) -> str | None:
    """Write a large file into the folder of the pipeline that is being saved.

    data (bytes): The content of the file.
    RETURNS (Optional[str]): The name of the file; None if no pipeline is being saved to a folder, as in `to_bytes`.
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
    """Return the path of a file that `store` has written, and check its content.

    name (str): The name that `store` returned, as read from the saved component.
    RETURNS (Path): The file.
    RAISES (UnreadableFileError): If the file is missing, no pipeline is being loaded, the name or a symbolic link leads
        out of the folder, or the hash of the content is not the one in the name.
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
