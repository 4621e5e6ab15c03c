"""Define `init-config OUT`, which writes a complete training config from a preset or pipeline."""

import shlex
import sys
from pathlib import Path
from typing import Any

import typer

from .main import zh_tw_ner_cli
from .options import FORCE_FILE
from .terminal import msg


@zh_tw_ner_cli.command("init-config")
def init_config_cli(
    target: Path = typer.Argument(..., metavar="OUT", help="The config file to write."),
    preset: str = typer.Option(
        "", "--preset", help="Name of a preset, such as 12gb-base; an unknown name prints the list."
    ),
    source: str = typer.Option(
        "", "--source", help="Instead of --preset: folder or package name of a pipeline to train further."
    ),
    corpus: Path | None = typer.Option(
        None,
        "--corpus",
        help="Folder with train.spacy and dev.spacy, as `convert` writes it. Without it, a command on a terminal "
        "asks for the folder.",
    ),
    labels: str = typer.Option(
        "", "--labels", "-l", help="Labels, separated by commas; by default those in the corpus."
    ),
    base: str = typer.Option("", "--base", "-b", help="Another base model: id on the Hugging Face Hub, or folder."),
    train: str = typer.Option("", "--train", help="The training .spacy file, if it is not in --corpus."),
    dev: str = typer.Option("", "--dev", help="The dev .spacy file, if it is not in --corpus."),
    force: bool = FORCE_FILE,
) -> None:
    """Write a complete training config from a preset, or a config that trains an existing pipeline further.

    Then two commands are printed: one estimates the GPU memory, the other trains. Review the config before you run
    them.
    """
    from ..atomic_writes import write_whole
    from ..errors import Errors, UsageError, Warnings
    from ..outputs import require_new
    from ..planning.presets import fine_tuning_config, preset_names, read_config, with_settings
    from ..recognizers.pipelines import pipeline_folder, pipeline_places

    if bool(preset) == bool(source):
        raise UsageError(Errors.ZT445.format(preset=preset, source=source, names=", ".join(preset_names())))
    if source and base:
        raise UsageError(Errors.ZT446.format(base=base, source=source))
    require_new(target, force=force, inputs=pipeline_places(source) if source else [])
    config = fine_tuning_config(source, pipeline_folder(source)) if source else read_config(preset)
    if corpus is None and not (train and dev) and _is_terminal():
        default = Path(config["paths"].get("train") or "corpus/taiwan/train.spacy").parent
        corpus = Path(typer.prompt("Folder of the corpus, as `convert` writes it", default=str(default)))
    if corpus is not None:
        train, dev = train or (corpus / "train.spacy").as_posix(), dev or (corpus / "dev.spacy").as_posix()
    paths = {"paths.base": base, "paths.train": train, "paths.dev": dev}
    config = with_settings(config, {path: value for path, value in paths.items() if value}, origin="init-config")
    names = list(dict.fromkeys(filter(None, (name.strip() for name in labels.split(",")))))
    if names and source:
        config["initialize"]["after_init"] |= {"labels": names, "corpus": None}
    elif names:
        # Otherwise the labels are those in the corpus, in the order in which they occur.
        config["initialize"]["components"]["ner"]["labels"] = names
    write_whole(target, config.to_str(interpolate=False).encode())
    msg.good(f"Wrote {target}")
    data = [config["paths"].get(split) or f"[paths] {split}" for split in ("train", "dev")]
    missing = [path for path in data if not Path(path).exists()]
    if missing:
        msg.warn(Warnings.ZT955.format(paths=", ".join(missing)))
    for command in next_commands(config, target, preset or source):
        print(shlex.join(command))


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def next_commands(config: Any, target: Path, preset: str) -> list[list[str]]:
    """Return the commands to run after a config was written: `plan` if it has a Transformer, then `train`.

    config (Config): The config.
    target (Path): The file to which it was written.
    preset (str): Name of the preset or source pipeline that the config was made from. For a preset, the option --vram
        of `plan` is the GPU memory of the preset; for a pipeline, it is left out.
    RETURNS (list[list[str]]): The commands, each as a list of words.
    """
    from ..errors import PlanError
    from ..planning.presets import preset_notes
    from ..planning.recipe import find_transformer

    start = ["python", "-m", "spacy", "zh-tw-ner"]
    folder = Path(config["paths"]["train"] or "").parent.name or target.stem
    train = [*start, "train", str(target), "--output", (Path("training") / folder).as_posix()]
    try:
        find_transformer(config)
    except PlanError:
        return [train]  # without a Transformer, a CPU is enough and memory need not be planned
    try:
        vram = float(preset_notes(preset)["vram"])
    except (KeyError, PlanError):
        vram = 0.0
    plan = [*start, "plan", str(target), *(["--vram", f"{vram:g}"] if vram else [])]
    return [plan, [*train, "--gpu-id", "0"]]
