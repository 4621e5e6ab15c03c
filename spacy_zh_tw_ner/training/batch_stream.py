"""Batches of a corpus, in an order that a resumed run finds again."""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
from spacy.language import Language
from spacy.training import Example
from spacy.training.loop import create_train_batches

BatchT: TypeAlias = list[Example]
RandomT: TypeAlias = tuple[Any, Any]


class BatchStream:
    """Reads, shuffles and augments with random numbers of its own, so that nothing which training draws changes it.

    nlp (Language), corpus (Callable), batcher (Callable), max_epochs (int): As spaCy's training has them.
    seed (int): Of the random numbers.
    """

    def __init__(
        self,
        nlp: Language,
        corpus: Callable[[Language], Iterable[Example]],
        batcher: Callable[[Iterable[Example]], Iterable[Any]],
        max_epochs: int,
        seed: int,
    ) -> None:
        self.n_taken = 0
        self._batches: Iterator[tuple[int, BatchT]] = create_train_batches(nlp, corpus, batcher, max_epochs)
        self._random = (random.Random(seed).getstate(), np.random.RandomState(seed).get_state())

    def __iter__(self) -> "BatchStream":
        return self

    def __next__(self) -> tuple[int, BatchT]:
        """RETURNS (tuple[int, list[Example]]): The epoch, and the next batch."""
        outer = _exchange(self._random)
        try:
            found = next(self._batches)
        finally:
            self._random = _exchange(outer)
        self.n_taken += 1
        return found

    def skip(self, n: int, progress: Callable[[Iterable[int]], Iterable[int]] = iter) -> None:
        """Read past so many batches. It takes the time of reading and augmenting them, and not of training."""
        for _ in progress(range(n)):
            next(self)


def _exchange(state: RandomT) -> RandomT:
    """Put a state of Python's and numpy's random numbers in force, and give the one that was."""
    before = (random.getstate(), np.random.get_state())
    random.setstate(state[0])
    np.random.set_state(state[1])
    return before
