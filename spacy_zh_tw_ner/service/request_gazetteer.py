"""The words that a request brings: checked, found in its texts alone, and gone with them."""

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Errors, ServiceError
from ..tokenization.word_list import Hints, WordList
from .http_errors import Refusal
from .settings import ServiceSettings

if TYPE_CHECKING:
    from .schema import OwnWords

# Words that lie within one another, 台 and 台台 and so on, are found at many places of few characters.
SPARE_PLACES = 1_000


class FoundTooOften(ServiceError):
    """Words at more places than a text can hold, but for those that lie within others."""


class RequestWords(NamedTuple):
    """The words of a request, and what they are worth; see `Hints`."""

    words: WordList
    bonus: float
    override: bool

    def hints(self, text: str) -> Hints:
        """Find the words in one of its texts. RAISES (FoundTooOften): Where they would fill the memory."""
        limit = len(text) + SPARE_PLACES
        places = tuple(islice(self.words.find(text), limit + 1))
        if len(places) > limit:
            raise FoundTooOften(Errors.ZT610.format(limit=limit, length=len(text)))
        return Hints(places, self.bonus, self.override)


def request_words(asked: "OwnWords | None", settings: ServiceSettings) -> RequestWords | None:
    """Make the words of a request ready to be found.

    asked (Optional[OwnWords]): The words.
    settings (ServiceSettings): Says how many and how long they may be.
    RETURNS (Optional[RequestWords]): Finds them; None where there are none.
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
    return RequestWords(WordList(asked.words), asked.bonus, asked.override)


def _problem(word: str, limit: int) -> str:
    if not word:
        return "is empty"
    if word != word.strip():
        return "has white space at an edge"
    return f"has {len(word):,} characters, where {limit:,} may be" if len(word) > limit else ""
