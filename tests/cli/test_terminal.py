"""Table columns are aligned on a terminal, where Chinese characters have two cells."""

import pytest

from spacy_zh_tw_ner.cli.terminal import display_width, print_table


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("abc", 3),
        ("臺北", 4),
        ("Ａ１", 4),
        ("𠮷野家", 6),
        ("e\u0301", 1),
        ("，。", 4),
        ("ｱ", 1),
        ("a\u200b", 1),
    ],
)
def test_display_width_counts_terminal_cells(text: str, width: int) -> None:
    assert display_width(text) == width


def test_columns_align_with_full_width_text(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("臺北市", "GPE", "0.964"), ("TSMC", "ORG", "1"), ("林小華", "", "0.5")]
    print_table(rows, header=("text", "label", "score"), aligns="llr")
    lines = capsys.readouterr().out.strip("\n").split("\n")
    assert len(lines) == 5
    for line, cell in zip(lines[2:], ("GPE", "ORG", "0.5"), strict=True):
        before = line[: line.index(cell)]
        assert display_width(before) == (9 if cell != "0.5" else 9 + 8 + 2)
    assert {display_width(line) for line in lines} == {
        display_width(lines[1])
    }  # the last column is aligned to the right


def test_a_table_may_be_empty(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([], header=("text", "label"))
    assert capsys.readouterr().out == "\ntext   label\n----   -----\n\n"
