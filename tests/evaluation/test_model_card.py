"""Test model cards: content, input files, and the command."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy

from spacy_zh_tw_ner.errors import CorpusError
from spacy_zh_tw_ner.evaluation.model_card import CardDetails, described_meta, read_metrics, render_model_card
from tests.cli.test_cli import fails, misused, succeeds

SCORES = {"p": 75.0, "r": 60.0, "f": 66.67, "gold": 20, "f_interval": [50.0, 80.5]}
METRICS: dict[str, Any] = {
    "data": "corpus/taiwan/test.spacy",
    "documents": 7,
    "micro": SCORES,
    "per_type": {"GPE": SCORES},
    "calibration": {"expected_calibration_error": 0.0321, "by_chance": 0.03},
}
DETAILS = CardDetails("zh_tw_ner", "taiwan", "CC0", "MIT")


def test_card_has_labels_licences_scores_and_calibration() -> None:
    meta = {"pipeline": ["ner"], "labels": {"ner": ["ORG", "GPE"]}, "spacy_version": ">=3.8"}
    card = render_model_card(meta, DETAILS, METRICS)
    assert card.startswith("# zh_tw_ner\n")
    for line in (
        "| labels | `GPE`, `ORG` |",
        "| trained on | taiwan (CC0) |",
        "| licence of the pipeline | MIT |",
        "| `GPE` | 75.0 | 60.0 | 66.7 | 50.0–80.5 | 20 |",
    ):
        assert line in card
    assert "Exact spans on 7 documents of `test.spacy`" in card
    assert "0.032 (a perfectly calibrated pipeline would show 0.030 by chance)" in card
    assert "## How to cite" in card


def test_card_without_predicted_entities_has_no_calibration(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps({**METRICS, "calibration": None}), encoding="utf-8")
    card = render_model_card({}, DETAILS, read_metrics(tmp_path / "m.json"))
    assert "| `GPE` | 75.0 |" in card
    assert "calibration error" not in card


def test_card_without_metrics_has_no_scores() -> None:
    card = render_model_card({}, CardDetails("x"))
    assert "## Scores" not in card
    assert "| licence of the pipeline | not stated |" in card


def test_meta_is_extended_by_licence_and_sources() -> None:
    meta = described_meta({"lang": "zh_tw", "license": "old"}, DETAILS)
    assert (meta["lang"], meta["license"], meta["sources"]) == ("zh_tw", "MIT", [{"name": "taiwan", "license": "CC0"}])
    assert described_meta({"license": "old"}, CardDetails("x"))["license"] == "old"


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"micro": 1}', json.dumps({**METRICS, "micro": {"p": 1}}), "[" * 200 + "]" * 200]
    + [json.dumps({**METRICS, "micro": {**SCORES, "gold": float(value)}}) for value in ("inf", "nan")],
)
def test_reading_other_files_as_metrics_raises(content: str, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"^\[ZT410\] .*m\.json does not contain scores"):
        read_metrics(tmp_path / "m.json")
    with pytest.raises(CorpusError, match="ZT410"):
        read_metrics(tmp_path / "nowhere.json")


def test_command_writes_a_card_or_a_copy_of_the_pipeline(tiny_pipeline: Path, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps(METRICS), encoding="utf-8")
    details = ("--metrics", tmp_path / "m.json", "--name", "zh_tw_ner", "--corpus", "taiwan", "--license", "MIT")
    succeeds("model-card", tiny_pipeline, tmp_path / "card.md", *details)
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "| trained on | taiwan |" in card
    succeeds("model-card", tiny_pipeline, tmp_path / "copy", *details)
    assert (tmp_path / "copy" / "README.md").read_text(encoding="utf-8") == card
    nlp = spacy.load(tmp_path / "copy")
    assert nlp.meta["license"] == "MIT"
    text = "蔡英文總統在臺北市接見台積電董事長。"
    assert [ent.text for ent in nlp(text).ents] == [ent.text for ent in spacy.load(tiny_pipeline)(text).ents] != []
    assert "[ZT670]" in fails("model-card", tiny_pipeline, tmp_path / "copy", *details)
    succeeds("model-card", tiny_pipeline, tmp_path / "copy", *details, "--force")
    assert not (tiny_pipeline / "README.md").exists()


def test_licences_of_parts_go_into_the_copy_where_spacy_package_finds_them(tiny_pipeline: Path, tmp_path: Path) -> None:
    (tmp_path / "LICENSE.txt").write_text("MIT licence", encoding="utf-8")
    options = ("--license-file", tmp_path / "LICENSE.txt")
    succeeds("model-card", tiny_pipeline, tmp_path / "copy", *options)
    assert (tmp_path / "copy" / "LICENSES_SOURCES").read_text(encoding="utf-8") == "MIT licence"
    succeeds("model-card", tiny_pipeline, tmp_path / "copy", "--force")
    assert not (tmp_path / "copy" / "LICENSES_SOURCES").exists()
    assert "needs a folder as OUT" in misused("model-card", tiny_pipeline, tmp_path / "card.md", *options)
    assert "[ZT676]" in fails("model-card", tiny_pipeline, tmp_path / "new", "--license-file", tmp_path / "nowhere")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("meta", ["[]", '{"labels": []}', '{"labels": {"ner": [1]}}', '{"pipeline": 3}', "{"])
def test_a_damaged_pipeline_is_an_error(meta: str, tmp_path: Path) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.cfg").touch()
    (tmp_path / "damaged" / "meta.json").write_text(meta)
    for output in ("card.md", "copy"):
        assert "meta.json" in fails("model-card", tmp_path / "damaged", tmp_path / output)
        assert not (tmp_path / output).exists()


def test_a_package_without_a_pipeline_is_an_error(tmp_path: Path) -> None:
    assert "[ZT531]" in fails("model-card", "numpy", tmp_path / "card.md")
