"""The language `zh_tw`: what `spacy.blank("zh_tw")` builds."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from spacy.language import BaseDefaults, Language
from spacy.util import load_config_from_str

from .lex_attrs import LEX_ATTRS
from .stop_words import STOP_WORDS

DEFAULT_CONFIG = """
[nlp]

[nlp.tokenizer]
@tokenizers = "spacy-zh-tw-ner.CharTokenizer.v1"
"""

BATCH_CHARACTERS = 32_768


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

    def pipe(
        self, texts: Iterable[Any], *, as_tuples: bool = False, n_process: int = 1, **kwargs: Any
    ) -> Iterator[Any]:
        """Process texts as spaCy does, in batches that are bounded by their characters, too.

        A component takes `batch_size` documents before the next one begins, and a Transformer leaves kilobytes on each
        character: a thousand headlines are little, a thousand books are not.
        """
        if as_tuples or n_process != 1:  # spaCy comes back here with the texts alone, or sends them to other processes
            yield from cast(Any, super()).pipe(texts, as_tuples=as_tuples, n_process=n_process, **kwargs)
            return
        for batch in by_characters(texts, BATCH_CHARACTERS):
            yield from super().pipe(batch, **kwargs)


def by_characters(texts: Iterable[Any], limit: int) -> Iterator[list[Any]]:
    """Divide a stream.

    texts (Iterable[str | Doc]): Any.
    limit (int): Characters that close a batch.
    YIELDS (list[str | Doc]): In their order, none empty.
    """
    batch: list[Any] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= limit:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


__all__ = ["TraditionalChinese"]
