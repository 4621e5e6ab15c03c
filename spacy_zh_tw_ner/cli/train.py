"""Define `train CONFIG`, which trains like `spacy train`, but can be resumed and accepts presets."""

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .main import zh_tw_ner_cli
from .options import CHECKPOINT_EVERY, GPU_HELP, RESUME, require_resume_or_force, use_gpu
from .terminal import msg

if TYPE_CHECKING:
    from thinc.api import Config


@zh_tw_ner_cli.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train_cli(
    context: typer.Context,
    config: str = typer.Argument(
        ..., metavar="CONFIG", help="A config file, or the name of a preset such as 12gb-base."
    ),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for model-best, model-last and the checkpoint."),
    resume: bool = RESUME,
    checkpoint_every: int = CHECKPOINT_EVERY,
    code: str = typer.Option("", "--code", "-c", help="Python files with registered functions, separated by commas."),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", min=-1, help=GPU_HELP),
    force: bool = typer.Option(
        False, "--force", "-F", help="Replace the training run in the --output folder, if there is one."
    ),
) -> None:
    """Train a pipeline.

    As in `spacy train`, settings of the config can be given as options, such as --training.max_steps 2000. An
    interrupted run continues with --resume, even after a power failure, and ends with the same weights.
    """
    from spacy.cli._util import import_code

    from ..training.run_checks import require_run_folder

    require_resume_or_force(resume, force)
    _require_settings(context.args)
    for path in filter(None, code.split(",")):
        if not Path(path).is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        import_code(path)
    whole = read_overridden(config, context.args)
    require_run_folder(output, resume=resume, force=force, inputs=[Path(config), *paths_of(whole)])
    use_gpu(gpu_id)
    train_config(whole, output, resume=resume, force=force, checkpoint_every=checkpoint_every, gpu_id=gpu_id)


def read_overridden(config: str, arguments: list[str]) -> "Config":
    """Read a config or preset, apply the settings on the command line, and replace its variables by their values.

    config (str): A config file, or the name of a preset.
    arguments (list[str]): Options such as --training.max_steps 2000.
    RETURNS (Config): The interpolated config.
    RAISES (typer.BadParameter): If an argument is not a setting, or has no value.
    """
    return read_not_interpolated(config, arguments).interpolate()


def read_not_interpolated(config: str, arguments: list[str]) -> "Config":
    """Read a config or preset, apply the settings on the command line, and keep its variables, such as ${paths.train}.

    config (str): A config file, or the name of a preset.
    arguments (list[str]): Options such as --training.max_steps 2000.
    RETURNS (Config): The config, not interpolated.
    RAISES (typer.BadParameter): If an argument is not a setting, or has no value.
    """
    from spacy.cli._util import parse_config_overrides

    from ..planning.presets import read_config, with_settings

    _require_settings(arguments)
    overrides = parse_config_overrides(arguments)
    return with_settings(read_config(config), overrides, origin="the command line")


def train_config(
    config: "Config", output: Path, *, resume: bool, force: bool, checkpoint_every: int, gpu_id: int
) -> None:
    """Initialize and train the pipeline of a config, with messages on the terminal.

    config (Config): The interpolated config.
    output (Path): Folder for model-best, model-last and the checkpoint. The caller has checked it with
        `require_run_folder`.
    resume (bool): Continue the run in the folder from its checkpoint.
    force (bool): Replace the run in the folder.
    checkpoint_every (int): Number of updates between checkpoints; 0 for one at each evaluation.
    gpu_id (int): Number of the GPU, which the caller has selected; -1 for the CPU.
    RAISES (TrainingError): If the device does not support the precision of the config, or the checkpoint belongs to
        another config.
    RAISES (OutputError): If there is a run in the folder, and neither `resume` nor `force` is set.
    """
    from spacy.util import resolve_dot_names

    from ..training.char_corpus import CharCorpus, read_gold_docs
    from ..training.loop import initialize, train
    from ..training.run_checks import long_warm_ups, require_precision
    from .terminal import warn_of_unknown_labels

    require_precision(config, gpu_id)
    msg.info(f"Using GPU {gpu_id}" if gpu_id >= 0 else "Using the CPU")
    msg.divider("Initializing pipeline")
    nlp = initialize(config, gpu_id)
    names = [nlp.config["training"][key] for key in ("train_corpus", "dev_corpus")]
    for corpus in resolve_dot_names(nlp.config.interpolate(), names):
        if isinstance(corpus, CharCorpus):
            warn_of_unknown_labels(nlp, read_gold_docs(corpus.path, nlp.vocab), corpus.path)
    for message in long_warm_ups(nlp.config.interpolate()):
        msg.warn(message)
    msg.divider("Training pipeline")
    train(nlp, output, resume=resume, force=force, checkpoint_every=checkpoint_every)
    msg.good(f"Saved {output / 'model-best'} and {output / 'model-last'}")


def _require_settings(arguments: list[str]) -> None:
    """Check that all other arguments of a command set values of the config, such as --training.max_steps 2000.

    arguments (list[str]): The arguments that are not options of the command.
    RAISES (typer.BadParameter): If one is not a setting, or has no value.
    """
    left = iter(arguments)
    for argument in left:
        name, equals, _ = argument.partition("=")
        if not name.startswith("--") or "." not in name:
            raise typer.BadParameter(
                f"No such option or argument: {argument}. Give settings of the config as --training.max_steps 2000."
            )
        if not equals and next(left, None) is None:
            raise typer.BadParameter(f"{argument} has no value.")


def paths_of(config: Mapping[str, Any]) -> Iterator[Path]:
    """Return an iterator over the paths that a config reads from, for checks that no output overwrites them.

    These are the values of [paths], and the folders or packages from which components are sourced (`source`). Empty
    values and values that are not strings are left out. It is not checked that the paths exist.
    """
    values = [*config.get("paths", {}).values()]
    values += [component.get("source") for component in config.get("components", {}).values()]
    return (Path(value) for value in values if isinstance(value, str) and value)
