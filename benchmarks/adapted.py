"""Adapt a base model to single characters, for the benchmarks that train on it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.corpora import texts_of
from spacy_zh_tw_ner.atomic_writes import write_whole
from spacy_zh_tw_ner.untrusted import sha256_of

# All other settings are those of `configs/e5-small.cfg`.
SETTINGS = {"training.max_steps": 600, "training.eval_frequency": 150}


def adapted_base(base: Path, output: Path, work: Path, teacher: Path | None = None) -> Path:
    """Return the folder of an adapted base model; `zh-tw-ner adapt` makes it first if necessary, on one thread.

    base (Path): The base model to adapt.
    output (Path): Folder of the run. If it was interrupted, it continues.
    work (Path): Folder of the corpora, whose texts are those of all train splits.
    teacher (Optional[Path]): The base model to learn from, if it is another one.
    RAISES (SystemExit): If the folder holds a base model that was adapted with other settings or texts.
    """
    target, made_with = output / "base", output / "made_with.json"
    wanted = json.dumps({"base": str(base.resolve()), "teacher": str((teacher or base).resolve()), **SETTINGS})
    wanted += f"\n{sha256_of(texts_of(work))}\n"
    if made_with.exists() and made_with.read_text(encoding="utf-8") != wanted:
        raise SystemExit(f"{output} holds a base model that was adapted with other settings. Give another --work.")
    if not target.exists():
        settings = [part for name, value in SETTINGS.items() for part in (f"--{name}", value)]
        options = ["--config", "e5-small", "--paths.base", base, *settings, "--resume"]
        options += ["--teacher", teacher] if teacher else []
        command = [sys.executable, "-m", "spacy", "zh-tw-ner", "adapt", texts_of(work), output, *options]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        output.mkdir(parents=True, exist_ok=True)
        write_whole(made_with, wanted.encode())
        with (output / "adapt.log").open("ab") as log:
            subprocess.run(list(map(str, command)), check=True, env=environment, stdout=log, stderr=subprocess.STDOUT)
    return target
