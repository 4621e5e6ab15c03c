"""Define `learning-curve CORPUS OUT`, which measures F over the amount of training data, and extrapolates it."""

import json
from pathlib import Path

import typer

from .main import zh_tw_ner_cli
from .options import GPU_HELP, use_gpu
from .terminal import msg, print_table


@zh_tw_ner_cli.command("learning-curve", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def learning_curve_cli(
    context: typer.Context,
    corpus: Path = typer.Argument(
        ..., metavar="CORPUS", help="Folder with train.spacy, dev.spacy and test.spacy; or training data in .spacy."
    ),
    output: Path = typer.Argument(..., metavar="OUT", help="Folder for the results."),
    dev: Path | None = typer.Option(None, "--dev", help="Data for choosing the best checkpoint of each run."),
    test: Path | None = typer.Option(None, "--test", help="Data to score on; without any, dev is used."),
    config: str = typer.Option("bilstm", "--config", help="A config file, or the name of a preset."),
    fractions: str = typer.Option("10,25,50,100", "--fractions", help="Shares of the training data in percent."),
    seeds: int = typer.Option(2, "--seeds", min=1, max=100, help="Number of runs for each share."),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", min=-1, help=GPU_HELP),
    force: bool = typer.Option(False, "--force", "-F", help="Discard the runs of another learning curve in OUT."),
) -> None:
    """Measure F after training on parts of a corpus, and predict it for 2 × and 4 × the data.

    Writes learning-curve.json and learning-curve.svg into OUT. An interrupted command continues when it is run again.
    Settings of the config can be given as options, such as --training.max_steps 2000.
    """
    from ..atomic_writes import write_whole
    from ..learning_curve.curve import TIMES, measure_curve
    from ..learning_curve.figure import draw_learning_curve
    from ..learning_curve.power_law import SizedScore
    from ..learning_curve.runs import CurveFolder, find_corpora
    from ..learning_curve.subsets import parse_percents
    from ..training.run_checks import require_precision
    from .train import read_not_interpolated

    percents, corpora = parse_percents(fractions), find_corpora(corpus, dev, test)
    whole = read_not_interpolated(config, context.args)
    use_gpu(gpu_id)
    require_precision(whole.interpolate(), gpu_id)
    folder = CurveFolder(output, whole, corpora)
    report = measure_curve(folder, percents, seeds, gpu_id=gpu_id, force=force, notify=msg.info)
    write_whole(output / "learning-curve.json", json.dumps(report.to_json(), ensure_ascii=False, indent=2).encode())
    picture = draw_learning_curve(report, title=f"F over training data: {corpora.train}")
    write_whole(output / "learning-curve.svg", picture.encode())
    best = report.points[-1].f.f

    def shown(one: SizedScore) -> tuple[str, str]:
        return f"{one.f:.1f}", f"{one.low:.1f}–{one.high:.1f}"

    rows = [
        (
            f"{point.percent:g} %",
            f"{point.sentences:,.0f}",
            f"{point.entities:,.0f}",
            *shown(point.f),
            " ".join(f"{f:.1f}" for f in point.runs),
        )
        for point in report.points
    ]
    rows += [
        (f"{times:g} ×", f"{one.size:,.0f}", "", *shown(one), f"{one.f - best:+.1f}")
        for times, one in zip(TIMES, report.predictions, strict=True)
    ]
    header = ("data", "sentences", "entities", "F", "95 %", "runs, or gain")
    print_table(rows, header=header, aligns="rrrrrl")
    if report.back_test is not None:
        percent, found = report.points[-1].percent, report.back_test
        msg.info(
            f"Check: a law fitted to {', '.join(f'{share:g}' for share in found.percents)} % predicts F "
            f"{' ('.join(shown(found.predicted))}) for {percent:g} %; measured: {found.measured:.1f}."
        )
    for message in report.messages:
        msg.warn(message)
    msg.good(f"Wrote {output / 'learning-curve.json'} and {output / 'learning-curve.svg'}")
