"""Find the train, dev and test files of a corpus, or split it at random, and plan the output files."""

import math
import os
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import NamedTuple
from unicodedata import normalize

from ..errors import CorpusError, Errors, UsageError
from ..tokenization.folds import VARIANTS
from .class_labels import DESCRIPTIONS
from .records import NotifyT, Record

CORPORA_VARIABLE = "ZH_TW_NER_CORPORA"
SPLITS = {
    "train": re.compile("train"),
    "dev": re.compile(r"dev|valid|(?<![a-z])e?val(?![a-z])"),
    "test": re.compile("test"),
}
DATA_SUFFIXES = set(
    ".txt .iob .iob1 .iob2 .conll .conllu .bio .bmes .bioes .bilou .tsv .ann .json .jsonl .parquet .spacy "
    ".md .markdown .train .dev .test .valid .bios .ner".split()
)
MARKED = re.compile(r"\[[^\[\]\n]+\]\([^()\s/.#]+\)")  # an entity in the inline markup, but not a Markdown link
HEAD = 1 << 16  # bytes of a Markdown file that are searched for entities

RATIO_NAMES = {2: ("train", "dev"), 3: ("train", "dev", "test")}
LARGE_GROUP = 0.5  # share of all records; the user is notified of a larger group
_VARIANTS = str.maketrans(VARIANTS)


@dataclass
class SplitPlan:
    """Output files and the input files of each.

    files (dict[Path, list[Path]]): Output file → input files.
    held_out (Optional[Path]): The output file to which every tenth sentence of train is moved; None if there is none.
    """

    files: dict[Path, list[Path]]
    held_out: Path | None = None


def find_splits(folder: Path) -> dict[str, list[Path]]:
    """Find the files of each split by their names: files such as `x-train.iob2`, or folders such as `train/`.

    folder (Path): The corpus. If it has no splits itself, its subfolder with a train split is searched instead, such as
        `data/` in a repository of the Hugging Face Hub.
    RETURNS (dict[str, list[Path]]): Split → sorted files; missing splits are left out.
    RAISES (CorpusError): If the folder does not exist, no train split is found, or several subfolders have one.
    """
    if not folder.is_dir():
        remedy = "Check the path; `python -m spacy project assets --extra` fetches declared corpora."
        raise CorpusError(Errors.ZT202.format(path=folder, remedy=remedy))
    found = splits_in(folder)
    if not found:
        inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and entry.name[:1] != "."]
        with_train = [entry for entry in inner if "train" in splits_in(entry)]
        if len(with_train) > 1:
            raise CorpusError(Errors.ZT244.format(path=folder, folders=", ".join(str(entry) for entry in with_train)))
        found = splits_in(with_train[0]) if with_train else {}
    if "train" not in found:
        raise CorpusError(Errors.ZT207.format(path=folder, seen=sorted(entry.name for entry in folder.iterdir())))
    return found


def splits_in(folder: Path) -> dict[str, list[Path]]:
    """Find the files of each split by the names of the files and subfolders of one folder.

    RETURNS (dict[str, list[Path]]): Split → files, in the order train, dev, test; missing splits are left out.
    """
    found: dict[str, list[Path]] = {}
    for entry in sorted(folder.iterdir()):
        split = next((split for split, pattern in SPLITS.items() if pattern.search(entry.name.lower())), None)
        data = data_files(entry) if split is not None else []
        if split is not None and data:
            found.setdefault(split, []).extend(data)
    return {split: found[split] for split in SPLITS if split in found}


def data_files(path: Path) -> list[Path]:
    """Return the data files below a folder, recognized by their suffixes.

    The .txt file of a brat document represents its .ann file, too. Descriptions of Hugging Face data sets, and Markdown
    files without marked entities, are not data.

    path (Path): A folder, or a single file, which is checked in the same way.
    RETURNS (list[Path]): The files, sorted.
    """
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [
        file
        for file in files
        if file.is_file()
        and file.suffix in DATA_SUFFIXES
        and file.name not in DESCRIPTIONS
        and not (file.suffix == ".ann" and file.with_suffix(".txt").is_file())
        and not (file.suffix in (".md", ".markdown") and not _is_marked(file))
    ]


def _is_marked(file: Path) -> bool:
    with file.open("rb") as opened:
        return MARKED.search(opened.read(HEAD).decode("utf-8", "replace")) is not None


def locate(source: Path) -> Path:
    """Find a corpus, which may be in the folder $ZH_TW_NER_CORPORA.

    source (Path): Path of the corpus as the user gave it.
    RETURNS (Path): The folder of the same name in $ZH_TW_NER_CORPORA, if `source` does not exist and this folder does;
        otherwise `source`.
    """
    elsewhere = os.environ.get(CORPORA_VARIABLE)
    if not source.exists() and elsewhere and (Path(elsewhere) / source.name).is_dir():
        return Path(elsewhere) / source.name
    return source


def plan_splits(
    source: Path, target: Path, notify: NotifyT, *, is_unlabelled: Callable[[Path], bool] = lambda path: False
) -> SplitPlan:
    """Plan the output files of a conversion and the input files of each.

    If there is dev but no test, dev is used as test. If there is then no dev, every tenth sentence of train is moved to
    dev. So models are never selected on the data on which scores are reported.

    source (Path): A file or folder; a folder that does not exist is searched in $ZH_TW_NER_CORPORA.
    target (Path): A `.spacy` file for the whole source, or a folder for its splits.
    notify (Callable[[str], object]): Receives messages about splits that are made or left out.
    is_unlabelled (Callable[[Path], bool]): Returns True for a file of texts without any annotation, as some published
        test splits have; a dev or test split of such files is left out.
    RETURNS (SplitPlan): The output files and their inputs.
    RAISES (CorpusError): If the folder does not exist, or has no train split.
    """
    source = locate(source)
    if source.is_file():
        if target.suffix == ".spacy":
            return SplitPlan({target: [source]})
        inside = target / f"{source.stem}.spacy"
        notify(
            f"{target} does not end in .spacy, so it is used as a folder, and the output is {inside}. "
            "To make train, dev and test, use --split 8:1:1."
        )
        return SplitPlan({inside: [source]})
    if source.is_dir() and target.suffix == ".spacy":
        return SplitPlan({target: data_files(source)})
    found = find_splits(source)
    for split in ("dev", "test"):
        if split in found and all(map(is_unlabelled, found[split])):
            names = ", ".join(str(path) for path in found.pop(split))
            notify(f"The {split} split is left out: {names} holds texts without any annotation.")
    held_out = None
    if "dev" in found and "test" not in found:
        found["test"] = found.pop("dev")
        notify("There is no test split: dev is used as test, and every tenth sentence of train as dev.")
    elif "dev" not in found:
        notify("There is no dev split: every tenth sentence of train is used as dev.")
    if "dev" not in found:
        held_out = target / "dev.spacy"
        found = {"train": found["train"], "dev": [], **found}
    return SplitPlan({target / f"{split}.spacy": files for split, files in found.items()}, held_out)


def parse_ratio(value: str) -> tuple[float, ...]:
    """Parse the ratio of a random split.

    value (str): "8:1:1" for train, dev and test, or "9:1" for train and dev.
    RETURNS (tuple[float, ...]): The shares, which add up to 1.
    RAISES (UsageError): If the value is not two or three numbers greater than 0.
    """
    try:
        shares = tuple(float(part) for part in value.split(":"))
    except ValueError:
        shares = ()
    if len(shares) not in RATIO_NAMES or not all(0 < share < math.inf for share in shares):
        raise UsageError(Errors.ZT245.format(value=value))
    return tuple(share / sum(shares) for share in shares)


class Assignment(NamedTuple):
    """Assignment of records to splits.

    splits (Sequence[int]): Split of each record, as an index into `names`.
    names (tuple[str, ...]): Names of the splits.
    n_groups (tuple[int, ...]): Number of groups in each split. A group is a set of records that must share a split.
    largest (int): Number of records in the largest group.
    """

    splits: Sequence[int]
    names: tuple[str, ...]
    n_groups: tuple[int, ...]
    largest: int

    def report(self, ratio: str, seed: int) -> str:
        """Return a message for the user with the sizes of the splits.

        ratio (str): The ratio that the user gave.
        seed (int): The seed of the split.
        """
        sizes = Counter(self.splits)
        parts = [
            f"{name} {sizes[i]:,} texts ({100 * sizes[i] / len(self.splits):.1f} %) in {self.n_groups[i]:,} groups"
            for i, name in enumerate(self.names)
        ]
        linked = ""
        if self.largest > LARGE_GROUP * len(self.splits) and self.largest > 1:
            linked = f" {self.largest:,} texts are in one group, because their documents share equal texts."
        return f"Split {ratio}, seed {seed}, by document and with equal texts together: {', '.join(parts)}.{linked}"


def assign(
    records: Iterable[tuple[str, Record]], ratio: Sequence[float], seed: int, names: tuple[str, ...] = ()
) -> Assignment:
    """Assign records to splits at random. Records of one document, and records with equal texts, share a split.

    records (Iterable[tuple[str, Record]]): Pairs of the path of a file and a record from it.
    ratio (Sequence[float]): Shares of the splits, which add up to 1.
    seed (int): Seed of the random order.
    names (tuple[str, ...]): Names of the splits, up to 127; by default train, dev and test, or train and dev.
    RETURNS (Assignment): The split of each record, in the order of the records.
    RAISES (CorpusError): If there are fewer groups of records than splits.
    """
    groups = _Groups()
    members = array("q", (groups.add(file, record) for file, record in records))
    roots = array("q", map(groups.root, members))
    sizes = Counter(roots)
    names = names or RATIO_NAMES[len(ratio)]
    if len(sizes) < len(names):
        raise CorpusError(Errors.ZT246.format(n=len(sizes), splits=", ".join(names)))
    order = sorted(sizes)
    Random(seed).shuffle(order)
    order.sort(key=lambda group: -sizes[group])  # a stable sort: groups of equal size stay shuffled
    wanted = [share * len(roots) for share in ratio]
    places: dict[int, int] = {}
    for i, group in enumerate(order):
        empty = (
            [split for split in range(len(names)) if split not in places.values()]
            if i >= len(order) - len(names)
            else []
        )
        # A group goes to the split that lacks most records. The last groups go to splits that are still empty.
        splits = empty if len(empty) >= len(order) - i else range(len(names))
        split = max(splits, key=wanted.__getitem__)
        places[group] = split
        wanted[split] -= sizes[group]
    n_groups = Counter(places.values())
    splits_of_records = array("b", (places[root] for root in roots))
    return Assignment(splits_of_records, names, tuple(n_groups[i] for i in range(len(names))), max(sizes.values()))


def fold_text(text: str) -> str:
    """Return a key for comparisons of texts: NFKC, without white space, and with 台 for variants such as 臺.

    Texts with equal keys are counted as the same text, and must be in the same split.
    """
    return "".join(normalize("NFKC", text).translate(_VARIANTS).split())


class _Groups:
    """Groups of records that must share a split, as a union-find structure.

    Records are in one group if they are of one document, or if `fold_text` returns the same for their texts.
    """

    def __init__(self) -> None:
        self._parents = array("q")
        self._known: dict[int, int] = {}  # hash of a document or text → group

    def add(self, file: str, record: Record) -> int:
        """Add a record, and return the number of its group. Later records may merge the group into another.

        file (str): Path of the record's file; ids of documents are unique within a file only.
        record (Record): The record.
        """
        text = fold_text(record.text)
        keys = [f"text\0{text}"] if text else []
        keys += [f"document\0{file}\0{record.doc_id}"] if record.doc_id else []
        group = len(self._parents)
        self._parents.append(group)
        for key in keys:
            digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            other = self._known.setdefault(int.from_bytes(digest, "big"), group)
            self._parents[self.root(other)] = self.root(group)
        return group

    def root(self, group: int) -> int:
        """Return the group into which a group has been merged, or the group itself."""
        while self._parents[group] != group:
            self._parents[group] = self._parents[self._parents[group]]
            group = self._parents[group]
        return group
