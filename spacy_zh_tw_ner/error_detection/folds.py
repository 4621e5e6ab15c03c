"""Divide a corpus into folds for cross-fitting, so that each sentence is judged by a pipeline not trained on it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..corpora.records import Record
from ..corpora.splits import assign, fold_text
from ..errors import CorpusError, Errors, UsageError

FEWEST, MOST = 2, 100


def assign_folds(records: Sequence[Record], n_folds: int, seed: int, corpus: Path) -> list[int]:
    """Assign sentences to folds of nearly equal size, at random. Copies of a sentence are in one fold.

    Sentences are copies if they are equal after folding of width, variants (臺 and 台) and white space.

    records (Sequence[Record]): The annotated sentences.
    n_folds (int): Number of folds, 2 to 100.
    seed (int): Seed of the random order.
    corpus (Path): The corpus, for messages.
    RETURNS (list[int]): The fold of each sentence, from 0 to `n_folds` − 1.
    RAISES (UsageError): If the number of folds is out of range.
    RAISES (CorpusError): If there are fewer different sentences than folds, or a fold would have no entity.
    """
    if not FEWEST <= n_folds <= MOST:
        raise UsageError(Errors.ZT759.format(name="--folds", low=FEWEST, high=MOST, value=n_folds))
    n_annotated = sum(bool(record.entities) for record in records)
    if not n_annotated:
        raise CorpusError(Errors.ZT756.format(path=corpus, n=len(records)))
    names = tuple(f"fold {fold + 1}" for fold in range(n_folds))
    # Sentences of one document may be in different folds: they are not copies.
    sentences = [("", replace(record, doc_id="")) for record in records]
    n_different = len({fold_text(record.text) for record in records})
    if n_different < n_folds:
        raise CorpusError(Errors.ZT757.format(path=corpus, n=n_different, folds=n_folds))
    folds = list(assign(sentences, [1 / n_folds] * n_folds, seed, names).splits)
    for fold in range(n_folds):
        if not any(record.entities for record, own in zip(records, folds, strict=True) if own == fold):
            raise CorpusError(Errors.ZT758.format(fold=fold + 1, folds=n_folds, n=n_annotated))
    return folds
