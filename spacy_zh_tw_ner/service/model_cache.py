"""Bound the memory of the service: unload pipelines (least recently used first), and return freed heap memory."""

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
PAUSE = 1.0  # seconds between two times that freed memory is returned


def named_sources(arguments: list[str]) -> dict[str, str]:
    """Parse `NAME=PIPELINE` or `PIPELINE` arguments; the default name is that of the folder or package.

    arguments (list[str]): Arguments of the command line.
    RETURNS (dict[str, str]): Name → folder or package, in order.
    RAISES (ZhTwNerError): For a pipeline that does not exist, and for a name given twice.
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
    """Recognizers by name, loaded at their first use.

    It belongs to the inference thread; other threads may use `names` and `loaded` only.

    sources (Mapping[str, str]): Name → folder or package; the first is the default.
    limit (int): Largest total size in bytes of the files of loaded pipelines. Weights take as much memory as on disk,
        except half precision that is widened.
    load (Callable[[str], Recognizer]): Loads a folder or package.
    RAISES (ZhTwNerError): For a pipeline that alone exceeds the limit.
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
        """Return a recognizer; load it if necessary, and unload others if there is no room."""
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
        # A loaded pipeline is a million objects. A full collection of them holds the GIL for half a second, in which no
        # request is answered, and a long text would trigger dozens.
        gc.freeze()
        return self._pipelines[name]


class Trimmer:
    """Returns freed memory to the operating system (malloc_trim), at most once per PAUSE.

    glibc would keep it: every batch has other shapes, and the gaps that one leaves fit no other, so that the process
    would grow for thousands of requests.
    """

    def __init__(self) -> None:
        self._trim = find_trim()
        self._last = 0.0
        self.due = False

    def used(self) -> None:
        """Record that memory was taken and freed, and return it unless that was done within the last PAUSE."""
        self.due = True
        if time.monotonic() - self._last > PAUSE:
            self.trim()

    def trim(self) -> None:
        """Return freed memory now, if any was used."""
        if self.due:
            self._trim()
            self._last, self.due = time.monotonic(), False


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
