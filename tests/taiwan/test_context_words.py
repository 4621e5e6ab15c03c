"""Context words near numbers: their order, the borders of the searched characters, and sentences."""

import pytest

from spacy_zh_tw_ner.taiwan.context_words import CHARS_BEFORE, NO_CONTEXT, OTHER, Context, ContextFinder
from spacy_zh_tw_ner.taiwan.findings import one_of


def context(text: str, number: str = "123456") -> Context:
    start = text.index(number)
    return ContextFinder(text).find(start, start + len(number))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("電話123456", Context("PHONE", True)),
        ("123456（電話）", Context("PHONE", True)),
        ("公司的統編是123456", Context("COMPANY_ID", True)),
        ("統編和公司123456", Context("COMPANY_ID", True)),  # the strong word counts, although it is farther
        ("訂單和公司123456", Context("COMPANY_ID", False)),  # except a word for other numbers
        ("訂單A98765，123456", NO_CONTEXT),  # 訂單 counts for one number
        ("電話。123456", NO_CONTEXT),
        ("護照。123456", Context("PASSPORT", False)),  # also from the sentence before
        ("123456訂單", NO_CONTEXT),
        ("123456", NO_CONTEXT),
        ("姓名\t帳號\n林美\t123456", Context("BANK_ACCOUNT", True)),  # the header of its column
    ],
)
def test_the_nearest_word_is_the_context(text: str, expected: Context) -> None:
    assert context(text) == expected


def test_of_a_word_that_begins_too_early_its_end_counts() -> None:
    assert context("統一編號" + "，" * (CHARS_BEFORE - 4) + "123456") == Context("COMPANY_ID", True)
    assert context("統一編號" + "，" * (CHARS_BEFORE - 3) + "123456") == Context(OTHER, True)  # 編號
    assert context("統一編號" + "，" * (CHARS_BEFORE - 1) + "123456") == NO_CONTEXT


def test_one_of_prefers_longer_words() -> None:
    assert one_of(["ab", "abc", "x."]) == r"a(?:bc|b)|x(?:\.)"
