"""Deep nesting, decompression bombs and impossible numbers are errors with file and line."""

import json
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import srsly
from pyarrow import parquet
from spacy.tokens import DocBin

from spacy_zh_tw_ner.corpora.formats.detection import FORMATS, guess_format
from spacy_zh_tw_ner.corpora.formats.docbin import read_docbin, read_spacy
from spacy_zh_tw_ner.corpora.records import SILENT
from spacy_zh_tw_ner.errors import CorpusError
from spacy_zh_tw_ner.training.char_corpus import CharCorpus
from spacy_zh_tw_ner.untrusted import documents

SAVED = Path(__file__).parents[1] / "saved" / "v0_1_0" / "corpus" / "train.spacy"
JSON = ("jsonl", "doccano", "cluener", "hf", "label-studio")


@pytest.mark.parametrize("format_", JSON)
@pytest.mark.parametrize("deep", ["[" * 100_000, "[" * 500 + "]" * 500, '{"a":' * 300 + "1" + "}" * 300, "1" * 5000])
@pytest.mark.parametrize("as_array", [False, True])
def test_deep_nesting_and_huge_numbers_in_json_are_an_error(
    format_: str, deep: str, as_array: bool, tmp_path: Path
) -> None:
    path = tmp_path / "x.jsonl"
    keys = '"text": "好", "label": 1, "labels": 1, "spans": 1, "tokens": 1, "ner_tags": 1, "data": 1, "annotations": 1'
    for key in ("other", "label", "spans", "tokens", "ner_tags", "annotations", "data", "text"):
        line = f"{{{keys}, {json.dumps(key)}: {deep}}}"
        path.write_text(f"[{line}]" if as_array else line, encoding="utf-8")
        with pytest.raises(CorpusError, match=r"\[ZT\d+\].*x\.jsonl"):
            list(FORMATS[format_](path, SILENT))
        with pytest.raises(CorpusError):
            list(FORMATS[guess_format(path)](path, SILENT))


@pytest.mark.parametrize("number", [10**18, 10**30, -(10**30), 1e308, "1e999", "NaN"])
def test_impossible_offsets_are_rejected(number: object, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"text": "好", "entities": [[0, {number}, "GPE"]]}}', encoding="utf-8")
    (record,) = FORMATS["jsonl"](path, SILENT)
    assert not record.entities
    assert len(record.rejects) == 1


@pytest.mark.parametrize("offset", ["9" * 5000, "9" * 30])
def test_brat_offsets_with_too_many_digits_are_an_error(offset: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("好", encoding="utf-8")
    (tmp_path / "a.ann").write_text(f"T1\tGPE 0 {offset}\t好\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a\.ann:1"):
        list(FORMATS["brat"](tmp_path / "a.ann", SILENT))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 200 + "1" + "}" * 200, "9" * 5000, "", "{"])
def test_a_hostile_file_of_tag_names_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(text, encoding="utf-8")
    path = tmp_path / "x.jsonl"
    path.write_text('{"tokens": ["好"], "ner_tags": [0]}', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"labels\.json"):
        list(FORMATS["hf"](path, SILENT))


def test_parquet_that_decodes_to_far_more_than_its_size_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.parquet"
    table = pa.table({"tokens": [["好"] * 100_000], "ner_tags": [["O"] * 100_000]})
    parquet.write_table(table, path, compression="zstd")
    assert len(list(FORMATS["hf"](path, SILENT))) == 1
    monkeypatch.setattr(documents, "SMALL", 2**10)
    monkeypatch.setattr(documents, "HIGHEST_RATIO", 2)
    with pytest.raises(CorpusError, match=r"ZT225.*x\.parquet"):
        list(FORMATS["hf"](path, SILENT))


@pytest.mark.parametrize("metadata", ["[" * 100_000, '{"a":' * 200 + "1" + "}" * 200, "{", "\ud800"])
def test_hostile_parquet_metadata_is_an_error(metadata: str, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pa.table({"tokens": [["好"]], "ner_tags": [["O"]]})
    data = metadata.encode("utf-8", "surrogatepass")
    parquet.write_table(table.replace_schema_metadata({"huggingface": data}), path)
    with pytest.raises(CorpusError, match=r"ZT225.*x\.parquet"):
        list(FORMATS["hf"](path, SILENT))


def test_a_damaged_parquet_page_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"tokens": [["好"] * 50] * 9, "ner_tags": [["O"] * 50] * 9}), path)
    data = bytearray(path.read_bytes())
    data[4:60] = bytes(56)
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=r"ZT225.*x\.parquet"):
        list(FORMATS["hf"](path, SILENT))


def test_a_spacy_decompression_bomb_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "SMALL", 2**20)
    path = tmp_path / "x.spacy"
    path.write_bytes(zlib.compress(bytes(2**26)))
    for read in (read_docbin, lambda path: list(CharCorpus(path)(None))):  # type: ignore[arg-type, return-value]
        with pytest.raises(CorpusError, match=r"\[ZT210\].*x\.spacy.*would grow"):
            read(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("attrs", []),
        ("attrs", [10**6]),
        ("attrs", "ORTH"),
        ("lengths", b"\xff\xff\xff\xff"),
        ("lengths", b"\xff\xff\xff\x7f"),
        ("lengths", b""),
        ("tokens", b"\x01" * 8),
        ("spaces", b""),
        ("strings", [5]),
        ("strings", []),
        ("cats", [[]]),
        ("flags", None),
        ("user_data", [b"\xdd\xff\xff\xff\xff"] * 8),
        ("user_data", [b"\x91" * 5000] * 8),
        ("span_groups", [b"\x81\xc4\x05\xdd\xff\xff\xff\xff\x90"] * 8),
        ("span_groups", [5]),
    ],
    ids=str,
)
def test_invalid_content_of_a_spacy_file_is_an_error(key: str, value: Any, tmp_path: Path) -> None:
    content = srsly.msgpack_loads(zlib.decompress(SAVED.read_bytes()))
    path = tmp_path / "x.spacy"
    path.write_bytes(zlib.compress(srsly.msgpack_dumps({**content, key: value})))
    with pytest.raises(CorpusError, match=r"\[ZT210\].*x\.spacy"):
        list(read_spacy(path))


def test_every_file_that_spacy_writes_is_read(tmp_path: Path) -> None:
    import spacy
    from spacy.tokens import Doc, Span

    nlp = spacy.blank("zh_tw")
    docs: list[Doc] = []
    for text in ("蔡英文在臺北", "", "好 A"):
        doc = nlp.make_doc(text)
        doc.cats = {"x": 0.5}
        if len(doc):
            doc.set_ents([Span(doc, 0, 1, "GPE", kb_id="Q1", span_id="a")], default="outside")
            doc.spans["sc"] = [Span(doc, 0, 1, "X"), Span(doc, 0, 2, "Y")]
            doc[0].tag_, doc[0].lemma_, doc[0].dep_ = "N", "x", "ROOT"
        doc.user_data["a"] = [1, {"b": 2}]
        docs.append(doc)
    for attributes in (None, ["ENT_IOB", "ENT_TYPE"], ["HEAD", "DEP", "TAG", "IS_ALPHA", "ENT_IOB", "ENT_TYPE"]):
        arguments = {"attrs": attributes} if attributes else {}
        DocBin(docs=docs, store_user_data=True, **arguments).to_disk(tmp_path / "x.spacy")  # type: ignore[arg-type]
        found = list(read_docbin(tmp_path / "x.spacy").get_docs(nlp.vocab))
        assert [doc.text for doc in found] == [doc.text for doc in docs]
        assert [doc.to_json()["ents"] for doc in found] == [doc.to_json()["ents"] for doc in docs]
        assert [len(doc.spans.get("sc", ())) for doc in found] == [2, 0, 2]
        assert found[0].user_data["a"] == (1, {"b": 2})
