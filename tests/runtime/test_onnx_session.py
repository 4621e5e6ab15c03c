"""ONNX Runtime is imported without telemetry."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
from spacy_zh_tw_ner.runtime.onnx_session import import_onnxruntime
onnxruntime = import_onnxruntime()
onnxruntime.InferenceSession({path!r}, providers=["CPUExecutionProvider"])
"""
MODEL = Path(__file__).parents[1] / "saved" / "v0_1_0" / "exported" / "model.onnx"


@pytest.mark.parametrize("value", [None, "1"])
def test_a_session_writes_no_file_and_sends_no_telemetry(value: str | None, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    if value is not None:
        environment["ORT_DISABLE_TELEMETRY"] = value
    subprocess.run([sys.executable, "-c", CODE.format(path=str(MODEL))], check=True, env=environment)
    assert list(tmp_path.iterdir()) == []
