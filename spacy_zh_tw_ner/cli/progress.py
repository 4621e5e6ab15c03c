"""Show a progress bar of bytes read, and print messages without breaking it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from ..corpora.splits import data_files
from .printer import msg


@contextmanager
def progress(source: Path) -> Iterator[tuple[Callable[[str], object], Callable[[float], object]]]:
    """Show how much of a file or folder has been read, on a terminal.

    source (Path): What is read.
    YIELDS (tuple[Callable, Callable]): To tell the user something, and to say how many more bytes have been read.
    """
    total = sum(file.stat().st_size for file in data_files(source))
    with tqdm(total=total or None, unit="B", unit_scale=True, leave=False, disable=None) as bar:

        def notify(message: str) -> None:
            bar.clear()
            msg.info(message)

        yield notify, bar.update
