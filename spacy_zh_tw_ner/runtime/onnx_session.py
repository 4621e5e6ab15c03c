"""Open ONNX graphs with ONNX Runtime, without telemetry, after a check that their weights are in the same folder.

A graph can store weights outside of its file: a tensor then names another file, an offset and a length ("external
data"). A hostile graph could name any file of the computer. Graphs are protobuf; only the messages that can contain
tensors are parsed: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from ..errors import Errors, MissingExtraError, UnreadableFileError
from ..untrusted import inside, origin, reading, require

TELEMETRY = "ORT_DISABLE_TELEMETRY"
DEEPEST = 32  # largest depth of nested messages
SchemaT: TypeAlias = dict[int, Any]  # field number → schema of the messages in that field
EXTERNAL, KEY, VALUE = 13, 1, 2  # field numbers of TensorProto.external_data, and of the key and value of its entries
TENSOR: SchemaT = {}
SPARSE_TENSOR: SchemaT = {1: TENSOR, 2: TENSOR}
GRAPH: SchemaT = {5: TENSOR, 15: SPARSE_TENSOR}
ATTRIBUTE: SchemaT = {5: TENSOR, 6: GRAPH, 10: TENSOR, 11: GRAPH, 22: SPARSE_TENSOR, 23: SPARSE_TENSOR}
NODE: SchemaT = {5: ATTRIBUTE}
GRAPH[1] = NODE
MODEL: SchemaT = {7: GRAPH, 20: {1: GRAPH, 2: GRAPH}, 25: {7: NODE}}


def import_onnxruntime() -> ModuleType:
    """Import onnxruntime, an optional package, with telemetry disabled.

    Since version 1.31, onnxruntime sends events about sessions to its makers, and writes a file `.ses` into the folder
    for temporary files, unless the environment variable ORT_DISABLE_TELEMETRY is set before the import. A value set by
    the user is kept.

    RETURNS (ModuleType): The module.
    RAISES (ImportError): If onnxruntime is not installed.
    """
    os.environ.setdefault(TELEMETRY, "1")
    import onnxruntime

    module: ModuleType = onnxruntime
    return module


def open_session(path: Path, threads: int) -> Any:
    """Load a graph with ONNX Runtime for the CPU.

    path (Path): File of the graph.
    threads (int): CPU threads; 0 for one per core.
    RETURNS (onnxruntime.InferenceSession): The session.
    RAISES (ZhTwNerError): If onnxruntime is not installed, or the graph is unsafe or cannot be loaded.
    """
    try:
        onnxruntime = import_onnxruntime()
    except ImportError as error:
        raise MissingExtraError(Errors.ZT632.format(path=path.parent)) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # ONNX Runtime would keep a memory plan for every input shape, and nearly every batch has a different shape.
    options.enable_mem_pattern = False
    # Threads that wait actively would occupy cores between batches.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    require_own_weights(path)
    with reading(path, Errors.ZT633):
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def require_own_weights(path: Path) -> None:
    """Check that all weights of a graph are in its file, or in other files of the same folder that are long enough.

    path (Path): File of the graph.
    RAISES (UnreadableFileError): If weights are outside the folder or beyond the end of a file, or the graph is not
        valid protobuf.
    """
    with reading(path, Errors.ZT633), path.open("rb") as file:
        require(path.stat().st_size > 0, "the graph", 0, "a file with content")
        # Not closed explicitly: the traceback of an error may hold a view, and then `close` would fail.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        for tensor in _tensors(memoryview(mapped), MODEL, DEEPEST):
            _require_inside(path.parent, tensor)


def _require_inside(folder: Path, tensor: memoryview) -> None:
    """Check where the weights of a tensor are. If they are in another file, it must be in `folder` and long enough.

    folder (Path): The folder of the graph.
    tensor (memoryview): The encoded message of the tensor.
    RAISES (UnreadableFileError): If the file is missing, outside of the folder, or too short.
    """
    places = {_text(entry, KEY): _text(entry, VALUE) for number, entry in _fields(tensor) if number == EXTERNAL}
    if not places:
        return
    path = inside(folder, places.get("location"))
    require(path.is_file(), "external_data.location", path.name, "a file in the folder of the graph")
    start, length = (int(places.get(name, "0")) for name in ("offset", "length"))
    size = path.stat().st_size
    if start < 0 or length < 0 or start + length > size:
        what = f"the weights at byte {start}"
        raise UnreadableFileError(
            Errors.ZT645.format(origin=origin(), what=what, claimed=start + length, available=size)
        )


def _text(message: memoryview, number: int) -> str:
    """Return the text of the first field of a protobuf message that has the field number `number`; "" if none has."""
    return next((bytes(value).decode() for n, value in _fields(message) if n == number), "")


def _tensors(message: memoryview, schema: SchemaT, depth: int) -> Iterator[memoryview]:
    """Yield all tensors in a protobuf message and in the messages nested in it.

    message (memoryview): The encoded message.
    schema (SchemaT): Number of a field that can contain tensors → schema of the messages in it, or TENSOR.
    depth (int): Largest depth of nested messages, including this message. Deeper messages raise an UnreadableFileError.
    """
    require(depth > 0, "the graph", "a deeper one", f"at most {DEEPEST} nested messages")
    for number, value in _fields(message):
        inner = schema.get(number)
        if inner is TENSOR:
            yield value
        elif inner is not None:
            yield from _tensors(value, inner, depth - 1)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the number and the content of each length-delimited field of a protobuf message. Skip all other fields.

    https://protobuf.dev/programming-guides/encoding describes the format.

    RAISES (UnreadableFileError): If the message is not valid protobuf.
    """
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place)
        kind = key & 7
        if kind == 0:
            _, place = _varint(message, place)
        elif kind == 2:
            length, place = _varint(message, place)
            require(place + length <= end, "the graph", length, f"a field of at most {end - place} bytes")
            yield key >> 3, message[place : place + length]
            place += length
        else:
            require(kind in (1, 5), "the graph", kind, "protobuf")
            place += 8 if kind == 1 else 4


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Decode a variable-length integer of a protobuf message.

    message (memoryview): The message.
    place (int): Position of the first byte of the integer.
    RETURNS (tuple[int, int]): The integer, and the position after its last byte.
    RAISES (UnreadableFileError): If the message ends within the integer, or the integer has more than 10 bytes.
    """
    value = shift = 0
    while True:
        require(place < len(message) and shift < 70, "the graph", shift, "protobuf")
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
