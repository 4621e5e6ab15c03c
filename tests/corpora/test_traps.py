"""Inputs that are often mishandled: no offset shifts, and every rejected annotation is counted."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_zh_tw_ner.corpora.annotation_checks import Tally
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.corpora.export import WRITERS, why_not, write_corpus
from spacy_zh_tw_ner.corpora.export_order import Proposal
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError

# Each case has an entity after the characters, whose offsets would be wrong in another unit.
TEXTS = [
    "", "   ", "\n", "\u200b",
    # no wordpiece: controls, formats, spaces, private use, replacement
    "\x00", "\u200d", "\u200e", "\u202e", "\ufeff", "\xad", "\u3000", "\xa0", "\u2028", "\u2029", "\ufffd",
    "\ue000張三",
    # variation selectors, runs, signs beside digits
    "❤\ufe0f台", "葛\U000e0100城", "ㄅㄆㄇ台", "GPT台", "👨\u200d👩", "2024年", "在5G網", "11月3日",
    "７‑ELEVEN", "NT$1,200元",
    # outside the BMP
    "𠮷野家", "𫝛", "👨🏻\u200d🚒", "𠮷野家台北👨🏻\u200d🚒消防局",
    # width and what NFKC and NFC would change
    "２０２４年", "ＡＢＣ公司", "（台北）", "㈱", "㎏", "…", "℃", "½", "ﬁ", "e\u0301", "か\u3099", "神", "福", "樂",
    # white space and line breaks
    "台北  市", "台北\r\n市", "台北 市", "\n台北", "a\tb", "a\x0bb\x0cc\x85d", "台北\r",
    # long runs
    "哈" * 10_000, "a" * 3_000, "contact " * 800,
]  # fmt: skip
PLANTED = "臺北市"


def spans_of(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


def read(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(spacy.blank("zh_tw").vocab))


def converted(tmp_path: Path, content: str | bytes, name: str = "data.txt", **settings: Any) -> tuple[list[Doc], Tally]:
    source = tmp_path / name
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    settings = {"script": "none", "max_rejects": 99} | settings
    (tally,) = convert(source, tmp_path / "out.spacy", ConvertSettings(**settings), notify=lambda _: None).values()
    return read(tmp_path / "out.spacy"), tally


def rejects(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("format", WRITERS)
def test_no_character_moves_an_entity_in_any_format(format: str, tmp_path: Path) -> None:
    records = []
    for i, text in enumerate(TEXTS):
        start = len(text) + 1
        records.append(Record(f"{text}在{PLANTED}{text}。", [Entity(start, start + 3, "GPE")], f"x:{i}"))
    held = [record for record in records if not why_not(record, format)]
    assert len(held) >= len(records) - 4
    write_corpus((Proposal(record, []) for record in held), tmp_path / "in", format, model=None)
    (tally,) = convert(
        tmp_path / "in", tmp_path / "out.spacy", ConvertSettings(script="none"), notify=lambda _: None
    ).values()
    assert (tally.sentences, tally.entities, tally.repaired, tally.rejected) == (len(held), len(held), 0, 0)
    for doc, record in zip(read(tmp_path / "out.spacy"), held, strict=True):
        assert doc.text == record.text
        assert [(ent.text, ent.label_) for ent in doc.ents] == [(PLANTED, "GPE")]
        assert spans_of(doc) == [tuple(record.entities[0])]


def test_an_empty_text_among_others_is_kept(tmp_path: Path) -> None:
    docs, _ = converted(tmp_path, '{"text": "", "label": []}\n{"text": "臺北", "label": [[0, 2, "GPE"]]}\n')
    assert [doc.text for doc in docs] == ["", "臺北"]


def test_a_lone_surrogate_is_reported_with_its_line(tmp_path: Path) -> None:
    for line in ('{"text": "\\ud83d台", "label": [[1, 2, "X"]]}', '{"tokens": ["\\ud83d"], "ner_tags": ["B-X"]}'):
        with pytest.raises(CorpusError, match=r"data\.txt:1 cannot be used: "):
            converted(tmp_path, line + "\n")


def test_a_text_may_exceed_a_million_characters(tmp_path: Path) -> None:
    text = "好" * 1_000_000 + "臺北"
    docs, _ = converted(tmp_path, json.dumps({"text": text, "label": [[1_000_000, 1_000_002, "GPE"]]}))
    assert spans_of(docs[0]) == [(1_000_000, 1_000_002, "GPE")]


def test_unicode_line_separators_do_not_split_json_lines(tmp_path: Path) -> None:
    data = {"text": "甲\u2028乙\x85丙\x0b丁\x0c臺北", "label": [[8, 10, "GPE"]]}
    docs, _ = converted(tmp_path, json.dumps(data, ensure_ascii=False) + "\r\n")
    assert [ent.text for ent in docs[0].ents] == ["臺北"]


@pytest.mark.parametrize(
    ("spans", "kept", "reasons"),
    [
        ([[0, 3, "ORG"], [0, 6, "TITLE"]], [(0, 6, "TITLE")], ["overlaps TITLE at 0–6"]),
        ([[0, 3, "ORG"], [2, 5, "ORG"]], [(0, 3, "ORG")], ["overlaps ORG at 0–3"]),
        ([[6, 20, "X"]], [], ["outside the text of 9 characters, or empty"]),
        ([[-1, 3, "X"]], [], ["outside the text of 9 characters, or empty"]),
        ([[0, 0, "X"]], [], ["outside the text of 9 characters, or empty"]),
        ([[5, 2, "X"]], [], ["outside the text of 9 characters, or empty"]),
        ([[0, 3, "X"], [0, 3, "Y"]], [(0, 3, "X")], ["overlaps X at 0–3"]),
    ],
)
@pytest.mark.parametrize("key", ["label", "spans"])
def test_invalid_spans_are_rejected_with_line_and_reason(
    key: str, spans: list[list[Any]], kept: list[Any], reasons: list[str], tmp_path: Path
) -> None:
    good = {"text": "在臺北", key: [[1, 3, "GPE"]]}
    lines = [json.dumps(good), json.dumps({"text": "國立臺灣大學校長好", key: spans})]
    docs, tally = converted(tmp_path, "\n".join(lines))
    assert spans_of(docs[1]) == kept
    assert tally.rejected == len(reasons)
    for reject, reason in zip(rejects(tmp_path), reasons, strict=True):
        assert reject["origin"] == f"{tmp_path / 'data.txt'}:2"
        assert str(reject["reason"]).startswith(reason)


@pytest.mark.parametrize("span", [[0, 4, "GPE"], [0, 3, "GPE"], [1, 4, "GPE"]])
def test_white_space_at_the_edges_is_trimmed_and_counted(span: list[Any], tmp_path: Path) -> None:
    docs, tally = converted(tmp_path, json.dumps({"text": "\n台北\n好", "label": [span]}))
    assert spans_of(docs[0]) == [(1, 3, "GPE")]
    assert (tally.repaired, tally.rejected) == (1, 0)


@pytest.mark.parametrize(
    ("tags", "entities", "repaired"),
    [
        ("I-PER I-PER O", [(0, 2, "PER")], 0),  # IOB1
        ("I-PER I-PER O\n\nB-PER O O", [(0, 2, "PER")], 1),
        ("B-PER I-ORG O", [(0, 1, "PER"), (1, 2, "ORG")], 1),
        ("B-GPE-NAM I-GPE-NAM O", [(0, 2, "GPE-NAM")], 0),
        ("B-LOC-city E-LOC-city S-X", [(0, 2, "LOC-city"), (2, 3, "X")], 0),
        ("B-A M-A E-A", [(0, 3, "A")], 0),
        ("B-A L-A U-A", [(0, 2, "A"), (2, 3, "A")], 0),
        ("B-O I-O O", [(0, 2, "O")], 0),
        ("B-地名 I-地名 O", [(0, 2, "地名")], 0),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "  \n"])
@pytest.mark.parametrize("separator", ["\t", " ", "  "])
def test_tags_of_every_scheme_are_read(
    separator: str, ending: str, tags: str, entities: list[Any], repaired: int, tmp_path: Path
) -> None:
    sentences = [
        ending.join(f"{char}{separator}{tag}" for char, tag in zip("甲乙丙", sentence.split(), strict=True))
        for sentence in tags.split("\n\n")
    ]
    content = f"\ufeff-DOCSTART- -X- O O{ending}{ending}" + (ending * 2).join(sentences)  # no last line end
    docs, tally = converted(tmp_path, content)
    assert (docs[0].text, spans_of(docs[0])) == ("甲乙丙", entities)
    assert (tally.repaired, tally.rejected) == (repaired, 0)


def test_the_last_column_of_tags_is_used(tmp_path: Path) -> None:
    content = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n1996 CD B-NP O\n8 CD I-NP O\n"
    docs, _ = converted(tmp_path, content)
    assert [(doc.text, [(e.text, e.label_) for e in doc.ents]) for doc in docs] == [
        ("EU rejects", [("EU", "ORG")]),
        ("19968", []),
    ]


def test_a_hash_may_be_the_first_token(tmp_path: Path) -> None:
    docs, _ = converted(tmp_path, "# a comment\n#\tB-TAG\n台\tI-TAG\n\n# see O\n好\tO\n")
    assert [(doc.text, spans_of(doc)) for doc in docs] == [("#台", [(0, 2, "TAG")]), ("好", [])]


def test_chinese_characters_are_joined_without_spaces(tmp_path: Path) -> None:
    docs, _ = converted(tmp_path, "台 B-GPE\n北 I-GPE\n市 I-GPE\n很 O\n大 O\n")
    assert (docs[0].text, spans_of(docs[0])) == ("台北市很大", [(0, 3, "GPE")])


def test_tokens_outside_entities_have_gold_annotation(tmp_path: Path) -> None:
    docs, _ = converted(tmp_path, "[臺北](GPE)好\n好天氣\n")
    assert all(token.ent_iob_ in "BIO" and token.ent_iob_ for doc in docs for token in doc)


def test_more_than_a_hundred_labels_are_supported(tmp_path: Path) -> None:
    lines = [json.dumps({"text": "臺北", "label": [[0, 2, f"第{i}類"]]}, ensure_ascii=False) for i in range(150)]
    docs, _ = converted(tmp_path, "\n".join(lines))
    assert len({ent.label_ for doc in docs for ent in doc.ents}) == 150
