"""A folder → its train, dev and test files, and where they go."""

import os
from pathlib import Path

from ..errors import CorpusError, Errors
from .class_labels import BESIDE
from .records import NotifyT

CORPORA_VARIABLE = "ZH_TW_NER_CORPORA"
SPLITS = {"train": ("train",), "dev": ("dev", "valid"), "test": ("test",)}
DATA_SUFFIXES = set(
    ".txt .iob .iob1 .iob2 .conll .conllu .bio .bmes .bioes .bilou .tsv .ann .json .jsonl .parquet .spacy".split()
)


def find_splits(folder: Path) -> dict[str, list[Path]]:
    """Find the files of each split by name: files such as `x-train.iob2`, or folders such as `train/`.

    folder (Path): The corpus.
    RETURNS (dict[str, list[Path]]): Sorted files of train, dev and test; a split that is not there is left out.
    RAISES (CorpusError): Where there is no such folder, or no training data in it.
    """
    if not folder.is_dir():
        raise CorpusError(
            Errors.ZT202.format(
                path=folder, remedy="Check the path; `python -m spacy project assets --extra` fetches declared corpora."
            )
        )
    found: dict[str, list[Path]] = {}
    for entry in sorted(folder.iterdir()):
        split = next((s for s, names in SPLITS.items() if any(name in entry.name.lower() for name in names)), None)
        if split is not None:
            data = data_files(entry)
            if data:
                found.setdefault(split, []).extend(data)
    if "train" not in found:
        raise CorpusError(Errors.ZT207.format(path=folder, seen=sorted(entry.name for entry in folder.iterdir())))
    return {split: found[split] for split in SPLITS if split in found}


def data_files(path: Path) -> list[Path]:
    """All files of a folder, or the one file, whose names end as data does.

    Of brat's pairs the text stands for both, and what describes a Hugging Face data set is no data.

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
    ]


def plan_splits(source: Path, target: Path, notify: NotifyT) -> tuple[dict[Path, list[Path]], Path | None]:
    """Say which files go where; splits that a corpus lacks are made in a way that never selects on what is reported.

    source (Path): A file or folder; a folder that is not there is looked for in $ZH_TW_NER_CORPORA.
    target (Path): A `.spacy` file, for all of the source, or a folder.
    notify (Callable[[str], object]): Is told which splits are made.
    RETURNS (tuple[dict[Path, list[Path]], Optional[Path]]): What is written from which files, and which of it is held
        out from train.
    RAISES (CorpusError): Where there is no such folder, or no training data in it.
    """
    elsewhere = os.environ.get(CORPORA_VARIABLE)
    if not source.exists() and elsewhere and (Path(elsewhere) / source.name).is_dir():
        source = Path(elsewhere) / source.name
    if source.is_file():
        return {target: [source]}, None
    if source.is_dir() and target.suffix == ".spacy":
        return {target: data_files(source)}, None
    found = find_splits(source)
    held_out = None
    if "dev" in found and "test" not in found:
        found["test"] = found.pop("dev")
        notify("There is no test split: dev is taken as test, and every tenth sentence of train as dev.")
    elif "dev" not in found:
        notify("There is no dev split: every tenth sentence of train is taken as dev.")
    if "dev" not in found:
        held_out = target / "dev.spacy"
        found = {"train": found["train"], "dev": [], **found}
    return {target / f"{split}.spacy": files for split, files in found.items()}, held_out
