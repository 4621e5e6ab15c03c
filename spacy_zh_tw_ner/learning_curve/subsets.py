"""Draw nested random subsets of the training data. Copies of a sentence are always in the same subsets."""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import NamedTuple

import spacy
from spacy.tokens import Doc, DocBin

from ..atomic_writes import write_whole
from ..corpora.splits import fold_text
from ..errors import CorpusError, Errors, UsageError, Warnings
from ..training.char_corpus import read_gold_docs
from ..untrusted import sha256_of
from ..untrusted.docbins import spacy_files

MIN_SENTENCES = 10  # of the smallest subset


class Subset(NamedTuple):
    """A random part of the training data.

    percent: Share of all sentences that the user wants in the subset, in percent.
    seed: Seed of the random choice of sentences, and of the training.
    documents: Indices of the documents of the subset in the training data, ascending.
    """

    percent: float
    seed: int
    documents: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name of the run on this subset, such as "10-seed0" for 10 % and seed 0. Its files have this name."""
        return f"{self.percent:g}-seed{self.seed}"


class TrainingData:
    """The annotated documents of a training file, from which subsets are drawn.

    path (Path): A `.spacy` file, or a folder of several.
    RAISES (CorpusError): If a file is missing, is not a `.spacy` file, or there is no entity in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._docs = list(read_gold_docs(path, spacy.blank("zh_tw").vocab))
        self._groups = [fold_text(doc.text) for doc in self._docs]
        if not any(doc.ents for doc in self._docs):
            raise CorpusError(Errors.ZT816.format(path=path, n=len(self._docs)))

    def __len__(self) -> int:
        return len(self._docs)

    def draw(self, percents: Sequence[float], n_seeds: int) -> list[Subset]:
        """Draw one subset for each share and seed.

        The subsets of one seed are nested: each contains the smaller ones. Sentences that are equal after folding of
        width, variants (臺 and 台) and white space are copies. If a subset has one copy, it has all of them.

        percents (Sequence[float]): Shares in percent, ascending.
        n_seeds (int): Number of seeds. The seeds are 0 … `n_seeds` − 1.
        RETURNS (list[Subset]): The subsets, in the order of the shares and then of the seeds.
        RAISES (CorpusError): If the smallest subset has fewer than `MIN_SENTENCES` sentences, two shares give subsets
            of the same size, or a subset has no entity.
        """
        subsets = [
            Subset(percent, seed, self._first(order, percent))
            for percent in percents
            for seed, order in enumerate(map(self._order, range(n_seeds)))
        ]
        subsets.sort(key=lambda subset: (subset.percent, subset.seed))
        for before, subset in zip([None, *subsets], subsets, strict=False):
            n = len(subset.documents)
            if n < MIN_SENTENCES:
                raise CorpusError(
                    Errors.ZT817.format(path=self.path, percent=subset.percent, n=n, all=len(self), least=MIN_SENTENCES)
                )
            if before is not None and before.percent < subset.percent and len(before.documents) >= n:
                percents_of_both = f"{before.percent:g} and {subset.percent:g}"
                raise CorpusError(Errors.ZT818.format(path=self.path, percents=percents_of_both, n=n))
            if not self.labels(subset.documents):
                raise CorpusError(Errors.ZT819.format(path=self.path, percent=subset.percent, seed=subset.seed, n=n))
        return subsets

    def labels(self, documents: Sequence[int] | None = None) -> Counter[str]:
        """Count the entities of each label.

        documents (Optional[Sequence[int]]): Indices of documents; None for all.
        RETURNS (Counter[str]): Label → number of entities.
        """
        docs = self._docs if documents is None else [self._docs[i] for i in documents]
        return Counter(ent.label_ for doc in docs for ent in doc.ents)

    def write(self, subset: Subset, path: Path) -> None:
        """Write the documents of a subset to a `.spacy` file, in the order of the training data."""
        bin_ = DocBin(attrs=["ENT_IOB", "ENT_TYPE"], store_user_data=True)
        for i in subset.documents:
            bin_.add(self._docs[i])
        write_whole(path, bin_.to_bytes())

    def _order(self, seed: int) -> list[str]:
        groups = sorted(set(self._groups))
        Random(seed).shuffle(groups)
        return groups

    def _first(self, order: Sequence[str], percent: float) -> tuple[int, ...]:
        """Return the documents of the first groups, as many groups as are needed for a share of all documents.

        order (Sequence[str]): All groups in random order. A group is the folded text of one or more documents.
        percent (float): The share in percent.
        RETURNS (tuple[int, ...]): Indices of the documents, ascending.
        """
        sizes, wanted, chosen = Counter(self._groups), round(len(self) * percent / 100), set[str]()
        n = 0
        for group in order:
            if n >= wanted:
                break
            chosen.add(group)
            n += sizes[group]
        return tuple(i for i, group in enumerate(self._groups) if group in chosen)


def missing_label_messages(data: TrainingData, subsets: Sequence[Subset], gold: Sequence[Doc], path: Path) -> list[str]:
    """Return warnings about labels of the test data that the training data, or at least one subset, lacks.

    data (TrainingData): The training data.
    subsets (Sequence[Subset]): The subsets on which pipelines are trained.
    gold (Sequence[Doc]): The documents of the test data.
    path (Path): Path of the test data, for the messages.
    RETURNS (list[str]): One message per label.
    """
    counts = Counter(ent.label_ for doc in gold for ent in doc.ents)
    known = [(subset.name, data.labels(subset.documents)) for subset in subsets]
    messages: list[str] = []
    for label, n in sorted(counts.items()):
        without = [name for name, labels in known if label not in labels]
        message = Warnings.ZT821 if label in data.labels() else Warnings.ZT820
        if without:
            messages.append(message.format(label=label, n=n, path=path, subsets=", ".join(without)))
    return messages


def parse_percents(value: str) -> tuple[float, ...]:
    """Parse the shares of the training data, such as "10,25,50,100".

    value (str): At least three different numbers above 0 and up to 100, separated by commas.
    RETURNS (tuple[float, ...]): The shares in percent, ascending.
    RAISES (UsageError): If a part is not a number in this range, or there are fewer than three different numbers.
    """
    try:
        percents = sorted({float(part) for part in value.split(",")})
    except ValueError:
        percents = []
    if len(percents) < 3 or not all(0 < percent <= 100 for percent in percents):
        raise UsageError(Errors.ZT822.format(value=value))
    return tuple(percents)


def digest_of(path: Path) -> str:
    """Return a hexadecimal hash of the content of all files of a corpus, by which a later call detects changes.

    path (Path): A `.spacy` file, or a folder of several.
    """
    digest = sha256()
    for file in spacy_files(path):
        digest.update(bytes.fromhex(sha256_of(file)))
    return digest.hexdigest()
