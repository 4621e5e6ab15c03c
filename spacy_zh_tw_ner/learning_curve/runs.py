"""Train and score the pipelines of a learning curve. The result of each run is stored, so that no run is repeated."""

import json
import shutil
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from thinc.api import Config

from ..atomic_writes import write_whole
from ..errors import Errors, Message, OutputError, SettingError, UsageError
from ..evaluation.entity_counts import CountsT, EntityCounts, count_entities
from ..evaluation.predictions import compare, predict_pairs
from ..outputs import MARKER
from ..planning.presets import with_settings
from ..recognizers.pipelines import load_pipeline
from ..training.loop import initialize, train
from ..training.run_checks import BEST, CHECKPOINT, LAST, config_differences
from ..untrusted import in_range, parse_json, reading, require, require_type, whole_number
from .subsets import Subset, TrainingData, digest_of

SETTINGS = "settings.json"
FORMAT = 1
MAX_DOCUMENTS = 5_000_000  # of the test data; `RunResult.table` has 24 bytes for each document and label


@dataclass(frozen=True)
class CurveCorpora:
    """Files of a learning curve.

    train (Path): Training data, of which subsets are drawn.
    dev (Path): Data on which each run is evaluated during training, to choose its best pipeline.
    test (Path): Data on which the pipelines are scored; `dev` if there is no test data.
    """

    train: Path
    dev: Path
    test: Path

    def digests(self) -> dict[str, str]:
        """Return "train", "dev" and "test" → SHA-256 of the files of this split."""
        return {split: digest_of(path) for split, path in vars(self).items()}


def find_corpora(corpus: Path, dev: Path | None, test: Path | None) -> CurveCorpora:
    """Find the training, dev and test data of a learning curve.

    corpus (Path): There are two possibilities. A folder with train.spacy, dev.spacy and, optionally, test.spacy. Or the
        training data alone: a path that ends in `.spacy`, a file or a folder of several files.
    dev, test (Optional[Path]): Dev and test data; None for those in the folder `corpus`.
    RETURNS (CurveCorpora): The paths. If there is no test data, `test` is the dev data.
    RAISES (UsageError): If `corpus` is the training data alone and `dev` is None.
    """
    if corpus.suffix == ".spacy":
        if dev is None:
            raise UsageError(Errors.ZT826.format(path=corpus))
        return CurveCorpora(corpus, dev, test or dev)
    dev = dev or corpus / "dev.spacy"
    inside = corpus / "test.spacy"
    return CurveCorpora(corpus / "train.spacy", dev, test or (inside if inside.exists() else dev))


@dataclass(frozen=True)
class RunResult:
    """Result of a run: a pipeline was trained on a subset, and scored on the test data.

    percent (float), seed (int): Share and seed of the subset.
    sentences (int), entities (int): Number of sentences and entities in the subset.
    steps (int): Number of updates.
    seconds (float): Duration of training.
    documents (int): Number of documents in the test data.
    counts (list[tuple[int, str, int, int, int]]): Rows of five values: index of a test document, label, and the number
        of right, wrong and missed entities with this label in this document. Rows whose counts are all 0 are left out.
    warnings (tuple[str, ...]): Warnings of this package during training.
    """

    percent: float
    seed: int
    sentences: int
    entities: int
    steps: int
    seconds: float
    documents: int
    counts: list[tuple[int, str, int, int, int]]
    warnings: tuple[str, ...] = ()

    def table(self) -> EntityCounts:
        """Return `counts` as an array, with the labels: (n_documents, n_labels, 3) right, wrong and missed entities."""
        labels = tuple(sorted({label for _, label, *_ in self.counts}))
        table: CountsT = np.zeros((self.documents, len(labels), 3), dtype=np.int64)
        for document, label, *counts in self.counts:
            table[document, labels.index(label)] = counts
        return EntityCounts(labels, table)

    @property
    def f(self) -> float:
        """Micro-averaged F in percent. An entity is right if its ends and its label are those of a gold entity."""
        right = sum(row[2] for row in self.counts)
        differing = sum(row[3] + row[4] for row in self.counts)
        return 200 * right / max(1, 2 * right + differing)

    @classmethod
    def from_json(cls, found: Any) -> "RunResult":
        """Create a result from a parsed JSON object, after checking its values.

        RAISES (UnreadableFileError): If a value is missing or not valid.
        """
        values = require_type("the run", found, dict)
        require(values.keys() == cls.__annotations__.keys(), "the run", sorted(values), ", ".join(cls.__annotations__))
        for name in ("seed", "sentences", "entities", "steps"):
            whole_number(name, values[name], 0, 2**31)
        for name in ("percent", "seconds"):
            in_range(name, values[name], 0.0, 1e12)
        n = whole_number("documents", values["documents"], 1, MAX_DOCUMENTS)
        rows = []
        for row in require_type("counts", values["counts"], list):
            require(isinstance(row, list) and len(row) == 5, "counts", row, "lists of five values")
            label = require_type("counts", row[1], str)
            counts = (whole_number("counts", value, 0, 2**31) for value in row[2:])
            rows.append((whole_number("counts", row[0], 0, n - 1), label, *counts))
        messages = [
            require_type("warnings", message, str) for message in require_type("warnings", values["warnings"], list)
        ]
        return cls(**values | {"counts": rows, "warnings": tuple(messages)})


class CurveFolder:
    """Output folder of a learning curve.

    It has the file `settings.json`, and for each run a folder and a JSON file with the result, in the subfolder `runs`.

    path (Path): The folder, which may be missing.
    config (Config): The config of all runs, not interpolated.
    corpora (CurveCorpora): Training, dev and test data.
    """

    def __init__(self, path: Path, config: Config, corpora: CurveCorpora) -> None:
        self.path, self.config, self.corpora = path, config, corpora

    def claim(self, *, force: bool) -> None:
        """Write the config and the hashes of the corpora to `settings.json`.

        If the file exists, its config and hashes must be the same, because it belongs to the stored runs.

        force (bool): Discard the stored runs if the file has another config or other hashes.
        RAISES (OutputError): If the file has another config or other hashes and `force` is False, or if the folder has
            other files but no `settings.json`.
        RAISES (UnreadableFileError): If the file is damaged.
        """
        stored, digests = self.path / SETTINGS, self.corpora.digests()
        if stored.is_file():
            with reading(stored):
                found = require_type("settings", parse_json(stored.read_bytes()), dict)
                require(found.get("format") == FORMAT, "format", found.get("format"), str(FORMAT))
                before = Config().from_str(require_type("config", found.get("config"), str))
                corpora = require_type("corpora", found.get("corpora"), dict)
            differences = [f"another {split}" for split, digest in digests.items() if corpora.get(split) != digest]
            differences += config_differences(before, self.config)
            if differences and not force:
                raise OutputError(Errors.ZT823.format(path=self.path, differences="; ".join(differences)))
            if differences:
                for result in self._runs().glob("*.json"):
                    result.unlink()
                # A killed command leaves temporary files there, or has not created the folder yet.
                for folder in filter(Path.is_dir, self._runs().glob("*")):
                    remove_weights(folder)
        elif any(not entry.name.startswith(".") for entry in self.path.iterdir()):  # the lock of `claimed` is there
            raise OutputError(Errors.ZT824.format(path=self.path))
        settings = {"format": FORMAT, "config": self.config.to_str(), "corpora": digests}
        write_whole(stored, json.dumps(settings, ensure_ascii=False, indent=1).encode())
        self._runs().mkdir(exist_ok=True)

    def stored(self, subset: Subset) -> RunResult | None:
        """Return the stored result of the run on a subset; None if this run is not finished.

        RAISES (UnreadableFileError): If the file of the result is damaged.
        """
        path = self._runs() / f"{subset.name}.json"
        if not path.is_file():
            return None
        with reading(path):
            return RunResult.from_json(parse_json(path.read_bytes()))

    def run(self, data: TrainingData, subset: Subset, *, gpu_id: int = -1) -> RunResult:
        """Train on a subset, score the best pipeline of the training, and store the result.

        An interrupted training is continued from its checkpoint. At the end, the pipelines and the checkpoint are
        removed. The progress reports and the training curves are kept.

        data (TrainingData): The training data.
        subset (Subset): The subset to train on.
        gpu_id (int): GPU id, or −1 for the CPU.
        RETURNS (RunResult): The result.
        """
        folder = self._runs() / subset.name
        train_path = folder / "train.spacy"
        data.write(subset, train_path)
        config = run_config(self.config, subset, train_path, self.corpora.dev)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            nlp = initialize(config, gpu_id)
            position = train(nlp, folder, resume=True, stdout=StringIO())
        del nlp  # its memory is free before the best checkpoint is loaded
        best = load_pipeline(str(folder / BEST))
        counts = count_entities(compare(predict_pairs(best, self.corpora.test)))
        result = RunResult(
            percent=subset.percent,
            seed=subset.seed,
            sentences=len(subset.documents),
            entities=data.labels(subset.documents).total(),
            steps=position.step,
            seconds=round(position.seconds, 1),
            documents=len(counts.counts),
            counts=_rows(counts),
            warnings=_messages(caught),
        )
        data_of_result = json.dumps(asdict(result), ensure_ascii=False).encode()
        write_whole(self._runs() / f"{subset.name}.json", data_of_result)
        remove_weights(folder)
        return result

    def _runs(self) -> Path:
        return self.path / "runs"


def run_config(config: Config, subset: Subset, train: Path, dev: Path) -> Config:
    """Return the interpolated config of one run: the given config with other paths and another seed.

    Everything else is equal in all runs, also the settings of the number of steps.

    config (Config): A training config, not interpolated, in which [corpora] uses `paths.train` and `paths.dev`.
    subset (Subset): The subset, whose seed is the seed of the training.
    train, dev (Path): Training data and dev data of the run.
    RETURNS (Config): The interpolated config.
    RAISES (SettingError): If [corpora] does not use `paths.train` and `paths.dev`.
    """
    settings: dict[str, Any] = {"paths.train": str(train), "paths.dev": str(dev), "training.seed": subset.seed}
    if "system" in config:
        settings["system.seed"] = subset.seed
    changed = with_settings(config, settings).interpolate()
    values = set(_values(changed.get("corpora", {})))
    unused = [name for name, path in (("train", train), ("dev", dev)) if str(path) not in values]
    if unused:
        raise SettingError(Errors.ZT825.format(names=" and ".join(f"paths.{name}" for name in unused)))
    return changed


def remove_weights(folder: Path) -> None:
    """Remove pipelines, checkpoint and training data from the folder of a run, but keep the progress reports."""
    for name in (BEST, LAST):
        if (folder / name / MARKER).is_file():  # written by this package
            shutil.rmtree(folder / name, ignore_errors=True)
    for name in (CHECKPOINT, "train.spacy"):
        (folder / name).unlink(missing_ok=True)


def _rows(table: EntityCounts) -> list[tuple[int, str, int, int, int]]:
    """Convert counts to the rows of `RunResult.counts`: the inverse of `RunResult.table`.

    table (EntityCounts): Right, wrong and missed entities by document and label.
    RETURNS (list): (document index, label, right, wrong, missed). Rows whose counts are all 0 are left out.
    """
    places = np.argwhere(table.counts.any(axis=2)).tolist()
    return [(i, table.groups[j], *map(int, table.counts[i, j])) for i, j in places]


def _messages(caught: Iterable[warnings.WarningMessage]) -> tuple[str, ...]:
    """Return the texts of caught warnings of this package, each text once. Other warnings are left out."""
    found = (warning.message.args[0] for warning in caught if isinstance(warning.message, Warning))
    return tuple(dict.fromkeys(str(message) for message in found if isinstance(message, Message)))


def _values(block: Any) -> Iterable[str]:
    """Yield all values in a section of a config and in its subsections, converted to strings."""
    if isinstance(block, dict):
        for value in block.values():
            yield from _values(value)
    else:
        yield str(block)
