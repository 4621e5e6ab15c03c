"""Define `evaluate PIPELINE... CORPUS`, which prints scores, and writes them as JSON, HTML page and diagrams."""

import json
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .main import zh_tw_ner_cli
from .options import CORPUS_HELP, GPU_HELP, use_gpu
from .terminal import msg, print_table

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from ..evaluation.bootstrap import Comparison, Scores
    from ..evaluation.label_maps import LabelMap
    from ..evaluation.report import EvaluationReport


@zh_tw_ner_cli.command("evaluate")
def evaluate_cli(
    pipelines: list[str] = typer.Argument(
        ..., metavar="PIPELINE", help="Folders or package names of pipelines; several are compared with each other."
    ),
    data: Path = typer.Argument(
        ..., metavar="CORPUS", help=f"{CORPUS_HELP} With --label-map, any file that `convert` reads."
    ),
    train: Path | None = typer.Option(
        None,
        "--train",
        "-t",
        help="The .spacy file of the training data, to score seen and unseen entities separately.",
    ),
    label_map: Path | None = typer.Option(
        None, "--label-map", help="TOML file that maps the labels of CORPUS and of the pipelines to common labels."
    ),
    spans: str | None = typer.Option(
        None,
        "--spans",
        help="Score doc.spans[KEY], whose entities may overlap, instead of doc.ents. It is the default for a pipeline "
        "whose only recognizer is zh_tw_crf_spans.",
    ),
    scripts: bool = typer.Option(
        False, "--scripts", help="Also score with variants such as 台 and 臺 swapped, and with Simplified characters."
    ),
    seqeval: bool = typer.Option(
        False, "--seqeval", help="Also print the strict and default reports of seqeval on BIO tags."
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="JSON file for all scores."),
    page: Path | None = typer.Option(None, "--page", help="File for an HTML page of the errors."),
    figure: Path | None = typer.Option(None, "--figure", help="File for a diagram of F by label, .svg or .png."),
    matrix: Path | None = typer.Option(None, "--matrix", help="File for the confusion matrix of labels, .svg or .png."),
    diagram: Path | None = typer.Option(
        None, "--diagram", "-d", help="File for a reliability diagram of the scores, .svg or .png."
    ),
    resamples: int = typer.Option(1000, "--resamples", min=1, help="Number of bootstrap samples for the intervals."),
    seed: int = typer.Option(0, "--seed", min=0, help="Seed of the bootstrap."),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", min=-1, help=GPU_HELP),
) -> None:
    """Score pipelines on a corpus: precision, recall and F of exact spans, with 95 % bootstrap intervals.

    Precision, recall and F are printed as micro and macro averages, by label and by length. Two less strict averages
    are "boundary only", which ignores labels, and "type only", in which an entity is correct if it overlaps a gold
    entity of its label. Errors are counted by kind. If there are several pipelines, --page, --matrix and --diagram
    show the last one.
    """

    from ..atomic_writes import write_whole
    from ..components.inspection import only_spans_key
    from ..evaluation.bootstrap import compare_counts
    from ..evaluation.figures import draw_confusion, draw_reliability, draw_scores, picture_bytes, require_picture
    from ..evaluation.html_page import render_page
    from ..evaluation.label_maps import read_label_map
    from ..evaluation.predictions import read_golds
    from ..evaluation.report import EvaluateSettings, evaluate, require_seqeval, surfaces_of
    from ..outputs import require_report
    from ..recognizers.pipelines import load_pipeline, pipeline_places

    # All outputs are checked before anything is computed.
    inputs = [*pipeline_places(*pipelines), data, *filter(None, [train, label_map])]
    for report_path, kind in ((output, "JSON"), (page, "HTML")):
        if report_path is not None:
            require_report(report_path, kind, inputs=inputs)
    for picture in filter(None, (figure, matrix, diagram)):
        require_picture(picture, inputs=inputs)
    if seqeval:
        require_seqeval()
    labels = None if label_map is None else read_label_map(label_map)
    use_gpu(gpu_id)
    reports: dict[str, EvaluationReport] = {}
    for pipeline in dict.fromkeys(pipelines):
        nlp = load_pipeline(pipeline)
        spans_key = only_spans_key(nlp) if spans is None else spans
        known = None if train is None else surfaces_of(list(read_golds(nlp, train)), spans_key)
        settings = EvaluateSettings(resamples, seed, known, scripts, seqeval, labels, spans_key)
        if len(pipelines) > 1:
            msg.divider(pipeline)
        golds = _read_golds(nlp, data, labels, spans_key)
        reports[pipeline] = report = evaluate(nlp, golds, settings)
        _print_report(report)
    compared = {
        (first, second): compare_counts(reports[first].table, reports[second].table, resamples=resamples, seed=seed)
        for first, second in combinations(reports, 2)
    }
    _print_comparisons(compared)
    if output is not None:
        mapped = {} if label_map is None else {"label_map": str(label_map)}
        header = {"data": str(data), **mapped, "resamples": resamples, "seed": seed}
        found = [{"pipeline": name, **header, **report.to_json()} for name, report in reports.items()]
        differences = [{"from": a, "to": b, **comparison.to_json()} for (a, b), comparison in compared.items()]
        scores = found[0] if len(found) == 1 else {**header, "pipelines": found, "comparisons": differences}
        write_whole(output, json.dumps(scores, ensure_ascii=False, indent=2).encode())
        msg.good(f"Wrote {output}")
    if page is not None:
        title = f"{pipelines[-1]} · {data.name}"
        write_whole(page, render_page(report.pairs, title=title, spans_key=spans_key).encode())
        msg.good(f"Wrote {page}: open it in a browser.")
    if diagram is not None and not report.confidence.has_scores:
        msg.warn(f"No entity has a score, so {diagram} was not written.")
        diagram = None
    for path, drawing in (
        (figure, draw_scores({name: report.exact for name, report in reports.items()})),
        (matrix, draw_confusion(report.matrix)),
        (diagram, draw_reliability({data.stem: report.confidence.reliability})),
    ):
        if path is not None:
            write_whole(path, picture_bytes(drawing, path))
            msg.good(f"Wrote {path}")


def _read_golds(nlp: "Language", data: Path, label_map: "LabelMap | None", spans_key: str) -> "list[Doc]":
    """Read the gold documents of a corpus, and print warnings about its labels.

    nlp (Language): The pipeline; labels that it cannot predict are reported.
    data (Path): The corpus.
    label_map (LabelMap | None): Map of the labels to common ones; labels that it leaves out are reported.
    spans_key (str): Key of the entities in `doc.spans`, whose labels are not checked; empty for `doc.ents`.
    RETURNS (list[Doc]): The documents.
    """
    from ..evaluation.label_maps import read_mapped_golds
    from ..evaluation.predictions import read_golds
    from ..recognizers.spacy_recognizer import SpacyRecognizer
    from .terminal import warn_of_unknown_labels

    if label_map is None:
        golds = list(read_golds(nlp, data))
        if not spans_key:
            warn_of_unknown_labels(nlp, golds, data)
        return golds
    golds = read_mapped_golds(nlp, data, label_map, msg.warn)
    for sentence in label_map.report(SpacyRecognizer(nlp).labels):
        msg.warn(sentence)
    return golds


def _print_report(report: "EvaluationReport") -> None:
    exact = report.exact
    _print_scores({"micro": exact.micro, "macro": exact.macro, **exact.groups})
    others = {"boundary only": report.boundary, "type only": report.types.micro}
    others |= {f"{name} in train": scores for name, scores in report.surfaces.items()}
    others |= {f"{name} characters": scores for name, scores in report.lengths.items()}
    others |= {name: script.scores for name, script in report.scripts.items()}
    _print_scores(others)
    for name, script in report.scripts.items():
        low, high = script.difference.f.to_json()
        value = 100 * script.difference.f.value
        msg.info(f"{name}: {script.changed} documents change, and F by {value:+.2f} ({low:+.2f} to {high:+.2f})")
    msg.info("Mistakes: " + ", ".join(f"{n} {kind}" for kind, n in report.mistakes.items()))
    for mode, rows in report.seqeval.items():
        msg.info(f"seqeval, {mode} mode on IOB2 tags, one tag per character:")
        table = [(name, *(f"{row[k]:.4f}" for k in ("precision", "recall", "f1-score"))) for name, row in rows.items()]
        print_table(table, header=("", "precision", "recall", "f1-score"), aligns="lrrr", divider=False)
    if report.confidence.has_scores:
        msg.info(f"Expected calibration error of the scores: {report.confidence}")


def _print_scores(scores: "dict[str, Scores]") -> None:
    rows = []
    for name, (p, r, f, gold) in scores.items():
        low, high = f.to_json()
        rows.append((name, *(f"{100 * share.value:.2f}" for share in (p, r, f)), gold, f"{low:.1f}–{high:.1f}"))
    print_table(rows, header=("", "P", "R", "F", "gold", "F, 95 %"), aligns="lrrrrr")


def _print_comparisons(compared: "dict[tuple[str, str], Comparison]") -> None:
    for (first, second), comparison in compared.items():
        msg.divider(f"{second} against {first}")
        rows = []
        named = {"micro": comparison.micro, "macro": comparison.macro, **comparison.groups}
        for name, difference in named.items():
            low, high = difference.f.to_json()
            rows.append((name, f"{100 * difference.f.value:+.2f}", f"{low:+.2f} to {high:+.2f}", difference.p_value))
        table = [(*row[:3], f"{row[3]:.3f}") for row in rows]
        print_table(table, header=("", "ΔF", "95 %", "p"), aligns="lrrr")
