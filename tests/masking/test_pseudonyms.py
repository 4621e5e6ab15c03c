"""Pseudonyms: their form, and check digits that are wrong on purpose."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.masking.generalise import generalise
from spacy_zh_tw_ner.masking.keys import KeyedChoices
from spacy_zh_tw_ner.masking.pseudonyms import (
    has_valid_company_sum,
    has_valid_identity,
    has_valid_luhn,
    pseudonym,
)

KEYS = st.binary(min_size=16, max_size=16)


def made(label: str, surface: str, key: bytes = b"0123456789abcdef") -> str:
    found = pseudonym(label, surface, KeyedChoices(key, label, surface))
    assert found is not None
    return found


@given(KEYS)
def test_check_digits_are_wrong(key: bytes) -> None:
    for label, form in (("NATIONAL_ID", r"[A-Z][12]\d{8}"), ("RESIDENT_ID", r"[A-Z][89]\d{8}")):
        number = made(label, "A123456789", key)
        assert re.fullmatch(form, number)
        assert not has_valid_identity(number)
    company = made("COMPANY_ID", "04595257", key)
    assert re.fullmatch(r"\d{8}", company)
    assert not has_valid_company_sum(company)
    card = made("CREDIT_CARD", "4111 1111 1111 1111", key)
    assert re.fullmatch(r"4\d{3}( \d{4}){3}", card)
    assert not has_valid_luhn(card.replace(" ", ""))


def test_checksums_accept_valid_numbers_only() -> None:
    valid = ["A123456789", "K101000040", "P221000050", "A800000014"]
    assert all(map(has_valid_identity, valid))
    assert not any(map(has_valid_identity, ["A123456788", "B199999999"]))
    assert all(map(has_valid_company_sum, ["04595257", "00501503", "00501508", "00000074"]))
    assert not has_valid_company_sum("00501502")
    assert has_valid_luhn("4111111111111111")
    assert not has_valid_luhn("4111111111111112")


@pytest.mark.parametrize(
    ("label", "surface", "form"),
    [
        ("PERSON", "王小明", r"\w{3}"),
        ("PHONE", "0912-345-678", r"09\d\d-\d{3}-\d{3}"),
        ("PHONE", "０９１２３４５６７８", r"09\d{8}"),
        ("PHONE", "+886-912-345-678", r"\+886-\d{3}-\d{3}-\d{3}"),
        ("PHONE", "(02)2345-6789", r"\(02\)0\d{3}-\d{4}"),
        ("PHONE", "049-2345678", r"049-0\d{6}"),
        ("ADDRESS", "臺北市大安區和平東路一段1號", r"臺北市\w{2}路1\d{3}號"),
        ("ADDRESS", "100台南市中西區", r"台南市\w{2}路1\d{3}號"),
        ("ADDRESS", "和平東路一段1號", r"\w{2}路1\d{3}號"),
        ("BIRTHDAY", "民國75年3月2日", r"民國\d\d年\d+月\d+日"),
        ("DATE", "1986年3月2日", r"(19|20)\d\d年\d+月\d+日"),
        ("DATE", "1986-03-02", r"(19|20)\d\d-\d\d-\d\d"),
        ("EMAIL", "a@b.tw", r"user\d{8}@example\.com"),
        ("URL", "http://a.tw/b", r"https://example\.com/\d{8}"),
        ("IP", "10.0.0.1", r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+"),
        ("IP", "fe80::1", r"2001:db8::[0-9a-f]+:[0-9a-f]+"),
        ("PTT_ID", "ming", r"user\d{8}"),
        ("ORG", "台積電", r"\w{4,}有限公司"),
        ("GPE", "高雄市", r"\w{2}[縣市]"),
        ("PASSPORT", "312345678", r"\d{9}"),
        ("LICENSE_PLATE", "ABC-1234", r"[A-Z]{3}-\d{4}"),
    ],
)
def test_pseudonyms_have_the_form_of_their_label(label: str, surface: str, form: str) -> None:
    found = made(label, surface)
    assert re.fullmatch(form, found), found
    assert found != surface


@pytest.mark.parametrize(("label", "surface"), [("EVENT", "端午節"), ("MONEY", "三百萬元"), ("PHONE", "零九一二")])
def test_entities_without_a_form_have_no_pseudonym(label: str, surface: str) -> None:
    assert pseudonym(label, surface, KeyedChoices(b"key", label, surface)) is None


@pytest.mark.parametrize(
    ("label", "surface", "expected"),
    [
        ("BIRTHDAY", "民國75年3月2日", "民國75年"),
        ("DATE", "中華民國一百一十三年四月", "中華民國一百一十三年"),
        ("DATE", "1986年3月2日", "1986年"),
        ("DATE", "1986-03-02", "1986"),
        ("DATE", "75/3/2", "75"),
        ("DATE", "19860302", "1986"),
        ("DATE", "昨天", None),
        ("DATE", "3月2日", None),
        ("ADDRESS", "臺北市大安區和平東路一段1號", "臺北市"),
        ("ADDRESS", "100 台北市中正區", "台北市"),
        ("ADDRESS", "和平東路一段1號", None),
        ("GPE", "花蓮縣玉里鎮", "花蓮縣"),
    ],
)
def test_dates_and_addresses_are_generalised(label: str, surface: str, expected: str | None) -> None:
    assert generalise(label, surface) == expected
