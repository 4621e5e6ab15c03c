"""The language `zh_tw`: what `spacy.blank("zh_tw")` builds."""

from typing import Any

from spacy.language import BaseDefaults, Language
from spacy.util import load_config_from_str

from .lex_attrs import LEX_ATTRS
from .stop_words import STOP_WORDS

DEFAULT_CONFIG = """
[nlp]

[nlp.tokenizer]
@tokenizers = "spacy-zh-tw-ner.CharTokenizer.v1"
"""


class TraditionalChineseDefaults(BaseDefaults):
    """Traditional stop words, Chinese numerals, and characters as tokens, written without spaces."""

    config = load_config_from_str(DEFAULT_CONFIG)
    lex_attr_getters = LEX_ATTRS
    stop_words = STOP_WORDS
    writing_system = {"direction": "ltr", "has_case": False, "has_letters": False}  # noqa: RUF012 - spaCy's own form


class TraditionalChinese(Language):  # type: ignore[no-untyped-call]
    """Traditional Chinese as written in Taiwan.

    `max_length` is ten times spaCy's: that limit guards parsers, whose memory grows faster than ours with the text.
    """

    lang = "zh_tw"
    Defaults = TraditionalChineseDefaults

    def __init__(self, *args: Any, max_length: int = 10**7, **kwargs: Any) -> None:
        super().__init__(*args, max_length=max_length, **kwargs)


__all__ = ["TraditionalChinese"]
