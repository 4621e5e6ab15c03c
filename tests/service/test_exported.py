"""Service with an exported model: same entities as the pipeline, without torch and spaCy in the process."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from spacy_zh_tw_ner.recognizers import load_recognizer
from spacy_zh_tw_ner.safe_points import interrupted_by

from .conftest import Running, free_port, running
from .test_app import SENTENCE, found, refused
from .test_request_gazetteer import UNKNOWN, surfaces, words

# Dependencies of this package that the service does not need when it serves an exported model.
ABSENT = ("torch", "spacy", "thinc", "transformers", "peft", "safetensors", "opencc", "srsly", "tqdm", "regex", "numba")
SERVE = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT!r}))
from spacy_zh_tw_ner.cli import zh_tw_ner_cli
zh_tw_ner_cli(["serve", *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def exported(tiny_onnx: tuple[Path, Path]) -> Path:
    return tiny_onnx[1]


def test_the_exported_model_gives_the_same_entities_as_the_pipeline(tiny_onnx: tuple[Path, Path]) -> None:
    pipeline, folder = tiny_onnx
    with running({"spacy": str(pipeline), "onnx": str(folder)}) as service:
        texts = [SENTENCE, "", SENTENCE * 30, "臺 北"]
        one, other = (
            found(service.ask({"texts": texts, "pipeline": name, "offset_unit": "utf16"})) for name in ("spacy", "onnx")
        )
        assert sum(map(len, one)) > 30
        for expected, entities in zip(one, other, strict=True):
            scores = [entity.pop("score") for entity in expected]
            assert [entity.pop("score") for entity in entities] == pytest.approx(scores, abs=1e-4)
            assert entities == expected
        pipelines = service.client.get("/v1/service").json()["pipelines"]
        assert pipelines[0]["labels"] == pipelines[1]["labels"]
        refused(service.ask({"text": "好", "pipeline": "onnx", "labels": ["NO"]}), 422, "ZT516")


def test_gazetteer_words_are_evidence_or_override_the_model(exported: Path) -> None:
    with running({"onnx": str(exported)}) as service:
        for settings in ({"override": True}, {"bonus": 30.0}):
            asked = words("台飛投資", **settings)
            asked["words"] = {"GPE": asked["words"].pop("ORG")}
            assert ("臺飛投資", "GPE") in surfaces(service, UNKNOWN, **asked)
        assert ("臺飛投資", "GPE") not in surfaces(service, UNKNOWN)


def test_serve_needs_neither_torch_nor_spacy_for_an_exported_model(exported: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", SERVE, str(exported), "--port", str(port), "--threads", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
                _wait(client, process)
                assert found(Running("", None, client).ask({"text": SENTENCE}))
                assert "zh-Hant-TW" in client.get("/").text
        finally:
            process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "All accepted requests are answered." in log


def _wait(client: httpx.Client, process: subprocess.Popen[str]) -> None:
    for _ in range(600):
        try:
            client.get("/readyz").raise_for_status()
            return
        except httpx.HTTPError:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.1)
    raise TimeoutError


def test_a_folder_that_is_not_an_exported_model_is_reported(exported: Path, tmp_path: Path) -> None:
    from spacy_zh_tw_ner.runtime import load

    with pytest.raises(ValueError, match=r"\[ZT630\].*model.onnx"):
        load(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"")
    (tmp_path / "pipeline.json").write_text('{"format": 99, "made_by": "9.9"}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"\[ZT631\].*format 99, written by 9.9"):
        load_recognizer(str(tmp_path), max_chars=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(ValueError, match=r"\[ZT632\]"):
            load(exported)


@pytest.mark.parametrize("name", ["model.onnx", "pieces.npz", "pipeline.json"])
def test_a_truncated_file_of_an_exported_model_is_reported(exported: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(exported, tmp_path / "onnx")
    whole = (folder / name).read_bytes()
    for part in (whole[: len(whole) // 2], b""):
        (folder / name).write_bytes(part)
        with pytest.raises(ValueError, match=r"\[ZT6(33\].*onnx.*export-onnx|43\].*onnx)"):
            load_recognizer(str(folder), max_chars=1)


def test_a_text_read_in_slices_has_the_same_entities(exported: Path) -> None:
    recognizer, text = load_recognizer(str(exported), max_chars=100_000), SENTENCE * 120
    calls: list[int] = []
    (whole,) = recognizer([text], [None])
    with interrupted_by(lambda: calls.append(len(recognizer([SENTENCE], [None])[0]))):
        (sliced,) = recognizer([text], [None])
    assert len(calls) > 5
    assert len(set(calls)) == 1
    assert [found[:3] for found in sliced] == [found[:3] for found in whole]
    assert [found.score for found in sliced] == pytest.approx([found.score for found in whole], abs=1e-4)
    assert len(whole) > 100
