"""The component `zh_tw_normalizer`: normal forms of dates, times, amounts of money, numbers, quantities and addresses.

A normal form is the standard spelling of a value: that of the date 民國113年4月27日 is 2024-04-27.
`doc.spans["normalized"]` is a span group of the entities that have a normal form. Its `attrs["values"]` has the normal
form of each span as a string. A DocBin stores both. `span._.normalized` returns the normal form of one entity.
`doc._.reference_date` is the day on which the text was written.
"""

import warnings
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span

from ..errors import Errors, SettingError, Warnings
from ..language.span_groups import CharacterSpans
from ..taiwan.money import TAIWAN
from ..taiwan.normal_forms import LABELS, format_normal_form, normalize
from .span_annotations import group_with_values, starting_at

SPANS_KEY = "normalized"
VALUES = "values"
NORMALIZED, REFERENCE_DATE = "normalized", "reference_date"
DATE_KEY = ("._.", REFERENCE_DATE, None, None)  # where spaCy stores an extension attribute of a document


@Language.factory(
    "zh_tw_normalizer",
    requires=["doc.ents"],
    assigns=["doc.spans"],
    default_config={"labels": list(LABELS), "currency": TAIWAN},
)
def make_normalizer(nlp: Language, name: str, labels: list[str], currency: str | None) -> "Normalizer":
    """Build the component `zh_tw_normalizer`, which sets the normal forms of entities.

    nlp (Language), name (str): The pipeline, and the name of this instance. spaCy passes both.
    labels (list[str]): Labels of the entities to normalize, each one of DATE, TIME, MONEY, CARDINAL, ORDINAL, PERCENT,
        QUANTITY and ADDRESS.
    currency (Optional[str]): ISO 4217 code for amounts without a currency, such as 三百元 and 三萬五. With
        null (None in Python), these amounts have no normal form.
    RETURNS (Normalizer): The component.
    RAISES (SettingError): If a label has no normal forms, or the currency is not three capital letters.
    """
    return Normalizer(name=name, labels=labels, currency=currency)


class Normalizer(Pipe):
    """Sets the normal forms of entities, which `span._.normalized` returns.

    Add it after the components that set entities. Entities that are ambiguous or not understood have no normal form.

    labels (Sequence[str]): Labels of the entities to normalize, each one of DATE, TIME, MONEY, CARDINAL, ORDINAL,
        PERCENT, QUANTITY and ADDRESS.
    currency (Optional[str]): ISO 4217 code for amounts without a currency, such as 三百元 and 三萬五. With
        null (None in Python), these amounts have no normal form.
    name (str): Name of this instance.
    RAISES (SettingError): If a label is none of these, or the currency is not three capital letters.
    """

    def __init__(
        self, *, labels: Sequence[str] = LABELS, currency: str | None = TAIWAN, name: str = "zh_tw_normalizer"
    ) -> None:
        for label in labels:
            if label not in LABELS:
                raise SettingError(Errors.ZT861.format(label=label, choices=", ".join(LABELS)))
        if currency is not None and not (
            len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()
        ):
            raise SettingError(Errors.ZT862.format(value=currency))
        self.name = name
        self.normalized_labels = frozenset(labels)
        self.currency = currency
        register_extensions()

    def __call__(self, doc: Doc) -> Doc:
        """Set the normal forms of the entities of a document, and delete those of an earlier call.

        They are stored in `doc.spans["normalized"]` and in `doc.user_data`. A relative date, such as 上週三, gets one
        only if `doc._.reference_date` is set.

        doc (Doc): A document with entities in `doc.ents`. It is changed in place.
        RETURNS (Doc): The same document.
        """
        reference = _as_date(doc._.reference_date)
        spans: list[Span] = []
        values: list[str] = []
        for ent in doc.ents:
            if ent.label_ in self.normalized_labels:
                value = normalize(ent.text, ent.label_, reference_date=reference, default_currency=self.currency)
                if value is not None:
                    spans.append(ent)
                    values.append(format_normal_form(value))
        if spans or SPANS_KEY in doc.spans:
            doc.spans[SPANS_KEY] = CharacterSpans(doc, name=SPANS_KEY, spans=spans, attrs={VALUES: values})
            if _is_ours():
                _write_user_data(doc, spans, values)
        return doc


def _write_user_data(doc: Doc, spans: Sequence[Span], values: Sequence[str]) -> None:
    """Replace the normal forms in `doc.user_data`, where spaCy stores extension attributes of spans.

    doc (Doc): The document, which is changed in place.
    spans, values (Sequence): The entities, and the normal form of each.
    """
    user_data = _user_data(doc)
    for key in [key for key in user_data if isinstance(key, tuple) and key[:2] == ("._.", NORMALIZED)]:
        del user_data[key]
    user_data.update(zip(map(_key, spans), values, strict=True))


def _is_ours() -> bool:
    """Return True if this module has defined `Span._.normalized`; False if another package has, or nothing has."""
    return Span.has_extension(NORMALIZED) and Span.get_extension(NORMALIZED)[2] is get_normalized


def get_normalized(span: Span) -> str | None:
    """Return the normal form of an entity. This is the getter of `span._.normalized`.

    span (Span): A span of any document.
    RETURNS (Optional[str]): The normal form that `zh_tw_normalizer` has set for the entity with the start, end and
        label of the span; None if there is no such entity, or it has no normal form.
    """
    group = group_with_values(span.doc, SPANS_KEY, VALUES)
    if group is not None:
        for index in starting_at(group, span.start):
            if (group[index].end, group[index].label) == (span.end, span.label):
                return str(group.attrs[VALUES][index])
        return None
    # `Doc.from_docs` and `span.as_doc` keep `user_data` only, whose keys have no label: compare it with the entity's.
    value: str | None = _user_data(span.doc).get(_key(span))
    return value if span.start < span.end and span.doc[span.start].ent_type == span.label else None


def _key(span: Span) -> tuple[str, str, int, int]:
    """Return the key in `doc.user_data` under which spaCy stores the value of `span._.normalized`."""
    return ("._.", NORMALIZED, span.start_char, span.end_char)


def get_reference_date(doc: Doc) -> date | None:
    """Return the day on which the text of a document was written, or None if it was not set.

    This is the getter of `doc._.reference_date`.
    """
    return _as_date(_user_data(doc).get(DATE_KEY))


def set_reference_date(doc: Doc, value: date | str | None) -> None:
    """Set the day on which the text of a document was written. This is the setter of `doc._.reference_date`.

    doc (Doc): The document.
    value (date | str | None): A date, an ISO 8601 string such as "2026-11-29", or None to delete it. `doc.user_data`
        stores it as a string, because `doc.to_bytes()` cannot serialize dates.
    RAISES (SettingError): For other values.
    """
    day = _as_date(value)
    # Stored as a string, because `doc.to_bytes()` cannot serialize dates.
    _user_data(doc)[DATE_KEY] = None if day is None else day.isoformat()


def _user_data(doc: Doc) -> dict[Any, Any]:
    """Return `doc.user_data` with a type for mypy."""
    data: dict[Any, Any] = doc.user_data
    return data


def _as_date(value: Any) -> date | None:
    """Convert a date, a datetime, an ISO 8601 string or None; raise a SettingError for other values."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise SettingError(Errors.ZT860.format(value=value)) from error


def register_extensions() -> None:
    """Define the extension attributes `Span._.normalized` and `Doc._.reference_date`, if they are not defined yet.

    If another package has defined one of them, it is kept, and a warning is issued.
    """
    if not Span.has_extension(NORMALIZED):
        Span.set_extension(NORMALIZED, getter=get_normalized)
    elif not _is_ours():
        warnings.warn(Warnings.ZT863.format(key=SPANS_KEY), stacklevel=3)
    if not Doc.has_extension(REFERENCE_DATE):
        Doc.set_extension(REFERENCE_DATE, getter=get_reference_date, setter=set_reference_date)
    elif Doc.get_extension(REFERENCE_DATE)[2] is not get_reference_date:
        warnings.warn(Warnings.ZT864, stacklevel=3)


register_extensions()
