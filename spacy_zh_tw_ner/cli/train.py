"""`train CONFIG`: `spacy train`, resumable, and with presets."""

from pathlib import Path

import typer
from wasabi import msg

from .gpu import use_gpu
from .main import fails_in_words, zh_tw_ner_cli


@zh_tw_ner_cli.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@fails_in_words
def train_cli(
    context: typer.Context,
    config: str = typer.Argument(..., metavar="CONFIG", help="A config, or the name of a preset, as 12gb-base."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for model-best, model-last and the checkpoint."),
    resume: bool = typer.Option(False, "--resume", help="Go on from the checkpoint in OUTPUT, if there is one."),
    checkpoint_every: int = typer.Option(0, min=0, help="Updates between checkpoints; 0: one an evaluation."),
    code: str = typer.Option("", "--code", "-c", help="Python files with registered functions, with commas."),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", help="Number of the GPU, or -1 for the CPU."),
) -> None:
    """Train a pipeline.

    All that `spacy train` takes works here: settings of the config as --training.max_steps 2000. A run that was
    stopped at any time, even by a power failure, goes on with --resume and ends with the same weights.
    """
    from spacy.cli._util import import_code, parse_config_overrides
    from spacy.training.initialize import init_nlp

    from ..devices import runs_encoders_alone
    from ..planning.presets import read_config, with_settings
    from ..training.devices import require_precision
    from ..training.loop import train

    overrides = parse_config_overrides(context.args)
    for path in filter(None, code.split(",")):
        import_code(path)
    whole = with_settings(read_config(config), overrides, origin="the command line").interpolate()
    use_gpu(gpu_id)
    require_precision(whole, gpu_id)
    msg.info(f"Using GPU {gpu_id}" if gpu_id >= 0 else "Using the CPU")
    msg.divider("Initializing pipeline")
    # spaCy's allocator is for thinc's arrays on a GPU.
    nlp = init_nlp(whole, use_gpu=-1 if runs_encoders_alone() else gpu_id)
    msg.divider("Training pipeline")
    train(nlp, output, resume=resume, checkpoint_every=checkpoint_every)
    msg.good(f"Saved {output / 'model-best'} and {output / 'model-last'}")
