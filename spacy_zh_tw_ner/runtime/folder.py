"""Read and check the settings of an exported model (`pipeline.json`)."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..crf.transitions import Transitions
from ..errors import Errors, UnreadableFileError
from ..tag_scheme import TagScheme
from ..untrusted import (
    in_range,
    inside,
    parse_json,
    read_npz,
    reading,
    require,
    require_digest,
    require_labels,
    require_type,
    whole_number,
)

FORMATS = (1,)
HASHES = "sha256"  # in PIPELINE: names of the other files, and their SHA-256
N_CODE_POINTS = 0x110000
MOST_PIECES = 32  # wordpieces of one character, as of one token of a pipeline
LARGEST_PIECE = 2**24  # a wordpiece id
MOST_TOKENS = 2**20  # of a window
FORBIDDEN, LARGEST_SCORE = -1e30, 1e6  # scores of transitions; no sum of them comes near the first
COLDEST, HOTTEST = 1e-3, 1e3  # temperatures; `calibrate` fits one from 0.05 to 20
GRAPH, PIECES, PIPELINE = "model.onnx", "pieces.npz", "pipeline.json"


class Exported(NamedTuple):
    """Settings and wordpieces of an exported model.

    ids: int32, (n_wordpieces,) ids of all code points, in their order. counts, firsts: int32, (0x110000,) number of
        wordpieces of each code point, and index of the first one in `ids`.
    prefix, suffix, pad: ids around each window, and for padding.
    size, overlap: wordpieces of a window, see `tokenization.clause_cuts`.
    labels: labels of entities. transitions: constrained scores, not yet divided by the temperature.
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
        """Number of tags."""
        return len(self.transitions.start)


def is_exported(folder: Path) -> bool:
    """Return whether a folder is an exported model."""
    return (folder / PIPELINE).is_file() and (folder / GRAPH).is_file()


def read_folder(folder: Path) -> Exported:
    """Read and check everything but the graph.

    folder (Path): The folder of the exported model.
    RETURNS (Exported): Its settings and wordpieces.
    RAISES (UnreadableFileError): For any other folder, one written by a later version, and one that is damaged.
    """
    if not is_exported(folder):
        raise UnreadableFileError(Errors.ZT630.format(path=folder, files=f"{GRAPH}, {PIECES} and {PIPELINE}"))
    with reading(folder / PIPELINE, Errors.ZT633):
        known = require_type("the file", parse_json((folder / PIPELINE).read_bytes()), dict)
        if known.get("format") not in FORMATS:
            seen, by = known.get("format"), known.get("made_by", "?")
            raise UnreadableFileError(Errors.ZT631.format(path=folder, seen=seen, by=by))
        fields = _checked(known)
        hashes = require_type(HASHES, known.get(HASHES, {}), dict)  # folders written by 0.1 have none
    for name, expected in hashes.items():
        with reading(folder, Errors.ZT633):
            require_digest(inside(folder, name), require_type(f"{HASHES}.{name}", expected, str))
    with reading(folder / PIECES, Errors.ZT633):
        arrays = read_npz(folder / PIECES, {"ids": N_CODE_POINTS * MOST_PIECES, "counts": N_CODE_POINTS})
        return _exported(fields, arrays["ids"], arrays["counts"])


def _checked(known: dict[str, Any]) -> dict[str, Any]:
    """Check every field of `pipeline.json`."""
    labels = require_labels("labels", known.get("labels"))
    scheme = TagScheme(labels)
    require(known.get("tags") in (None, list(scheme.tags)), "tags", known.get("tags"), "those of the labels")
    matrix = require_type("matrix", known.get("matrix"), list)
    require(len(matrix) == len(scheme), "matrix", len(matrix), f"{len(scheme)} rows, as the labels need")
    legal = scheme.legal_transitions._asdict()
    transitions = Transitions(**{name: _scores(name, known.get(name), legal[name]) for name in Transitions._fields})
    prefix, suffix = (_pieces(name, known.get(name)) for name in ("prefix", "suffix"))
    size = whole_number("size", known.get("size"), 4, MOST_TOKENS)
    return {
        "labels": tuple(labels),
        "transitions": transitions,
        "prefix": prefix,
        "suffix": suffix,
        "pad": whole_number("pad", known.get("pad"), 0, LARGEST_PIECE),
        "size": size,
        "overlap": whole_number("overlap", known.get("overlap"), 0, size // 4),
        "temperature": in_range("temperature", known.get("temperature"), COLDEST, HOTTEST),
        "min_score": in_range("min_score", known.get("min_score"), 0.0, 1.0),
    }


def _scores(key: str, values: object, legal: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return scores as an array of the shape of `legal`; illegal transitions get the forbidden score."""
    shape = legal.shape
    rows = require_type(key, values, list)
    flat: list[Any] = [cell for row in rows for cell in require_type(key, row, list)] if len(shape) == 2 else rows
    require(all(len(row) == shape[1] for row in rows) if len(shape) == 2 else True, key, "others", f"of shape {shape}")
    require(len(rows) == shape[0], key, len(rows), f"{shape[0]} rows, as the labels need")
    for value in flat:
        in_range(key, value, 2 * FORBIDDEN, LARGEST_SCORE)
    scores = np.array(rows, dtype=np.float64)
    in_between = (scores < -LARGEST_SCORE) & (scores > 0.5 * FORBIDDEN)
    require(not in_between.any(), key, "others", f"scores up to {LARGEST_SCORE:g}, or {FORBIDDEN:g}")
    return np.where(legal, scores, FORBIDDEN).astype(np.float32)


def _pieces(key: str, values: object) -> list[int]:
    found = require_type(key, values, list)
    require(len(found) <= MOST_PIECES, key, len(found), f"at most {MOST_PIECES} pieces")
    return [whole_number(key, piece, 0, LARGEST_PIECE) for piece in found]


def _exported(fields: dict[str, Any], ids: npt.NDArray[np.int32], counts: npt.NDArray[np.int32]) -> Exported:
    require(len(counts) == N_CODE_POINTS, "counts", len(counts), f"{N_CODE_POINTS} numbers, one a code point")
    most = min(MOST_PIECES, fields["size"])
    require(bool((counts >= 1).all() and (counts <= most).all()), "counts", "others", f"numbers from 1 to {most}")
    n_ids = int(counts.sum(dtype=np.int64))
    require(len(ids) == n_ids, "ids", f"{len(ids)} numbers", f"{n_ids} numbers, as the counts say")
    in_vocabulary = bool((ids >= 0).all() and (ids <= LARGEST_PIECE).all())
    require(in_vocabulary, "ids", "others", f"numbers from 0 to {LARGEST_PIECE}")
    return Exported(ids, counts, (np.cumsum(counts) - counts).astype(np.int32), **fields)
