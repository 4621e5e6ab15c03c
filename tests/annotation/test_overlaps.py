"""Overlapping entities of a pipeline are written to JSON lines, Parquet and `.spacy`, and never to a masked output."""

from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_zh_tw_ner.annotation.annotate import annotate
from tests.components.nested_data import NESTED, build_spans, fit_spans

from .helpers import MakeJob, json_lines, rows_of

EXPECTED = [(0, 5, "ORG"), (0, 3, "GPE")]
FIELD = "overlapping_entities"


@pytest.fixture(scope="module")
def nested_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nested")
    fit_spans(build_spans()).to_disk(folder)
    return folder


@pytest.mark.usefixtures("here")
def test_json_lines_have_a_field_of_overlapping_entities(make_job: MakeJob, nested_pipeline: Path) -> None:
    job = make_job(json_lines([text for text, _ in NESTED]), pipeline=nested_pipeline, chunk_size=2)
    annotate(job)
    rows = rows_of(job.target)
    assert [row["entities"] for row in rows] == [[]] * 4
    assert [(span["start"], span["end"], span["label"]) for span in rows[0][FIELD]] == EXPECTED
    assert all(span["score"] > 0.9 and span["text"] for span in rows[0][FIELD])
    assert rows[3][FIELD] == []


@pytest.mark.usefixtures("here")
def test_parquet_has_a_column_of_overlapping_entities(make_job: MakeJob, nested_pipeline: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    source = json_lines([text for text, _ in NESTED]) + "not JSON\n"
    job = make_job(source, "out.parquet", pipeline=nested_pipeline, chunk_size=4)
    annotate(job)
    rows = parquet.read_table(job.target).to_pylist()
    assert [(span["start"], span["end"], span["label"]) for span in rows[0][FIELD]] == EXPECTED
    assert len(rows) == 4


@pytest.mark.usefixtures("here")
def test_docbins_have_the_spans_with_scores(make_job: MakeJob, nested_pipeline: Path) -> None:
    job = make_job(json_lines([NESTED[0][0]]), "out.spacy", pipeline=nested_pipeline)
    annotate(job)
    (doc,) = DocBin().from_disk(job.target).get_docs(spacy.blank("zh_tw").vocab)
    assert [(span.start, span.end, span.label_) for span in doc.spans["sc"]] == EXPECTED
    assert len(doc.spans["sc"].attrs["scores"]) == 2


@pytest.mark.usefixtures("here")
def test_a_record_with_the_field_is_rejected(make_job: MakeJob, nested_pipeline: Path) -> None:
    job = make_job(f'{{"text": "臺南。", "{FIELD}": []}}\n{{"text": "臺南。"}}\n', pipeline=nested_pipeline)
    annotate(job)
    (row,) = rows_of(job.target)
    assert row["text"] == "臺南。"
    (reject,) = rows_of(job.rejects)
    assert FIELD in reject["reason"]
