"""Seeded mutations of good files: of their bytes, and of the values in JSON, msgpack and safetensors.

A file is decoded to a tree of lists, dicts and values. A file inside a file, such as the JSON of a tokenizer in
msgpack, is a `Blob` in the tree. A mutation changes one place of the tree, and the file is encoded again.
"""

import copy
import json
import struct
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import numpy as np
import srsly

CODE = {
    "AutoTokenizer": ["canary.Canary", "canary.Canary"],
    "AutoConfig": "canary.Canary",
    "AutoModel": "canary.Canary",
}
VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        3,
        7,
        255,
        2**16,
        2**24 + 1,
        2**31 - 1,
        2**31,
        2**40,
        2**53,
        2**63 - 1,
        2**64 - 1,
    ),
    *(-(2**31), -(2**63), 0.0, -0.5, 0.999, 1.5, 1e-320, 1e30, -1e38, 1e308),
    *("", "x", "../../escaped", "..", ".", "a/b", "a\\b", "/absolute/escaped", "C:escaped", "NUL", "a\0b", "長" * 5000),
    *("model.safetensors", "canary.py", "float32", "relu", "9" * 5000, "{}", "[]"),
    *([], {}, [[]], [0] * 20_000, [1, 2, 3], ["a", "a"], {"a": 1}, {"auto_map": CODE}, b"", b"\x00" * 64, b"\xff" * 9),
]
JSON = [
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000, "-0", '"\\ud800"', "truth", ""),
    *("[" * 100_000, "[" * 3_000 + "]" * 3_000, '{"a":' * 900 + "1" + "}" * 900, "[" * 200 + "]" * 200),
]
OBJECTS = {b"nd": True, b"type": "|O", b"kind": b"", b"shape": [1], b"data": b"\0" * 8}
LARGE = {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [2**40, 2], b"data": b"\0" * 8}
MSGPACK = [
    *(b"\xdd\xff\xff\xff\xff", b"\xdf\x7f\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\x7f\xff\xff\xff", b"\xc1"),
    *(b"\x91" * 5_000 + b"\xc0", b"\x91" * 300 + b"\xc0", b"\xdc\xff\xff" * 300, b"\xca\x7f\xc0\x00\x00"),
    *(b"\xc7\x04\x05abcd", b"\xd4\x01a", struct.pack(">Bd", 0xCB, float("inf"))),
    *(srsly.msgpack_dumps(OBJECTS), srsly.msgpack_dumps(LARGE)),
]
MARK = "\ue000raw%02d\ue000"  # placeholder, replaced by an item of JSON or MSGPACK when the tree is encoded


class Blob(NamedTuple):
    """A file inside a file: the function that encodes it, and its content."""

    encode: Callable[[Any], bytes]
    tree: Any


def mutate(tree: Any, random: Random, encode: Callable[[Any], bytes]) -> bytes:
    """Encode a tree with one to three changed values, or damage its bytes."""
    tree, kind = copy.deepcopy(tree), random.random()
    if kind < 0.7:
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            _change(tree, random)
    data = encode(tree)
    return data if kind < 0.65 else damage(data, random)


def damage(data: bytes, random: Random) -> bytes:
    """Flip bits, or cut, double, swap, clear or overwrite parts of the data."""
    for _ in range(random.choice((1, 1, 2, 4))):
        if not data:
            return random.randbytes(random.randrange(64))
        place = random.randrange(len(data)) if random.random() < 0.5 else random.randrange(min(len(data), 256))
        length = random.choice((1, 4, 8, 64, len(data) // 3 + 1))
        part, before, after = data[place : place + length], data[:place], data[place + length :]
        kind = random.randrange(8)
        if kind < 2:
            data = before + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]
        elif kind == 2:
            data = before
        elif kind == 3:
            data = before + part + part + after
        elif kind == 4:
            other = random.randrange(len(data))
            data = before + data[other : other + length] + after
        elif kind == 5:
            data = before + bytes(len(part)) + after
        elif kind == 6:
            data = (
                before
                + random.choice((b"\xff" * 8, struct.pack("<Q", 2**33), struct.pack("<q", -1)))
                + data[place + 8 :]
            )
        else:
            data = before + random.randbytes(len(part)) + after
    return data


def to_json(tree: Any) -> bytes:
    text = json.dumps(_merged(tree), ensure_ascii=False, default=_as_text)
    for i, raw in enumerate(JSON):
        text = text.replace(f'"{MARK % i}"', raw)
    return text.encode("utf-8", "surrogatepass")


def to_msgpack(tree: Any) -> bytes:
    data: bytes = srsly.msgpack_dumps(_bounded(_merged(tree)))
    for i, raw in enumerate(MSGPACK):
        mark = srsly.msgpack_dumps(MARK % i)
        data = data.replace(mark, raw)
    return data


def to_safetensors(tree: Any) -> bytes:
    """Encode {name: {"dtype": …, "shape": …, "data": …}}; the offsets are computed from the data."""
    tree = tree if isinstance(tree, dict) else {"x": tree}
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    for name, value in tree.items():
        entry = value if isinstance(value, dict) else {"data": value}
        data = _merged(entry.get("data"))
        data = data if isinstance(data, bytes) else repr(data).encode()
        start = sum(map(len, parts))
        header[name] = {"data_offsets": [start, start + len(data)]} | {k: v for k, v in entry.items() if k != "data"}
        parts.append(data)
    text = to_json(header)
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def from_safetensors(data: bytes) -> dict[str, Any]:
    """Decode safetensors to the tree that `to_safetensors` takes."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        start, end = (8 + length + offset for offset in entry.pop("data_offsets"))
        found[name] = {**entry, "data": data[start:end]}
    return found


def as_is(tree: Any) -> bytes:
    """Encode a file that is mutated only as bytes."""
    merged = _merged(tree)
    return merged if isinstance(merged, bytes) else repr(merged).encode()


def _merged(tree: Any) -> Any:
    """Replace Blobs in a tree by their encoded bytes."""
    if isinstance(tree, Blob):
        return tree.encode(tree.tree)
    if isinstance(tree, dict):
        return {key: _merged(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_merged(value) for value in tree]
    return tree


def _as_text(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else value.tolist()


def _bounded(tree: Any) -> Any:
    """Limit integers to the range of msgpack."""
    if isinstance(tree, dict):
        return {_bounded(key): _bounded(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_bounded(value) for value in tree]
    return min(max(tree, -(2**63)), 2**64 - 1) if isinstance(tree, int) and not isinstance(tree, bool) else tree


def _change(tree: Any, random: Random) -> None:
    """Change one place of a tree, in place."""
    places = list(_places(tree))
    if not places:
        return
    # Large parts have most of the places: choose a depth first, and deeper ones more often.
    depths = sorted({len(path) for path, _, _ in places})
    depth = random.choices(depths, range(1, len(depths) + 1))[0]
    _, holder, key = random.choice([place for place in places if len(place[0]) == depth])
    kind = random.random()
    if isinstance(holder, dict) and kind < 0.1:
        del holder[key]
    elif isinstance(holder, dict) and kind < 0.2:
        holder[random.choice(("../../escaped", "", "x", "/absolute/escaped", "NUL", "a\0b"))] = holder.pop(key)
    elif isinstance(holder, list) and kind < 0.1:
        holder.append(holder[key])
    elif isinstance(holder, list) and kind < 0.2:
        del holder[key]
    else:
        holder[key] = _replacement(holder[key], random)


def _replacement(value: Any, random: Random) -> Any:
    if isinstance(value, Blob) and random.random() < 0.5:
        return damage(value.encode(value.tree), random)
    if isinstance(value, bytes) and random.random() < 0.7:
        return damage(value, random)
    if isinstance(value, np.ndarray) and random.random() < 0.7:
        array = value.copy()
        return random.choice(
            [
                array.astype(np.float64),
                array.astype(np.int8),
                array[:-1],
                array.reshape(-1),
                np.full_like(array, np.nan) if array.dtype.kind == "f" else array[::-1].copy(),
                np.zeros((0, *array.shape[1:]), array.dtype),
                np.zeros((3, *array.shape), array.dtype),
            ]
        )
    if isinstance(value, int | float) and random.random() < 0.3:
        return random.choice((value + 1, value - 1, -value, value * 1000, float(value), str(value), value * 2**31))
    if random.random() < 0.25:
        return MARK % random.randrange(max(len(JSON), len(MSGPACK)))
    return copy.deepcopy(random.choice(VALUES))


def _places(tree: Any, path: tuple[Any, ...] = ()) -> Any:
    if isinstance(tree, Blob):
        tree = tree.tree
    keys = list(tree) if isinstance(tree, dict) else range(min(len(tree), 50)) if isinstance(tree, list) else ()
    for key in keys:
        yield (*path, key), tree, key
        yield from _places(tree[key], (*path, key))
