"""Detect training runs that learn nothing, and warn with the settings that are the likely cause."""

import math
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto
from itertools import chain
from typing import Any

from spacy.language import Language

from ..errors import Warnings
from .progress import ProgressReport
from .run_checks import find_settings

MIN_STEPS, N_EVALUATIONS = 100, 3  # a warning needs this many steps, and this many evaluations with the same result
MIN_UPDATES = 20  # shorter runs get no warning at their end
LOW_HEAD_RATE = 1e-4  # a CRF head hardly learns at lower rates
HIGH_ENCODER_RATE = 1e-4  # a Transformer without adapters forgets its pre-training at higher rates
# `max_steps` of the configs of this package: with one learning rate ("all"), or with separate rates ("head")
USUAL_STEPS = {"all": 1_500, "head": 4_000}
VALIDATE = "run `python -m spacy zh-tw-ner validate` on the corpus"


class Pitfall(Enum):
    """Kind of failure of a training run.

    NOT_FINITE: a loss is NaN or infinite. NOTHING_FOUND: the pipeline finds no entities. ALL_WRONG: all entities that
    it finds are wrong. ENDED_AT_ZERO: the run has ended, and F was 0 at every evaluation.
    """

    NOT_FINITE = auto()
    NOTHING_FOUND = auto()
    ALL_WRONG = auto()
    ENDED_AT_ZERO = auto()


class Pitfalls:
    """Checks one training run for common failures (`Pitfall`), and reports each kind of failure once.

    nlp (Language): The pipeline, with the config of its training.
    """

    def __init__(self, nlp: Language) -> None:
        self._nlp = nlp
        self._config: dict[str, Any] = nlp.config.interpolate()
        self._reported: set[Pitfall] = set()

    def check(self, reports: Sequence[ProgressReport], labels: Mapping[str, Any] | None = None) -> list[str]:
        """Check the run after an evaluation.

        reports (Sequence[ProgressReport]): All reports so far, one per evaluation, with scores and losses.
        labels (Optional[Mapping[str, Any]]): Scores of the last evaluation by label (spaCy's `ents_per_type`).
        RETURNS (list[str]): Messages of pitfalls that are not yet reported.
        """
        last = reports[-1]
        found = self._check_losses(last.losses)
        recent = [report for report in reports if report.step][-N_EVALUATIONS:]
        # During the warm-up F of 0 is normal.
        settled = len(recent) == N_EVALUATIONS and last.step >= MIN_STEPS and not _rises(recent)
        if settled and all(report.f is not None and report.found == 0 for report in recent):
            hints = _numbered(self._causes_of_nothing_found(reports))
            found[Pitfall.NOTHING_FOUND] = Warnings.ZT922.format(n=N_EVALUATIONS, step=last.step, hints=hints)
        elif settled and all(report.f == 0.0 and report.found != 0 for report in recent):
            before, now = recent[0].loss, last.loss
            if now < before:
                hints = _numbered(self._causes_of_all_wrong(set(labels or ())))
                message = Warnings.ZT923.format(n=N_EVALUATIONS, before=before, now=now, step=last.step, hints=hints)
                found[Pitfall.ALL_WRONG] = message
        return self._new(found)

    def check_end(self, reports: Sequence[ProgressReport] = ()) -> list[str]:
        """Check the run after its end. Call it also if the run ended with an error.

        spaCy saves the model and its loss before it calls the logger. A loss of NaN cannot be saved, so the run ends
        with an `OverflowError` before `check` is called, and only this check can explain it.

        reports (Sequence[ProgressReport]): All reports of the run, one per evaluation.
        RETURNS (list[str]): Messages of pitfalls that are not yet reported.
        """
        saved = self._nlp.meta.get("performance", {})
        losses = {name.removesuffix("_loss"): loss for name, loss in saved.items() if name.endswith("_loss")}
        found = self._check_losses(losses)
        is_explained = found or self._reported & {Pitfall.NOTHING_FOUND, Pitfall.ALL_WRONG}
        if not is_explained and reports and reports[-1].step >= MIN_UPDATES and all(r.f == 0.0 for r in reports):
            hints = _numbered(chain(_too_few_steps(reports[-1]), self._causes_of_nothing_found(reports)))
            found[Pitfall.ENDED_AT_ZERO] = Warnings.ZT926.format(step=reports[-1].step, hints=hints)
        return self._new(found)

    def _check_losses(self, losses: Mapping[str, float]) -> dict[Pitfall, str]:
        """Return a message if at least one loss is NaN or infinite.

        losses (Mapping[str, float]): Name of a component → its loss.
        RETURNS (dict[Pitfall, str]): `Pitfall.NOT_FINITE` → message; empty if all losses are finite.
        """
        names = [name for name, loss in losses.items() if not math.isfinite(loss)]
        if not names:
            return {}
        hints = _numbered(self._causes_of_not_finite())
        return {Pitfall.NOT_FINITE: Warnings.ZT921.format(names=", ".join(names), hints=hints)}

    def _new(self, found: Mapping[Pitfall, str]) -> list[str]:
        """Return the messages of pitfalls that are not yet reported, and mark them as reported."""
        new = [message for pitfall, message in found.items() if pitfall not in self._reported]
        self._reported |= set(found)
        return new

    def _causes_of_not_finite(self) -> Iterator[str]:
        """Yield likely causes of a loss that is NaN or infinite, the likeliest first."""
        for path, value in find_settings(self._config, "precision"):
            if value == "fp16":
                yield f'{path} = "fp16" overflows: set "bf16" if the GPU supports it, or "fp32"'
        for path, value in find_settings(self._config["training"]["optimizer"], "grad_clip", "training.optimizer"):
            if not value:
                yield f"{path} = {value} does not clip gradients: set 1.0"
        yield "the learning rates in [training.optimizer] are too high: lower them, or add a warm-up"

    def _causes_of_nothing_found(self, reports: Sequence[ProgressReport]) -> Iterator[str]:
        """Yield likely causes of a run that finds no entities, the likeliest first.

        reports (Sequence[ProgressReport]): All reports so far, whose highest learning rates are checked.
        """
        for path, value in find_settings(self._config["components"], "min_score", "components"):
            if value > 0.5:
                yield f"{path} = {value:g} is more than the probability of any entity so far: set 0.35"
        highest = {part: max(report.rates[part] for report in reports) for part in reports[-1].rates}
        head = highest.get("head", highest.get("all", LOW_HEAD_RATE))
        if head < LOW_HEAD_RATE:
            setting = "head_rate" if "head" in highest else "learn_rate"
            own_rate = "" if "head" in highest else ", and for a Transformer a separate rate (GroupedOptimizer.v1)"
            yield (
                f"training.optimizer.{setting} of {head:.2g} at most is too low for the CRF and its linear layer: set "
                f"0.001 to 0.005{own_rate}"
            )
        # Adapters need a higher rate; all of them are in a block named `lora`.
        if highest.get("encoder", 0.0) > HIGH_ENCODER_RATE and not any(find_settings(self._config, "lora")):
            yield (
                f"training.optimizer.encoder_rate of {highest['encoder']:.2g} at most is too high for a Transformer: "
                "set 0.00002 to 0.00005"
            )
        yield f"the corpus has very few entities, or the run is too short: {VALIDATE}, or raise training.max_steps"

    def _causes_of_all_wrong(self, scored: set[str]) -> Iterator[str]:
        """Yield likely causes of a run that finds only wrong entities, the likeliest first.

        scored (set[str]): Labels of the entities in the dev data.
        """
        names = self._nlp.pipe_names
        setters = [name for name in names if "doc.ents" in self._nlp.get_pipe_meta(name).assigns]
        known = {label for name in setters for label in getattr(self._nlp.get_pipe(name), "labels", ())}
        if unknown := sorted(scored - known):
            yield f"[corpora.dev] has labels that the training data lack ({', '.join(unknown)}): {VALIDATE}"
        for path, value in find_settings(self._config["components"], "overwrite", "components"):
            name = path.split(".")[1]
            earlier = setters[: setters.index(name)] if name in setters else []
            if earlier and not value:
                yield f"{path} = false keeps the entities of {', '.join(earlier)}: set true"
        yield (
            "[corpora.dev] has other annotation than [corpora.train] (span boundaries, labels, or offsets of another "
            f"text): {VALIDATE}"
        )


def _too_few_steps(last: ProgressReport) -> Iterator[str]:
    """Yield a hint if the run ended before half of the steps that configs of this package have (`USUAL_STEPS`)."""
    usual = next((steps for part, steps in USUAL_STEPS.items() if part in last.rates), 0)
    if last.step < usual // 2:
        yield f"training.max_steps of {last.step} is too small: configs of this package have {usual:,}"


def _numbered(hints: Iterator[str]) -> str:
    """Join hints to one line, such as "(1) first hint; (2) second hint"."""
    return "; ".join(f"({i}) {hint}" for i, hint in enumerate(hints, 1))


def _rises(reports: Sequence[ProgressReport]) -> bool:
    """Return whether at least one learning rate rose between the last two reports, as it does in a warm-up."""
    before, now = reports[-2].rates, reports[-1].rates
    return any(rate > before.get(part, rate) for part, rate in now.items())
