"""The words that a request brings: checked, found in its texts alone, and gone with them."""

from itertools import islice
from typing import TYPE_CHECKING

from spacy.tokens import Doc

from ..errors import Errors
from ..pipeline.gazetteer import Gazetteer
from .refusals import Refusal
from .settings import ServiceSettings

if TYPE_CHECKING:
    from .schema import OwnWords

# Words that lie within one another, 台 and 台台 and so on, are found at many places of few characters.
SPARE_PLACES = 1_000


class FoundTooOften(Exception):
    """Words at more places than a text can hold, but for those that lie within others."""


def gazetteer_of(asked: "OwnWords | None", settings: ServiceSettings) -> Gazetteer | None:
    """Make the words of a request ready to be found.

    asked (Optional[OwnWords]): The words.
    settings (ServiceSettings): Says how many and how long they may be.
    RETURNS (Optional[Gazetteer]): Finds them; None where there are none.
    RAISES (Refusal): 422.
    """
    count = sum(map(len, asked.words.values())) if asked is not None else 0
    if asked is None or not count:
        return None
    if count > settings.max_words:
        raise Refusal(422, Errors.ZT607.format(count=count, limit=settings.max_words))
    for label, words in asked.words.items():
        for number, word in enumerate(words, start=1):
            problem = _problem(word, settings.max_word_chars)
            if problem:
                raise Refusal(422, Errors.ZT608.format(number=number, label=label[:80], problem=problem))
    return Gazetteer(asked.words, bonus=asked.bonus, override=asked.override)


def _problem(word: str, limit: int) -> str:
    if not word:
        return "is empty"
    if word != word.strip():
        return "has white space at an edge"
    return f"has {len(word):,} characters, where {limit:,} may be" if len(word) > limit else ""


def write_words(words: Gazetteer, doc: Doc) -> None:
    """Find the words of a request in one of its documents, and write them there for the pipeline to read.

    words (Gazetteer): The words.
    doc (Doc): The document.
    RAISES (FoundTooOften): Where they would fill the memory.
    """
    limit = len(doc) + SPARE_PLACES
    spans = list(islice(words.find(doc), limit + 1))
    if len(spans) > limit:
        raise FoundTooOften(Errors.ZT610.format(limit=limit, length=len(doc)))
    words.write(doc, spans)
