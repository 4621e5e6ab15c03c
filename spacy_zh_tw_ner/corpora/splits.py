"""A folder → its train, dev and test files."""

from pathlib import Path

from ..errors import CorpusError, Errors

SPLITS = {"train": ("train",), "dev": ("dev", "valid"), "test": ("test",)}
DATA_SUFFIXES = {".txt", ".iob", ".iob2", ".conll", ".bio", ".bmes", ".bioes", ".json", ".jsonl", ".tsv"}


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
            files = sorted(entry.rglob("*")) if entry.is_dir() else [entry]
            data = [file for file in files if file.is_file() and file.suffix in DATA_SUFFIXES]
            if data:
                found.setdefault(split, []).extend(data)
    if "train" not in found:
        raise CorpusError(Errors.ZT207.format(path=folder, seen=sorted(entry.name for entry in folder.iterdir())))
    return {split: found[split] for split in SPLITS if split in found}
