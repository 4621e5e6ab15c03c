"""Label maps: corpora of other projects, in Parquet, scored by the labels that they share with a pipeline."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.pipeline import EntityRuler

from spacy_zh_tw_ner.components.span_annotations import get_score, write_scores
from spacy_zh_tw_ner.entities import Entity, Prediction
from spacy_zh_tw_ner.errors import CorpusError, UsageError
from spacy_zh_tw_ner.evaluation.label_maps import LabelMap, read_label_map, read_mapped_golds
from spacy_zh_tw_ner.evaluation.predictions import compare, predict_golds
from spacy_zh_tw_ner.evaluation.report import EvaluateSettings, evaluate
from spacy_zh_tw_ner.taiwan import LABELS
from tests.cli.helpers import misused, succeeds

pytest.importorskip("pyarrow")

SHIPPED = Path(__file__).parents[2] / "assets" / "pii" / "label-map.toml"
# Texts and spans as the benchmark has them
ROWS: list[tuple[str, list[tuple[int, int, str]]]] = [
    ("王小明的手機是0912-345-678", [(0, 3, "private_person"), (7, 19, "private_phone")]),
    ("帳號012-345678901234，卡號4111111111111111", [(2, 18, "account_number"), (21, 37, "account_number")]),
    ("身分證A123456789，生日75/3/2", [(3, 13, "tw_national_id"), (16, 22, "private_date")]),
    ("貓的名字是小白", [(5, 7, "pet_name")]),
    ("訂單編號12345678", []),
]


def as_objects(spans: list[tuple[int, int, str]]) -> list[dict[str, Any]]:
    return [
        {"start": a, "end": b, "label": label, "text": "", "expected_model_label": "other"} for a, b, label in spans
    ]


SHAPES = {
    "objects": as_objects,
    "strings": lambda spans: [[str(start), str(end), label] for start, end, label in spans],
    "JSON": json.dumps,
    "lists as JSON": lambda spans: [json.dumps(span) for span in spans],
}


def write(path: Path, shape: str = "objects", column: str = "spans") -> Path:
    from pyarrow import Table, parquet

    rows = [
        {"id": f"t{i}", "text": text, column: SHAPES[shape](spans), "is_negative": not spans}  # type: ignore[operator]
        for i, (text, spans) in enumerate(ROWS)
    ]
    for row in rows:
        if shape == "objects":
            for span in row[column]:  # type: ignore[attr-defined]
                span["text"] = str(row["text"])[span["start"] : span["end"]]
    parquet.write_table(Table.from_pylist(rows), path)
    return path


@pytest.fixture(scope="module")
def nlp() -> Language:
    """A pipeline with the rules, that also finds a name, a place and an organization."""
    pipeline = spacy.blank("zh_tw")
    ruler = pipeline.add_pipe("entity_ruler")
    assert isinstance(ruler, EntityRuler)
    ruler.add_patterns([{"label": "PERSON", "pattern": "王小明"}, {"label": "ORG", "pattern": "小白"}])
    pipeline.add_pipe("zh_tw_pii")
    return pipeline


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("column", ["spans", "privacy_mask"])
def test_every_shape_of_spans_in_parquet_is_read(shape: str, column: str, nlp: Language, tmp_path: Path) -> None:
    notes: list[str] = []
    golds = read_mapped_golds(nlp, write(tmp_path / "a.parquet", shape, column), read_label_map(SHIPPED), notes.append)
    assert [[(ent.text, ent.label_) for ent in gold.ents] for gold in golds] == [
        [("王小明", "PERSON"), ("0912-345-678", "PHONE")],
        [("012-345678901234", "ACCOUNT"), ("4111111111111111", "ACCOUNT")],
        [("A123456789", "NATIONAL_ID"), ("75/3/2", "DATE")],
        [],
        [],
    ]
    assert [note for note in notes if "pet_name (1)" in note and "do not count" in note]


def test_predictions_are_mapped_and_what_has_no_label_does_not_count(nlp: Language, tmp_path: Path) -> None:
    label_map = read_label_map(SHIPPED)
    golds = read_mapped_golds(nlp, write(tmp_path / "a.parquet"), label_map, str)
    documents = compare(predict_golds(nlp, golds, label_map))
    assert [document.is_right for document in documents] == [True] * len(ROWS)
    assert {entity.label for document in documents for entity in document.found} == {
        "PERSON", "PHONE", "ACCOUNT", "NATIONAL_ID", "DATE",
    }  # fmt: skip
    report = evaluate(nlp, golds, EvaluateSettings(resamples=10, scripts=True, label_map=label_map))
    assert report.exact.micro.f.value == 1.0
    assert report.scripts["variants swapped"].scores.f.value == 1.0


def test_scores_are_kept() -> None:
    doc = spacy.blank("zh_tw").make_doc("王小明住臺北")
    entities = (Entity(0, 3, "PER"), Entity(4, 6, "GPE"))
    doc.ents = [doc.char_span(*entity[:2], label=entity.label) for entity in entities]  # type: ignore[misc]
    write_scores(doc, Prediction(entities, (0.9, 0.8)))
    mapped = LabelMap({"name": "PERSON"}, {"PER": "PERSON"}).relabel(doc)
    assert [(ent.text, ent.label_, get_score(ent)) for ent in mapped.ents] == [("王小明", "PERSON", 0.9)]


def test_both_sides_of_the_map_are_reported() -> None:
    label_map = LabelMap({"name": "PERSON", "phone": "PHONE"}, {"PER": "PERSON"})
    assert label_map.report(["PER", "DATE", "URL"]) == [
        "Labels outside of the map, whose entities do not count: DATE, URL.",
        "Labels of the map that the pipeline does not have: PHONE.",
    ]
    assert label_map.report(["PERSON", "PHONE"]) == []


def test_the_shipped_map_names_labels_of_the_rules() -> None:
    label_map = read_label_map(SHIPPED)
    known = {label_map.of_prediction(label) for label in (*LABELS, "PERSON")} - {None}
    assert known == set(label_map.corpus.values())
    assert set(label_map.pipeline) <= set(LABELS)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("not = = TOML", "ZT733"),
        ("", "ZT733"),
        ("[corpus]", "ZT733"),
        ("a = 1", "ZT734"),
        ('[other]\na = "A"', "ZT734"),
        ("[corpus]\na = 1", "ZT734"),
        ('[corpus]\na = ""', "ZT734"),
    ],
)
def test_what_is_no_map_is_refused(written: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(written, encoding="utf-8")
    with pytest.raises(UsageError, match=code):
        read_label_map(tmp_path / "map.toml")


def test_a_map_of_another_corpus_is_refused(nlp: Language, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="ZT735"):
        read_mapped_golds(nlp, write(tmp_path / "a.parquet"), LabelMap({"NAME": "PERSON"}), str)


def test_the_command_takes_parquet_and_reports_labels(nlp: Language, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path / "pipeline")
    data, scores = write(tmp_path / "short.parquet"), tmp_path / "scores.json"
    options = ["--label-map", SHIPPED, "-o", scores, "--resamples", "10"]
    output = succeeds("evaluate", tmp_path / "pipeline", data, *options)
    assert "pet_name (1)" in output
    assert "RESIDENT_ID" in output
    found = json.loads(scores.read_text(encoding="utf-8"))
    assert found["label_map"] == str(SHIPPED)
    assert found["micro"]["f"] == 100.0
    (tmp_path / "map.toml").write_text("[corpus]", encoding="utf-8")
    assert "ZT733" in misused("evaluate", tmp_path / "pipeline", data, "--label-map", tmp_path / "map.toml")


def test_labels_of_the_map_are_not_reported_as_outside_of_it(nlp: Language, tmp_path: Path) -> None:
    known = {label: "PHONE" for _, spans in ROWS for _, _, label in spans}
    messages: list[str] = []
    read_mapped_golds(nlp, write(tmp_path / "data.parquet"), LabelMap(known), messages.append)
    assert not [message for message in messages if "outside of the map" in message]
    read_mapped_golds(nlp, tmp_path / "data.parquet", LabelMap({"private_phone": "PHONE"}), messages.append)
    (message,) = [message for message in messages if "outside of the map" in message]
    assert "account_number (2)" in message
    assert "private_phone" not in message
