"""`export-onnx`: what it says, and that nothing is left of what differs."""

import re
import shutil
from pathlib import Path

import pytest
import spacy
from typer.testing import CliRunner

from spacy_zh_tw_ner.cli import zh_tw_ner_cli
from spacy_zh_tw_ner.encoders.transformer import code_points
from spacy_zh_tw_ner.pipeline import export_onnx


@pytest.fixture(autouse=True)
def _written_before(tiny_onnx: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the graph that is there already instead of another, which takes seconds."""
    monkeypatch.setattr(code_points, "RANGES", ((0x4E00, 0x6000),))
    graph = tiny_onnx[1] / "model.onnx"
    monkeypatch.setattr(export_onnx, "write_graph", lambda emitter, path: shutil.copy(graph, path))


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(zh_tw_ner_cli, ["export-onnx", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, " ".join(result.output.split())


def test_it_says_what_it_measured(tiny_onnx: tuple[Path, Path], tmp_path: Path) -> None:
    code, said = run(tiny_onnx[0], tmp_path / "out")
    assert code == 0, said
    assert re.search(r"model.onnx 0\.\d MiB, pieces.npz 0\.0 MiB, pipeline.json 0\.0 MiB", said)
    assert "2,064 random characters: all tags equal, emissions to " in said
    assert "ONNX Runtime" in said
    assert (tmp_path / "out" / "pipeline.json").is_file()


def test_nothing_is_written_of_what_differs(tiny_onnx: tuple[Path, Path], tmp_path: Path) -> None:
    nlp = spacy.load(tiny_onnx[0])
    nlp.get_pipe("ner").model.get_ref("output_layer").get_param("W")[:] *= 1.001
    nlp.to_disk(tmp_path / "other")
    code, said = run(tmp_path / "other", tmp_path / "out")
    assert (code, "[ZT551]" in said) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_what_cannot_be_written_is_told(tiny_pipeline: Path, tmp_path: Path) -> None:
    code, said = run(tiny_pipeline, tmp_path / "out")
    assert (code, "[ZT547]" in said, list(tmp_path.iterdir())) == (1, True, [])
