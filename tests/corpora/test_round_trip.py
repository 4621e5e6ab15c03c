"""convert → export → convert gives the same records, for every format that can hold them."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.annotation_checks import Tally, check_record
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.corpora.export import WRITERS, export, why_not, write_corpus
from spacy_zh_tw_ner.corpora.formats.detection import FORMATS, guess_format
from spacy_zh_tw_ner.corpora.formats.docbin import read_spacy
from spacy_zh_tw_ner.corpora.formats.docbin_writer import SpacyWriter
from spacy_zh_tw_ner.corpora.records import SILENT, Record
from spacy_zh_tw_ner.corpora.splits import data_files
from spacy_zh_tw_ner.entities import Entity

ContentT = list[tuple[str, list[Entity], str]]

# Everything that has ever moved an offset: pairs of surrogates, graphemes of several characters, line breaks of all
# kinds, white space that is and is not, marks that formats give a meaning to.
NASTY = list(
    '台北市𠮷👨\u200d👩👍🏽\ufe0f\ue000e\u0301か\u3099 \u3000\xa0\n\r\t\x0b\x0c\x85\u2028\u200b\ufeff\x00\\[]()#="{},O-'
)
TEXTS = st.one_of(st.text(NASTY, max_size=20), st.text(max_size=12))
LABELS = st.sampled_from(["GPE", "GPE-NAM", "地名", "O", "B-X", "I", "a.b/c"])


@st.composite
def records(draw: st.DrawFn) -> Record:
    text = draw(TEXTS)
    spans = draw(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6), LABELS), max_size=5))
    raw = Record(
        text,
        [Entity(start, start + n, label) for start, n, label in spans],
        "x:1",
        draw(st.sampled_from(["", "", "a-1", "新聞 2"])),
    )
    return check_record(raw, Tally())


CORPORA = st.lists(records(), min_size=1, max_size=4)


def content(found: list[Record], *, with_doc_id: bool = True) -> ContentT:
    return [(r.text, r.entities, r.doc_id if with_doc_id else "") for r in found]


def read(path: Path) -> list[Record]:
    files = data_files(path) if path.is_dir() else [path]
    return [record for file in files for record in FORMATS[guess_format(file)](file, SILENT)]


@pytest.mark.parametrize("format", WRITERS)
@settings(max_examples=40)
@given(corpus=CORPORA)
@example([Record("好", [], "x:1")])
@example([Record("𠮷野家台北👍🏽消防局", [Entity(3, 5, "GPE"), Entity(7, 10, "ORG")], "x:1")])
@example([Record("e\u0301", [Entity(0, 1, "X")], "x:1")])
@example([Record("#", [Entity(0, 1, "X")], "x:1"), Record("# O", [], "x:2")])
@example([Record("甲▁乙[CLS]##丙0", [Entity(1, 2, "X")], "x:1"), Record("▁", [], "x:2")])
@example([Record("甲", [], "x:1", "a-1"), Record("乙", [], "x:2"), Record("丙", [], "x:3", "新聞 2")])
def test_exported_records_are_read_unchanged(format: str, corpus: list[Record]) -> None:
    corpus = [record for record in corpus if not why_not(record, format)]
    assume(corpus)
    with TemporaryDirectory() as folder:
        target = Path(folder) / "out"
        assert write_corpus(((record, []) for record in corpus), target, format, model=None) == len(corpus)
        with_doc_id = format != "brat"  # where the name of the file is that of the document
        found = read(target)
    assert content(found, with_doc_id=with_doc_id) == content(corpus, with_doc_id=with_doc_id)
    assert [record.rejects for record in found] == [[] for _ in found]
    assert [record.repairs for record in found] == [[] for _ in found]


def pack(corpus: list[Record], folder: Path) -> Path:
    writer = SpacyWriter(folder)
    for record in corpus:
        writer.add(record)
    return writer.close()


@pytest.mark.parametrize("format", WRITERS)
@settings(max_examples=15)
@given(corpus=CORPORA)
def test_convert_export_convert_is_the_identity(format: str, corpus: list[Record]) -> None:
    corpus = [record for record in corpus if not why_not(record, format)]
    corpus.append(Record("在臺北", [Entity(1, 3, "GPE")], "x:9", "a-1"))  # a corpus without entities is none
    with TemporaryDirectory() as folder:
        first, exported, second = Path(folder) / "first", Path(folder) / "exported", Path(folder) / "second.spacy"
        packed = pack(corpus, first)
        assert content(list(read_spacy(packed))) == content(corpus)
        export(packed, exported, format, notify=fail)
        messages: list[str] = []
        (tally,) = convert(exported, second, ConvertSettings(script="none"), notify=messages.append).values()
        assert format == "doccano" or messages == []  # which alone repeats no surface
        assert (tally.sentences, tally.repaired, tally.rejected) == (len(corpus), 0, 0)
        with_doc_id = format != "brat"
        assert content(list(read_spacy(second)), with_doc_id=with_doc_id) == content(corpus, with_doc_id=with_doc_id)


def fail(message: str) -> None:
    raise AssertionError(message)
