"""Define `adapt TEXTS OUT`, which adapts a base model to single characters."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import CHECKPOINT_EVERY, GPU_HELP, RESUME, require_resume_or_force, use_gpu
from .terminal import msg


@zh_tw_ner_cli.command("adapt", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def adapt_cli(
    context: typer.Context,
    texts: Path = typer.Argument(
        ..., metavar="TEXTS", help="Unlabelled texts: a .txt (one per line), .jsonl or .spacy file, or a folder."
    ),
    output: Path = typer.Argument(..., metavar="OUT", help="Folder for the run; OUT/base is the new base model."),
    config: str = typer.Option("e5-small", "--config", help="Config with the base model: a file, or a preset's name."),
    teacher: str | None = typer.Option(
        None,
        "--teacher",
        help="Base model of the same width to learn from (newest revision); by default that of the config.",
    ),
    text_field: str = typer.Option("text", "--text-field", help="Field of the text in .jsonl files."),
    resume: bool = RESUME,
    checkpoint_every: int = CHECKPOINT_EVERY,
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", min=-1, help=GPU_HELP),
    force: bool = typer.Option(False, "--force", "-F", help="Replace the run in the folder OUT, and its base model."),
) -> None:
    """Train a multilingual base model to encode single characters, on texts without annotation.

    Such a model was trained on wordpieces of several characters, such as 總統, while pipelines read each character on
    its own. A copy is trained to return the hidden states of whole wordpieces for their characters. Train a pipeline on
    OUT/base afterwards. With --teacher, a small base model learns from a deeper one.

    The texts are read from the beginning, files in the order of their names; annotation in them is not used. An
    interrupted command continues with --resume. Settings of the config can be given as options, such as
    --training.max_steps 1000.
    """
    import spacy

    from ..export.base_folders import write_base_model
    from ..outputs import output_folder, require_replaceable
    from ..training.adaptation import BASE, adaptation_config, base_models_of
    from ..training.run_checks import LAST, require_run_folder
    from ..training.unlabelled_texts import UnlabelledTexts

    # At the top, this import would list `train` before `adapt` in the help.
    from .train import paths_of, read_overridden, train_config

    require_resume_or_force(resume, force)
    recognizer_config = read_overridden(config, context.args)
    adapt_config = adaptation_config(recognizer_config, texts, text_field=text_field, teacher=teacher)
    UnlabelledTexts(texts).files()  # raises an error before training if there are none
    inputs = [Path(config), texts, *paths_of(recognizer_config), *base_models_of(adapt_config)]
    inputs = [path for path in inputs if path.exists()]
    require_run_folder(output, resume=resume, force=force, inputs=inputs)
    base_folder = output / BASE
    require_replaceable(base_folder, force=resume or force, inputs=inputs)
    use_gpu(gpu_id)
    train_config(adapt_config, output, resume=resume, force=force, checkpoint_every=checkpoint_every, gpu_id=gpu_id)
    nlp = spacy.load(output / LAST)
    with output_folder(base_folder, force=True, inputs=inputs) as folder:
        write_base_model(nlp, folder)
    score = nlp.meta["performance"]["wordpiece_match"]
    msg.info(f"R² on held-out texts: {score:.3f} (1 if the hidden states of characters match those of wordpieces)")
    msg.good(f"Wrote the base model {base_folder}: train on it with --paths.base {base_folder}")
