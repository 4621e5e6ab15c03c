"""Gazetteer of a request: check its words, and find them in the texts of this request only."""

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Errors, ServiceError
from ..tokenization.word_list import Hints, WordList
from .http_errors import Refusal
from .settings import ServiceSettings

if TYPE_CHECKING:
    from .schema import GazetteerWords

# A text may have one match per character, and this many more. Nested words (台, 台台, …) match more often.
SPARE_PLACES = 1_000


class FoundTooOften(ServiceError):
    """Raised if a gazetteer matches in a text so often that the matches would exhaust the memory."""


class RequestGazetteer(NamedTuple):
    """Words of a request. A match in a text of the request is probably an entity or, with `override`, certainly.

    words (WordList): The words by label.
    bonus (float): Log-odds. For each character of a match, they are added to the emission of the tag that the character
        has if the match is an entity.
    override (bool): Whether a match is always an entity.
    """

    words: WordList
    bonus: float
    override: bool

    def hints(self, text: str) -> Hints:
        """Find the words in a text of the request.

        text (str): The text.
        RETURNS (Hints): All matches, with `bonus` and `override`, for the recognizer.
        RAISES (FoundTooOften): If there are more than `len(text) + SPARE_PLACES` matches.
        """
        limit = len(text) + SPARE_PLACES
        places = tuple(islice(self.words.find(text), limit + 1))
        if len(places) > limit:
            raise FoundTooOften(Errors.ZT610.format(limit=limit, length=len(text)))
        return Hints(places, self.bonus, self.override)


def make_gazetteer(words: "GazetteerWords", settings: ServiceSettings) -> RequestGazetteer | None:
    """Check the words of a request, and build its gazetteer.

    words (GazetteerWords): Words by label, from the request.
    settings (ServiceSettings): Limits `max_words` and `max_word_chars`.
    RETURNS (Optional[RequestGazetteer]): The gazetteer; None if there are no words.
    RAISES (Refusal): 422 for too many words, or a word that is empty, too long, or has white space at an edge.
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
    """Return what is wrong with a gazetteer word, such as more than `limit` characters; "" if it is valid."""
    if not word:
        return "is empty"
    if word != word.strip():
        return "has white space at an edge"
    return f"has {len(word):,} characters, more than the limit of {limit:,}" if len(word) > limit else ""
