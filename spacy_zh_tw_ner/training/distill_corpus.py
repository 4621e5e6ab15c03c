"""Corpus reader for distillation: mixes annotated examples with unlabelled texts that a teacher has predicted."""

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from spacy.language import Language
from spacy.training import Example

from ..components.soft_targets import SoftTarget
from ..errors import CorpusError, Errors, PipelineMismatchError, SettingError
from .teacher_posteriors import Manifest, read_chunk, read_manifest

CorpusT: TypeAlias = Callable[[Language], Iterable[Example]]


class DistillCorpus:
    """Corpus reader that mixes annotated examples with unlabelled texts, whose targets are the posteriors of a teacher.

    One pass yields every unlabelled text once. The annotated examples are repeated: they continue from one pass to the
    next, and start again after the last one. `zh-tw-ner distill` stores the texts and predictions in chunks. If the
    training corpus is streamed (`max_epochs = -1`), only one chunk is in memory at a time.

    path (Path): Folder that `zh-tw-ner distill` has written: OUT/teacher.
    gold (Optional[Callable]): Corpus reader of annotated examples; None to train on the teacher alone.
    weight (float): Weight of the loss of a text that the teacher has predicted. Annotated examples have the weight 1.
    gold_share (Optional[float]): Share of annotated examples among all examples, at least 0 and less than 1. None
        yields all annotated examples once, and then the texts; `nlp.initialize` needs this order.
    shuffle (bool): Shuffle the chunks, and the texts within each chunk, in every pass.
    RAISES (SettingError): If `weight` or `gold_share` is out of range.
    """

    def __init__(
        self,
        path: Path,
        *,
        gold: CorpusT | None = None,
        weight: float = 1.0,
        gold_share: float | None = 0.5,
        shuffle: bool = True,
    ) -> None:
        if problem := weight_problem(weight, gold_share, names=("weight", "gold_share")):
            raise SettingError(problem)
        self.path, self.gold, self.weight, self.shuffle = Path(path), gold, weight, shuffle
        self.gold_share = 0.0 if gold is None else gold_share
        self._golds: Iterator[Example] = iter(())

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read all unlabelled texts once, mixed with annotated examples. spaCy calls it for each pass over the corpus.

        nlp (Language): The pipeline of the student, which tokenizes the texts.
        YIELDS (Example): Annotated examples, and unlabelled ones whose reference document holds a `SoftTarget`, the
            distribution that the teacher has predicted over the tag paths.
        RAISES (CorpusError): If the predictions of the teacher are not complete, or there is no gold example.
        RAISES (PipelineMismatchError): If the tokens of the student are not those of the teacher.
        """
        manifest = read_manifest(self.path)
        if self.gold_share is None and self.gold is not None:
            yield from self.gold(nlp)
        share = self.gold_share or 0.0
        due = 0.0  # number of annotated examples that are due
        for text, target in self._texts(manifest):
            due += share / (1.0 - share)
            while due >= 1.0:
                due -= 1.0
                yield self._next_gold(nlp)
            yield self._example(nlp, text, target)

    def _texts(self, manifest: Manifest) -> Iterator[tuple[str, SoftTarget]]:
        chunks = list(range(manifest.n_chunks))
        if self.shuffle:
            random.shuffle(chunks)
        for chunk in chunks:
            texts = list(read_chunk(self.path, chunk, manifest, weight=self.weight))
            if self.shuffle:
                random.shuffle(texts)
            yield from texts

    def _next_gold(self, nlp: Language) -> Example:
        """Return the next annotated example; after the last one, the first of a new pass over them.

        RAISES (CorpusError): If there are no annotated examples.
        """
        assert self.gold is not None  # its share is 0 otherwise
        example = next(self._golds, None)
        if example is None:
            self._golds = iter(self.gold(nlp))
            example = next(self._golds, None)
        if example is None:
            raise CorpusError(Errors.ZT287)
        return example

    def _example(self, nlp: Language, text: str, target: SoftTarget) -> Example:
        predicted, reference = nlp.make_doc(text), nlp.make_doc(text)
        if len(predicted) != len(target.marginals):
            sizes = {"student": len(predicted), "teacher": len(target.marginals)}
            raise PipelineMismatchError(Errors.ZT285.format(text=text[:40], **sizes))
        target.put_into(reference)
        return Example(predicted, reference)


def weight_problem(weight: float, gold_share: float | None, *, names: tuple[str, str]) -> str | None:
    """Return the error message for the weight of the teacher, or for the share of annotated examples, if out of range.

    weight (float): Weight of the loss of a text that the teacher has predicted; more than 0, up to 1000.
    gold_share (Optional[float]): Share of annotated examples among all examples, at least 0 and less than 1; or None.
    names (tuple[str, str]): Names of the two settings, for the message.
    RETURNS (Optional[str]): The message about the first setting that is out of range, or None.
    """
    if not 0.0 < weight <= 1e3:
        return Errors.ZT112.format(name=names[0], value=weight, remedy="Give more than 0, up to 1000.")
    if gold_share is not None and not 0.0 <= gold_share < 1.0:
        return Errors.ZT112.format(name=names[1], value=gold_share, remedy="Give at least 0 and less than 1.")
    return None


def create_distill_corpus_v1(
    path: Path,
    gold: CorpusT | None = None,
    weight: float = 1.0,
    gold_share: float | None = 0.5,
    shuffle: bool = True,
) -> Callable[[Language], Iterable[Example]]:
    """Registered as `spacy-zh-tw-ner.DistillCorpus.v1`: annotated examples, and texts that a teacher has predicted.

    path (Path): Folder that `zh-tw-ner distill` has written: OUT/teacher.
    gold (Optional[Callable]): Corpus reader of annotated examples; null to train on the predictions of the teacher
        only.
    weight (float): Weight of the loss of a text that the teacher has predicted. Annotated examples have the weight 1.
    gold_share (Optional[float]): Share of annotated examples among all examples, at least 0 and less than 1. null
        yields all annotated examples once, and then the texts; `nlp.initialize` needs this order.
    shuffle (bool): Shuffle the texts in every pass: the chunks in which `distill` stored them, and those in each chunk.
    RETURNS (Callable): The corpus reader: pipeline → Examples.
    """
    return DistillCorpus(path, gold=gold, weight=weight, gold_share=gold_share, shuffle=shuffle)
