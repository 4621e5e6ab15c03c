"""A folder → its train, dev and test files."""

from pathlib import Path

from ..errors import CorpusError, Errors
from .hugging_face import BESIDE

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
