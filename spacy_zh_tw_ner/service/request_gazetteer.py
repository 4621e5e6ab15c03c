"""Gazetteer of a request: its words are checked, and found in its texts alone."""

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Errors, ServiceError
from ..tokenization.word_list import Hints, WordList
from .http_errors import Refusal
from .settings import ServiceSettings

if TYPE_CHECKING:
    from .schema import GazetteerWords

# Matches in addition to one per character. Words within one another (台, 台台, …) match more often than that.
SPARE_PLACES = 1_000


class FoundTooOften(ServiceError):
    """Raised if the words of a gazetteer match so often that the matches would fill the memory."""


class RequestGazetteer(NamedTuple):
    """The words of a request, and their weight; see `Hints`."""

    words: WordList
    bonus: float
    override: bool

    def hints(self, text: str) -> Hints:
        """Find the words in one text of the request.

        RAISES (FoundTooOften): If there are too many matches.
        """
        limit = len(text) + SPARE_PLACES
        places = tuple(islice(self.words.find(text), limit + 1))
        if len(places) > limit:
            raise FoundTooOften(Errors.ZT610.format(limit=limit, length=len(text)))
        return Hints(places, self.bonus, self.override)


def make_gazetteer(words: "GazetteerWords", settings: ServiceSettings) -> RequestGazetteer | None:
    """Check the words of a request.

    words (GazetteerWords): The words.
    settings (ServiceSettings): The limits of their number and length.
    RETURNS (Optional[RequestGazetteer]): Finds the words; None if there are none.
    RAISES (Refusal): 422.
    """
    count = sum(map(len, words.words.values()))
    if not count:
        return None
    if count > settings.max_words:
        raise Refusal(422, Errors.ZT607.format(count=count, limit=settings.max_words))
    for label, of_label in words.words.items():
        for number, word in enumerate(of_label, start=1):
            problem = _problem(word, settings.max_word_chars)
            if problem:
                raise Refusal(422, Errors.ZT608.format(number=number, label=label[:80], problem=problem))
    return RequestGazetteer(WordList(words.words), words.bonus, words.override)


def _problem(word: str, limit: int) -> str:
    if not word:
        return "is empty"
    if word != word.strip():
        return "has white space at an edge"
    return f"has {len(word):,} characters, and at most {limit:,} are allowed" if len(word) > limit else ""
