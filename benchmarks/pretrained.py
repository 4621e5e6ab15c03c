"""Measure F, memory and time of training a pre-trained encoder: all weights, LoRA, QLoRA, and other recipes.

Each run is `configs/e5-small.cfg` with the settings in RUNS, trained in a process of its own on one thread. The last
weights are scored, so that nothing is selected on the scored data. The "agreed" sentences of UNER's dev are those that
GSDSIMP annotates in the same way; the others are doubtful. Then the first pipeline of a run is scored with weights of
lower precision, before and after calibration, and on texts in other characters.

    python -m spacy zh-tw-ner fetch-base e5-small base_models/e5-small
    python -m benchmarks.pretrained --work FOLDER [--run NAME …] [--ensemble] [--SETTING VALUE …]

A call with the same FOLDER repeats nothing that is finished, and resumes what was interrupted. Two calls with different
runs may work in one folder at the same time. Settings of the config, such as `--training.max_steps 300`, replace those
of the run; use another FOLDER for them.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import spacy
import torch
from safetensors import safe_open
from spacy.cli._util import parse_config_overrides
from thinc.api import Config

from benchmarks.adapted import adapted_base
from benchmarks.corpora import CLUENER, NEWS, TAIWAN, UNER, Corpus, agreed_sentences, prepare
from benchmarks.measure import child, machine, mean_of, table
from benchmarks.plain_loop import RESULT
from benchmarks.pretrained_costs import calibration, precisions, respellings
from spacy_zh_tw_ner.atomic_writes import write_whole
from spacy_zh_tw_ner.components.ensemble import combine
from spacy_zh_tw_ner.evaluation.entity_counts import micro_f
from spacy_zh_tw_ner.evaluation.predictions import predict_pairs
from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from spacy_zh_tw_ner.training.progress import read_progress

Settings = Mapping[str, Any]
Result = dict[str, Any]
MODEL = "components.transformer.model"
RATE = "training.optimizer.encoder_rate.initial_rate"


class Run(NamedTuple):
    """A corpus, settings that differ from the config, and the goal for F."""

    corpus: Corpus
    settings: Settings
    seeds: tuple[int, ...] = (0,)
    goal: float | None = None
    tagger: str | None = None  # a tagger of `benchmarks.taggers` instead of a pipeline
    encoder_of: str | None = None  # run whose trained encoder, with its first seed, this run starts from
    adapted: bool = False  # whether the base model is adapted to single characters first


BUDGET: Settings = {"training.max_steps": 1200, "training.eval_frequency": 150}
ALL: Settings = {**BUDGET, RATE: 1e-4}
# With rsLoRA the update is scaled by alpha / √r, here by 1.4.
ADAPTERS = {"r": 32, "alpha": 8, "dropout": 0.1, "target_modules": "all-linear", "rslora": True}
LORA: Settings = {**BUDGET, RATE: 1e-3, f"{MODEL}.lora": {"@misc": "spacy-zh-tw-ner.lora.v1", **ADAPTERS}}
NF4 = {"@misc": "spacy-zh-tw-ner.quantization.v1", "kind": "nf4", "double_quant": True}
QLORA: Settings = {**LORA, f"{MODEL}.quantization": NF4}
SHORT: Settings = {**BUDGET, "training.max_steps": 400}
SEGMENTATION: Settings = {**SHORT, RATE: 1e-4, f"{MODEL}.trim": False}
RUNS = {
    "uner-all": Run(UNER, ALL, (0, 1, 2), 83.0),
    "uner-adapted": Run(UNER, ALL, (0, 1, 2), 83.0, adapted=True),
    "uner-lora": Run(UNER, LORA, (0, 1, 2)),
    "uner-adapted-lora": Run(UNER, LORA, adapted=True),
    "uner-qlora": Run(UNER, QLORA),
    "uner-freeze-6": Run(UNER, {**ALL, f"{MODEL}.memory.freeze_layers": 6}),
    "uner-layer-decay": Run(UNER, {**ALL, RATE: 2e-4, "training.optimizer.layer_decay": 0.9}),
    "uner-softmax": Run(UNER, ALL, tagger="softmax"),
    "cluener-all": Run(CLUENER, {**BUDGET, RATE: 2e-4}, goal=79.0),
    "cluener-adapted": Run(CLUENER, {**BUDGET, RATE: 2e-4}, goal=79.0, adapted=True),
    "cluener-lora": Run(CLUENER, LORA),
    "uner-from-cluener": Run(UNER, ALL, (0, 1, 2), 83.0, encoder_of="cluener-all"),
    "news-all": Run(NEWS, {"training.max_steps": 1600, "training.eval_frequency": 400, RATE: 2e-4}),
    "uner-from-news": Run(UNER, ALL, (0, 1, 2), 83.0, encoder_of="news-all"),
    "taiwan-all": Run(TAIWAN, {}, goal=81.0),
    "taiwan-adapted": Run(TAIWAN, {}, goal=81.0, adapted=True),
    "taiwan-from-news": Run(TAIWAN, {RATE: 1e-4}, goal=81.0, encoder_of="news-all"),
    # Wordpieces of a character: one, one and a mark before it, or those of the model's own segmentation
    "uner-characters": Run(UNER, SEGMENTATION, tagger="characters"),
    "uner-marked": Run(UNER, SEGMENTATION, tagger="marked"),
    "uner-segmented": Run(UNER, SEGMENTATION, tagger="segmented"),
    # Virtual keys and values in each layer, and LoRA in the same loop
    "uner-prefixes": Run(UNER, {**SHORT, RATE: 1e-2}, tagger="prefixes"),
    "uner-lora-softmax": Run(UNER, {**LORA, **SHORT, RATE: 3e-4}, tagger="softmax"),
}
HEADER = ("run", "seed", "F on dev", "agreed", "F", "goal", "seconds per step", "peak MiB")
SCORES = ("dev", "agreed", "test")
PIPELINE, CONFIG, CHECKPOINT = "model-last", "config.cfg", "checkpoint.safetensors"


def main() -> None:
    """Print one table of all runs, and three of what lower precision, calibration and other characters change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", choices=RUNS, nargs="+", default=list(RUNS))
    parser.add_argument("--base", type=Path, default=Path("base_models/e5-small"), help="folder of the base model")
    parser.add_argument("--work", type=Path, help="folder of trained pipelines and results; otherwise they are removed")
    parser.add_argument("--seeds", type=int, nargs="+", help="seeds instead of those of the runs")
    parser.add_argument("--ensemble", action="store_true", help="also score the first seeds of all runs together")
    parser.add_argument("--no-costs", action="store_true", help="print the first table only")
    options, settings = parser.parse_known_args()
    if options.ensemble and len({RUNS[run].corpus for run in options.run}) > 1:
        parser.error("--ensemble needs runs on one corpus; choose them with --run")
    torch.set_num_threads(1)
    print(machine(), flush=True)
    overrides = {"paths.base": str(options.base.resolve()), **parse_config_overrides(settings)}
    with nullcontext(options.work) if options.work else TemporaryDirectory() as name:
        work = Path(name)
        work.mkdir(parents=True, exist_ok=True)
        seeds = {run: tuple(options.seeds or RUNS[run].seeds) for run in options.run}
        rows = [row for run in options.run for row in run_seeds(run, seeds[run], work, overrides)]
        pipelines = {run: seeds[run][0] for run in options.run if RUNS[run].tagger is None}
        if options.ensemble:
            folders = [folder_of(run, seed, work) for run, seed in pipelines.items()]
            rows.append(ensemble_row(", ".join(pipelines), folders, RUNS[options.run[0]], work))
        print(table(rows, HEADER), flush=True)
        if not options.no_costs:
            print_costs(pipelines, work)


def run_seeds(name: str, seeds: tuple[int, ...], work: Path, overrides: Settings) -> list[tuple[object, ...]]:
    """Train and score a run with each seed, and their ensemble; return the rows of the table."""
    run, rows, results = RUNS[name], list[tuple[object, ...]](), list[Result]()
    goal = run.goal or "–"
    for seed in seeds:
        found = train_and_score(name, seed, work, overrides)
        results.append(found)
        seconds = found["seconds_per_step"]
        cells = (f"{seconds:.2f}" if seconds else "", f"{found['peak_mib']:.0f}")
        scores = [f"{found[key]:.2f}" if key in found else "" for key in SCORES]
        rows.append((name, seed, *scores, goal, *cells))
        print(rows[-1], flush=True)
    if len(seeds) > 1:
        means = [mean_of([found[key] for found in results]) if key in results[0] else "" for key in SCORES]
        rows.append((name, "mean", *means, goal, "", ""))
        if run.tagger is None:
            rows.append(ensemble_row(name, [folder_of(name, seed, work) for seed in seeds], run, work))
    return rows


def ensemble_row(name: str, folders: Sequence[Path], run: Run, work: Path) -> tuple[object, ...]:
    """Score the pipelines of several folders together, on the corpus of a run."""
    data = prepare(run.corpus, work)

    def score() -> Result:
        nlp = combine([(folder.name, spacy.load(folder / PIPELINE)) for folder in folders])
        return {split: micro_f(predict_pairs(nlp, data / f"{split}.spacy")) for split in ("dev", "test")}

    found = once(work / f"ensemble-{'-'.join(folder.name for folder in folders)}.json", score)
    scores = (f"{found['dev']:.2f}", "", f"{found['test']:.2f}")
    return (name, f"ensemble of {len(folders)}", *scores, run.goal or "–", "", "")


def train_and_score(name: str, seed: int, work: Path, overrides: Settings) -> Result:
    """Return F on dev and test, seconds per step and peak memory of a run, which is trained if it is not finished.

    A pipeline for UNER also has F on the "agreed" sentences of dev.

    RAISES (SystemExit): If the folder holds the run with other settings.
    """
    run, folder = RUNS[name], folder_of(name, seed, work)
    data = prepare(run.corpus, work)
    paths = {f"paths.{split}": str((data / f"{split}.spacy").resolve()) for split in ("train", "dev")}
    settings = {**paths, "system.seed": seed, **run.settings, **overrides}
    if run.adapted:
        base = adapted_base(Path(settings["paths.base"]), work / "adapted", work)
        settings["paths.base"] = str(base.resolve())
    made = with_settings(read_config("e5-small"), settings, origin="the settings of the run")
    if run.encoder_of is not None:
        first = RUNS[run.encoder_of].seeds[0]
        train_and_score(run.encoder_of, first, work, overrides)
        source = folder_of(run.encoder_of, first, work) / PIPELINE
        made["components"]["transformer"] = {"source": str(source.resolve())}
    config = write_config(made, folder)

    def compute() -> Result:
        if run.tagger is not None:
            child(folder, "benchmarks.plain_loop", run.tagger, config, data, folder)
            return dict(json.loads((folder / RESULT).read_text(encoding="utf-8")))
        child(folder, "spacy", "zh-tw-ner", "train", config, "--output", folder, "--resume")
        nlp = spacy.load(folder / PIPELINE)
        dev, test = (micro_f(predict_pairs(nlp, data / f"{split}.spacy")) for split in ("dev", "test"))
        return {"dev": dev, "test": test, **costs_of_training(folder)}

    found = once(folder / "result.json", compute)
    (folder / CHECKPOINT).unlink(missing_ok=True)  # needed only to resume
    if run.corpus == UNER and run.tagger is None:

        def score_agreed() -> Result:
            return {"agreed": micro_f(predict_pairs(spacy.load(folder / PIPELINE), agreed_sentences(work)))}

        found |= once(folder / "agreed.json", score_agreed)
    return found


def write_config(made: Config, folder: Path) -> Path:
    """Write the config of a run into its folder, which is made first if necessary; return the file.

    RAISES (SystemExit): If the folder holds the run with other settings.
    """
    text, config = made.to_str(), folder / CONFIG
    folder.mkdir(exist_ok=True)
    if config.exists() and config.read_text(encoding="utf-8") != text:
        raise SystemExit(f"{folder} holds this run with other settings. Give another folder as --work.")
    write_whole(config, text.encode())
    return config


def costs_of_training(folder: Path) -> Result:
    """Return seconds per step, without evaluations, and the peak memory of a finished run."""
    reports = read_progress(folder / "progress.jsonl")
    with safe_open(folder / CHECKPOINT, framework="np") as file:
        position = json.loads(file.get_tensor("said").tobytes())["position"]
    speeds = sorted(report.characters_per_second for report in reports if report.characters_per_second)
    per_step = position["words"] / position["step"]
    return {
        "seconds_per_step": per_step / speeds[len(speeds) // 2] if speeds else None,
        "peak_mib": max((report.peak_memory_mib or 0.0 for report in reports), default=0.0),
    }


def print_costs(seeds: Mapping[str, int], work: Path) -> None:
    """Print three tables about one pipeline of each run: precisions, calibration, and texts in other characters."""
    tables: list[tuple[str, Callable[[Path, Path], Result], tuple[str, ...]]] = [
        ("precisions", precisions, ("run", "weights", "F", "difference", "characters/s")),
        ("calibration", calibration, ("run", "temperature", "error before", "error after", "by chance", "F after")),
        ("respellings", respellings, ("run", "characters", "changed texts", "F", "difference", "95 % interval")),
    ]
    for name, measure, header in tables:
        rows: list[tuple[object, ...]] = []
        for run, seed in seeds.items():
            if name == "calibration" and not RUNS[run].corpus.has_test:
                continue
            folder, data = folder_of(run, seed, work), prepare(RUNS[run].corpus, work)
            found = once(folder / f"{name}.json", lambda m=measure, f=folder, d=data: m(f / PIPELINE, d))
            rows += [(run, *row) for row in found["rows"]]
            print(rows[-1], flush=True)
        print(table(rows, header), flush=True)


def once(path: Path, compute: Callable[[], Result]) -> Result:
    """Return the result in a file, or compute it and write the file."""
    if not path.exists():
        write_whole(path, json.dumps(compute(), ensure_ascii=False, indent=1).encode())
    return dict(json.loads(path.read_text(encoding="utf-8")))


def folder_of(name: str, seed: int, work: Path) -> Path:
    """Return the folder of a run with one seed."""
    return work / f"{name}-{seed}"


if __name__ == "__main__":
    main()
