"""Tokenizer markers are removed from tokens if they are unambiguous, and always reported."""

from pathlib import Path

import pytest

from spacy_zh_tw_ner.corpora.tokenizer_markers import have_positions
from spacy_zh_tw_ner.errors import CorpusError
from tests.corpora.conversions import converted, lines

CASES = {
    "i B-P|##phone I-P|在 O": ("iphone在", [("iphone", "P")]),
    "i B-P|##phone X|##s X|在 O": ("iphones在", [("iphones", "P")]),
    "在 O|##在 X|台 B-P": ("在在台", [("台", "P")]),
    "台 S-P|##北 X|在 O": ("台北在", [("台北", "P")]),
    "##phone B-P|在 O": ("phone在", [("phone", "P")]),
    "steve B-P|job I-P|##s I-P": ("steve jobs", [("steve jobs", "P")]),
    "[CLS] O|林 B-P|小 I-P|[SEP] O|[PAD] O|[PAD] O": ("林小", [("林小", "P")]),
    "[CLS] [CLS]|林 B-P|小 I-P|華 I-P|[SEP] [SEP]": ("林小華", [("林小華", "P")]),
    "[CLS] X|林 B-P|小 I-P|[SEP] X|好 O": ("林小好", [("林小", "P")]),
    "<s> O|林 B-P|小 I-P|</s> O|<pad> O": ("林小", [("林小", "P")]),
    "▁在 O|▁New B-P|▁York I-P|的 O": ("在 New York的", [("New York", "P")]),
    "▁ O|林 B-P|小 I-P": ("林小", [("林小", "P")]),
    "▁ B-P|林 I-P|小 I-P|在 O": ("林小在", [("林小", "P")]),
    "在 O|▁ O|林 B-P": ("在 林", [("林", "P")]),
    "▁Steve B-P|n I-P": ("Steven", [("Steven", "P")]),
    "in O|ĠNew B-P|ĠYo I-P|rk I-P": ("in New York", [("New York", "P")]),
    "new</w> B-P|yo I-P|rk</w> I-P|在</w> O": ("new york在", [("new york", "P")]),
    "科0 O|技1 O|全0 B-P|方1 I-P|位2 I-P": ("科技全方位", [("全方位", "P")]),
    "20 B-P|21 I-P|年0 O": ("22年", [("22", "P")]),
    "❤️0 O|林0 B-P|小1 I-P": ("❤️林小", [("林小", "P")]),
    "，0 O|a0 B-P|p1 I-P": ("，ap", [("ap", "P")]),
}


@pytest.mark.parametrize("form", ["columns", "tabs", "hf"])
@pytest.mark.parametrize("rows", CASES)
def test_markers_are_removed_and_reported(rows: str, form: str, tmp_path: Path) -> None:
    cells = [row.split() for row in rows.split("|")]
    if form == "hf":
        tokens, tags = zip(*cells, strict=True)
        content = lines({"tokens": tokens, "ner_tags": tags})
        if not {"X", "[CLS]"}.isdisjoint(tags):
            pytest.skip("such a file is not recognised as tags")
    else:
        content = "".join(("\t" if form == "tabs" else " ").join(row) + "\n" for row in cells)
    done = converted(tmp_path, {"a.jsonl" if form == "hf" else "a.bio": content})
    assert done.docs == [CASES[rows]]
    assert len(done.messages) == 1
    assert "tokenizer markers are not text and are removed" in done.messages[0]


@pytest.mark.parametrize("sign", ["[UNK]", "<unk>", "[MASK]"])
def test_a_sentence_with_unknown_tokens_is_rejected(sign: str, tmp_path: Path) -> None:
    bad, good = f"林 B-P\n{sign} I-P\n", "在 O\n林 B-P\n"
    with pytest.raises(CorpusError, match=r"\[ZT208\].*a\.bio:1: \S+ stands for unknown characters of the text"):
        converted(tmp_path / "1", {"a.bio": f"{bad}\n{good}"})
    done = converted(tmp_path / "2", {"a.bio": f"{bad}\n{good}"}, max_rejects=1)
    assert (done.docs, done.rejected) == ([("在林", [("林", "P")])], 1)


def test_bytes_of_characters_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"\[ZT208\].*parts of characters"):
        converted(tmp_path, {"a.bio": "ĠNew B-P\næŀĹ I-P\n"})


@pytest.mark.parametrize(
    "rows", ["# O|林 B-P", "#台灣 B-P|好 O", "< O|林 B-P", "[ O|林 B-P|] O", "## O|林 B-P", "A1 B-P|B2 I-P"]
)
def test_text_that_resembles_a_marker_is_kept(rows: str, tmp_path: Path) -> None:
    cells = [row.split() for row in rows.split("|")]
    done = converted(tmp_path, {"a.bio": "".join("\t".join(row) + "\n" for row in cells)})
    assert done.docs[0][0] == "".join(token for token, _ in cells)
    assert done.messages == []


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        ([["科0", "技1"], ["全0", "方1", "位2"]], True),
        ([["1" + str(i) for i in range(12)]], True),
        ([["科0", "技0"]], False),  # no word of two characters
        ([["科0", "技2"]], False),
        ([["A1", "B2"]], False),
        ([["2", "0"]], False),
        ([["科0", "技1"], ["全", "方"]], False),
        ([], False),
        ([[]], False),
    ],
)
def test_positions_count_from_0_in_each_word(sentences: list[list[str]], expected: bool) -> None:
    assert have_positions(sentences) == expected


def test_markers_are_removed_before_tokens_are_found_in_the_text(tmp_path: Path) -> None:
    content = "# text = 我的 iPhone 在\n[CLS] O\n我的 O\niPho B-P\n##ne I-P\n在 O\n[SEP] O\n"
    assert converted(tmp_path, {"a.bio": content}).docs == [("我的 iPhone 在", [("iPhone", "P")])]


@pytest.mark.parametrize("sign", ["▁", "[CLS]", "[UNK]", "##x", "<s>"])
def test_markers_that_occur_in_the_text_are_kept(sign: str, tmp_path: Path) -> None:
    rows = [("林", "B-P"), (sign, "O"), ("好", "O")]
    columns = f"# text = 林{sign}好\n" + "".join(f"{token}\t{tag}\n" for token, tag in rows)
    tokens, tags = zip(*rows, strict=True)
    objects = lines({"text": f"林{sign}好", "tokens": tokens, "ner_tags": tags})
    for i, files in enumerate(({"a.bio": columns}, {"a.jsonl": objects})):
        done = converted(tmp_path / str(i), files)
        assert (done.docs, done.messages) == ([(f"林{sign}好", [("林", "P")])], [])
