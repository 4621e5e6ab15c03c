"""Annotated files have the normal forms of entities, if the pipeline sets any."""

from pathlib import Path
from typing import Any

import pytest
import spacy

from spacy_zh_tw_ner.annotation.annotate import annotate
from spacy_zh_tw_ner.components.normalizer import Normalizer

from .helpers import MakeJob, rows_of

pytestmark = pytest.mark.usefixtures("here")
TEXTS = "在臺北市花了三萬五\n花了三萬多\n好\n"
FORMS = [[("GPE", "臺北市", None), ("MONEY", "三萬五", "TWD 35000")], [("MONEY", "三萬多", None)], []]


@pytest.fixture(scope="module")
def normalizing(tiny_pipeline: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a pipeline whose rules find two amounts."""
    nlp = spacy.load(tiny_pipeline)
    ruler: Any = nlp.add_pipe("entity_ruler", config={"overwrite_ents": True})
    ruler.add_patterns([{"label": "MONEY", "pattern": text} for text in ("三萬五", "三萬多")])
    assert isinstance(nlp.add_pipe("zh_tw_normalizer"), Normalizer)
    path = tmp_path_factory.mktemp("normalizing")
    nlp.to_disk(path)
    return path


def test_json_lines_have_the_normal_forms_of_entities(make_job: MakeJob, normalizing: Path) -> None:
    annotate(job := make_job(TEXTS, suffix=".txt", pipeline=normalizing), progress=False)
    rows = rows_of(job.target)
    assert [[(e["label"], e["text"], e.get("normalized")) for e in row["entities"]] for row in rows] == FORMS
    assert sum("normalized" in e for row in rows for e in row["entities"]) == 1


def test_parquet_has_a_field_for_normal_forms(make_job: MakeJob, normalizing: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    annotate(job := make_job(TEXTS, "out.parquet", suffix=".txt", pipeline=normalizing), progress=False)
    entities = pq.read_table(job.target).column("entities").to_pylist()
    assert [[(e["label"], e["text"], e["normalized"]) for e in row] for row in entities] == FORMS


def test_docbins_have_normal_forms_in_span_groups(make_job: MakeJob, normalizing: Path) -> None:
    annotate(job := make_job(TEXTS, "out.spacy", suffix=".txt", pipeline=normalizing), progress=False)
    docs = spacy.tokens.DocBin().from_disk(job.target).get_docs(spacy.blank("zh_tw").vocab)
    assert [[(e.label_, e.text, e._.normalized) for e in doc.ents] for doc in docs] == FORMS
