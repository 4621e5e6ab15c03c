"""Define `find-errors CORPUS OUT`, which ranks sentences by how suspicious their annotation is."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .main import zh_tw_ner_cli
from .options import FORCE_FOLDER, GPU_HELP, use_gpu
from .terminal import msg, print_table

if TYPE_CHECKING:
    from ..error_detection.report import ErrorReport

FIRST = 10  # sentences and names that are printed


@zh_tw_ner_cli.command("find-errors", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def find_errors_cli(
    context: typer.Context,
    corpus: Path = typer.Argument(
        ..., metavar="CORPUS", help="A file that `convert` reads, or a folder; all splits in it are judged together."
    ),
    output: Path = typer.Argument(
        ...,
        metavar="OUT",
        help="Folder for errors.json, errors.html, label-studio.json and doccano.jsonl.",
    ),
    folds: int = typer.Option(
        5, "--folds", help="Number of folds; each is judged by a pipeline trained on the others."
    ),
    seeds: int = typer.Option(
        1, "--seeds", help="Pipelines per fold, trained with different seeds, which judge together."
    ),
    seed: int = typer.Option(0, "--seed", help="Seed of the folds and of the first pipeline of each fold."),
    config: str = typer.Option("bilstm", "--config", help="Config of the pipelines: a file, or a preset's name."),
    work: Path | None = typer.Option(
        None, "--work", help="Folder for the pipelines of the folds, by default OUT-folds."
    ),
    pipeline: str | None = typer.Option(
        None, "--pipeline", "-p", help="Pipeline that judges instead of folds; it must not be trained on CORPUS."
    ),
    most: int = typer.Option(0, "--most", min=0, help="Sentences in the files for labelling tools; 0 for all."),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", min=-1, help=GPU_HELP),
    force: bool = FORCE_FOLDER,
) -> None:
    """Find annotations that are probably wrong.

    Every sentence is judged by a pipeline that has not been trained on it: one pipeline per fold, or --pipeline. An
    interrupted command continues with the pipelines in the --work folder. Settings of the config can be given as
    options, such as --training.max_steps 2000.
    """
    from ..error_detection.cross_fitting import CrossFitting, FoldPipelines
    from ..error_detection.find_errors import find_errors, read_corpus, require_known_labels, write_report
    from ..outputs import output_folder, require_replaceable
    from ..recognizers.pipelines import load_pipeline, pipeline_places
    from ..training.run_checks import require_precision
    from .train import read_not_interpolated  # above, it would be listed before this command

    inputs = [corpus, Path(config), *(pipeline_places(pipeline) if pipeline is not None else [])]
    inputs = [path for path in inputs if path.exists()]
    require_replaceable(output, force=force, inputs=inputs)
    whole = read_not_interpolated(config, context.args)
    use_gpu(gpu_id)
    records = read_corpus(corpus, msg.info)
    header: dict[str, object] = {"corpus": str(corpus)}
    if pipeline is not None:
        nlp = load_pipeline(pipeline)
        if warning := require_known_labels(nlp, records, pipeline, corpus):
            msg.warn(warning)
        report = find_errors(records, [(nlp, range(len(records)))])
        header |= {"pipeline": pipeline}
    else:
        require_precision(whole.interpolate(), gpu_id)
        place = work or output.with_name(f"{output.name}-folds")
        fitting = FoldPipelines(records, CrossFitting(whole, folds, seed, seeds), place, corpus, force=force)
        fitting.train(msg.info, gpu_id=gpu_id)
        report = find_errors(records, fitting.pipelines(), notify=msg.info)
        header |= {"config": config, "folds": folds, "seeds": seeds, "seed": seed}
    _print_report(report)
    with output_folder(output, force=force, inputs=inputs) as folder:
        write_report(folder, report, title=f"find-errors · {corpus.name}", header=header, most=most)
    msg.good(f"Wrote {output}: open errors.html in a browser, or import label-studio.json or doccano.jsonl.")


def _print_report(report: "ErrorReport") -> None:
    msg.info(
        f"{report.n_likely:,} of {len(report.sentences):,} sentences are probably annotated wrongly "
        f"({report.expected:.0f} expected): " + ", ".join(f"{n} {kind}" for kind, n in report.kinds().items())
    )
    rows = []
    for one in report.sentences[:FIRST]:
        suspects = ", ".join(f"{each.kind} {each.surface(one.record.text)}" for each in one.suspects[:3])
        rows.append((f"{100 * one.score:.0f} %", suspects, one.record.origin))
    print_table(rows, header=("wrong", "suspects", "sentence"), aligns="r")
    msg.info("wrong: probability that an annotation of the sentence is wrong. Sorted by it × −log p(gold).")
    if report.surfaces:
        names = [
            (
                one.surface,
                ", ".join(f"{label} {n}" for label, n in one.labels.items()) or "0",
                one.unannotated,
                one.suspects,
            )
            for one in report.surfaces[:FIRST]
        ]
        print_table(names, header=("name", "annotated", "unannotated", "suspects"), aligns="llrr")
