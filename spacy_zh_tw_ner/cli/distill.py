"""Define `distill TEACHER TEXTS OUT`, which trains a small pipeline on the predictions of a large one."""

from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import CHECKPOINT_EVERY, GPU_HELP, RESUME, require_resume_or_force, use_gpu
from .terminal import msg, progress


@zh_tw_ner_cli.command("distill", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def distill_cli(
    context: typer.Context,
    teacher: str = typer.Argument(..., metavar="TEACHER", help="Folder or package name of a pipeline, or an ensemble."),
    texts: Path = typer.Argument(
        ..., metavar="TEXTS", help="Unlabelled texts: a .txt (one per line), .jsonl or .spacy file, or a folder."
    ),
    output: Path = typer.Argument(..., metavar="OUT", help="Folder for model-best, model-last and the checkpoint."),
    config: str = typer.Option("bilstm", "--config", help="Config of the student: a file, or the name of a preset."),
    temperature: float = typer.Option(1.0, help="Softens the distributions of teacher and student if greater than 1."),
    weight: float = typer.Option(1.0, help="Weight of the loss of an unlabelled text; an annotated one has 1."),
    gold_share: float = typer.Option(
        0.5, help="Share of annotated sentences in training, from the config's corpus; 0 for the teacher alone."
    ),
    text_field: str = typer.Option("text", "--text-field", help="Field of the text in .jsonl files."),
    resume: bool = RESUME,
    checkpoint_every: int = CHECKPOINT_EVERY,
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", min=-1, help=GPU_HELP),
    force: bool = typer.Option(
        False, "--force", "-F", help="Replace the training run and the predictions of the teacher in the folder OUT."
    ),
) -> None:
    """Train a pipeline on annotated sentences, and on the predictions of another pipeline for unlabelled texts.

    The student learns the probabilities that the CRF of the teacher gives to tags and transitions. These
    probabilities are stored in OUT/teacher. An interrupted command continues with --resume. Settings of the config can
    be given as options, such as --training.max_steps 2000.
    """
    from ..components.inspection import find_recognizer
    from ..errors import Errors, UsageError, Warnings
    from ..recognizers.pipelines import load_pipeline, pipeline_places
    from ..training.distill_corpus import weight_problem
    from ..training.distillation import TEACHER, recognizer_of, require_labels_of, student_config, tokenizer_of
    from ..training.run_checks import require_run_folder
    from ..training.teacher_posteriors import compute_posteriors
    from ..training.unlabelled_texts import UnlabelledTexts
    from .train import paths_of, read_overridden, train_config  # above, it would be listed before this command

    require_resume_or_force(resume, force)
    if problem := weight_problem(weight, gold_share, names=("--weight", "--gold-share")):
        raise UsageError(problem)
    if not 0.1 <= temperature <= 100.0:
        raise UsageError(Errors.ZT112.format(name="--temperature", value=temperature, remedy="Give 0.1 to 100."))
    whole, folder = read_overridden(config, context.args), output / TEACHER
    inputs = [Path(config), texts, *paths_of(whole), *pipeline_places(teacher)]
    UnlabelledTexts(texts).files()
    require_run_folder(output, resume=resume, force=force, inputs=inputs)
    use_gpu(gpu_id)
    recognizer_of(whole)
    nlp, blank = load_pipeline(teacher), tokenizer_of(whole)
    if gold_share:
        require_labels_of(whole, blank, list(find_recognizer(nlp).labels))
    with progress(texts) as (_, advance):
        unlabelled = UnlabelledTexts(texts, text_field, advance)
        found = compute_posteriors(
            nlp, unlabelled, folder, make_doc=blank.make_doc, temperature=temperature, force=force
        )
    for path, n in unlabelled.annotated.items():
        msg.warn(Warnings.ZT281.format(path=path, n=n))
    msg.good(f"Predictions of the teacher: {folder}")
    settings = student_config(whole, folder, found.labels, weight=weight, gold_share=gold_share)
    del nlp  # its memory is free before training
    train_config(settings, output, resume=resume, force=force, checkpoint_every=checkpoint_every, gpu_id=gpu_id)
