"""Adapt a base model to single characters, for the benchmarks that train on it."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.corpora import texts_of

SETTINGS = {"training.max_steps": 600, "training.eval_frequency": 150}  # others are those of `configs/e5-small.cfg`


def adapted_base(base: Path, output: Path, work: Path, teacher: Path | None = None) -> Path:
    """Return a base model that `zh-tw-ner adapt` has made; it is made first if necessary, on one thread.

    base (Path): The base model to adapt.
    output (Path): Folder of the run. If it was interrupted, it continues.
    work (Path): Folder of the corpora, whose texts are those of all train splits.
    teacher (Optional[Path]): The base model to learn from, if it is another one.
    """
    target = output / "base"
    if not target.exists():
        settings = [part for name, value in SETTINGS.items() for part in (f"--{name}", value)]
        options = ["--config", "e5-small", "--paths.base", base, *settings, "--resume"]
        options += ["--teacher", teacher] if teacher else []
        command = [sys.executable, "-m", "spacy", "zh-tw-ner", "adapt", texts_of(work), output, *options]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        output.mkdir(exist_ok=True)
        with (output / "adapt.log").open("ab") as log:
            subprocess.run(list(map(str, command)), check=True, env=environment, stdout=log, stderr=subprocess.STDOUT)
    return target
