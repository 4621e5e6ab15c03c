"""The component `zh_tw_gazetteer`: word lists by label, used as evidence for the recognizer or as entities."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import srsly
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans

from ..errors import (
    Errors,
    SettingError,
)
from ..tokenization.word_list import DEFAULT_BONUS, WordList
from ..untrusted import origin, parse_json, parse_msgpack, reading, require_type
from .span_annotations import write_evidence


@Language.factory(
    "zh_tw_gazetteer",
    assigns=["doc.spans", "doc.ents"],
    default_config={"bonus": DEFAULT_BONUS, "override": False},
)
def make_gazetteer(nlp: Language, name: str, bonus: float, override: bool) -> "Gazetteer":
    """Build the component `zh_tw_gazetteer`, without words. Its settings are those of Gazetteer.

    `bonus` is the weight of a word as evidence for the recognizer. `override` makes all words entities instead.
    `Gazetteer.add` and `initialize` set the words, and `from_disk` and `from_bytes` load them.
    """
    return Gazetteer(name=name, bonus=bonus, override=override)


class Gazetteer(Pipe):
    """Finds listed words in any spelling: 臺 or 台, full or half width, upper or lower case.

    Occurrences are written to `doc.spans["gazetteer"]`. They are evidence for every later `zh_tw_crf_ner`: for each
    token of the word, it adds a bonus to the emission of the tag that the token has if the word is an entity. The
    context may outweigh this evidence. A gazetteer need not be part of a pipeline: call it on a document before the
    recognizer, for example with the words of one request.

    words (Mapping[str, Iterable[str]]): Label → words.
    bonus (float): Bonus per token, in log-odds; 2 makes a word of two characters about 50 times as probable.
    override (bool): Write the words to `doc.ents` as entities, instead of as evidence. Of words that overlap, the
        longer is kept. Entities that `doc.ents` already has are kept, and words that overlap them are dropped. A later
        `zh_tw_crf_ner` only adds entities that overlap none in `doc.ents`.
    name (str): Name of this instance.
    RAISES (ZhTwNerError): For a bonus that is not above 0, and for words that `add` does not accept.
    """

    def __init__(
        self,
        words: Mapping[str, Iterable[str]] | None = None,
        *,
        bonus: float = DEFAULT_BONUS,
        override: bool = False,
        name: str = "gazetteer",
    ) -> None:
        if not 0.0 < bonus < math.inf:
            raise SettingError(Errors.ZT361.format(value=bonus))
        self.name = name
        self.bonus, self.override = bonus, override
        self._list = WordList(words or {})

    @property
    def words(self) -> dict[str, list[str]]:
        """All words, as a mapping label → words."""
        return self._list.words

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that have at least one word."""
        return tuple(self.words)

    def add(self, label: str, words: Iterable[str]) -> None:
        """Add words to those of a label.

        label (str): The label of the entities.
        words (Iterable[str]): The words. A word may have several labels.
        RAISES (SettingError): For an empty label, or words that are empty or begin or end with white space.
        """
        self._list.add(label, words)

    def __call__(self, doc: Doc) -> Doc:
        """Find the words of a document and write them to `doc.spans["gazetteer"]`, or with `override` to `doc.ents`."""
        write_found(doc, list(self.find(doc)), bonus=self.bonus, override=self.override)
        return doc

    def find(self, doc: Doc) -> Iterator[Span]:
        """Find all listed words, also if they overlap. A part of a longer Latin word or number is not a match.

        doc (Doc): The document.
        YIELDS (Span): Each occurrence whose ends are token boundaries, with its label.
        """
        for start, end, label in self._list.find(doc.text):
            span = doc.char_span(start, end, label=label)
            if span is not None:
                yield span

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]] | None = None,
        *,
        nlp: Language | None = None,
        words: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        """Set the words, before training.

        get_examples (Optional[Callable]): Not used.
        nlp (Optional[Language]): Not used.
        words (Optional[Mapping[str, Iterable[str]]]): Label → words, which replace the current ones. A config can read
            them from a file, for example with `srsly.read_json.v1`.
        """
        if words is not None:
            self._list = WordList(words)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the words; the settings are in the config of the pipeline. `exclude` is not used."""
        data: bytes = srsly.msgpack_dumps(self.words)
        return data

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "Gazetteer":
        """Replace the words by those in the bytes of `to_bytes`; return this component. `exclude` is not used.

        RAISES (UnreadableFileError): If the bytes are damaged.
        """
        with reading(origin()):
            self._list = WordList(require_type("the words", parse_msgpack(data), dict))
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the words to the JSON file `path`; the settings are in the config of the pipeline.

        `exclude` is not used.
        """
        srsly.write_json(Path(path), self.words)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "Gazetteer":
        """Replace the words by those in `path`, a file of `to_disk`; return this component. `exclude` is not used.

        RAISES (UnreadableFileError): If the file is damaged.
        """
        with reading(path):
            self._list = WordList(require_type("the words", parse_json(Path(path).read_bytes()), dict))
        return self


def write_found(doc: Doc, spans: list[Span], *, bonus: float, override: bool) -> None:
    """Write matches of listed words to a document, as evidence for the recognizer or as entities.

    doc (Doc): The document; changed in place.
    spans (list[Span]): Matches of words in the document. They may overlap.
    bonus (float): Bonus in log-odds for each token of a match. The recognizer adds it to the emission of the tag that
        the token has if the match is an entity. Not used with `override`.
    override (bool): False adds the matches to `doc.spans["gazetteer"]`, as evidence. True adds them to `doc.ents`:
        matches that overlap entities of the document are dropped, and of matches that overlap, the longer is kept.
    """
    if spans and not override:
        write_evidence(doc, spans, bonus)
    elif spans:
        taken = {token.i for ent in doc.ents for token in ent}
        free = [span for span in spans if taken.isdisjoint(range(span.start, span.end))]
        doc.set_ents(filter_spans(free), default="unmodified")
