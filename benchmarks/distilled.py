"""Measure students that `zh-tw-ner distill` trains on UNER: F on test, and characters per second beside the teacher.

    python -m benchmarks.distilled --teacher PIPELINE --base base_models/e5-small --work FOLDER [--student NAME …]

The teacher is a pipeline for UNER, such as `uner-all-0/model-last` of `benchmarks.pretrained`. The students are the
BiLSTM of `configs/bilstm.cfg`, which is trained on NEWS first, and an encoder that begins with every third layer of the
base model, and has learned from it to read characters (`zh-tw-ner adapt --teacher`). Each is trained on UNER, alone or
with a teacher. With a teacher it has more steps, of which GOLD_SHARE are on annotated sentences, so that it sees these
as often as alone. The last weights are scored.

The unlabelled texts are those of train of UNER, CLUENER (converted to Traditional characters), NEWS and the bundled
corpus, without their labels. FOLDER must hold the archive that `benchmarks.peoples_daily` reads.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import spacy
import torch
from thinc.api import Config

from benchmarks.adapted import adapted_base
from benchmarks.corpora import NEWS, UNER, Corpus, gold_of, prepare, texts_of
from benchmarks.inference import ours
from benchmarks.measure import interleaved, machine, table
from benchmarks.pretrained import CONFIG, RATE, Result, once, write_config
from spacy_zh_tw_ner.atomic_writes import put_in_place, staged
from spacy_zh_tw_ner.evaluation.entity_counts import micro_f
from spacy_zh_tw_ner.evaluation.predictions import predict_pairs
from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from spacy_zh_tw_ner.training.distillation import TEACHER
from spacy_zh_tw_ner.training.teacher_posteriors import MANIFEST

LAYERS = (2, 5, 8, 11)  # of the 12 layers of e5-small
GOLD_SHARE = 0.3
TAUGHT_BY = "taught_by"  # path in the config of a student: its teacher
DONE = "done"  # empty file in the folder of a finished training


class Student(NamedTuple):
    """Config of a student, its numbers of steps, and other settings.

    steps: on NEWS (0 for none), on UNER alone, and on UNER with a teacher. goals: F on test, and speed relative to the
    teacher.
    """

    config: str
    steps: tuple[int, int, int]
    settings: Mapping[str, object]
    goals: tuple[float, float | None]


STUDENTS = {
    "BiLSTM": Student("bilstm", (8000, 2700, 9000), {}, (76.0, 8.0)),
    f"{len(LAYERS)} layers": Student("e5-small", (0, 900, 3000), {RATE: 2e-4}, (79.0, None)),
}


def shallow_base(base: Path, work: Path) -> Path:
    """Return a base model with some layers of another one; it is written first if necessary."""
    from transformers import AutoModel, AutoTokenizer

    target = work / "shallow"
    if not target.exists():
        model = AutoModel.from_pretrained(base)
        model.encoder.layer = torch.nn.ModuleList(model.encoder.layer[i] for i in LAYERS)
        model.config.num_hidden_layers = len(LAYERS)
        with staged(target) as folder:
            model.save_pretrained(folder / "base")
            AutoTokenizer.from_pretrained(base).save_pretrained(folder / "base")
            put_in_place(folder / "base", target)
    return target


def trained(name: str, teacher: Path | None, base: Path, work: Path) -> Path:
    """Return the folder of a student, trained with or without a teacher. What is finished is not trained again."""
    student = STUDENTS[name]
    config = config_of(student, UNER, student.steps[2 if teacher else 1], base, work)
    if student.steps[0]:
        first = train(config_of(student, NEWS, student.steps[0], base, work), work / f"{student.config}-first", work)
        config["paths"]["start_from"] = str(first.resolve())
    return train(config, work / f"{student.config}-{'distilled' if teacher else 'alone'}", work, teacher)


def config_of(student: Student, corpus: Corpus, steps: int, base: Path, work: Path) -> Config:
    """Return the config of a student for one corpus and number of steps."""
    data = prepare(corpus, work)
    settings = {f"paths.{split}": str((data / f"{split}.spacy").resolve()) for split in ("train", "dev")}
    if student.config == "e5-small":
        adapted = adapted_base(shallow_base(base, work), work / "shallow-adapted", work, teacher=base)
        settings["paths.base"] = str(adapted.resolve())
    length = {"training.max_steps": steps, "training.eval_frequency": 450}
    return with_settings(read_config(student.config), {**settings, **length, **student.settings}, origin="STUDENTS")


def train(config: Config, output: Path, work: Path, teacher: Path | None = None) -> Path:
    """Train a pipeline in a process of its own, on one thread, unless it is finished; return its folder.

    RAISES (SystemExit): If the folder holds a training with another config.
    """
    if teacher:
        config["paths"][TAUGHT_BY] = str(teacher)
    path = write_config(config, output)
    if not (output / DONE).exists():
        command: list[object] = ["train", path, "--output", output]
        if teacher:
            copy_posteriors(output / TEACHER, work, teacher)
            command = ["distill", teacher, texts_of(work), output, "--config", path, "--gold-share", GOLD_SHARE]
        arguments = [*map(str, command), "--resume"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-m", "spacy", "zh-tw-ner", *arguments], check=True, env=environment)
        (output / DONE).touch()
    return output / "model-last"


def copy_posteriors(target: Path, work: Path, teacher: Path) -> None:
    """Copy the predictions of a teacher from the folder of another of its students, if they are complete there."""
    for manifest in sorted(work.glob(f"*/{TEACHER}/{MANIFEST}")):
        paths = Config().from_disk(manifest.parents[1] / CONFIG, interpolate=False)["paths"]
        is_complete = json.loads(manifest.read_text(encoding="utf-8"))["n_chunks"] > 0
        if paths[TAUGHT_BY] == str(teacher) and is_complete and not target.exists():
            with staged(target) as folder:
                put_in_place(shutil.copytree(manifest.parent, folder / TEACHER), target)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--base", type=Path, default=Path("base_models/e5-small"))
    parser.add_argument("--work", type=Path, required=True, help="folder of trained pipelines, which a later call uses")
    parser.add_argument("--student", choices=STUDENTS, nargs="+", default=list(STUDENTS))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine(), flush=True)
    options.work.mkdir(parents=True, exist_ok=True)
    pipelines = {"teacher": options.teacher}
    for name in options.student:
        for teacher, how in ((None, "without a teacher"), (options.teacher.resolve(), "distilled")):
            pipelines[f"{name}, {how}"] = trained(name, teacher, options.base, options.work)
            scores_of(pipelines[f"{name}, {how}"], options.work)
    print_table(pipelines, options.work, options.rounds)


def scores_of(pipeline: Path, work: Path) -> Result:
    """Return F on dev and test."""

    def compute() -> Result:
        nlp, data = spacy.load(pipeline), prepare(UNER, work)
        return {split: micro_f(predict_pairs(nlp, data / f"{split}.spacy")) for split in ("dev", "test")}

    return once(work / f"{pipeline.parent.name}.json", compute)


def print_table(pipelines: Mapping[str, Path], work: Path, rounds: int) -> None:
    """Print F and speed of each pipeline."""
    texts = [doc.text for doc in gold_of(spacy.blank("zh_tw"), prepare(UNER, work) / "test.spacy")]
    runs = {name: partial(ours(spacy.load(pipeline)), texts) for name, pipeline in pipelines.items()}
    seconds = interleaved(runs, rounds=rounds)
    rows = [row_of(name, scores_of(pipeline, work), texts, seconds) for name, pipeline in pipelines.items()]
    print(table(rows, ("pipeline", "F on dev", "F on test", "characters/s", "relative to the teacher")), flush=True)


def row_of(
    name: str, scores: Mapping[str, float], texts: Sequence[str], seconds: Mapping[str, float]
) -> tuple[object, ...]:
    """Return a row of the table."""
    student, _, how = name.partition(", ")
    f, ratio = STUDENTS[student].goals if how == "distilled" else (None, None)
    speed = f"{sum(map(len, texts)) / seconds[name]:,.0f}"
    cells = f"{scores['test']:.2f}" + (f" (≥ {f})" if f else "")
    relative = f"{seconds['teacher'] / seconds[name]:.1f}" + (f" (≥ {ratio})" if ratio else "")
    return name, f"{scores['dev']:.2f}", cells, speed, relative


if __name__ == "__main__":
    main()
