"""Plain functions, without spaCy, that check identifiers of Taiwan and find personal data in texts."""

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
from .names import find_names
from .phone import is_license_plate, is_phone
from .scanner import scan

__all__ = [
    "LABELS",
    "Finding",
    "find_names",
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
