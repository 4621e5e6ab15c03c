"""`quantize` prints its effect, and writes nothing if F falls too far."""

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from typer.testing import CliRunner

from spacy_zh_tw_ner.cli import zh_tw_ner_cli
from spacy_zh_tw_ner.evaluation import footprint
from spacy_zh_tw_ner.evaluation.footprint import Footprint
from spacy_zh_tw_ner.export.from_hf import pipeline_from_hf


@pytest.fixture
def pipeline(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> Path:
    pipeline_from_hf(str(tiny_checkpoint("bert"))).to_disk(tmp_path / "before")
    return tmp_path / "before"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replace the measurement: F falls from 80 to 79. Return the measured pipelines."""
    seen: list[Path] = []

    def measure(folder: str, corpus: Path) -> Footprint:
        seen.append(Path(folder))
        return Footprint(4 * 2**20, 8 * 2**20, 1000.0, 81.0 - len(seen))

    monkeypatch.setattr(footprint, "measure_footprint", measure)
    return seen


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(zh_tw_ner_cli, ["quantize", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, " ".join(result.output.split())


def test_a_small_f_drop_is_accepted(pipeline: Path, tiny_corpus: Path, measured: list[Path], tmp_path: Path) -> None:
    code, said = run(pipeline, tmp_path / "after", "--dev", tiny_corpus / "dev.spacy", "--max-f1-drop", "1")
    assert code == 0, said
    assert "F on dev 80.00 79.00" in said
    assert "peak memory 8 MiB 8 MiB" in said
    assert spacy.load(tmp_path / "after").pipe_names == ["transformer", "ner", "doc_cleaner"]
    assert measured[0] == pipeline


def test_a_large_f_drop_is_an_error_unless_ignored(
    pipeline: Path, tiny_corpus: Path, measured: list[Path], tmp_path: Path
) -> None:
    arguments = (pipeline, tmp_path / "after", "--dev", tiny_corpus / "dev.spacy")
    code, said = run(*arguments)
    assert (code, "[ZT543]" in said, "falls by 1.00, from 80.00 to 79.00" in said) == (1, True, True)
    assert [path.name for path in tmp_path.iterdir()] == ["before"]
    measured.clear()
    assert run(*arguments, "--force")[0] == 1
    measured.clear()
    code, said = run(*arguments, "--ignore-f1-drop")
    assert (code, "Written anyway" in said) == (0, True)
    assert (tmp_path / "after" / "config.cfg").exists()


def test_a_missing_dev_corpus_is_an_error(pipeline: Path, measured: list[Path], tmp_path: Path) -> None:
    code, said = run(pipeline, tmp_path / "after")
    assert (code, "[ZT545]" in said, (tmp_path / "after").exists()) == (1, True, False)
    code, said = run(pipeline, tmp_path / "after", "--ignore-f1-drop")
    assert (code, "F was not measured. Size: " in said) == (0, True)
    assert not measured


def test_the_dev_corpus_of_the_training_config_is_used(
    pipeline: Path, tiny_corpus: Path, measured: list[Path], tmp_path: Path
) -> None:
    nlp = spacy.load(pipeline, config={"paths": {"dev": str(tiny_corpus / "dev.spacy")}})
    nlp.to_disk(pipeline)
    assert run(pipeline, tmp_path / "after", "--max-f1-drop", "1")[0] == 0
    assert len(measured) == 2


def test_a_bilstm_in_8_bits_is_an_error(tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    for dev in (("--dev", tiny_corpus / "dev.spacy"), ()):
        code, said = run(tiny_pipeline, tmp_path / "after", "--to", "int8", *dev)
        assert (code, "[ZT541]" in said, list(tmp_path.iterdir())) == (1, True, [])


def test_a_bilstm_is_quantized_to_16_bits(
    tiny_pipeline: Path, tiny_corpus: Path, measured: list[Path], tmp_path: Path
) -> None:
    code, said = run(tiny_pipeline, tmp_path / "after", "--dev", tiny_corpus / "dev.spacy", "--ignore-f1-drop")
    assert code == 0, said
    assert (
        spacy.load(tmp_path / "after").config["components"]["ner"]["model"]["tok2vec"]["tok2vec"]["precision"] == "bf16"
    )


@pytest.mark.slow
def test_the_footprint_is_measured_in_a_new_process(tiny_pipeline: Path, tiny_corpus: Path) -> None:
    held = bytearray(2**30)
    held[::4096] = b"1" * len(held[::4096])
    found = footprint.measure_footprint(str(tiny_pipeline), tiny_corpus / "test.spacy")
    assert found.size == footprint.folder_size(tiny_pipeline) > 1000
    assert found.f_score > 60
    assert found.speed > 0
    assert found.peak is None or 2**26 < found.peak < 2**30
