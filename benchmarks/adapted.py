"""Adapt a base model to single characters, for the benchmarks that train on it."""

import json
from pathlib import Path

from benchmarks.corpora import texts_of
from benchmarks.measure import child
from spacy_zh_tw_ner.atomic_writes import write_whole
from spacy_zh_tw_ner.untrusted import sha256_of

# All other settings are those of `configs/e5-small.cfg`.
SETTINGS = {"training.max_steps": 1200, "training.eval_frequency": 300}


def adapted_base(base: Path, output: Path, work: Path, teacher: Path | None = None) -> Path:
    """Return the folder of an adapted base model; `zh-tw-ner adapt` makes it first if necessary, on one thread.

    base (Path): The base model to adapt.
    output (Path): Folder of the run. If it was interrupted, it continues.
    work (Path): Folder of the corpora, whose texts are those of all train splits.
    teacher (Optional[Path]): The base model to learn from, if it is another one.
    RAISES (SystemExit): If the folder holds a base model that was adapted with other settings or texts.
    """
    texts = texts_of(work)
    target, made_with = output / "base", output / "made_with.json"
    wanted = json.dumps({"base": str(base.resolve()), "teacher": str((teacher or base).resolve()), **SETTINGS})
    wanted += f"\n{sha256_of(texts)}\n"
    if made_with.exists() and made_with.read_text(encoding="utf-8") != wanted:
        raise SystemExit(f"{output} holds a base model that was adapted with other settings. Give another --work.")
    if not target.exists():
        settings = [part for name, value in SETTINGS.items() for part in (f"--{name}", value)]
        options = ["--config", "e5-small", "--paths.base", base, *settings, "--resume"]
        options += ["--teacher", teacher] if teacher else []
        output.mkdir(parents=True, exist_ok=True)
        write_whole(made_with, wanted.encode())
        child(output, "spacy", "zh-tw-ner", "adapt", texts, output, *options)
    return target
