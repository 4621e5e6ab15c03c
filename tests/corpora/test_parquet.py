"""Rows of Parquet: values of columns that hold JSON."""

from pathlib import Path

import pytest

from spacy_zh_tw_ner.corpora.parquet import open_rows
from spacy_zh_tw_ner.corpora.records import FieldNames

pytest.importorskip("pyarrow")


def test_a_text_column_that_the_user_names_is_never_parsed(tmp_path: Path) -> None:
    from pyarrow import Table, parquet

    rows = [{"article": '["王小明"]', "spans": '[[1, 4, "PERSON"]]'}, {"article": "[[1, 2]]", "spans": "[]"}]
    parquet.write_table(Table.from_pylist(rows), tmp_path / "a.parquet")
    objects = [data for _, data in open_rows(tmp_path / "a.parquet", fields=FieldNames(text="article")).objects]
    assert [data["article"] for data in objects] == ['["王小明"]', "[[1, 2]]"]
    assert [data["spans"] for data in objects] == [[[1, 4, "PERSON"]], []]
