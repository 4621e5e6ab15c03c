"""Training logger: a table, a progress bar, training curves (`progress.svg`), and reports as JSON lines."""

import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, TypeAlias

from spacy.language import Language
from tqdm import tqdm

from ..atomic_writes import write_whole
from ..errors import Errors, OutputError, Warnings
from .curves import draw_curves
from .measures import Pace, Rates, losses_per_character, peak_memory
from .pitfalls import Pitfalls
from .progress import ProgressReport, after, append_line, drop_reports, read_progress

InfoT: TypeAlias = dict[str, Any]
LoggerT: TypeAlias = tuple[Callable[[InfoT | None], None], Callable[[], None]]

LINES, PICTURE = "progress.jsonl", "progress.svg"
# Columns of the table with their widths
FIRST_COLUMNS = {"E": 3, "#": 6, "LOSS": 8}
SPAN_COLUMNS = {"P": 6, "R": 6, "F": 6}
SCORE_COLUMN = {"SCORE": 8}  # instead of SPAN_COLUMNS, for pipelines that find no spans
LAST_COLUMNS = {"RATE": 15, "CHARS/S": 8, "MEMORY": 10, "LEFT": 8}


def create_progress_logger_v1(
    path: Path | None = None, progress_bar: bool = True
) -> Callable[[Language, IO[str], IO[str]], LoggerT]:
    """Registered as `spacy-zh-tw-ner.progress_logger.v1`: table, progress bar, `progress.jsonl` and `progress.svg`.

    path (Optional[Path]): Folder for the two files; an existing `progress.jsonl` is appended to. None: the folder
        given as `--output`.
    progress_bar (bool): Whether to show a progress bar if stderr is a terminal.
    RETURNS (Callable): Function that spaCy's training loop calls once with the pipeline, stdout and stderr. It returns
        the two functions that the loop calls after each step and at the end.
    RAISES (OutputError): If the path or one of its parents is a file.
    """
    folder = Path(path) if path is not None else None
    if folder is not None and any(place.exists() and not place.is_dir() for place in (folder, *folder.parents)):
        raise OutputError(Errors.ZT430.format(path=folder))

    def setup(nlp: Language, stdout: IO[str] = sys.stdout, stderr: IO[str] = sys.stderr) -> LoggerT:
        logger = ProgressLogger(nlp, stdout, stderr, folder=folder, progress_bar=progress_bar)
        return logger.log_step, logger.finalize

    return setup


class ProgressLogger:
    """Logger that reports each evaluation of one training run.

    nlp (Language): The pipeline that is trained.
    stdout (IO[str]): Gets one table row per evaluation.
    stderr (IO[str]): Gets the progress bar, if it is a terminal.
    folder (Optional[Path]): Folder for `progress.jsonl` and `progress.svg`; None: the folder given as `--output`.
    progress_bar (bool): Whether to show the progress bar.
    """

    def __init__(
        self, nlp: Language, stdout: IO[str], stderr: IO[str], *, folder: Path | None, progress_bar: bool
    ) -> None:
        settings = nlp.config.interpolate()["training"]
        self.reports: list[ProgressReport] = []
        self._nlp, self._stdout, self._folder = nlp, stdout, folder
        self._rates, self._pitfalls = Rates(nlp), Pitfalls(nlp)
        self._pace = Pace(settings["max_steps"], settings["max_epochs"])
        self._words = 0  # tokens processed at the last evaluation
        self._has_begun = False
        self._scores_spans = True
        self._can_write = True
        # disable=None: tqdm shows the bar only on a terminal
        self._bar = tqdm(
            total=settings["max_steps"] or None,
            file=stderr,
            disable=None if progress_bar else True,
            leave=False,
            unit="step",
            dynamic_ncols=True,
        )

    def log_step(self, info: InfoT | None) -> None:
        """Log a training step: write a table row and the progress files if the step was evaluated.

        The training loop calls it after each step.

        info (Optional[dict]): Results of the evaluation, as spaCy passes them to loggers: "step", "epoch", "words",
            "losses", "score", "other_scores" and more. None for a step without evaluation.
        """
        if info is None:
            self._pace.step()
            self._bar.update()
            return
        if not self._has_begun:
            self._begin(info)
        report = self._report(info)
        labels = info["other_scores"].get(f"{scored_prefix(info['other_scores'])}_per_type")
        messages = self._pitfalls.check(after(self.reports, report), labels)
        report = replace(report, warnings=tuple(messages))
        self.reports = after(self.reports, report)
        self._save(report)
        self._write_row(self._cells(report))
        for message in messages:
            self._warn(message)
        self._bar.n = report.step + 1
        self._bar.set_postfix_str(_summary(report))
        self._pace.resume(info["words"])
        self._words = info["words"]

    def _begin(self, info: InfoT) -> None:
        """Set up the log at the first evaluation: find the folder, read the reports of a resumed run, print titles."""
        self._has_begun = True
        self._scores_spans = f"{scored_prefix(info['other_scores'])}_f" in info["other_scores"]
        self._write_row(list(self._columns))
        self._write_row(["-" * width for width in self._columns.values()])
        if self._folder is None and "output_path" in info:
            self._folder = Path(info["output_path"]).parent
        start = info.get("resumed_from")
        if start is not None:
            self._words = info["evaluated_words"]
            self._drop_reports(start["step"])
        if self._folder is not None:
            self.reports = read_progress(self._folder / LINES)
        if start is not None:
            earlier = max([start["seconds"], *(report.seconds for report in self.reports if start["step"])])
            self._pace.start_at(words=start["words"], seconds=earlier)

    def _drop_reports(self, step: int) -> None:
        if self._folder is None:
            return
        try:
            drop_reports(self._folder / LINES, step)
        except OSError as error:
            self._cannot_write(error)

    def finalize(self) -> None:
        """Close the progress bar, and warn if the run has learned nothing. spaCy calls it also after a failed run."""
        self._bar.close()
        for message in self._pitfalls.check_end(self.reports):
            self._warn(message)
        if self.reports and self._folder is not None and self._can_write:
            self._write(f"Progress: {self._folder / LINES}, curves: {self._folder / PICTURE}")

    def _report(self, info: InfoT) -> ProgressReport:
        """Create the report of an evaluation from the information that spaCy passes to loggers."""
        step, epoch, scores = info["step"], info["epoch"], info["other_scores"]
        scored = scored_prefix(scores)
        loss, losses = losses_per_character(self._nlp, info["losses"], info["words"] - self._words)
        memory = peak_memory()
        last_step = self._pace.last_step(step, epoch)
        if last_step is not None:
            self._bar.total = round(last_step) + 1
        return ProgressReport(
            step=step,
            epoch=epoch,
            loss=loss,
            losses=losses,
            p=_percent(scores.get(f"{scored}_p")),
            r=_percent(scores.get(f"{scored}_r")),
            f=_percent(scores.get(f"{scored}_f")),
            found=scores.get(f"{scored}_found"),
            score=float(info["score"]),
            rates=self._rates.at(step),
            characters_per_second=self._pace.characters_per_second(info["words"]),
            peak_memory_mib=memory and memory.mib,
            memory=memory and memory.of,
            seconds=self._pace.seconds,
            seconds_left=self._pace.seconds_left(step, last_step),
        )

    def _save(self, report: ProgressReport) -> None:
        """Append a report to `progress.jsonl`, and draw `progress.svg`. If that fails, warn and continue training."""
        if self._folder is None or not self._can_write:
            return
        try:
            append_line(self._folder / LINES, report.to_line())
            # Drawn at each evaluation, so that an aborted run has curves, too.
            write_whole(self._folder / PICTURE, draw_curves(self.reports).encode())
        except OSError as error:
            self._cannot_write(error)

    def _cannot_write(self, error: OSError) -> None:
        """Warn once that the progress files cannot be written, and stop writing them."""
        self._can_write = False
        self._warn(Warnings.ZT924.format(path=self._folder, reason=error))

    def _warn(self, message: str) -> None:
        with tqdm.external_write_mode(file=sys.stderr):
            warnings.warn(message, stacklevel=4)

    @property
    def _columns(self) -> dict[str, int]:
        """Columns of the table with their widths."""
        return FIRST_COLUMNS | (SPAN_COLUMNS if self._scores_spans else SCORE_COLUMN) | LAST_COLUMNS

    def _cells(self, report: ProgressReport) -> list[str]:
        """Return the cells of an evaluation's row."""
        spans = ["-" if value is None else f"{value:.2f}" for value in (report.p, report.r, report.f)]
        return [
            str(report.epoch),
            str(report.step),
            f"{report.loss:.4f}",
            *(spans if self._scores_spans else [f"{report.score:.4f}"]),
            "/".join(f"{rate:.2g}" for rate in report.rates.values()),
            "-" if report.characters_per_second is None else f"{report.characters_per_second:.0f}",
            _size(report.peak_memory_mib),
            _duration(report.seconds_left),
        ]

    def _write_row(self, cells: list[str]) -> None:
        widths = self._columns.values()
        self._write("  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())

    def _write(self, line: str) -> None:
        # tqdm.write does not break a progress bar on the same terminal.
        tqdm.write(line, file=self._stdout)
        self._stdout.flush()


def scored_prefix(scores: dict[str, Any]) -> str:
    """Return the common prefix of the names of the scores to log, such as "ents" in "ents_f".

    It is "ents" if the entities are scored, and otherwise that of the first scored key of `doc.spans`, such as
    "spans_sc".
    """
    spans = (name.removesuffix("_f") for name in scores if name.startswith("spans_") and name.endswith("_f"))
    return "ents" if "ents_f" in scores else next(spans, "ents")


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * float(share)


def _summary(report: ProgressReport) -> str:
    score = f"score {report.score:.4f}" if report.f is None else f"F {report.f:.2f}"
    return f"loss {report.loss:.4f}, {score}, {_size(report.peak_memory_mib)}"


def _size(mib: float | None) -> str:
    if mib is None:
        return "-"
    return f"{mib:.0f} MiB" if mib < 1000 else f"{mib / 1024:.2f} GiB"


def _duration(seconds: float | None) -> str:
    return "-" if seconds is None else tqdm.format_interval(seconds)
