"""Bound the memory of the service: LRU cache of loaded pipelines, and return of freed heap memory (malloc_trim)."""

import gc
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from ..errors import Errors, SettingError, UsageError
from ..process_memory import find_trim
from ..recognizers import Recognizer
from ..recognizers.pipelines import source_folder

LoadT: TypeAlias = Callable[[str], Recognizer]
PAUSE = 1.0  # least seconds between two calls of malloc_trim


def named_sources(arguments: list[str]) -> dict[str, str]:
    """Parse `NAME=PIPELINE` or `PIPELINE` arguments. The default name is that of the folder or package.

    arguments (list[str]): Arguments of the command line.
    RETURNS (dict[str, str]): Name → folder or package, in the order of the arguments.
    RAISES (ZhTwNerError): If a pipeline does not exist, or a name is empty or given twice.
    """
    sources: dict[str, str] = {}
    for argument in arguments:
        name, equals, source = argument.partition("=")
        if not equals or Path(argument).exists():
            name, source = Path(argument).resolve().name if Path(argument).is_dir() else argument, argument
        source_folder(source)
        if name in sources or not name:
            raise UsageError(Errors.ZT503.format(name=name, argument=argument))
        sources[name] = source
    return sources


class ModelCache:
    """LRU cache of recognizers by name. A recognizer is loaded when it is first used.

    Not thread-safe: only the inference thread may call `get`; other threads may read `names` and `loaded`.

    sources (Mapping[str, str]): Name → folder or package; the first is the default.
    limit (int): Largest total size in bytes of the files of loaded pipelines. Weights take as much memory as on disk,
        except half-precision weights that are converted to float32.
    load (Callable[[str], Recognizer]): Loads the recognizer of a folder or package.
    RAISES (ZhTwNerError): If a single pipeline exceeds the limit.
    """

    def __init__(self, sources: Mapping[str, str], limit: int, load: LoadT) -> None:
        self.names = tuple(sources)
        self._sources, self._limit, self._load = dict(sources), limit, load
        self._sizes = {name: _size(source_folder(source)) for name, source in sources.items()}
        self._pipelines: OrderedDict[str, Recognizer] = OrderedDict()
        for name, size in self._sizes.items():
            if size > limit:
                raise SettingError(Errors.ZT504.format(name=name, size=size / 2**20, limit=limit / 2**20))

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the loaded pipelines, the least recently used first."""
        return tuple(self._pipelines)

    def get(self, name: str) -> Recognizer:
        """Return a recognizer. If needed, load it, and before that unload the least recently used ones to make room."""
        if name in self._pipelines:
            self._pipelines.move_to_end(name)
            return self._pipelines[name]
        while self._pipelines and sum(self._sizes[n] for n in (*self._pipelines, name)) > self._limit:
            self._pipelines.popitem(last=False)
            gc.unfreeze()
            gc.collect()  # pipelines have reference cycles
        self._pipelines[name] = self._load(self._sources[name])
        if len(self._pipelines) == 1:
            gc.collect()
        # A loaded pipeline has about a million Python objects. A full garbage collection of them holds the GIL for half
        # a second, in which no request is answered, and a long text would trigger dozens. Frozen objects are skipped.
        gc.freeze()
        return self._pipelines[name]


class Trimmer:
    """Return freed heap memory to the operating system (malloc_trim), at most once per PAUSE.

    Otherwise, glibc keeps freed memory for later allocations. Batches have different shapes, so the blocks that one
    batch frees rarely fit the next, and the memory of the process would grow over thousands of requests.
    """

    def __init__(self) -> None:
        self._trim = find_trim()
        self._last = 0.0
        self.due = False

    def used(self) -> None:
        """Record that a batch has freed memory; call `trim` if its last call is more than PAUSE seconds ago."""
        self.due = True
        if time.monotonic() - self._last > PAUSE:
            self.trim()

    def trim(self) -> None:
        """Return freed memory to the operating system now, if `used` was called since the last `trim`."""
        if self.due:
            self._trim()
            self._last, self.due = time.monotonic(), False


def _size(folder: Path) -> int:
    """Return the total size of the files in a folder in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
