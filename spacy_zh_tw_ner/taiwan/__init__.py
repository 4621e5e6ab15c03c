"""Identifiers, telephone numbers, addresses and dates of Taiwan as plain functions, without spaCy."""

from .findings import LABELS, Finding
from .identifiers import (
    is_bank_code,
    is_company_id,
    is_credit_card,
    is_household_id,
    is_national_id,
    is_nhi_card,
    is_passport,
    is_resident_id,
)
from .phone import is_license_plate, is_phone
from .scanner import scan

__all__ = [
    "LABELS",
    "Finding",
    "is_bank_code",
    "is_company_id",
    "is_credit_card",
    "is_household_id",
    "is_license_plate",
    "is_national_id",
    "is_nhi_card",
    "is_passport",
    "is_phone",
    "is_resident_id",
    "scan",
]
