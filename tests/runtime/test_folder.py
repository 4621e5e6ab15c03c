"""Files of exported models are checked before they are used."""

import json
import shutil
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacy_zh_tw_ner.errors import UnreadableFileError
from spacy_zh_tw_ner.runtime import load
from spacy_zh_tw_ner.runtime.folder import read_folder
from spacy_zh_tw_ner.runtime.onnx_session import require_own_weights

SAVED = Path(__file__).parents[1] / "saved" / "v0_1_0" / "exported"
ABOUT = json.loads((SAVED / "pipeline.json").read_bytes())
N_TAGS = len(ABOUT["start"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SAVED, tmp_path / "exported")


def write(folder: Path, **changes: Any) -> None:
    (folder / "pipeline.json").write_text(json.dumps(ABOUT | changes), encoding="utf-8")


BAD = [
    *(("temperature", value) for value in (0, -1, 0.0, float("nan"), float("inf"), 1e-320, "1", None, True, [1])),
    *(("min_score", value) for value in (-0.1, 1.1, float("nan"), "x", None)),
    *(("labels", value) for value in ([], ["A"], ["A", "A", "A"], ["", "A", "B"], "GPE", None, {"a": 1})),
    *(("size", value) for value in (0, -1, 3, 2**40, 5.5, "254", None)),
    *(("overlap", value) for value in (-1, 2**40, ABOUT["size"] // 4 + 1, None)),
    *(("pad", value) for value in (-1, 2**40, 1.5, None)),
    *((name, value) for name in ("prefix", "suffix") for value in ([-1], [2**40], [None], "x", None, [0] * 40)),
    *((name, [0.0] * (N_TAGS - 1)) for name in ("start", "end")),
    *((name, [float("nan")] * N_TAGS) for name in ("start", "end")),
    *(
        (name, value)
        for name in ("start", "matrix")
        for value in ([10**400] * N_TAGS, None, [], "x", [[]], [1e20] * N_TAGS)
    ),
    ("matrix", [[0.0] * N_TAGS] * (N_TAGS - 1)),
    ("matrix", [[0.0] * N_TAGS] * (N_TAGS - 1) + [[0.0]]),
    ("tags", ["O"]),
    ("sha256", 5),
    ("sha256", {"pieces.npz": "0" * 64}),
    ("sha256", {"pieces.npz": ""}),
    ("sha256", {"../secret": "0" * 64}),
    ("format", 2),
]


@pytest.mark.parametrize(("key", "value"), BAD, ids=[f"{key}-{i}" for i, (key, _) in enumerate(BAD)])
def test_settings_out_of_range_are_refused(key: str, value: Any, folder: Path) -> None:
    write(folder, **{key: value})
    with pytest.raises(UnreadableFileError, match=r"\[ZT6\d\d\].*exported"):
        read_folder(folder)


def test_illegal_transitions_are_forbidden_even_if_the_file_allows_them(folder: Path) -> None:
    write(folder, matrix=[[0.0] * N_TAGS] * N_TAGS)
    assert (read_folder(folder).transitions.matrix < -1e29).any()


@pytest.mark.parametrize("text", ["", "[" * 100_000, "null", "[1]", '{"format": 1, "labels": NaN', "\ud800"])
def test_a_pipeline_json_that_is_not_a_json_object_is_refused(text: str, folder: Path) -> None:
    (folder / "pipeline.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UnreadableFileError):
        read_folder(folder)


def test_wordpieces_that_decompress_to_gigabytes_are_refused(folder: Path) -> None:
    header = "{'descr': '<i4', 'fortran_order': False, 'shape': (100000000,), }".ljust(117) + "\n"
    with zipfile.ZipFile(folder / "pieces.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("ids", "counts"):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
                for _ in range(3):
                    file.write(bytes(2**24))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFileError, match="ZT645"):
            read_folder(folder)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("change", ["counts of 0", "negative counts", "fewer ids", "negative ids", "fewer counts"])
def test_missing_or_negative_wordpieces_are_refused(change: str, folder: Path) -> None:
    with np.load(folder / "pieces.npz") as arrays:
        ids, counts = arrays["ids"].copy(), arrays["counts"].copy()
    if change == "counts of 0":
        counts[65] = 0
    elif change == "negative counts":
        counts[65], counts[66] = -1, 3
    elif change == "negative ids":
        ids[7] = -1
    elif change == "fewer counts":
        counts = counts[:-1]
    else:
        ids = ids[:-1]
    np.savez_compressed(folder / "pieces.npz", ids=ids, counts=counts)
    with pytest.raises(UnreadableFileError, match=r"ZT644.*pieces\.npz"):
        read_folder(folder)


def test_wordpiece_ids_beyond_the_embeddings_are_refused_at_loading(folder: Path) -> None:
    with np.load(folder / "pieces.npz") as arrays:
        ids, counts = arrays["ids"].copy(), arrays["counts"].copy()
    ids[-1] = 2**20
    np.savez_compressed(folder / "pieces.npz", ids=ids, counts=counts)
    with pytest.raises(UnreadableFileError, match=r"ZT633.*model\.onnx"):
        load(folder)


@pytest.mark.parametrize(
    ("location", "offset", "length", "code"),
    [
        ("../secret.data", 0, 8, "ZT641"),
        ("/etc/hostname", 0, 8, "ZT641"),
        ("link.data", 0, 8, "ZT642"),
        ("missing.data", 0, 8, "ZT644"),
        ("own.data", 2**40, 8, "ZT645"),
        ("own.data", 0, 2**33, "ZT645"),
        ("own.data", -8, 8, "ZT645"),
    ],
)
def test_weights_outside_the_folder_or_file_are_refused(
    location: str, offset: int, length: int, code: str, folder: Path
) -> None:
    from onnx import TensorProto, external_data_helper, helper

    def graph(location: str, offset: int, length: int) -> bytes:
        tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], raw_data=bytes(8))
        external_data_helper.set_external_data(tensor, location, offset, length)
        tensor.ClearField("raw_data")
        inner = helper.make_graph([helper.make_node("Constant", [], ["y"], value=tensor)], "inner", [], [])
        node = helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
        return helper.make_model(helper.make_graph([node], "outer", [], [])).SerializeToString()

    for path in (folder / "own.data", folder.parent / "secret.data"):
        path.write_bytes(bytes(64))
    (folder / "link.data").symlink_to(folder.parent / "secret.data")
    (folder / "good.onnx").write_bytes(graph("own.data", 0, 8))
    require_own_weights(folder / "good.onnx")
    (folder / "bad.onnx").write_bytes(graph(location, offset, length))
    with pytest.raises(UnreadableFileError, match=code):
        require_own_weights(folder / "bad.onnx")


def test_hashes_of_an_exported_model_are_checked(tiny_onnx: tuple[Path, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_onnx[1], tmp_path / "onnx")
    hashes = json.loads((folder / "pipeline.json").read_bytes())["sha256"]
    assert set(hashes) == {path.name for path in folder.iterdir()} - {"pipeline.json"}
    load(folder, threads=1)
    data = bytearray((folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.onnx").write_bytes(data)
    with pytest.raises(UnreadableFileError, match=r"ZT643.*model\.onnx"):
        load(folder, threads=1)
