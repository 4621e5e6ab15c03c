"""Sentences with nested and overlapping entities, and helpers that train `zh_tw_crf_spans` on them."""

from collections.abc import Iterable
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from .training_data import BILSTM, model_of

SpansT = list[tuple[int, int, str]]
KEY = "sc"
NESTED: list[tuple[str, SpansT]] = [
    ("臺北市政府今天開會。", [(0, 3, "GPE"), (0, 5, "ORG")]),
    ("高雄市長說話。", [(0, 3, "GPE"), (0, 4, "TITLE")]),
    ("臺南好熱。", [(0, 2, "GPE")]),
    ("今天天氣很好。", []),
]


def gold_doc(nlp: Language, text: str, spans: SpansT, key: str = KEY) -> Doc:
    doc = nlp.make_doc(text)
    doc.spans[key] = [Span(doc, *span) for span in spans]
    return doc


def nested_examples(nlp: Language, sentences: Iterable[tuple[str, SpansT]] = NESTED, key: str = KEY) -> list[Example]:
    return [Example(nlp.make_doc(text), gold_doc(nlp, text, spans, key)) for text, spans in sentences]


def build_spans(tok2vec: dict[str, Any] = BILSTM, **config: Any) -> Language:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("zh_tw_crf_spans", name="spans", config={"model": model_of(tok2vec), **config})
    return nlp


def joined(sentences: Iterable[tuple[str, SpansT]] = NESTED) -> tuple[str, SpansT]:
    """Return the sentences as one text."""
    text, spans = "", []
    for one, of_one in sentences:
        spans += [(start + len(text), end + len(text), label) for start, end, label in of_one]
        text += one
    return text, spans


def fit_spans(
    nlp: Language, n_steps: int = 60, sentences: Iterable[tuple[str, SpansT]] = (*NESTED, joined()), key: str = KEY
) -> Language:
    fix_random_seed(0)
    examples = nested_examples(nlp, sentences, key)
    nlp.initialize(lambda: examples)
    sgd = Adam(0.02, L2=0.0)
    for _ in range(n_steps):
        nlp.update(examples, sgd=sgd)
    return nlp


def found_spans(doc: Doc, key: str = KEY) -> SpansT:
    return [(span.start_char, span.end_char, span.label_) for span in doc.spans[key]]


def sorted_spans(spans: SpansT) -> SpansT:
    return sorted(spans, key=lambda span: (span[0], -span[1], span[2]))


def check_nested(nlp: Language, sentences: Iterable[tuple[str, SpansT]] = NESTED) -> None:
    for text, spans in sentences:
        doc = nlp(text)  # kept alive, because a group of spans does not keep its document
        assert found_spans(doc) == sorted_spans(spans)
