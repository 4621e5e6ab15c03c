"""Keep loaded pipelines within a memory budget; the least recently used one is unloaded first."""

import gc
from collections import OrderedDict
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from ..errors import Errors
from .readers import Reader

LoadT: TypeAlias = Callable[[str], Reader]


def source_path(source: str) -> Path:
    """Find the files of a pipeline.

    source (str): Folder, or name of an installed package.
    RETURNS (Path): The folder.
    RAISES (ValueError): Where there is neither.
    """
    if Path(source).is_dir():
        return Path(source)
    package = find_spec(source) if source.isidentifier() else None
    if package is not None and package.submodule_search_locations:
        return Path(next(iter(package.submodule_search_locations)))
    raise ValueError(Errors.ZT502.format(source=source))


def named_sources(arguments: list[str]) -> dict[str, str]:
    """Read `NAME=PIPELINE` or `PIPELINE` arguments; without a name, the folder's or the package's is taken.

    arguments (list[str]): As they stand on the command line.
    RETURNS (dict[str, str]): Name → folder or package, in order.
    RAISES (ValueError): For a pipeline that is not there, and for a name given twice.
    """
    sources: dict[str, str] = {}
    for argument in arguments:
        name, equals, source = argument.partition("=")
        if not equals or Path(argument).exists():
            name, source = Path(argument).resolve().name if Path(argument).is_dir() else argument, argument
        source_path(source)
        if name in sources or not name:
            raise ValueError(Errors.ZT503.format(name=name, argument=argument))
        sources[name] = source
    return sources


class ModelCache:
    """Pipelines by name, loaded when they are first asked for.

    It belongs to the one thread that reads texts; only `names` and `loaded` may be asked from elsewhere.

    sources (Mapping[str, str]): Name → folder or package; the first is the default.
    limit (int): Bytes of files of what is loaded at a time. Weights take as much memory as they take on disk, but for
        half precision that is widened.
    load (Callable[[str], Reader]): Loads one.
    RAISES (ValueError): For a pipeline that alone is beyond the limit.
    """

    def __init__(self, sources: Mapping[str, str], limit: int, load: LoadT) -> None:
        self.names = tuple(sources)
        self._sources, self._limit, self._load = dict(sources), limit, load
        self._sizes = {name: _size(source_path(source)) for name, source in sources.items()}
        self._pipelines: OrderedDict[str, Reader] = OrderedDict()
        for name, size in self._sizes.items():
            if size > limit:
                raise ValueError(Errors.ZT504.format(name=name, size=size / 2**20, limit=limit / 2**20))

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of what is in memory, the one that goes next first."""
        return tuple(self._pipelines)

    def get(self, name: str) -> Reader:
        """Look up a pipeline, and load it where it must be, in the place of others where there is no room."""
        if name in self._pipelines:
            self._pipelines.move_to_end(name)
            return self._pipelines[name]
        while self._pipelines and sum(self._sizes[n] for n in (*self._pipelines, name)) > self._limit:
            self._pipelines.popitem(last=False)
            gc.unfreeze()
            gc.collect()  # a pipeline is full of cycles
        self._pipelines[name] = self._load(self._sources[name])
        if len(self._pipelines) == 1:
            gc.collect()
        # A loaded pipeline is a million objects. A full collection of them holds the GIL for half a second, in which no
        # request is answered, and a long text would trigger dozens.
        gc.freeze()
        return self._pipelines[name]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
