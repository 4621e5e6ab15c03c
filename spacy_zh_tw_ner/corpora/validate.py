"""What can be wrong with a corpus before anybody trains on it."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from unicodedata import normalize

import spacy
from spacy.tokens import Doc

from ..errors import CorpusError, Errors
from ..files import spacy_files
from .docbin import ORIGIN, read_docbin
from .splits import SPLITS

FEW = 10  # a label with fewer examples than this in train is hardly learnt


@dataclass
class SplitReport:
    """Counts of one split."""

    sentences: int = 0
    characters: int = 0
    longest: int = 0
    without_entities: int = 0
    labels: dict[str, int] = field(default_factory=dict)


@dataclass
class Report:
    """What `validate` found: `errors` make training useless or its scores wrong, `warnings` are worth a look."""

    splits: dict[str, SplitReport] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """As plain objects."""
        return asdict(self)


def validate(folder: Path) -> Report:
    """Check the `.spacy` files of a folder.

    folder (Path): Holds train.spacy and dev.spacy, and perhaps test.spacy.
    RETURNS (Report): Counts, errors and warnings.
    RAISES (CorpusError): Where train or dev is not there.
    """
    docs = {
        split: list(_read(folder, split)) for split in SPLITS if split != "test" or (folder / "test.spacy").exists()
    }
    report = Report({split: _count(split_docs) for split, split_docs in docs.items()})
    for split, counts in report.splits.items():
        if not sum(counts.labels.values()):
            path = folder / f"{split}.spacy"
            report.errors.append(Errors.ZT204.format(path=path, n=counts.sentences, format=".spacy"))
    report.errors += _unknown_labels(docs)
    report.warnings += _few_examples(report.splits["train"])
    report.warnings += _edges(docs)
    report.warnings += _repeated(docs)
    return report


def _read(folder: Path, split: str) -> Iterable[Doc]:
    path = folder / f"{split}.spacy"
    if not path.exists():
        raise CorpusError(Errors.ZT212.format(path=folder, split=split))
    vocab = spacy.blank("zh_tw").vocab
    return chain.from_iterable(read_docbin(file).get_docs(vocab) for file in spacy_files(path))


def _count(docs: list[Doc]) -> SplitReport:
    labels = Counter(ent.label_ for doc in docs for ent in doc.ents)
    return SplitReport(
        sentences=len(docs),
        characters=sum(len(doc.text) for doc in docs),
        longest=max((len(doc.text) for doc in docs), default=0),
        without_entities=sum(not doc.ents for doc in docs),
        labels=dict(sorted(labels.items())),
    )


def _origin(doc: Doc) -> str:
    return str(doc.user_data.get(ORIGIN, repr(doc.text[:20])))


def _unknown_labels(docs: dict[str, list[Doc]]) -> list[str]:
    known = {ent.label_ for doc in docs["train"] for ent in doc.ents}
    first: dict[tuple[str, str], str] = {}
    for split, split_docs in docs.items():
        for doc in split_docs:
            for label in {ent.label_ for ent in doc.ents} - known:
                first.setdefault((split, label), _origin(doc))
    return [Errors.ZT209.format(origin=origin, label=label, split=split) for (split, label), origin in first.items()]


def _few_examples(train: SplitReport) -> list[str]:
    return [
        f"train has only {n} examples of {label}: expect it to be missed."
        for label, n in train.labels.items()
        if n < FEW
    ]


def _edges(docs: dict[str, list[Doc]]) -> list[str]:
    found = [
        (_origin(doc), ent.text)
        for split_docs in docs.values()
        for doc in split_docs
        for ent in doc.ents
        if ent.text != ent.text.strip()
    ]
    return (
        [f"{len(found)} entities begin or end with white space, the first at {found[0][0]}: {found[0][1]!r}."]
        if found
        else []
    )


def _repeated(docs: dict[str, list[Doc]]) -> list[str]:
    """The same sentence twice, also in another width: within a split it weighs double, across splits it flatters."""
    places: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for split, split_docs in docs.items():
        for doc in split_docs:
            places[normalize("NFKC", doc.text)].append((split, _origin(doc)))
    again = [found for found in places.values() if len(found) > 1]
    across = [found for found in again if len({split for split, _ in found}) > 1]
    messages = []
    if across:
        (_, first), (_, second) = across[0][0], across[0][-1]
        messages.append(
            f"{len(across)} sentences stand in more than one split, which flatters the scores; "
            f"the first: {first} and {second}."
        )
    if len(again) > len(across):
        messages.append(f"{len(again) - len(across)} sentences stand more than once in one split.")
    return messages
