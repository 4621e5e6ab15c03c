"""Split one export into train, dev and test: at random, whole documents, and duplicates together."""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from random import Random
from typing import NamedTuple
from unicodedata import normalize

from ..errors import CorpusError, Errors
from ..tokenization.folds import VARIANTS
from .records import Record

NAMES = {2: ("train", "dev"), 3: ("train", "dev", "test")}
LARGE_GROUP = 0.5  # share of the records above which a group is reported
_VARIANTS = str.maketrans(VARIANTS)


class Assignment(NamedTuple):
    """Assignment of records to splits.

    splits (Sequence[int]): Number of the split, one a record.
    names (tuple[str, ...]): Names of the splits.
    n_groups (tuple[int, ...]): Groups of documents in each split.
    largest (int): Records in the largest group.
    """

    splits: Sequence[int]
    names: tuple[str, ...]
    n_groups: tuple[int, ...]
    largest: int

    def report(self, ratio: str, seed: int) -> str:
        """Describe the sizes."""
        sizes = Counter(self.splits)
        parts = [
            f"{name} {sizes[i]:,} texts ({100 * sizes[i] / len(self.splits):.1f} %) in {self.n_groups[i]:,} groups"
            for i, name in enumerate(self.names)
        ]
        linked = (
            f" {self.largest:,} texts are in one group, which documents with equal texts have become."
            if self.largest > LARGE_GROUP * len(self.splits) and self.largest > 1
            else ""
        )
        return f"Split {ratio}, seed {seed}, by document and with equal texts together: {', '.join(parts)}.{linked}"


def parse_ratio(value: str) -> tuple[float, ...]:
    """Read the ratio of train, dev and test: "8:1:1", or "9:1" for train and dev.

    RAISES (CorpusError): For anything but two or three numbers greater than 0.
    """
    try:
        shares = tuple(float(part) for part in value.split(":"))
    except ValueError:
        shares = ()
    if len(shares) not in NAMES or not all(0 < share < math.inf for share in shares):
        raise CorpusError(Errors.ZT245.format(value=value))
    return tuple(share / sum(shares) for share in shares)


def assign(records: Iterable[tuple[str, Record]], ratio: Sequence[float], seed: int) -> Assignment:
    """Assign records to splits.

    records (Iterable[tuple[str, Record]]): The file of each record, and the record.
    ratio (Sequence[float]): Shares of the splits, which add up to 1.
    seed (int): Of the shuffling.
    RETURNS (Assignment): One split a record, in the same order.
    RAISES (CorpusError): Where there are fewer groups than splits.
    """
    groups = _Groups()
    members = array("q", (groups.add(file, record) for file, record in records))
    roots = array("q", map(groups.root, members))
    sizes = Counter(roots)
    names = NAMES[len(ratio)]
    if len(sizes) < len(names):
        raise CorpusError(Errors.ZT246.format(n=len(sizes), splits=", ".join(names)))
    order = sorted(sizes)
    Random(seed).shuffle(order)
    order.sort(key=lambda group: -sizes[group])  # stable: the large ones first, equal ones shuffled
    wanted = [share * len(roots) for share in ratio]
    places: dict[int, int] = {}
    for i, group in enumerate(order):
        empty = [split for split in range(len(names)) if split not in places.values()] if i >= len(order) - 3 else []
        # A group goes to the split that lacks most records; the last ones to splits that are still empty.
        splits = empty if len(empty) >= len(order) - i else range(len(names))
        split = max(splits, key=wanted.__getitem__)
        places[group] = split
        wanted[split] -= sizes[group]
    n_groups = Counter(places.values())
    splits_of_records = array("b", (places[root] for root in roots))
    largest = max(sizes.values())
    return Assignment(splits_of_records, names, tuple(n_groups[i] for i in range(len(names))), largest)


class _Groups:
    """Groups of records that must be in one split: of one document, or with equal text after character folding."""

    def __init__(self) -> None:
        self._parents = array("q")
        self._known: dict[int, int] = {}  # hash of a document or text → group

    def add(self, file: str, record: Record) -> int:
        """Add a record, and return the number of its group, which may later be merged into another."""
        text = "".join(normalize("NFKC", record.text).translate(_VARIANTS).split())
        keys = [("text", text)] if text else []
        keys += [("document", f"{file}\0{record.doc_id}")] if record.doc_id else []
        group = len(self._parents)
        self._parents.append(group)
        for kind, key in keys:
            number = _hashed(kind, key)
            other = self._known.setdefault(number, group)
            self._parents[self.root(other)] = self.root(group)
        return group

    def root(self, group: int) -> int:
        """Return the number of the group into which a group has been merged."""
        while self._parents[group] != group:
            self._parents[group] = self._parents[self._parents[group]]
            group = self._parents[group]
        return group


def _hashed(kind: str, key: str) -> int:
    digest = blake2b(f"{kind}\0{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
