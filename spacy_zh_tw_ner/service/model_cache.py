"""Served pipelines: LRU cache under a memory limit, replacement by newer ones, and return of freed heap memory."""

import gc
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias

from ..errors import Errors, PipelineError, SettingError, UsageError
from ..process_memory import find_trim, return_freed_memory
from ..recognizers import Recognizer
from ..recognizers.pipelines import source_folder

LoadT: TypeAlias = Callable[[str], Recognizer]
PAUSE = 1.0  # least seconds between two calls of malloc_trim
VERSION_BYTES = 4  # bytes of the hash in the version of a pipeline


def named_sources(arguments: list[str]) -> dict[str, str]:
    """Parse `NAME=PIPELINE` or `PIPELINE` arguments. Without NAME, the name of the folder or package is used.

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


class ServedPipeline:
    """One version of a pipeline that requests can name.

    `version` identifies the files from which it was, or will be, loaded; `size` is their total size in bytes.
    `recognizer` is None while it is not in memory. `labels`, `span_labels`, `evidence_labels` and `min_score` are those
    of the recognizer. They are set when it is first loaded, and kept after it is unloaded. Before, `labels` is None.

    A reload creates another `ServedPipeline` of the same name for later requests. A request that has begun keeps its
    object, so one recognizer processes all texts of the request.

    name (str): Name of the pipeline.
    source (str): Folder or package of the pipeline.
    limit (int): Largest size of its files in bytes.
    RAISES (ZhTwNerError): If the source does not exist, or exceeds the limit.
    """

    def __init__(self, name: str, source: str, limit: int) -> None:
        self.name, self.source = name, source
        self.size, self.version = _describe_files(name, source_folder(source))
        self.recognizer: Recognizer | None = None  # None until it is loaded, and after it was unloaded
        self.labels: tuple[str, ...] | None = None  # None until it has been loaded once
        self.evidence_labels: tuple[str, ...] = ()  # this one and the next two are also set then
        self.span_labels: tuple[str, ...] = ()
        self.min_score: float | None = None
        self._freeing: weakref.finalize[..., ServedPipeline] | None = None
        if self.size > limit:
            raise SettingError(Errors.ZT504.format(name=name, size=self.size / 2**20, limit=limit / 2**20))

    def free_when_unused(self) -> None:
        """Arrange that memory is freed when nothing refers to this object any more: after the last request with it.

        This method returns at once. Further calls have no effect.
        """
        if self._freeing is None:
            self._freeing = weakref.finalize(self, _free_memory)
            self._freeing.atexit = False

    def load(self, load: LoadT) -> Recognizer:
        """Load and return the recognizer, and set `recognizer` and the attributes that describe it.

        These are `version`, `labels`, `span_labels`, `evidence_labels` and `min_score`.

        load (Callable[[str], Recognizer]): Loads the recognizer of a folder or package. Its errors are not caught.
        """
        _, self.version = _describe_files(self.name, source_folder(self.source))
        recognizer = load(self.source)
        # `labels` is set last: other threads expect the others as soon as `labels` is set.
        self.evidence_labels, self.span_labels = recognizer.evidence_labels, recognizer.span_labels
        self.min_score = recognizer.min_score
        self.labels = recognizer.labels
        self.recognizer = recognizer
        return recognizer


class ModelCache:
    """LRU cache of recognizers by name. A recognizer is loaded when it is first used.

    Only the inference thread may call `get`. Other threads may read the other attributes, and replace a pipeline by a
    newer version (`load_newer`, `replace`).

    sources (Mapping[str, str]): Name → folder or package; the first is the default.
    limit (int): Largest total size in bytes of the files of loaded pipelines. Weights take as much memory as on disk,
        except half-precision weights that are converted to float32. During a reload, both versions are in memory.
    load (Callable[[str], Recognizer]): Loads the recognizer of a folder or package.
    RAISES (ZhTwNerError): If a single pipeline exceeds the limit.
    """

    def __init__(self, sources: Mapping[str, str], limit: int, load: LoadT) -> None:
        self.names = tuple(sources)
        self._limit, self._load = limit, load
        self._current = {name: ServedPipeline(name, source, limit) for name, source in sources.items()}
        self._recent: OrderedDict[str, ServedPipeline] = OrderedDict()  # loaded ones, the least recently used first
        self._lock = threading.Lock()  # for changes of the two dictionaries

    def __getitem__(self, name: str) -> ServedPipeline:
        """Return the pipeline that new requests with this name use. An unknown name raises a KeyError."""
        return self._current[name]

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the loaded pipelines, the least recently used first."""
        return tuple(self._recent)

    def get(self, wanted: ServedPipeline | str) -> Recognizer:
        """Return the recognizer of a pipeline. If it is not in memory, load it.

        Before a recognizer is loaded, the least recently used ones are unloaded until it fits into the memory limit.

        wanted (ServedPipeline | str): A pipeline, or the name of one. A pipeline that is not in memory and has been
            replaced since is not loaded: the pipeline that has replaced it is used.
        RETURNS (Recognizer): The recognizer, which is now the most recently used one.
        RAISES (KeyError): If there is no pipeline of this name.
        RAISES (ZhTwNerError): If the recognizer cannot be loaded.
        """
        pipeline = self._current[wanted] if isinstance(wanted, str) else wanted
        if pipeline.recognizer is None:
            pipeline = self._current[pipeline.name]  # the wanted one may have been replaced before it was loaded
        with self._lock:
            if pipeline.recognizer is not None:
                if self._recent.get(pipeline.name) is pipeline:
                    self._recent.move_to_end(pipeline.name)
                return pipeline.recognizer
            self._make_room(pipeline)
        recognizer = pipeline.load(self._load)
        with self._lock:
            if self._current[pipeline.name] is pipeline:
                self._recent[pipeline.name] = pipeline
        _exclude_from_collection(collect=len(self._recent) == 1)
        return recognizer

    def load_newer(self, name: str) -> ServedPipeline:
        """Load the current files of a pipeline as a new `ServedPipeline`. Requests use it only after `replace`.

        name (str): Name of the pipeline.
        RETURNS (ServedPipeline): The loaded pipeline.
        RAISES (ZhTwNerError): If it cannot be loaded, exceeds the limit, or its files have changed meanwhile: files of
            two versions may be loaded without an error, for example weights with the labels of another version.
        """
        pipeline = ServedPipeline(name, self._current[name].source, self._limit)
        pipeline.free_when_unused()
        pipeline.load(self._load)
        if _describe_files(name, source_folder(pipeline.source))[1] != pipeline.version:
            raise PipelineError(Errors.ZT749.format(source=pipeline.source))
        _exclude_from_collection(collect=False)
        return pipeline

    def replace(self, pipeline: ServedPipeline) -> None:
        """Use a loaded pipeline for new requests. The former one is freed after the last request that uses it.

        pipeline (ServedPipeline): The result of `load_newer`.
        """
        with self._lock:
            self._current[pipeline.name].free_when_unused()
            self._recent.pop(pipeline.name, None)
            self._make_room(pipeline)
            self._recent[pipeline.name] = self._current[pipeline.name] = pipeline

    def _make_room(self, pipeline: ServedPipeline) -> None:
        """Unload the least recently used pipelines until `pipeline` fits into memory. The caller holds the lock."""
        while self._recent and sum(p.size for p in (*self._recent.values(), pipeline)) > self._limit:
            self._recent.popitem(last=False)[1].recognizer = None
            gc.unfreeze()
            gc.collect()  # pipelines have reference cycles


def _exclude_from_collection(*, collect: bool = True) -> None:
    """Freeze all objects, so that the garbage collector skips them.

    A loaded pipeline has about a million Python objects. A full garbage collection of them holds the GIL for half a
    second, in which no request is answered, and a long text would trigger dozens of collections.

    collect (bool): Run a full garbage collection first, so that no garbage is frozen.
    """
    if collect:
        gc.collect()
    gc.freeze()


def _free_memory() -> None:
    """Start a thread that frees the memory of a pipeline that no request uses any more.

    Pipelines have reference cycles, so only the garbage collector frees them. That takes up to a second.
    """

    def collect() -> None:
        time.sleep(PAUSE)  # this is called before the attributes of the pipeline are deleted
        gc.unfreeze()
        _exclude_from_collection()
        return_freed_memory()

    threading.Thread(target=collect, name="release", daemon=True).start()


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
        """Record that a batch has freed memory; call `trim` if it was last called more than PAUSE seconds ago."""
        self.due = True
        if time.monotonic() - self._last > PAUSE:
            self.trim()

    def trim(self) -> None:
        """Return freed memory to the operating system now, if `used` was called since the last `trim`."""
        if self.due:
            self._trim()
            self._last, self.due = time.monotonic(), False


def _describe_files(name: str, folder: Path) -> tuple[int, str]:
    """Return the total size of the files in a folder in bytes, and a version that changes when a file is written.

    The version is the name with a hash of the names, sizes and times of all files, because reading all weights would
    take seconds. Files that Python compiles when it imports a package are left out.
    """
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.parent.name != "__pycache__")
    files = [(path.relative_to(folder), path.stat()) for path in paths]
    rows = "\n".join(f"{path.as_posix()}\t{stat.st_size}\t{stat.st_mtime_ns}" for path, stat in files)
    digest = blake2b(rows.encode("utf-8", "surrogateescape"), digest_size=VERSION_BYTES).hexdigest()
    return sum(stat.st_size for _, stat in files), f"{name}-{digest}"
