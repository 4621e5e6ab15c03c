"""The component `zh_tw_gazetteer`: word lists by label, as evidence for the head or as entities themselves."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import srsly
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans

from ..errors import Errors
from ..tokenization.normalization import fold_table, lower
from .evidence import DEFAULT_BONUS, write_evidence


class _Folds(dict[int, str]):
    """Code point → what it is compared as: 臺 as 台, Ａ and A as a."""

    def __missing__(self, code: int) -> str:
        return self.setdefault(code, lower(chr(code)))


@Language.factory(
    "zh_tw_gazetteer",
    assigns=["doc.spans", "doc.ents"],
    default_config={"bonus": DEFAULT_BONUS, "override": False},
)
def make_gazetteer(nlp: Language, name: str, bonus: float, override: bool) -> "Gazetteer":
    """Build the component; the settings are those of Gazetteer."""
    return Gazetteer(name=name, bonus=bonus, override=override)


class Gazetteer(Pipe):
    """Finds the words of a list, whichever way they are spelt: 臺 as 台, full width as half, capitals as small letters.

    What is found is evidence for every `zh_tw_crf_ner` that follows: each token adds to the score of the tag that makes
    the word an entity, and the sentence may still outweigh it. It needs no pipeline: called on one document, with the
    words of one request, it serves that document alone.

    words (Mapping[str, Iterable[str]]): Label → words.
    bonus (float): How much a token adds, in log-odds; 2 makes a word of two characters about 50 times as likely.
    override (bool): Make entities of the words instead. Of two that overlap the longer stays; those set before stay,
        too. `zh_tw_crf_ner` adds what is beside them.
    name (str): Name of this instance.
    RAISES (ValueError): For a bonus that is not above 0, or words that `add` does not take.
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
            raise ValueError(Errors.ZT361.format(value=bonus))
        self.name = name
        self.bonus, self.override = bonus, override
        self._folds = _Folds({ord(char): to for char, to in fold_table(["width", "variants"]).items()})
        self._set_words(words or {})

    def _set_words(self, words: Mapping[str, Iterable[str]]) -> None:
        self.words: dict[str, list[str]] = {}
        self._labels: dict[str, list[str]] = {}  # folded word → labels
        self._lengths: dict[str, list[int]] = {}  # first character → lengths of its words
        for label, of_label in words.items():
            self.add(label, of_label)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that it has words for."""
        return tuple(self.words)

    def add(self, label: str, words: Iterable[str]) -> None:
        """Add words of a label. A word may have several.

        label (str): The label.
        words (Iterable[str]): The words, of any length.
        RAISES (ValueError): For a label or word that is empty or no string, or white space at the edge of a word.
        """
        if not isinstance(label, str) or not label:
            raise ValueError(Errors.ZT107.format(value=label))
        if isinstance(words, str):
            raise ValueError(Errors.ZT362.format(label=label, value=words))
        for word in words:
            if not isinstance(word, str) or not word or word != word.strip():
                raise ValueError(Errors.ZT362.format(label=label, value=word))
            folded = word.translate(self._folds)
            labels = self._labels.setdefault(folded, [])
            if label not in labels:
                labels.append(label)
                self.words.setdefault(label, []).append(word)
            lengths = self._lengths.setdefault(folded[0], [])
            if len(folded) not in lengths:
                lengths.append(len(folded))

    def __call__(self, doc: Doc) -> Doc:
        """Find the words of a document and write them to `doc.spans["gazetteer"]`, or with `override` to `doc.ents`."""
        self.write(doc, list(self.find(doc)))
        return doc

    def write(self, doc: Doc, spans: list[Span]) -> None:
        """Write what was found: as evidence, or with `override` as entities.

        doc (Doc): The document.
        spans (list[Span]): What `find` has found in it.
        """
        if spans and not self.override:
            write_evidence(doc, spans, self.bonus)
        elif spans:
            taken = {token.i for ent in doc.ents for token in ent}
            free = [span for span in spans if taken.isdisjoint(range(span.start, span.end))]
            doc.set_ents(filter_spans(free), default="unmodified")

    def find(self, doc: Doc) -> Iterator[Span]:
        """Look for all words; they may overlap. No word is found inside a run of Latin letters or digits.

        doc (Doc): The document.
        YIELDS (Span): What was found, with its label.
        """
        text = doc.text.translate(self._folds)
        for start, char in enumerate(text):
            for length in self._lengths.get(char, ()):
                end = start + length
                labels = self._labels.get(text[start:end], ())
                if labels and not _inside_run(text, start) and not _inside_run(text, end):
                    for label in labels:
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
        """Set the words.

        get_examples (Optional[Callable]): Not used.
        nlp (Optional[Language]): Not used.
        words (Optional[Mapping[str, Iterable[str]]]): Label → words, in place of those there are; in a config perhaps
            read by `srsly.read_json.v1`.
        """
        if words is not None:
            self._set_words(words)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the words."""
        data: bytes = srsly.msgpack_dumps(self.words)
        return data

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "Gazetteer":
        """Load the words in place."""
        self._set_words(srsly.msgpack_loads(data))
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the words as one JSON file."""
        srsly.write_json(Path(path), self.words)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "Gazetteer":
        """Load the words in place."""
        self._set_words(srsly.read_json(Path(path)))
        return self


def _inside_run(text: str, place: int) -> bool:
    """Whether a border lies between two Latin letters or digits, which would make AI of 'Haiti'."""
    around = text[place - 1 : place + 1] if place else ""
    return len(around) == 2 and around.isascii() and around.isalnum()
