"""Check which existing files and folders a command may replace.

A missing or empty output path may be written. With `force`, an output that this package has written may be replaced. A
folder that also contains other files is never replaced, and neither is an input of the command.

    folders (pipelines, exported models)        `output_folder`: replaced with `force`, if this package wrote them
    files that users edit (configs, corpora)    `require_new`: replaced with `force`
    reports (JSON, HTML, pictures, rejects)     `require_report`: replaced if the old file is of the same kind
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import __version__
from .atomic_writes import put_in_place, resolve, staged
from .errors import Errors, OutputError

MARKER = ".zh-tw-ner.json"  # file that lists the other files of an output folder
MADE_BY = "spacy-zh-tw-ner"
MAX_JSON = 2**24  # bytes; this package writes smaller files
REPORTS = {
    "JSON": re.compile(rb"[{\[]"),
    "a report of `propose`": re.compile(rb'\{\s*"texts": \d'),  # its default name may be that of a corpus
    "HTML": re.compile(rb"(?i)<!doctype html|<html"),
    "SVG": re.compile(rb"<\?xml|<svg"),
    "PNG": re.compile(rb"\x89PNG"),
    "a list of rejects": re.compile(rb'\{"(origin|file)": .*"reason": '),
}
IGNORED = (".DS_Store", "Thumbs.db")  # files that file managers write
# Files of folders without a marker: pipelines of `nlp.to_disk`, and exported models of older versions
PIPELINE = {"meta.json", "config.cfg", "tokenizer", "vocab", "weights"}
EXPORTED = {"model.onnx", "model.onnx.data", "pieces.npz", "pipeline.json"}
PART = re.compile(r"[^.]+(\.(json|jsonl|bin|cfg|msgpack|safetensors))?")


@contextmanager
def output_folder(
    target: Path, *, force: bool = False, inputs: Iterable[Path] = (), source: Iterable[Path] = ()
) -> Iterator[Path]:
    """Context manager: yield an empty temporary folder, which replaces the target folder if the block raises no error.

    target (Path): The output folder. Symbolic links are followed.
    force (bool): Whether to replace a folder that this package has written.
    inputs (Iterable[Path]): Files and folders that the target must not be, contain, or be inside of.
    source (Iterable[Path]): Further inputs. Unlike those in `inputs`, one of them may be the target if `force` is set.
    RAISES (OutputError): If the target may not be replaced, or another process is writing it.
    """
    inputs, source = list(inputs), list(source)
    place = require_replaceable(target, force=force, inputs=inputs, source=source)
    with staged(place) as folder:
        yield folder
        _mark(folder)
        # The target may have changed since the first check.
        require_replaceable(place, force=force, inputs=inputs, source=source)
        put_in_place(folder, place)


def write_folder(target: Path, write: Callable[[Path], object], *, force: bool = False) -> None:
    """Replace a folder by one that a function writes.

    target (Path): The output folder.
    force (bool): Whether to replace a folder that this package has written.
    write (Callable[[Path], object]): Called with an empty temporary folder, which replaces the target afterwards.
    RAISES (OutputError): If the target may not be replaced, or another process is writing it.
    """
    with output_folder(target, force=force) as folder:
        write(folder)


def require_replaceable(
    target: Path, *, force: bool = False, inputs: Iterable[Path] = (), source: Iterable[Path] = ()
) -> Path:
    """Check that an output folder may be written.

    target (Path): The output folder. Symbolic links are followed.
    force (bool): Whether to replace a folder that this package has written.
    inputs (Iterable[Path]): Files and folders that the target must not be, contain, or be inside of.
    source (Iterable[Path]): Further inputs. Unlike those in `inputs`, one of them may be the target if `force` is set.
    RETURNS (Path): The target, with symbolic links resolved.
    RAISES (OutputError): If it may not be written.
    """
    place = resolve(target)
    require_apart(target, inputs)
    for path in source:
        if not _is_same(place, resolve(path)):
            require_apart(target, [path])
    if not place.exists():
        return place
    if not place.is_dir():
        raise OutputError(Errors.ZT671.format(path=target, seen="a file, not a folder"))
    names = sorted(path.name for path in place.iterdir() if path.name not in IGNORED)
    if not names:
        return place
    if not is_ours(place):
        raise OutputError(Errors.ZT671.format(path=target, seen=f"it holds {_listed(names)}"))
    if not force:
        raise OutputError(Errors.ZT670.format(path=target))
    foreign = foreign_files(place)
    if foreign:
        raise OutputError(Errors.ZT672.format(path=target, names=_listed(foreign)))
    return place


def require_apart(target: Path, inputs: Iterable[Path]) -> None:
    """Check that an output is not an input, contains no input, and is not inside of one.

    target (Path): The output.
    inputs (Iterable[Path]): The inputs.
    RAISES (OutputError): If the output is an input, contains one, or is inside of one.
    """
    place = resolve(target)
    for path in inputs:
        other = resolve(path)
        if _is_same(place, other):
            relation = "is"
        elif any(_is_same(place, parent) for parent in other.parents):
            relation = "contains"
        elif any(_is_same(other, parent) for parent in place.parents):
            relation = "is inside"
        else:
            continue
        raise OutputError(Errors.ZT673.format(path=target, relation=relation, input=path))


def require_new(target: Path, *, force: bool = False, inputs: Iterable[Path] = ()) -> None:
    """Check that an output file may be written: it is missing or empty, or `force` is set.

    target (Path): The output file.
    force (bool): Whether to replace an existing file.
    inputs (Iterable[Path]): Files and folders that the output must not be, contain, or be inside of.
    RAISES (OutputError): If it may not be written.
    """
    require_apart(target, inputs)
    if target.is_dir():
        raise OutputError(Errors.ZT671.format(path=target, seen="a folder, not a file"))
    if target.is_file() and target.stat().st_size and not force:
        raise OutputError(Errors.ZT670.format(path=target))


def require_report(target: Path, kind: str, *, inputs: Iterable[Path] = ()) -> None:
    """Check that a report may be written: the file is missing, empty, or an older report of the same kind.

    target (Path): The file of the report.
    kind (str): Kind of the report, a key of REPORTS, such as "JSON".
    inputs (Iterable[Path]): Files and folders that the report must not be, contain, or be inside of.
    RAISES (OutputError): If it may not be written.
    """
    require_apart(target, inputs)
    if target.is_dir():
        raise OutputError(Errors.ZT671.format(path=target, seen="a folder, not a file"))
    if not target.is_file():
        return
    with target.open("rb") as file:
        start = file.read(2**16).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start and not REPORTS[kind].match(start):
        raise OutputError(Errors.ZT671.format(path=target, seen=f"its content is not {kind}"))


def is_ours(folder: Path) -> bool:
    """Return whether a folder was written by this package, or by spaCy for the language `zh_tw`.

    Either the file MARKER, the `pipeline.json` of an exported model or the `meta.json` of a pipeline must say so.
    """
    if str(_json_of(folder / MARKER).get("made_by", "")).startswith(MADE_BY):
        return True
    if (folder / "model.onnx").is_file() and str(_json_of(folder / "pipeline.json").get("made_by", "")).startswith(
        MADE_BY
    ):
        return True
    return (folder / "config.cfg").is_file() and _json_of(folder / "meta.json").get("lang") == "zh_tw"


def foreign_files(folder: Path) -> list[str]:
    """List the files in an output folder that were not written by this package.

    folder (Path): A folder for which `is_ours` is true.
    RETURNS (list[str]): Paths relative to the folder, sorted.
    """
    marker = _json_of(folder / MARKER)
    known = set(marker["files"]) if isinstance(marker.get("files"), list) else None
    components = _names(_json_of(folder / "meta.json"))
    foreign = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if (path.is_dir() and not path.is_symlink()) or path.name in (*IGNORED, MARKER):
            continue
        if (name not in known) if known is not None else not _is_part(path.relative_to(folder), components):
            foreign.append(name)
    return sorted(foreign)


def _is_part(path: Path, components: set[str]) -> bool:
    """Return whether a file may belong to a pipeline or an exported model.

    path (Path): Path of the file, relative to the folder of the pipeline or exported model.
    components (set[str]): Names of the components of the pipeline.
    """
    top, *below = path.parts
    if not below:
        return top.removesuffix(".json") in components or top in PIPELINE | EXPORTED
    return top in (PIPELINE | components) and PART.fullmatch(path.name) is not None


def _names(meta: dict[str, Any]) -> set[str]:
    """Return the names of the components in a `meta.json`."""
    lists = [meta.get(key) for key in ("pipeline", "components", "disabled")]
    return {name for names in lists if isinstance(names, list) for name in names if isinstance(name, str)}


def _mark(folder: Path) -> None:
    """Write the file MARKER, which lists all other files of an output folder, into that folder.

    `is_ours` and `foreign_files` read it when a later command may replace the folder.
    """
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    about = {"made_by": f"{MADE_BY} {__version__}", "files": files}
    (folder / MARKER).write_text(json.dumps(about, ensure_ascii=False, indent=1), encoding="utf-8")


def _json_of(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty dictionary if the file is missing, too large or not an object."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_JSON:
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_same(one: Path, other: Path) -> bool:
    """Return whether two paths are the same file, by inode if both exist.

    Paths of the same file can differ in case, or be on different mounts.
    """
    try:
        return one.samefile(other)
    except OSError:
        return one == other


def _listed(names: list[str], limit: int = 5) -> str:
    """Join up to `limit` names for a message, and append the number of the others: "a, b and 3 more"."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
