"""Train one or more pipelines per fold, each on the sentences of all other folds. An interrupted call can be resumed.

WORK is the work folder:

WORK/folds.json             corpus, config, folds and seed, as hashes and numbers
WORK/fold-1/train.spacy     sentences of the other folds
WORK/fold-1/held_out.spacy  sentences of this fold
WORK/fold-1/seed-0/         training run; its `model-last` is used on the sentences of this fold
WORK/fold-1/seed-0/done     written when the run has ended
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from spacy.language import Language
from thinc.api import Config

from ..atomic_writes import write_whole
from ..components.ensemble import combine
from ..corpora.formats.docbin_writer import write_records
from ..corpora.records import NotifyT, Record
from ..errors import Errors, OutputError, UnreadableFileError, UsageError
from ..planning.presets import with_settings
from ..recognizers.pipelines import load_pipeline
from ..training.distillation import recognizer_of
from ..training.loop import initialize, train
from ..training.run_checks import CHECKPOINT, LAST, require_run_folder
from ..untrusted import parse_json
from .folds import assign_folds

PLAN = "folds.json"
DONE = "done"
CHECKPOINT_EVERY = 200  # updates; what a killed run has to repeat
MOST_SEEDS = 10


@dataclass(frozen=True)
class CrossFitting:
    """Settings of cross-fitting.

    config (Config): Training config, not interpolated; its settings `paths.train` and `paths.dev` are replaced.
    folds (int): Number of folds.
    seed (int): Seed of the division into folds, and of the first pipeline of each fold. The next pipelines of a fold
        have the seeds `seed` + 1, `seed` + 2, and so on.
    seeds (int): Number of pipelines per fold. If there are several, they are combined to an ensemble.
    """

    config: Config
    folds: int = 5
    seed: int = 0
    seeds: int = 1


class FoldPipelines:
    """Trains and loads the pipelines of all folds, which are stored in a work folder.

    records (Sequence[Record]): All sentences of the corpus.
    settings (CrossFitting): Config, folds and seeds.
    work (Path): Work folder. Finished training runs in it are not repeated, and an unfinished one is resumed.
    corpus (Path): Path of the corpus, for messages.
    force (bool): Replace the training runs in the work folder if they are of another corpus or have other settings.
    RAISES (UsageError): If `seeds` or `folds` is out of range, or the config limits neither steps nor epochs.
    RAISES (CorpusError): If the corpus is too small for the number of folds.
    RAISES (OutputError): If the work folder has other files, or runs of another corpus or config without `force`.
    """

    def __init__(
        self, records: Sequence[Record], settings: CrossFitting, work: Path, corpus: Path, *, force: bool = False
    ) -> None:
        if not 1 <= settings.seeds <= MOST_SEEDS:
            raise UsageError(Errors.ZT759.format(name="--seeds", low=1, high=MOST_SEEDS, value=settings.seeds))
        training = settings.config["training"]
        if not training.get("max_steps") and training.get("max_epochs", 0) < 1:
            value = training.get("max_steps")
            raise UsageError(Errors.ZT763.format(config="of the folds", value=value))
        self.records, self.settings, self.work = records, settings, work
        self.folds = assign_folds(records, settings.folds, settings.seed, corpus)
        plan, path = self._plan(), work / PLAN
        self._replace = False
        if work.exists():
            known = _read_plan(path)
            if known != plan and any(work.iterdir()):
                if known is None:
                    raise OutputError(Errors.ZT671.format(path=work, seen=f"it has no readable {PLAN}"))
                if not force:
                    raise OutputError(Errors.ZT760.format(path=work))
                self._replace = True

    def _plan(self) -> dict[str, Any]:
        """Return hashes of corpus and config, and the folds and seed, as an object for JSON.

        The training runs in a work folder are used again only if its `folds.json` has the same object.
        """
        corpus = [[record.text, *map(list, record.entities)] for record in self.records]
        return {
            "corpus": _digest(json.dumps(corpus, ensure_ascii=False)),
            "config": _digest(json.dumps(self.settings.config, sort_keys=True, default=str)),
            "folds": self.settings.folds,
            "seed": self.settings.seed,
        }

    def train(self, notify: NotifyT = print, *, gpu_id: int = -1) -> None:
        """Train the pipelines that are not finished. The training logger prints its table to stdout.

        notify (Callable[[str], object]): Receives one message per pipeline: it is finished, or its training starts.
        gpu_id (int): GPU id, or -1 for the CPU.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        runs = [(fold, number) for fold in range(self.settings.folds) for number in range(self.settings.seeds)]
        if self._replace:
            # Before the new plan is written: a command that is killed later must not resume runs of the old plan.
            for fold, number in runs:
                require_run_folder(self._run(fold, number), force=True)
            for fold, number in runs:
                for name in (DONE, CHECKPOINT):  # without a checkpoint, a run starts from the beginning
                    (self._run(fold, number) / name).unlink(missing_ok=True)
            self._replace = False
        write_whole(self.work / PLAN, json.dumps(self._plan(), indent=1).encode())
        for i, (fold, number) in enumerate(runs):
            run, seed = self._run(fold, number), self.settings.seed + number
            if (run / DONE).is_file() and (run / LAST).is_dir():
                notify(f"Pipeline {i + 1} of {len(runs)} is finished: {run / LAST}")
                continue
            notify(f"Pipeline {i + 1} of {len(runs)}: fold {fold + 1} of {self.settings.folds}, seed {seed}")
            require_run_folder(run, resume=True)
            nlp = initialize(self._config(fold, seed), gpu_id)
            train(nlp, run, resume=True, checkpoint_every=CHECKPOINT_EVERY)
            write_whole(run / DONE, b"")

    def pipelines(self) -> Iterator[tuple[Language, list[int]]]:
        """Load the pipeline of each fold, after `train`. Several pipelines of a fold are combined to an ensemble.

        YIELDS (tuple[Language, list[int]]): The pipeline, and the indices of the sentences in its fold, on which it was
            not trained.
        """
        for fold in range(self.settings.folds):
            names = [str(self._run(fold, number) / LAST) for number in range(self.settings.seeds)]
            members = [(name, load_pipeline(name)) for name in names]
            nlp = members[0][1] if len(members) == 1 else combine(members)
            yield nlp, [i for i, own in enumerate(self.folds) if own == fold]

    def _run(self, fold: int, number: int) -> Path:
        return self.work / f"fold-{fold + 1}" / f"seed-{self.settings.seed + number}"

    def _config(self, fold: int, seed: int) -> Config:
        """Write `train.spacy` and `held_out.spacy` of a fold, and return the config of one of its training runs.

        The held-out sentences are the dev data of the run, but must not affect its result: their scores are only
        printed. So the pipeline with the last weights is used, not the one with the best scores, and `patience` is 0
        (no early stopping).
        """
        folder = self.work / f"fold-{fold + 1}"
        folder.mkdir(parents=True, exist_ok=True)
        parts: dict[str, list[Record]] = {"train": [], "held_out": []}
        for record, own in zip(self.records, self.folds, strict=True):
            parts["held_out" if own == fold else "train"].append(record)
        for name, records in parts.items():
            write_records(folder / f"{name}.spacy", records)
        # All labels, so that an annotation whose label occurs in no other fold is improbable instead of unknown.
        labels = sorted({entity.label for record in self.records for entity in record.entities})
        changed: dict[str, Any] = {
            "paths.train": str(folder / "train.spacy"),
            "paths.dev": str(folder / "held_out.spacy"),
            "system.seed": seed,
            "training.seed": seed,
            "training.patience": 0,
        }
        config = with_settings(self.settings.config, changed, origin="the folds").interpolate()
        config["initialize"].setdefault("components", {}).setdefault(recognizer_of(config), {})["labels"] = labels
        return config


def _read_plan(path: Path) -> dict[str, Any] | None:
    """Read the object in a `folds.json`; None if the file is missing or does not hold a JSON object."""
    try:
        found = parse_json(path.read_bytes()) if path.is_file() else None
    except (ValueError, UnreadableFileError):
        return None
    return found if isinstance(found, dict) else None


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
