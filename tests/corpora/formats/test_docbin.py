"""`.spacy` files are read, including those of `spacy convert` with a space after each character."""

from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus
from spacy.vocab import Vocab

from spacy_zh_tw_ner.corpora.formats.docbin import SpacyWriter, read_spacy
from spacy_zh_tw_ner.corpora.records import Reading, Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError
from spacy_zh_tw_ner.training.char_corpus import CharCorpus
from tests.annotated_docs import make_doc


def save(path: Path, *docs: Doc) -> Path:
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def doc_of(words: list[str], ents: list[tuple[int, int, str]], spaces: list[bool] | None = None) -> Doc:
    doc = Doc(Vocab(), words=words, spaces=spaces)
    doc.ents = [Span(doc, *ent) for ent in ents]
    return doc


def read(path: Path, messages: list[str] | None = None) -> list[Record]:
    return list(read_spacy(path, Reading(notify=[].append if messages is None else messages.append)))


def test_word_tokens_are_read_with_character_offsets(tmp_path: Path) -> None:
    words, spaces = ["在", "New", "York", "見", "蔡英文"], [True, True, True, False, False]
    path = save(tmp_path / "a.spacy", doc_of(words, [(1, 3, "GPE"), (4, 5, "PERSON")], spaces))
    (record,) = read(path)
    assert (record.text, record.origin) == ("在 New York 見蔡英文", f"{path}:1")
    assert record.entities == [Entity(2, 10, "GPE"), Entity(12, 15, "PERSON")]
    assert record.repairs == []


def test_spaces_that_spacy_convert_adds_are_removed(tmp_path: Path) -> None:
    from spacy.cli.convert import convert

    source = tmp_path / "a.iob"
    rows = "台 B-GPE\n北 I-GPE\n市 I-GPE\n很 O\n大 O\n\n5 B-X\nG I-X\n在 O\nNew B-GPE\nYork I-GPE\n"
    source.write_text(rows, encoding="utf-8")
    convert(source, tmp_path, file_type="spacy", converter="ner")
    (before,) = list(DocBin().from_disk(tmp_path / "a.spacy").get_docs(Vocab()))[:1]
    assert before.text.startswith("台 北 市 很 大 ")
    messages: list[str] = []
    found = read(tmp_path / "a.spacy", messages)
    assert [(r.text, r.entities) for r in found] == [
        ("台北市很大", [Entity(0, 3, "GPE")]),
        ("5G在New York", [Entity(0, 2, "X"), Entity(3, 11, "GPE")]),
    ]
    assert [record.repairs for record in found] == [["spaces between characters"]] * 2
    assert messages == [f"{tmp_path / 'a.spacy'}: the space after each Chinese character was removed in 2 documents."]


def test_spaces_in_our_own_files_are_kept(tmp_path: Path) -> None:
    record = Record("台 北 市 很 大", [Entity(0, 5, "GPE")], "x:1")
    writer = SpacyWriter(tmp_path / "a")
    writer.add(record)
    assert read(writer.close()) == [record]


def test_documents_without_annotation_are_left_out_and_reported(tmp_path: Path) -> None:
    bare, partly = Doc(Vocab(), words=["甲"], spaces=[False]), Doc(Vocab(), words=["甲", "乙"], spaces=[False] * 2)
    partly.set_ents([Span(partly, 0, 1, "X")], default="missing")
    empty, outside = doc_of([], []), doc_of(["丙"], [], [False])
    messages: list[str] = []
    found = read(save(tmp_path / "a.spacy", bare, partly, empty, outside), messages)
    assert [record.text for record in found] == ["", "丙"]
    reason = "because some tokens have no gold annotation"
    assert messages == [f"{tmp_path / 'a.spacy'}: 2 documents are left out, {reason}."]


@pytest.mark.parametrize("content", [b"", b"x", b"PAR1", "好".encode()])
def test_a_file_that_is_not_a_docbin_is_an_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.spacy").write_bytes(content)
    with pytest.raises(CorpusError, match=r"^\[ZT210\] .*a\.spacy"):
        read(tmp_path / "a.spacy")


TEXT = st.text(st.sampled_from([*"台北 AB12\u3000\n𠮷\u200b"]), max_size=12) | st.text(max_size=8)


@given(texts=st.lists(TEXT, min_size=1, max_size=4), data=st.data())
def test_documents_are_packed_as_by_spacy(
    texts: list[str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    records = []
    for i, text in enumerate(texts):
        places = [j for j, char in enumerate(text) if not char.isspace()]
        starts = data.draw(st.lists(st.sampled_from(places), unique=True, max_size=4)) if places else []
        entities = [Entity(start, start + 1, f"L{start % 2}") for start in sorted(starts)]
        records.append(Record(text, entities, f"x:{i}", "d" * (i % 2)))
    writer = SpacyWriter(tmp_path_factory.mktemp("packed") / "out")
    for record in records:
        writer.add(record)
    nlp = spacy.blank("zh_tw")
    found = list(DocBin().from_disk(writer.close()).get_docs(nlp.vocab))
    for doc, record in zip(found, records, strict=True):
        expected = make_doc(nlp, record)
        assert doc.text == expected.text
        assert doc.user_data == expected.user_data
        assert [(t.text, t.whitespace_, t.norm_, t.ent_iob_, t.ent_type_) for t in doc] == [
            (t.text, t.whitespace_, t.norm_, t.ent_iob_, t.ent_type_) for t in expected
        ]
        assert doc.has_annotation("ENT_IOB", require_complete=True) == expected.has_annotation(
            "ENT_IOB", require_complete=True
        )
    assert list(read_spacy(writer.folder)) == records


MANY = [
    Record(f"第{i}天在臺北", [Entity(len(f"第{i}天在"), len(f"第{i}天在臺北"), "GPE")], f"x:{i}") for i in range(25)
]


def shards(folder: Path, limit: int = 40) -> Path:
    writer = SpacyWriter(folder, shard=limit)
    for record in MANY:
        writer.add(record)
    return writer.close()


def test_a_corpus_longer_than_a_shard_becomes_a_folder_that_spacy_reads(tmp_path: Path) -> None:
    path = shards(tmp_path / "train.spacy")
    assert path == tmp_path / "train.spacy"
    assert [file.name for file in sorted(path.iterdir())] == [f"{i:05}.spacy" for i in range(1, 5)]
    assert read(path) == MANY
    nlp = spacy.blank("zh_tw")
    texts = [record.text for record in MANY]
    assert [example.reference.text for example in Corpus(path)(nlp)] == texts
    assert [example.reference.text for example in CharCorpus(path)(nlp)] == texts
    assert [example.reference.text for example in CharCorpus(path, limit=12)(nlp)] == texts[:12]
    first = set()
    for _ in range(40):
        shuffled = [example.reference.text for example in CharCorpus(path, shuffle=True)(nlp)]
        assert sorted(shuffled) == sorted(texts)
        first.add(texts.index(shuffled[0]) // 7)
    assert len(first) > 1  # the parts also come in another order


def test_a_corpus_shorter_than_a_shard_becomes_a_file(tmp_path: Path) -> None:
    assert shards(tmp_path / "a", limit=1_000_000) == tmp_path / "a" / "00001.spacy"
    assert shards(tmp_path / "b", limit=40).is_dir()


def test_a_document_may_exceed_a_million_characters(tmp_path: Path) -> None:
    record = Record("臺" * 1_000_001 + " 北", [Entity(1_000_002, 1_000_003, "X")], "x:1")
    writer = SpacyWriter(tmp_path / "a")
    writer.add(record)
    assert read(writer.close()) == [record]


def test_an_entity_that_begins_with_a_space_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="x:7 cannot be used: an entity begins or ends inside a token"):
        SpacyWriter(tmp_path / "a").add(Record("在 臺北", [Entity(1, 3, "X")], "x:7"))
