"""Parquet is read and written: columns keep their types, and chunks follow row groups."""

import datetime as dt
import json
from pathlib import Path

import pytest

from spacy_zh_tw_ner.annotation.annotate import annotate
from spacy_zh_tw_ner.annotation.chunks import find_chunks
from spacy_zh_tw_ner.annotation.records import ChunkReader
from spacy_zh_tw_ner.errors import UnreadableFileError

from .helpers import MakeJob, json_lines, rows_of

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def source(tiny_texts: list[str], tmp_path: Path) -> Path:
    texts = [*tiny_texts, None, *tiny_texts, "末"]
    count = len(texts)
    table = pa.table(
        {
            "body": pa.array(texts, pa.large_string()),
            "when": pa.array([10**18 + i for i in range(count)], pa.timestamp("ns")),
            "kind": pa.array(["甲", "乙"] * (count // 2)).dictionary_encode(),
            "small": pa.array(range(count), pa.int8()),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=7)
    return tmp_path / "in.parquet"


def test_columns_are_kept_and_entities_added(make_job: MakeJob, source: Path) -> None:
    job = make_job(source, "out.parquet", text_field="body", entities_field="ents", chunk_size=3)
    tally = annotate(job, progress=False)
    before, after = pq.read_table(source), pq.read_table(job.target)
    kept = [i for i, text in enumerate(before.column("body").to_pylist()) if text is not None]
    assert after.drop_columns(["ents"]).equals(before.take(kept))
    assert after.schema.field("when").type == pa.timestamp("ns")
    assert pq.ParquetFile(job.target).num_row_groups == 1
    for text, entities in zip(after.column("body").to_pylist(), after.column("ents").to_pylist(), strict=True):
        assert all(text[e["start"] : e["end"]] == e["text"] and 0 < e["score"] <= 1 for e in entities)
    assert tally.entities == sum(map(len, after.column("ents").to_pylist())) > 0
    (reject,) = rows_of(job.rejects)
    assert (reject["line"], reject["reason"]) == (kept.index(9) + 1, "'body' is null, not a string")


def test_dates_of_parquet_become_strings_in_json_lines(make_job: MakeJob, tmp_path: Path) -> None:
    day = dt.date(2024, 1, 2)
    pq.write_table(pa.table({"text": ["在臺北市", "好"], "day": [day, None]}), tmp_path / "in.parquet")
    annotate(job := make_job(tmp_path / "in.parquet"), progress=False)
    first, second = rows_of(job.target)
    assert (first["text"], first["day"], [e["text"] for e in first["entities"]]) == (
        "在臺北市",
        "2024-01-02",
        ["臺北市"],
    )
    assert second == {"text": "好", "day": None, "entities": []}


def test_parquet_from_json_lines_keeps_other_fields_as_json(make_job: MakeJob, tiny_texts: list[str]) -> None:
    job = make_job(json_lines(tiny_texts), "out.parquet", chunk_size=3)
    annotate(job, progress=False)
    table = pq.read_table(job.target)
    assert table.column("text").to_pylist() == tiny_texts
    meta = [json.loads(value) for value in table.column("meta").to_pylist()]
    assert meta == [{"id": i, "tags": ["新聞", None]} for i in range(len(tiny_texts))]


def test_chunks_cover_every_row_once_in_any_reading_order(make_job: MakeJob, source: Path) -> None:
    job = make_job(source, text_field="body", chunk_size=3)
    chunks, _ = find_chunks(job)
    rows = pq.read_table(source).column("small").to_pylist()
    assert [chunk.line for chunk in chunks] == [1, 4, 7, 8, 11, 14, 15, 18]
    for order in (chunks, chunks[::-1], [*chunks[::2], *chunks[1::2]]):
        read = ChunkReader(job)
        found = {chunk.line: read(chunk).table.column("small").to_pylist() for chunk in order}
        assert [row for line in sorted(found) for row in found[line]] == rows


def test_an_unsuitable_parquet_file_is_an_error(make_job: MakeJob, source: Path, tmp_path: Path) -> None:
    (broken := tmp_path / "broken.parquet").write_bytes(b"no Parquet")
    for job, code in (
        (make_job(source), r"ZT524.*body \(large_string\)"),
        (make_job(source, text_field="small"), "ZT524"),
        (make_job(source, text_field="body", entities_field="kind"), "ZT525"),
        (make_job(broken, text_field="body"), "ZT523"),
    ):
        with pytest.raises(ValueError, match=code):
            annotate(job, progress=False)
        assert not job.folder.exists()


def test_a_damaged_page_is_an_error(make_job: MakeJob, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["好"] * 9}), path := tmp_path / "in.parquet")
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * 40 + data[44:])
    with pytest.raises(UnreadableFileError, match="ZT523"):
        annotate(make_job(path), progress=False)
