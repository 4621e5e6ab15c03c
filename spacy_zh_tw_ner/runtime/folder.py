"""Read and check the files of an exported model, except the graph: `pipeline.json` and `pieces.npz`."""

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

FORMATS = (1,)  # versions of the format that can be read
HASHES = "sha256"  # key in PIPELINE: file name → SHA-256
N_CODE_POINTS = 0x110000
MAX_WORDPIECES = 32  # wordpieces of one character, the same limit as in a pipeline
MAX_WORDPIECE_ID = 2**24
MAX_WINDOW = 2**20  # wordpieces
# Score of forbidden transitions, and the largest of allowed ones. No sum of allowed scores comes near FORBIDDEN.
FORBIDDEN, LARGEST_SCORE = -1e30, 1e6
COLDEST, HOTTEST = 1e-3, 1e3  # range of temperatures; `calibrate` fits one from 0.05 to 20
GRAPH, PIECES, PIPELINE = "model.onnx", "pieces.npz", "pipeline.json"


class Exported(NamedTuple):
    """Content of an exported model, except the graph: wordpieces of all code points, window size, labels and CRF.

    `firsts` and `counts` have one value per code point: index of its first wordpiece in `ids`, and number of its
    wordpieces. `size` and `overlap` are numbers of wordpieces: of a window, and of its context on each side. `prefix`,
    `suffix` and `pad` are wordpiece ids. The comment of each field has more details.
    """

    ids: npt.NDArray[np.int32]  # (n_wordpieces,) wordpiece ids of all code points, in the order of the code points
    counts: npt.NDArray[np.int32]  # (0x110000,) number of wordpieces of each code point
    firsts: npt.NDArray[np.int32]  # (0x110000,) index of the first wordpiece of each code point in `ids`
    prefix: list[int]  # wordpiece ids before each window, such as [CLS]
    suffix: list[int]  # wordpiece ids after each window, such as [SEP]
    pad: int  # wordpiece id for padding
    size: int  # wordpieces of a window, without prefix and suffix
    overlap: int  # wordpieces of context on each side, see `tokenization.clause_cuts`
    labels: tuple[str, ...]  # labels of entities
    transitions: Transitions  # scores with constraints, not yet divided by the temperature
    temperature: float
    min_score: float  # lowest score of an entity

    @property
    def n_tags(self) -> int:
        """Number of BIOES tags."""
        return len(self.transitions.start)


def is_exported(folder: Path) -> bool:
    """Return whether a folder has the files `pipeline.json` and `model.onnx`. Their content is not checked."""
    return (folder / PIPELINE).is_file() and (folder / GRAPH).is_file()


def read_folder(folder: Path) -> Exported:
    """Read and check the settings and wordpieces of an exported model.

    folder (Path): The folder of the exported model.
    RETURNS (Exported): Settings and wordpieces.
    RAISES (UnreadableFileError): If the folder is not an exported model, was written by a later version, or is damaged.
    """
    if not is_exported(folder):
        raise UnreadableFileError(Errors.ZT630.format(path=folder, files=f"{GRAPH}, {PIECES} and {PIPELINE}"))
    with reading(folder / PIPELINE, Errors.ZT633):
        known = require_type("the file", parse_json((folder / PIPELINE).read_bytes()), dict)
        if known.get("format") not in FORMATS:
            seen, by = known.get("format"), known.get("made_by", "?")
            raise UnreadableFileError(Errors.ZT631.format(path=folder, seen=seen, by=by))
        fields = _checked(known)
        hashes = require_type(HASHES, known.get(HASHES, {}), dict)  # missing in models exported by 0.1
    for name, expected in hashes.items():
        with reading(folder, Errors.ZT633):
            require_digest(inside(folder, name), require_type(f"{HASHES}.{name}", expected, str))
    with reading(folder / PIECES, Errors.ZT633):
        arrays = read_npz(folder / PIECES, {"ids": N_CODE_POINTS * MAX_WORDPIECES, "counts": N_CODE_POINTS})
        return _exported(fields, arrays["ids"], arrays["counts"])


def _checked(known: dict[str, Any]) -> dict[str, Any]:
    """Check all fields of `pipeline.json`, and convert them.

    known (dict[str, Any]): The parsed JSON object.
    RETURNS (dict[str, Any]): Name → value of each field of `Exported`, except the arrays `ids`, `counts` and `firsts`,
        which are from `pieces.npz`.
    RAISES (UnreadableFileError): If a field is missing or not valid.
    """
    labels = require_labels("labels", known.get("labels"))
    scheme = TagScheme(labels)
    require(known.get("tags") in (None, list(scheme.tags)), "tags", known.get("tags"), "those of the labels")
    matrix = require_type("matrix", known.get("matrix"), list)
    require(len(matrix) == len(scheme), "matrix", len(matrix), f"{len(scheme)} rows, as the labels need")
    legal = scheme.legal_transitions._asdict()
    transitions = Transitions(**{name: _scores(name, known.get(name), legal[name]) for name in Transitions._fields})
    prefix, suffix = (_wordpiece_ids(name, known.get(name)) for name in ("prefix", "suffix"))
    size = whole_number("size", known.get("size"), 4, MAX_WINDOW)
    return {
        "labels": tuple(labels),
        "transitions": transitions,
        "prefix": prefix,
        "suffix": suffix,
        "pad": whole_number("pad", known.get("pad"), 0, MAX_WORDPIECE_ID),
        "size": size,
        "overlap": whole_number("overlap", known.get("overlap"), 0, size // 4),
        "temperature": in_range("temperature", known.get("temperature"), COLDEST, HOTTEST),
        "min_score": in_range("min_score", known.get("min_score"), 0.0, 1.0),
    }


def _scores(key: str, values: object, legal: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Convert transition, start or end scores from JSON to an array, after checking their shape and range.

    key (str): Name of the value in the message.
    values (object): The JSON value: a list, or a list of lists, of numbers.
    legal (np.ndarray): Mask of the legal transitions; it has the expected shape.
    RETURNS (np.ndarray): The scores in float32. Scores of illegal transitions are FORBIDDEN, a large
        negative number.
    RAISES (UnreadableFileError): If the value has another type or shape, or a number is out of range.
    """
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


def _wordpiece_ids(key: str, values: object) -> list[int]:
    """Return `values`, after checking that it is a list of wordpiece ids: whole numbers from 0 to MAX_WORDPIECE_ID.

    key (str): Name of the value in the message.
    values (object): The JSON value.
    RAISES (UnreadableFileError): If it is not such a list, or has more than MAX_WORDPIECES ids.
    """
    found = require_type(key, values, list)
    require(len(found) <= MAX_WORDPIECES, key, len(found), f"at most {MAX_WORDPIECES} wordpieces")
    return [whole_number(key, id_, 0, MAX_WORDPIECE_ID) for id_ in found]


def _exported(fields: dict[str, Any], ids: npt.NDArray[np.int32], counts: npt.NDArray[np.int32]) -> Exported:
    """Create an Exported, after checking the wordpieces of all code points.

    fields (dict[str, Any]): The checked fields of `pipeline.json`.
    ids (np.ndarray): (n_wordpieces,) wordpiece ids of all code points in order.
    counts (np.ndarray): (0x110000,) number of wordpieces of each code point.
    RAISES (UnreadableFileError): If the arrays do not fit each other, or an id or a number is out of range.
    """
    require(len(counts) == N_CODE_POINTS, "counts", len(counts), f"{N_CODE_POINTS} numbers, one per code point")
    most = min(MAX_WORDPIECES, fields["size"])
    require(bool((counts >= 1).all() and (counts <= most).all()), "counts", "others", f"numbers from 1 to {most}")
    n_ids = int(counts.sum(dtype=np.int64))
    require(len(ids) == n_ids, "ids", f"{len(ids)} numbers", f"{n_ids} numbers, the sum of `counts`")
    in_vocabulary = bool((ids >= 0).all() and (ids <= MAX_WORDPIECE_ID).all())
    require(in_vocabulary, "ids", "others", f"numbers from 0 to {MAX_WORDPIECE_ID}")
    return Exported(ids, counts, (np.cumsum(counts) - counts).astype(np.int32), **fields)
