"""Test the warning about gold labels that a component lacks: it is given once, with counts."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_zh_tw_ner.components.calibration import calibrate
from spacy_zh_tw_ner.components.ensemble import combine
from spacy_zh_tw_ner.components.inspection import unknown_labels_message
from tests.cli.helpers import run, succeeds

TEXT = "林佳龍依著作權法在台中市。"
ENTITIES = [(0, 3, "PERSON"), (4, 8, "LAW"), (9, 12, "GPE")]
MORE = [("勞動基準法。", [(0, 5, "LAW")]), ("民國九十年。", [(0, 5, "DATE")])]
WARNING = r"^\[ZT904\] 3 gold entities have labels that 'ner' does not have: LAW \(2\), DATE \(1\)\. It has: GPE, "


@pytest.fixture
def nlp(tiny_pipeline: Path) -> Language:
    return spacy.load(tiny_pipeline)


def golds(nlp: Language) -> list[Doc]:
    made = []
    for text, entities in [(TEXT, ENTITIES), *MORE]:
        doc = nlp.make_doc(text)
        doc.ents = [doc.char_span(start, end, label=label) for start, end, label in entities]
        made.append(doc)
    return made


def examples(nlp: Language) -> list[Example]:
    return [Example(nlp.make_doc(gold.text), gold) for gold in golds(nlp)]


@pytest.fixture
def data(nlp: Language, tmp_path: Path) -> Path:
    DocBin(docs=golds(nlp)).to_disk(tmp_path / "law.spacy")
    return tmp_path / "law.spacy"


def test_update_warns_once(nlp: Language) -> None:
    sgd = nlp.resume_training()
    with pytest.warns(UserWarning, match=WARNING):
        nlp.update(examples(nlp), sgd=sgd)
    nlp.update(examples(nlp), sgd=sgd)
    nlp.evaluate(examples(nlp))


def test_evaluate_warns_once(nlp: Language) -> None:
    with pytest.warns(UserWarning, match=WARNING) as caught:
        scores = nlp.evaluate(examples(nlp))
    assert len(caught) == 1
    assert scores["ents_r"] < 1.0
    nlp.evaluate(examples(nlp))


def test_calibrate_and_ensembles_warn(nlp: Language) -> None:
    with pytest.warns(UserWarning, match=WARNING):
        calibrate(nlp, golds(nlp))
    combined = combine([("a", nlp), ("b", nlp)])
    with pytest.warns(UserWarning, match=WARNING):
        combined.evaluate(examples(combined))


def test_labels_of_other_components_do_not_warn(nlp: Language) -> None:
    ruler: Any = nlp.add_pipe("entity_ruler", before="ner")
    ruler.add_patterns([{"label": label, "pattern": char} for label, char in (("LAW", "著"), ("DATE", "民"))])
    assert unknown_labels_message(nlp, golds(nlp)) is None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nlp.evaluate(examples(nlp)[:1])
    ours = [warning for warning in caught if "ZT904" in str(warning.message)]
    assert len(ours) == ("LAW" not in [ent.label_ for ent in nlp(TEXT).ents])


def test_added_label_does_not_warn(nlp: Language) -> None:
    ner: Any = nlp.get_pipe("ner")
    ner.add_label("LAW")
    ner.add_label("DATE")
    assert unknown_labels_message(nlp, golds(nlp)) is None
    nlp.update(examples(nlp), sgd=nlp.resume_training())


def test_pipeline_without_a_recognizer_does_not_warn() -> None:
    nlp = spacy.blank("zh_tw")
    assert unknown_labels_message(nlp, golds(nlp)) is None


def check_warned_once(output: str) -> None:
    message = " ".join(output.split())
    assert message.count("ZT904") == 1
    assert "LAW (2), DATE (1)" in message


def test_commands_warn_once(tiny_pipeline: Path, data: Path, tmp_path: Path) -> None:
    check_warned_once(succeeds("evaluate", tiny_pipeline, data, "--resamples", "2"))
    check_warned_once(succeeds("calibrate", tiny_pipeline, data, tmp_path / "calibrated"))


def test_train_warns_once_for_both_corpora(tiny_pipeline: Path, data: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    config = tmp_path / "own.cfg"
    dev = tiny_corpus / "dev.spacy"
    succeeds("init-config", config, "--source", tiny_pipeline, "--train", data, "--dev", dev)
    steps = ("--training.max_steps", "1", "--training.eval_frequency", "1")
    check_warned_once(succeeds("train", config, "-o", tmp_path / "out", *steps, "--initialize.after_init", "null"))
    output = succeeds("train", config, "-o", tmp_path / "other", *steps)
    assert "ZT904" not in output


@pytest.mark.slow
def test_quantize_and_export_warn_once(tiny_onnx: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    for command, *options in (("quantize",), ("export-onnx", "--to", "int8")):
        result = run(command, tiny_onnx[0], tmp_path / command, "--dev", data, *options, "--max-f1-drop", "100")
        assert result.exit_code == 0, result.output
        check_warned_once(result.output)
