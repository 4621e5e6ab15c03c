"""`export-onnx` prints a comparison, and writes nothing if the export differs."""

import json
import re
import shutil
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_zh_tw_ner.cli import zh_tw_ner_cli
from spacy_zh_tw_ner.export import export_onnx, quantize_onnx
from spacy_zh_tw_ner.export.quantize_onnx import QuantizedComparison
from spacy_zh_tw_ner.transformer import wordpieces
from tests.pipelines import ENTITIES, SENTENCE


@pytest.fixture(autouse=True)
def _written_before(tiny_onnx: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy an existing graph instead of exporting one, which takes seconds."""
    monkeypatch.setattr(wordpieces, "RANGES", ((0x4E00, 0x6000),))
    graph = tiny_onnx[1] / "model.onnx"
    monkeypatch.setattr(export_onnx, "write_graph", lambda emitter, path: shutil.copy(graph, path))


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(zh_tw_ner_cli, ["export-onnx", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, " ".join(result.output.split())


def test_the_comparison_is_printed(tiny_onnx: tuple[Path, Path], tmp_path: Path) -> None:
    code, said = run(tiny_onnx[0], tmp_path / "out")
    assert code == 0, said
    assert re.search(r"model.onnx 0\.\d MiB, pieces.npz 0\.0 MiB, pipeline.json 0\.0 MiB", said)
    assert "2,064 random characters: all tags equal, emissions differ by up to " in said
    assert "ONNX Runtime" in said
    assert (tmp_path / "out" / "pipeline.json").is_file()


def test_an_export_that_differs_is_not_written(tiny_onnx: tuple[Path, Path], tmp_path: Path) -> None:
    nlp = spacy.load(tiny_onnx[0])
    nlp.get_pipe("ner").model.get_ref("output_layer").get_param("W")[:] *= 1.001
    nlp.to_disk(tmp_path / "other")
    code, said = run(tmp_path / "other", tmp_path / "out")
    assert (code, "[ZT551]" in said) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_pipeline_without_transformer_is_an_error(tiny_pipeline: Path, tmp_path: Path) -> None:
    code, said = run(tiny_pipeline, tmp_path / "out")
    assert (code, "[ZT547]" in said, list(tmp_path.iterdir())) == (1, True, [])


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    doc = spacy.blank("zh_tw").make_doc(SENTENCE)
    doc.ents = [span for span in (doc.char_span(*entity) for entity in ENTITIES) if span is not None]
    DocBin(docs=[doc]).to_disk(tmp_path / "dev.spacy")
    return tmp_path / "dev.spacy"


def fall(nlp: Language, folder: Path, name: str | None, golds: list[Doc]) -> QuantizedComparison:
    """Return a comparison in which F falls by one point."""
    sizes = {"size": 2**20, "size_before": 2**22}
    scores = {"f_score": 79.0, "f_score_before": 80.0} if golds else {}
    return QuantizedComparison(0.01, characters=100, same=99, speed=2.0, speed_before=1.0, **sizes, **scores)


def test_the_effect_of_8_bits_is_printed(tiny_onnx: tuple[Path, Path], dev: Path, tmp_path: Path) -> None:
    code, said = run(tiny_onnx[0], tmp_path / "out", "--to", "int8", "--dev", dev)
    assert code == 0, said
    assert re.search(r"In 8 bits 2,0\d\d of 2,064 random characters keep their tag; .* by up to \d\.\d% of", said)
    assert re.search(
        r"float32 int8 .* size 0\.5 MiB 0\.2 MiB characters/s [\d,]+ [\d,]+ F on dev 100\.00 100\.00", said
    )
    assert "model.onnx.data 0.2 MiB" in said
    assert json.loads((tmp_path / "out" / "pipeline.json").read_text("utf-8"))["weights"] == "int8"


def test_a_large_f_drop_of_8_bits_is_an_error_unless_ignored(
    tiny_onnx: tuple[Path, Path], dev: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(quantize_onnx, "quantize_onnx", fall)
    arguments = (tiny_onnx[0], tmp_path / "out", "--to", "int8", "--dev", dev)
    code, said = run(*arguments)
    assert (code, "[ZT543]" in said, "falls by 1.00, from 80.00 to 79.00" in said) == (1, True, True)
    assert [path.name for path in tmp_path.iterdir()] == ["dev.spacy"]
    assert run(*arguments, "--max-f1-drop", "1")[0] == 0
    for options in (["--ignore-f1-drop"], ["--force"]):  # each option alone is not enough
        assert run(*arguments, *options)[0] == 1
    code, said = run(*arguments, "--ignore-f1-drop", "--force")
    assert (code, "Written anyway" in said, "Nothing was written" in said) == (0, True, False)


def test_8_bits_need_a_dev_corpus(
    tiny_onnx: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(quantize_onnx, "quantize_onnx", fall)
    code, said = run(tiny_onnx[0], tmp_path / "out", "--to", "int8")
    assert (code, "[ZT545]" in said, (tmp_path / "out").exists()) == (1, True, False)
    code, said = run(tiny_onnx[0], tmp_path / "out", "--to", "int8", "--ignore-f1-drop")
    assert (code, "F was not measured" in said) == (0, True)


def test_an_unknown_precision_is_an_error(tiny_onnx: tuple[Path, Path], tmp_path: Path) -> None:
    code, said = run(tiny_onnx[0], tmp_path / "out", "--to", "bf16")
    assert (code, "'bf16' is not one of 'float32', 'int8'" in said) == (2, True)
