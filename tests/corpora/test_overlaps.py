"""`convert --spans` keeps overlapping entities of every format with offsets; `export` and `validate` read them."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin, Span

from spacy_zh_tw_ner.corpora.annotation_checks import Tally, check_record, describe
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.corpora.export import export
from spacy_zh_tw_ner.corpora.formats.docbin import read_spacy
from spacy_zh_tw_ner.corpora.formats.docbin_writer import SpacyWriter
from spacy_zh_tw_ner.corpora.records import Reading, Record
from spacy_zh_tw_ner.corpora.validate import validate
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError
from tests.corpora.conversions import lines

TEXT = "臺北市政府秘書長到了。"
SPANS = [(0, 8, "TITLE"), (0, 5, "ORG"), (0, 3, "GPE")]
OBJECTS = [{"start": start, "end": end, "label": label} for start, end, label in SPANS]
TASK = [
    {
        "id": 1,
        "data": {"text": TEXT},
        "annotations": [
            {
                "result": [
                    {
                        "type": "labels",
                        "from_name": "label",
                        "to_name": "text",
                        "value": {"start": start, "end": end, "text": TEXT[start:end], "labels": [label]},
                    }
                    for start, end, label in SPANS
                ]
            }
        ],
    }
]
BRAT = "".join(f"T{i}\t{label} {start} {end}\t{TEXT[start:end]}\n" for i, (start, end, label) in enumerate(SPANS, 1))
FILES: dict[str, dict[str, str]] = {
    "jsonl": {"a.jsonl": lines({"text": TEXT, "spans": OBJECTS})},
    "doccano": {"a.jsonl": lines({"text": TEXT, "label": [list(span) for span in SPANS]})},
    "label-studio": {"a.json": json.dumps(TASK, ensure_ascii=False)},
    "brat": {"a.ann": BRAT, "a.txt": TEXT},
}


def write_files(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder / next(iter(files))


def spans_of(path: Path, key: str = "sc") -> list[tuple[int, int, str]]:
    (doc,) = DocBin().from_disk(path).get_docs(spacy.blank("zh_tw").vocab)
    assert doc.text == TEXT
    assert [(ent.start, ent.end, ent.label_) for ent in doc.ents] == [SPANS[0]]
    return [(span.start_char, span.end_char, span.label_) for span in doc.spans[key]]


@pytest.mark.parametrize("format", FILES)
def test_overlaps_are_kept_with_a_key_and_rejected_without(tmp_path: Path, format: str) -> None:
    source = write_files(tmp_path, FILES[format])
    with pytest.raises(CorpusError, match=r"ZT208.*2 of 3 annotations"):
        convert(source, tmp_path / "out.spacy", ConvertSettings(), notify=[].append)
    (tally,) = convert(source, tmp_path / "out.spacy", ConvertSettings(spans="sc"), notify=[].append).values()
    assert (tally.entities, tally.rejected, tally.overlapping) == (3, 0, 2)
    assert spans_of(tmp_path / "out.spacy") == SPANS
    assert "2 annotations overlap a longer one" in " ".join(describe([tally], tmp_path))


@pytest.mark.parametrize("format", ["jsonl", "doccano", "label-studio", "brat"])
def test_exported_overlaps_are_converted_back(tmp_path: Path, format: str) -> None:
    corpus, target = tmp_path / "corpus.spacy", tmp_path / ("brat" if format == "brat" else "out.json")
    convert(write_files(tmp_path, FILES["jsonl"]), corpus, ConvertSettings(spans="sc"), notify=[].append)
    assert export(corpus, target, format, spans_key="sc", notify=[].append) == 1
    again = next(target.glob("*.ann")) if format == "brat" else target
    convert(again, tmp_path / "again.spacy", ConvertSettings(spans="layers"), notify=[].append)
    assert spans_of(tmp_path / "again.spacy", "layers") == SPANS
    # A .spacy file is itself an input, with the overlaps of its own key.
    convert(corpus, tmp_path / "copy.spacy", ConvertSettings(spans="sc"), notify=[].append)
    assert spans_of(tmp_path / "copy.spacy") == SPANS


@pytest.mark.parametrize("format", ["bio", "bioes", "hf"])
def test_tag_formats_cannot_hold_overlaps(tmp_path: Path, format: str) -> None:
    convert(write_files(tmp_path, FILES["jsonl"]), tmp_path / "c.spacy", ConvertSettings(spans="sc"), notify=[].append)
    with pytest.raises(CorpusError, match=r"ZT235.*overlapping entities.*doccano"):
        export(tmp_path / "c.spacy", tmp_path / "out", format, spans_key="sc", notify=[].append)
    assert not (tmp_path / "out").exists()


def test_overlaps_of_one_label_are_rejected_and_listed(tmp_path: Path) -> None:
    spans = [*OBJECTS, {"start": 2, "end": 5, "label": "ORG"}]
    source = write_files(tmp_path, {"a.jsonl": lines({"text": TEXT, "spans": spans})})
    with pytest.raises(CorpusError, match=r"ZT208.*'市政府' overlaps ORG at 0–5"):
        convert(source, tmp_path / "out.spacy", ConvertSettings(spans="sc"), notify=[].append)
    settings = ConvertSettings(spans="sc", max_rejects=1)
    (tally,) = convert(source, tmp_path / "out.spacy", settings, notify=[].append).values()
    assert (tally.entities, tally.rejected) == (3, 1)
    (reject,) = map(json.loads, (tmp_path / "rejects.jsonl").read_text(encoding="utf-8").splitlines())
    assert (reject["surface"], reject["label"], reject["reason"]) == ("市政府", "ORG", "overlaps ORG at 0–5")


@pytest.mark.parametrize("key", ["ner", "gazetteer"])
def test_reserved_keys_are_an_error(tmp_path: Path, key: str) -> None:
    source = write_files(tmp_path, FILES["jsonl"])
    with pytest.raises(CorpusError, match=f"ZT802.*{key}"):
        convert(source, tmp_path / "out.spacy", ConvertSettings(spans=key), notify=[].append)
    with pytest.raises(CorpusError, match="ZT802"):
        export(source, tmp_path / "out", "jsonl", spans_key=key)


def test_simplified_texts_are_converted_with_nested_entities(tmp_path: Path) -> None:
    text = "台湾大学医学院的学生"
    spans = [{"start": 0, "end": 7, "label": "ORG"}, {"start": 0, "end": 4, "label": "SCHOOL"}]
    source = write_files(tmp_path, {"a.jsonl": lines({"text": text, "spans": spans})})
    convert(source, tmp_path / "out.spacy", ConvertSettings(spans="sc", script="s2tw"), notify=[].append)
    (doc,) = DocBin().from_disk(tmp_path / "out.spacy").get_docs(spacy.blank("zh_tw").vocab)
    assert [(span.text, span.label_) for span in doc.spans["sc"]] == [("台灣大學醫學院", "ORG"), ("台灣大學", "SCHOOL")]


def test_validate_counts_overlaps_and_reports_those_of_one_label(tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    for split in ("train", "dev"):
        doc = nlp.make_doc(TEXT)
        spans: Any = [*SPANS, (2, 5, "ORG")] if split == "dev" else SPANS
        doc.spans["sc"] = [Span(doc, *span) for span in spans]
        DocBin(docs=[doc]).to_disk(tmp_path / f"{split}.spacy")
    report = validate(tmp_path, spans_key="sc")
    assert report.splits["train"].overlapping == 2
    assert report.splits["train"].labels == {"GPE": 1, "ORG": 1, "TITLE": 1}
    (error,) = report.errors
    assert "ZT804" in error
    assert "1 entities of dev overlap others of their label ORG" in error


def test_pipelines_without_the_key_are_an_error(tmp_path: Path) -> None:
    source = write_files(tmp_path, FILES["jsonl"])
    with pytest.raises(CorpusError, match="ZT803"):
        export(source, tmp_path / "out", "jsonl", nlp=spacy.blank("zh_tw"), spans_key="sc")


ENTITIES = st.builds(
    lambda start, length, label: Entity(start, start + length, label),
    st.integers(0, 8),
    st.integers(1, 5),
    st.sampled_from("ABC"),
)


@given(st.lists(ENTITIES, max_size=8))
def test_every_annotation_is_kept_or_counted(tmp_path_factory: pytest.TempPathFactory, entities: list[Entity]) -> None:
    tally = Tally()
    record = check_record(Record("今天 天氣 很好呀一二三", entities, "a:1"), tally, overlaps=True)
    assert len(record.entities) + tally.rejected + tally.duplicates == len(entities)
    for one in record.entities:
        for other in record.entities:
            apart = one.end <= other.start or other.end <= one.start
            assert one is other or one.label != other.label or apart
    writer = SpacyWriter(tmp_path_factory.mktemp("spans") / "new", spans_key="sc")
    writer.add(record)
    (read,) = read_spacy(writer.close(), Reading(spans_key="sc"))
    assert read.entities == record.entities
