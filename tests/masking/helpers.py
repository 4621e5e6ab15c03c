"""Documents with entities set by hand."""

import spacy
from spacy.tokens import Doc

NLP = spacy.blank("zh_tw")
TEXT = (
    "王小明（身分證A123456789，電話0912-345-678，02-2345-6789）住臺北市大安區和平東路一段1號，"
    "生於民國75年3月2日，信用卡4111-1111-1111-1111。王小明任職台積電（統編04595257），信箱ming@mail.tw。"
)
ENTITIES = {
    "王小明": "PERSON",
    "A123456789": "NATIONAL_ID",
    "0912-345-678": "PHONE",
    "02-2345-6789": "PHONE",
    "臺北市大安區和平東路一段1號": "ADDRESS",
    "民國75年3月2日": "BIRTHDAY",
    "4111-1111-1111-1111": "CREDIT_CARD",
    "台積電": "ORG",
    "04595257": "COMPANY_ID",
    "ming@mail.tw": "EMAIL",
}


def make_doc(text: str = TEXT, entities: dict[str, str] | None = None) -> Doc:
    """Make a document whose entities are the first occurrences of surfaces."""
    doc = NLP.make_doc(text)
    spans = []
    for surface, label in (ENTITIES if entities is None else entities).items():
        start = text.index(surface)
        span = doc.char_span(start, start + len(surface), label=label, alignment_mode="expand")
        assert span is not None
        spans.append(span)
    doc.ents = spans  # type: ignore[assignment]
    return doc
