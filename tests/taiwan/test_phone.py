"""Telephone numbers by kind, and license plates by series."""

import pytest

from spacy_zh_tw_ner.taiwan import is_license_plate, is_phone
from spacy_zh_tw_ner.taiwan.phone import phone_kind


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("0912345678", "mobile"),
        ("0912-345-678", "mobile"),
        ("+886 912 345 678", "mobile"),
        ("+886-0912-345-678", "mobile"),
        ("００９１２", None),
        ("０９１２－３４５－６７８", "mobile"),
        ("(02)2311-3731", "landline"),
        ("02 2311 3731", "landline"),
        ("+886-2-2311-3731", "landline"),
        ("03-5712121", "landline"),
        ("037-261234", "landline"),
        ("049-2331234", "landline"),
        ("04-22289111", "landline"),
        ("04-7222151", "landline"),
        ("082-325640", "landline"),
        ("0836-22381", "landline"),
        ("089-326141", "landline"),
        ("07-3368333", "landline"),
        ("070-1234-5678", "internet"),
        ("0912-345-67", None),
        ("0912-345-6789", None),
        ("0800-080-123", None),  # free lines and short numbers belong to no person
        ("110", None),
        ("1922", None),
        ("12345678", None),
        ("", None),
    ],
)
def test_phone_kinds(number: str, kind: str | None) -> None:
    assert phone_kind(number) == kind
    assert is_phone(number) is (kind is not None)


@pytest.mark.parametrize(
    ("plate", "expected"),
    [
        ("ABC-1235", True),
        ("ＡＢＣ－１２３５", True),
        ("abc 1235", True),
        ("EAA-0123", True),
        ("TAA-123", True),
        ("NAB-123", True),
        ("AB-1234", True),
        ("1234-AB", True),
        ("A1-2345", True),
        ("ABC-1234", False),  # no 4 in the series of seven characters
        ("AIO-1235", False),
        ("A-1", False),
        ("ABCD-123", False),
    ],
)
def test_license_plates(plate: str, expected: bool) -> None:
    assert is_license_plate(plate) is expected
