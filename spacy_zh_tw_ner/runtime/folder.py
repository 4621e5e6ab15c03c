"""What a folder of `export-onnx` holds, beside the graph."""

import json
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from ..errors import Errors

FORMATS = (1,)
GRAPH, PIECES, PIPELINE = "model.onnx", "pieces.npz", "pipeline.json"


class Transitions(NamedTuple):
    """Scores in float64; what is forbidden is −1e30.

    matrix: (n_tags, n_tags), from row to column. start, end: (n_tags,).
    """

    matrix: npt.NDArray[np.float64]
    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]


class Exported(NamedTuple):
    """All of it.

    ids, counts, firsts: int32, the pieces of all code points, one behind the other; (0x110000,) how many each has, and
        where they begin. prefix, suffix, pad: pieces that stand around a window and fill it up.
    size, overlap: of a window in pieces, see `tokenization.clause_cuts`.
    labels: of entities; the tags of tokens are those of `TagScheme`. transitions: not yet divided by the temperature.
    """

    ids: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]
    firsts: npt.NDArray[np.int32]
    prefix: list[int]
    suffix: list[int]
    pad: int
    size: int
    overlap: int
    labels: tuple[str, ...]
    transitions: Transitions
    temperature: float
    min_score: float

    @property
    def n_tags(self) -> int:
        """How many tags there are."""
        return len(self.transitions.start)


def is_exported(folder: Path) -> bool:
    """Whether a folder is one of these."""
    return (folder / PIPELINE).is_file() and (folder / GRAPH).is_file()


def read_folder(folder: Path) -> Exported:
    """Read a folder.

    folder (Path): The folder.
    RETURNS (Exported): All but the graph.
    RAISES (ValueError): For a folder that `export-onnx` has not written, or a later version of it, or not whole.
    """
    if not is_exported(folder):
        raise ValueError(Errors.ZT630.format(path=folder, files=f"{GRAPH}, {PIECES} and {PIPELINE}"))
    try:
        known = json.loads((folder / PIPELINE).read_text(encoding="utf-8"))
        if known.get("format") not in FORMATS:
            raise ValueError(Errors.ZT631.format(path=folder, seen=known.get("format"), by=known.get("made_by", "?")))
        with (folder / PIECES).open("rb") as file, np.load(file) as arrays:
            return _exported(known, arrays["ids"], arrays["counts"])
    except (OSError, EOFError, KeyError, AttributeError, TypeError, BadZipFile, json.JSONDecodeError) as error:
        raise ValueError(Errors.ZT633.format(path=folder, reason=repr(error))) from error


def _exported(known: dict[str, Any], ids: npt.NDArray[np.int32], counts: npt.NDArray[np.int32]) -> Exported:
    return Exported(
        ids,
        counts,
        (np.cumsum(counts) - counts).astype(np.int32),
        transitions=Transitions(*(np.array(known[name], dtype=np.float64) for name in Transitions._fields)),
        labels=tuple(known["labels"]),
        **{name: known[name] for name in ("prefix", "suffix", "pad", "size", "overlap", "temperature", "min_score")},
    )
