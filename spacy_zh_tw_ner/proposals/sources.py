"""Sources of proposals: word lists, regular expressions, rules, pipelines, GLiNER, and answers of a language model."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from types import MappingProxyType
from typing import Any, Protocol

from ..entities import Entity, Found
from ..errors import CorpusError, Errors, PipelineError, UsageError
from ..extras import install_hint
from ..interval_scheduling import Segment, choose
from ..tokenization.word_list import WordList

GLINER_WORD = re.compile(r"[A-Za-z0-9]+|\S")
MAX_PATTERN = 1_000  # characters
PATTERN_SECONDS = 2.0  # time for one pattern and one text, after which the pattern is refused
MAX_MATCHES = 10_000  # of one pattern in one text
TIE_BREAK = 1e-3  # prefers the label that is first in the settings


class ProposalSource(Protocol):
    """Interface of a source, a function that proposes entities. `annotate_partially` calls it for batches of texts."""

    def __call__(self, texts: Sequence[str]) -> list[list[Found]]:
        """Find the entities that this source proposes for each text.

        texts (Sequence[str]): The texts.
        RETURNS (list[list[Found]]): For each text, entities with character offsets, a label of the source, and a score
            from 0 to 1 (None for no score). They may overlap, and may be in any order.
        """
        ...


class GazetteerSource:
    """Source that proposes the words of a list. No two of its proposals overlap.

    Where words of the list overlap, some of them must be left out. The text is divided so that it has as few words as
    possible, where each character that is in no proposed word counts as one word.

    words (Mapping[str, Sequence[str]]): Label → words.
    """

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        self._list = WordList(words)
        self._labels = list(words)

    def __call__(self, texts: Sequence[str]) -> list[list[Found]]:
        """Return, for each text, the words of the list that occur in it. All scores are None."""
        return [list(self._find(text)) for text in texts]

    def _find(self, text: str) -> Iterator[Found]:
        # A word of n characters replaces n words of one character, so that n − 1 fewer are left. Of equal ones, the
        # label that is first in the settings is taken.
        segments = [
            Segment(start, end, kind := self._labels.index(label), end - start - 1 + TIE_BREAK / (1 + kind))
            for start, end, label in self._list.find(text)
        ]
        for segment in choose(segments, 0.0):
            yield Found(segment.start, segment.end, self._labels[segment.kind], None)


class PatternSource:
    """Source that proposes the matches of regular expressions.

    If a pattern has a group with the name `entity`, the text of this group is proposed; otherwise the whole match.

    patterns (Mapping[str, Sequence[str]]): Label → patterns, in the syntax of the package `regex`.
    name (str): Name of the source, for messages.
    lists (Mapping[str, Sequence[str]]): Name → words. `\\L<name>` in a pattern matches the words of a list, and tries
        longer ones first.
    exclude (Optional[WordList]): Matches that overlap one of these words are dropped.
    RAISES (UsageError): If a pattern is longer than `MAX_PATTERN` characters or is not a regular expression.
    """

    def __init__(
        self,
        patterns: Mapping[str, Sequence[str]],
        name: str = "patterns",
        lists: Mapping[str, Sequence[str]] = MappingProxyType({}),
        exclude: WordList | None = None,
    ) -> None:
        import regex

        self.name = name
        self._exclude = exclude
        self._patterns: list[tuple[str, Any]] = []
        for label, of_label in patterns.items():
            for pattern in of_label:
                if len(pattern) > MAX_PATTERN:
                    reason = f"it has more than {MAX_PATTERN:,} characters"
                    raise UsageError(Errors.ZT783.format(source=name, pattern=pattern[:80], reason=reason))
                try:
                    used = {key: words for key, words in lists.items() if rf"\L<{key}>" in pattern}
                    self._patterns.append((label, regex.compile(pattern, **used)))
                except (regex.error, RecursionError, OverflowError) as error:
                    raise UsageError(Errors.ZT783.format(source=name, pattern=pattern[:80], reason=error)) from error

    def __call__(self, texts: Sequence[str]) -> list[list[Found]]:
        """Return, for each text, the first MAX_MATCHES (10,000) matches of each pattern. All scores are None.

        Empty matches are left out.

        RAISES (CorpusError): If a pattern takes more than `PATTERN_SECONDS` for one text.
        """
        return [list(self._find_all(text)) for text in texts]

    def _find_all(self, text: str) -> Iterator[Found]:
        excluded = bytearray(len(text))  # 1 for each character in an excluded word
        for start, end, _ in self._exclude.find(text) if self._exclude else ():
            excluded[start:end] = b"\1" * (end - start)
        for label, pattern in self._patterns:
            yield from (
                found for found in self._find(label, pattern, text) if 1 not in excluded[found.start : found.end]
            )

    def _find(self, label: str, pattern: Any, text: str) -> Iterator[Found]:
        group = "entity" if "entity" in pattern.groupindex else 0
        try:
            # Unlike `re`, the package `regex` stops after a time, so that (a+)+b cannot hang.
            for match in islice(pattern.finditer(text, timeout=PATTERN_SECONDS), MAX_MATCHES):
                start, end = match.span(group)
                if start < end:
                    yield Found(start, end, label, None)
        except TimeoutError as error:
            values = {
                "source": self.name,
                "pattern": pattern.pattern[:80],
                "seconds": PATTERN_SECONDS,
                "text": text[:40],
            }
            raise CorpusError(Errors.ZT784.format(**values)) from error


class TaiwanSource:
    """Source that applies this package's rules for identifiers, phones, addresses and dates of Taiwan."""

    def __call__(self, texts: Sequence[str]) -> list[list[Found]]:
        """Return the entities that `taiwan.scanner.scan` finds in each text, with their scores."""
        from ..taiwan.scanner import scan

        return [[Found(f.start, f.end, f.label, f.score) for f in scan(text, min_score=0.0)] for text in texts]


class PipelineSource:
    """Source that proposes the `doc.ents` of a spaCy pipeline.

    nlp (Language): The pipeline.
    """

    def __init__(self, nlp: Any) -> None:
        self._nlp = nlp

    def __call__(self, texts: Sequence[str]) -> list[list[Found]]:
        """Return, for each text, the entities in `doc.ents`, with their scores (None if they have none)."""
        from ..components.span_annotations import get_score

        return [
            [Found(ent.start_char, ent.end_char, ent.label_, get_score(ent)) for ent in doc.ents]
            for doc in self._nlp.pipe(texts)
        ]


class GlinerSource:
    """Source that proposes the predictions of a GLiNER model, whose labels are described by words at run time.

    GLiNER predicts spans of words, and treats a sequence of Chinese characters as one word. So the texts are divided
    into words here: a sequence of Latin letters and digits is a word, and so is every other character except white
    space. The model gets the words with spaces between them, and the offsets of its predictions are converted back.

    model (Any): A `gliner.GLiNER`, or an object with its method `inference`.
    prompts (Mapping[str, str]): Label of the source → words that describe it to the model.
    min_score (float): Lowest score of a proposal.
    name (str): Name of the source, for messages.
    """

    def __init__(self, model: Any, prompts: Mapping[str, str], min_score: float, name: str = "gliner") -> None:
        self.name, self._model, self._min_score = name, model, min_score
        self._labels = {prompt: label for label, prompt in prompts.items()}

    def __call__(self, texts: Sequence[str]) -> list[list[Found]]:
        """Return the predictions of the model for each text, with their scores.

        RAISES (PipelineError): If the installed version of gliner has another interface.
        """
        words = [[match.span() for match in GLINER_WORD.finditer(text)] for text in texts]
        spaced = [" ".join(text[start:end] for start, end in spans) for text, spans in zip(texts, words, strict=True)]
        try:
            answers = self._model.inference(spaced, list(self._labels), threshold=self._min_score, flat_ner=True)
            return [list(self._mapped(of_text, spans)) for of_text, spans in zip(answers, words, strict=True)]
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # of another version of gliner
            reason = f"{type(error).__name__}: {error}"
            values = {"source": self.name, "reason": reason, "hint": install_hint("gliner")}
            raise PipelineError(Errors.ZT789.format(**values)) from error

    def _mapped(self, answers: Iterable[Mapping[str, Any]], words: Sequence[tuple[int, int]]) -> Iterator[Found]:
        """Convert the predictions for a text with spaces to entities of the text without them.

        Predictions that begin or end inside a word are dropped.

        answers (Iterable[Mapping[str, Any]]): Predictions of GLiNER: "start" and "end" in characters of the text with
            spaces, "label" (words of `prompts`, which are replaced by their label) and "score".
        words (Sequence[tuple[int, int]]): Start and end of each word in the text without the added spaces.
        """
        lengths = [end - start for start, end in words]
        firsts = {place: i for i, place in enumerate(accumulate((n + 1 for n in lengths), initial=0))}
        for answer in answers:
            first, behind = firsts.get(answer["start"]), firsts.get(answer["end"] + 1)
            if first is not None and behind is not None and first < behind:
                label = self._labels.get(answer["label"], answer["label"])
                yield Found(words[first][0], words[behind - 1][1], label, float(answer["score"]))


class AnswersSource:
    """Source that proposes the entities that a language model has written to a file.

    answers (Mapping[str, list[Entity]]): Text → entities, the result of `read_answers`.
    """

    def __init__(self, answers: Mapping[str, list[Entity]]) -> None:
        self._answers = answers

    def __call__(self, texts: Sequence[str]) -> list[list[Found]]:
        """Return, for each text, its entities in the file: none if the file lacks the text. All scores are None."""
        return [[Found(*entity, None) for entity in self._answers.get(text, ())] for text in texts]
