"""Checkpoints with damaged or hostile values are refused."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save
from spacy.training.initialize import init_nlp
from spacy.util import load_config, registry

from spacy_zh_tw_ner.errors import ZhTwNerError
from spacy_zh_tw_ner.export.quantize import backbone_shims
from spacy_zh_tw_ner.training.checkpoint import Position, load_checkpoint, save_checkpoint
from spacy_zh_tw_ner.transformer.settings import LOOKUP, LOOKUP_OF_0_1
from tests.pipelines import with_transformer

SAVED = Path(__file__).parents[1] / "saved" / "v0_1_0"
Read = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    path = tmp_path_factory.mktemp("checkpoint") / "checkpoint.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(SAVED)
        nlp = init_nlp(load_config("checkpoint.cfg").interpolate())
    settings = nlp.config.interpolate()["training"]["optimizer"]

    def read_arrays(arrays: dict[str, Any]) -> object:
        path.write_bytes(save(arrays))
        return load_checkpoint(path, nlp, registry.resolve({"optimizer": settings})["optimizer"])

    return read_arrays


@pytest.fixture
def arrays() -> dict[str, Any]:
    return load((SAVED / "checkpoint.safetensors").read_bytes())


def as_array(value: object) -> Any:
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)


def changed(arrays: dict[str, Any], *path: Any, value: object) -> dict[str, Any]:
    """Change one value in the JSON metadata of a checkpoint."""
    metadata = json.loads(arrays["said"].tobytes())
    holder = metadata
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return {**arrays, "said": as_array(metadata)}


def test_a_valid_checkpoint_is_loaded(read: Read, arrays: dict[str, Any]) -> None:
    state = random.getstate()
    read(arrays)
    assert random.getstate() != state


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *((("position", "step"), value) for value in (-1, 10**12, "9", None, 2.5, True, 10**400)),
        *(
            (("position", "results"), value)
            for value in ([[1]], [["a", 1]], [[0.5, -1]], {}, None, [[float("nan"), 1]])
        ),
        *((("position", "losses"), value) for value in ([], {"ner": "x"}, None)),
        *((("position", "words"), value) for value in (-1, "x")),
        (("position", "seconds"), float("inf")),
        (("position",), {"step": 1}),
        (("position",), None),
        *((("config",), value) for value in (5, "[nlp", "[a]\nb = " + "[" * 5000)),
        (("format",), 2),
        *((("python", "numpy"), value) for value in (["MT19937", 10**9, 0, 0.0], ["MT19937", -1, 0, 0.0], [], None)),
        (("python", "numpy"), ["PCG64", 1, 0, 0.0]),
        *((("python", "random"), value) for value in ([3, [1, 2], None], [3, [-1] * 625, None], [9, [], None], None)),
        (("python",), []),
    ],
    ids=str,
)
def test_checkpoint_values_out_of_range_are_refused(
    path: tuple[Any, ...], value: Any, read: Read, arrays: dict[str, Any]
) -> None:
    with pytest.raises(ZhTwNerError, match=r"\[ZT\d+\].*checkpoint\.safetensors"):
        read(changed(arrays, *path, value=value))


@pytest.mark.parametrize("text", ["[" * 100_000, "null", "", "\ud800"])
def test_checkpoint_metadata_that_is_not_json_is_refused(text: str, read: Read, arrays: dict[str, Any]) -> None:
    metadata = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    with pytest.raises(ZhTwNerError, match=r"\[ZT"):
        read({**arrays, "said": metadata})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("random/numpy", lambda array: array[:5]),
        ("random/numpy", lambda array: array.astype(np.float32)),
        ("random/torch", lambda array: array[:5]),
        ("random/torch", lambda array: np.full_like(array, 255)),
        ("optimizer", lambda array: array[:-9]),
        ("optimizer", lambda array: array.astype(np.int64)),
        ("said", lambda array: array.astype(np.float32)),
    ],
)
def test_missing_or_malformed_checkpoint_arrays_are_refused(
    name: str, change: Callable[[Any], Any], read: Read, arrays: dict[str, Any]
) -> None:
    with pytest.raises(ZhTwNerError, match=r"\[ZT"):
        read({**arrays, name: change(arrays[name])})
    with pytest.raises(ZhTwNerError, match=r"\[ZT"):
        read({key: array for key, array in arrays.items() if key != name})


@pytest.mark.parametrize("change", [lambda a: a[:-1], lambda a: a.astype(np.float64), lambda a: a.astype(np.int8)])
def test_weights_and_moments_of_other_shapes_are_refused(
    change: Callable[[Any], Any], read: Read, arrays: dict[str, Any]
) -> None:
    weight = next(name for name in arrays if name.startswith("weight/"))
    with pytest.raises(ZhTwNerError, match="ZT442"):
        read({**arrays, weight: change(arrays[weight])})
    inner = load(arrays["optimizer"].tobytes())
    moment = next(name for name in inner if name.startswith("mom1/"))
    data = save({**inner, moment: change(inner[moment])})
    with pytest.raises(ZhTwNerError, match="ZT644"):
        read({**arrays, "optimizer": np.frombuffer(data, dtype=np.uint8)})


@pytest.mark.parametrize("step", [10**9, -1, 10**18, "x", 1])
def test_a_huge_step_in_a_checkpoint_is_refused(step: object, read: Read, arrays: dict[str, Any]) -> None:
    inner = load(arrays["optimizer"].tobytes())
    metadata = json.loads(inner["said"].tobytes()) | {"step": step}
    data = save({**inner, "said": as_array(metadata)})
    with pytest.raises(ZhTwNerError, match="ZT644"):
        read({**arrays, "optimizer": np.frombuffer(data, dtype=np.uint8)})


def test_a_run_of_0_1_goes_on_with_the_wordpieces_that_it_began_with(
    tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    nlp = with_transformer(tiny_checkpoint("deberta-v2"))
    optimizer, (shim,) = nlp.resume_training(), backbone_shims(nlp)
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, nlp, optimizer, Position())
    load_checkpoint(path, nlp, optimizer)
    assert shim.backbone.settings.lookup == LOOKUP
    assert shim.table.tokenizer.convert_ids_to_tokens(shim.table.split("臺", "臺")[0]) == ["臺"]
    saved = load(path.read_bytes())
    said = json.loads(saved["said"].tobytes())
    del said["lookups"]  # as 0.1 wrote it
    path.write_bytes(save({**saved, "said": as_array(said)}))
    load_checkpoint(path, nlp, optimizer)
    assert shim.backbone.settings.lookup == LOOKUP_OF_0_1
    marked = shim.table.tokenizer.convert_ids_to_tokens(shim.table.split("臺", "臺")[0])
    assert "".join(marked) == "▁臺"
