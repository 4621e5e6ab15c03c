"""Normal forms of entities by label, and how they are written as strings."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from .address_parts import Address, normalize_address
from .calendar_dates import normalize_date
from .clock_times import normalize_time
from .money import TAIWAN, Money, normalize_money
from .numerals import Number, normalize_cardinal, normalize_ordinal, normalize_percent
from .quantities import Quantity, normalize_quantity

NormalForm = Number | Money | Quantity | Address | str
LABELS = ("DATE", "TIME", "MONEY", "CARDINAL", "ORDINAL", "PERCENT", "QUANTITY", "ADDRESS")


def normalize(
    text: str, label: str, *, reference_date: date | None = None, default_currency: str | None = TAIWAN
) -> NormalForm | None:
    """Return the normal form of an entity.

    text (str): The text of the entity.
    label (str): Its label. Only those in LABELS have normal forms.
    reference_date (Optional[date]): The day on which the text was written, for DATE and TIME. None leaves relative
        dates, such as 去年6月, without a normal form.
    default_currency (Optional[str]): ISO 4217 code for MONEY without a currency. None leaves such amounts without a
        normal form.
    RETURNS (Optional[NormalForm]): A number for CARDINAL, ORDINAL and PERCENT (a ratio), `Money`, `Quantity`,
        `Address`, and a string in ISO 8601 for DATE and TIME. None for other labels, and for what is ambiguous or not
        understood.
    """
    if isinstance(reference_date, datetime):
        reference_date = reference_date.date()
    match label:
        case "DATE":
            return normalize_date(text, reference_date)
        case "TIME":
            return normalize_time(text, reference_date)
        case "MONEY":
            return normalize_money(text, default_currency=default_currency)
        case "CARDINAL":
            return normalize_cardinal(text)
        case "ORDINAL":
            return normalize_ordinal(text)
        case "PERCENT":
            return normalize_percent(text)
        case "QUANTITY":
            return normalize_quantity(text)
        case "ADDRESS":
            return normalize_address(text)
    return None


def format_normal_form(value: NormalForm) -> str:
    """Return a normal form as a string: 35000, 1/3, 0.35, TWD 3000000, 2.5 kg, 2024-04-27.

    An address is written as name:value for each part, separated by spaces: county:臺北市 district:大安區. Values
    contain no spaces.
    """
    match value:
        case Address():
            return " ".join(f"{name}:{part}" for name, part in value._asdict().items() if part is not None)
        case Money(currency, amount):
            return f"{currency} {_format_number(amount)}"
        case Quantity(number, unit):
            return f"{_format_number(number)} {unit}"
        case str():
            return value
    return _format_number(value)


def _format_number(number: Number) -> str:
    """Return a number as a string without exponent and without zeros at its end; fractions as 1/3."""
    if isinstance(number, Decimal):
        written = f"{number:f}"
        return written.rstrip("0").rstrip(".") if "." in written else written
    if isinstance(number, Fraction):
        return f"{number.numerator}/{number.denominator}" if number.denominator != 1 else str(number.numerator)
    return str(number)
