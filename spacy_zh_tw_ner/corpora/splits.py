"""Find the train, dev and test files of a folder, and plan what is written from them."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import CorpusError, Errors
from .class_labels import BESIDE
from .records import NotifyT

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
MARKED = re.compile(r"\[[^\[\]\n]+\]\([^()\s/.#]+\)")  # an entity in the markup, and no link of Markdown
HEAD = 1 << 16  # bytes of a Markdown file that are searched for it


@dataclass
class Plan:
    """Plan of an output file and its input files.

    files (dict[Path, list[Path]]): Target → sources.
    held_out (Optional[Path]): The target that gets every tenth sentence of train.
    """

    files: dict[Path, list[Path]]
    held_out: Path | None = None


def find_splits(folder: Path) -> dict[str, list[Path]]:
    """Find the files of each split by name: files such as `x-train.iob2`, or folders such as `train/`.

    folder (Path): The corpus. Where it holds no split itself, the one folder in it that does is taken, such as `data/`
        in a repository of the Hub.
    RETURNS (dict[str, list[Path]]): Sorted files of train, dev and test; a split that is not there is left out.
    RAISES (CorpusError): Where there is no such folder, or no training data in it.
    """
    if not folder.is_dir():
        raise CorpusError(
            Errors.ZT202.format(
                path=folder, remedy="Check the path; `python -m spacy project assets --extra` fetches declared corpora."
            )
        )
    found = splits_in(folder)
    if not found:
        inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and entry.name[:1] != "."]
        holding = [entry for entry in inner if "train" in splits_in(entry)]
        if len(holding) > 1:
            raise CorpusError(Errors.ZT244.format(path=folder, folders=", ".join(str(entry) for entry in holding)))
        found = splits_in(holding[0]) if holding else {}
    if "train" not in found:
        raise CorpusError(Errors.ZT207.format(path=folder, seen=sorted(entry.name for entry in folder.iterdir())))
    return found


def split_of(name: str) -> str | None:
    """Return the split named by a file or folder name, if any."""
    return next((split for split, pattern in SPLITS.items() if pattern.search(name.lower())), None)


def splits_in(folder: Path) -> dict[str, list[Path]]:
    """Find the files of each split by the names of the entries of a folder."""
    found: dict[str, list[Path]] = {}
    for entry in sorted(folder.iterdir()):
        split = split_of(entry.name)
        if split is not None:
            data = data_files(entry)
            if data:
                found.setdefault(split, []).extend(data)
    return {split: found[split] for split in SPLITS if split in found}


def data_files(path: Path) -> list[Path]:
    """Return the data files of a folder, or a single file, by suffix.

    Of brat's pairs the text represents both; what describes a Hugging Face data set, and Markdown without marked
    entities, is no data.

    path (Path): A file or folder.
    RETURNS (list[Path]): In order.
    """
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [
        file
        for file in files
        if file.is_file()
        and file.suffix in DATA_SUFFIXES
        and file.name not in BESIDE
        and not (file.suffix == ".ann" and file.with_suffix(".txt").is_file())
        and not (file.suffix in (".md", ".markdown") and not _is_marked(file))
    ]


def _is_marked(file: Path) -> bool:
    with file.open("rb") as opened:
        return MARKED.search(opened.read(HEAD).decode("utf-8", "replace")) is not None


def plan_splits(
    source: Path, target: Path, notify: NotifyT, *, is_unlabelled: Callable[[Path], bool] = lambda path: False
) -> Plan:
    """Plan which files go where; splits that a corpus lacks are made in a way that never selects on what is reported.

    source (Path): A file or folder; a folder that is not there is looked for in $ZH_TW_NER_CORPORA.
    target (Path): A `.spacy` file, for all of the source, or a folder.
    notify (Callable[[str], object]): Receives which splits are made.
    is_unlabelled (Callable[[Path], bool]): Whether a file holds texts without any annotation, as published test splits
        sometimes do; such a dev or test split is left out.
    RETURNS (Plan): What is written from which files.
    RAISES (CorpusError): Where there is no such folder, or no training data in it.
    """
    source = locate(source)
    if source.is_file():
        if target.suffix == ".spacy":
            return Plan({target: [source]})
        inside = target / f"{source.stem}.spacy"
        notify(
            f"{target} is taken for a folder, as it does not end in .spacy: {inside} is written. "
            "--split 8:1:1 makes train, dev and test."
        )
        return Plan({inside: [source]})
    if source.is_dir() and target.suffix == ".spacy":
        return Plan({target: data_files(source)})
    found = find_splits(source)
    for split in ("dev", "test"):
        if split in found and all(map(is_unlabelled, found[split])):
            names = ", ".join(str(path) for path in found.pop(split))
            notify(f"The {split} split is left out: {names} holds texts without any annotation.")
    held_out = None
    if "dev" in found and "test" not in found:
        found["test"] = found.pop("dev")
        notify("There is no test split: dev is taken as test, and every tenth sentence of train as dev.")
    elif "dev" not in found:
        notify("There is no dev split: every tenth sentence of train is taken as dev.")
    if "dev" not in found:
        held_out = target / "dev.spacy"
        found = {"train": found["train"], "dev": [], **found}
    return Plan({target / f"{split}.spacy": files for split, files in found.items()}, held_out)


def locate(source: Path) -> Path:
    """Return a source, or the folder of its name in $ZH_TW_NER_CORPORA where it is not there itself."""
    elsewhere = os.environ.get(CORPORA_VARIABLE)
    if not source.exists() and elsewhere and (Path(elsewhere) / source.name).is_dir():
        return Path(elsewhere) / source.name
    return source
