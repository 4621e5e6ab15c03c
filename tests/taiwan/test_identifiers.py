"""Check digits: numbers from the specifications, and one changed digit."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.taiwan import (
    is_bank_code,
    is_company_id,
    is_credit_card,
    is_household_id,
    is_national_id,
    is_nhi_card,
    is_passport,
    is_resident_id,
)
from spacy_zh_tw_ner.taiwan.identifiers import LETTERS


@pytest.mark.parametrize(
    ("is_valid", "number", "expected"),
    [
        (is_national_id, "A123456789", True),
        (is_national_id, "K101000040", True),  # the check digit is 0
        (is_national_id, "P221000050", True),
        (is_national_id, "Ａ１２３ ４５６-789", True),
        (is_national_id, "a12345\n6789", True),
        (is_national_id, "A123456788", False),
        (is_national_id, "B199999999", False),
        (is_national_id, "A800000014", False),
        (is_national_id, "A12345678", False),
        (is_national_id, "A1234567890", False),
        (is_national_id, "", False),
        (is_resident_id, "A800000014", True),
        (is_resident_id, "AA00000009", True),
        (is_resident_id, "A800000015", False),
        (is_resident_id, "AE00000009", False),
        (is_resident_id, "A123456789", False),
        (is_company_id, "04595257", True),
        (is_company_id, "00501503", True),
        (is_company_id, "00501508", True),  # divisible by 5, not by 10
        (is_company_id, "00000074", True),  # a 7 in the seventh place
        (is_company_id, "０４５９５２５７", True),
        (is_company_id, "00501502", False),
        (is_company_id, "00000000", False),
        (is_company_id, "0459525", False),
        (is_credit_card, "4111 1111 1111 1111", True),
        (is_credit_card, "5555-5555-5555-4444", True),
        (is_credit_card, "378282246310005", True),
        (is_credit_card, "3530111333300000", True),
        (is_credit_card, "2223003122003222", True),
        (is_credit_card, "4111111111111112", False),
        (is_credit_card, "9111111111111111", False),
        (is_credit_card, "9789571234563", False),
        (is_nhi_card, "000012345678", True),
        (is_nhi_card, "00001234567", False),
        (is_passport, "312345678", True),
        (is_passport, "A12345678", True),
        (is_passport, "B1234567", True),
        (is_bank_code, "700", True),
        (is_bank_code, "８２２", True),
        (is_bank_code, "000", False),
        (is_bank_code, "7000", False),
        (is_passport, "31234567", False),
        (is_household_id, "F1234567", True),
        (is_household_id, "12345678", False),
    ],
)
def test_numbers(is_valid: Callable[[str], bool], number: str, expected: bool) -> None:
    assert is_valid(number) is expected


@given(st.sampled_from(sorted(LETTERS)), st.sampled_from("12"), st.text("0123456789", min_size=7, max_size=7))
def test_one_check_digit_in_ten_is_valid(letter: str, sex: str, digits: str) -> None:
    assert sum(is_national_id(f"{letter}{sex}{digits}{check}") for check in range(10)) == 1
    assert sum(is_resident_id(f"{letter}8{digits}{check}") for check in range(10)) == 1


@given(st.text("0123456789", min_size=7, max_size=7))
def test_at_least_one_check_digit_in_five_is_valid_for_companies(digits: str) -> None:
    valid = sum(is_company_id(digits + str(check)) for check in range(10))
    assert valid == (4 if digits[-1] == "7" else 2) or digits == "0000000"


@given(st.text())
def test_validators_accept_any_text(text: str) -> None:
    for is_valid in (is_national_id, is_resident_id, is_company_id, is_credit_card, is_passport):
        assert is_valid(text) in (True, False)
