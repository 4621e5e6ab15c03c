"""Warn of training runs that learn nothing, with the settings that are the likely cause."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from spacy.language import Language

from ..errors import Warnings
from .progress import ProgressReport

# Before so many steps, and with fewer evaluations that agree, nothing is odd.
STEPS, SEVERAL = 100, 3
FEW = 20  # updates; shorter runs are not warned about
# What head and encoder usually learn at; a Transformer whose every weight learns forgets what it knew above the last.
LOW_HEAD_RATE, HIGH_ENCODER_RATE = 1e-4, 1e-4
LINEAR = "spacy-zh-tw-ner.linear.v1"
USUAL_STEPS = {"all": 1_500, "head": 4_000}  # by the rates there are: of one for everything, or a Transformer's own
VALIDATE = "run `python -m spacy zh-tw-ner validate` on the corpus"


class Pitfalls:
    """Watches one run, and tells each pitfall once.

    nlp (Language): The pipeline, with the config of its training.
    """

    def __init__(self, nlp: Language) -> None:
        self._nlp = nlp
        self._config: dict[str, Any] = nlp.config.interpolate()
        self._told: set[str] = set()

    def check(self, reports: Sequence[ProgressReport], labels: Mapping[str, Any] | None = None) -> list[str]:
        """Look at a run once more.

        reports (Sequence[ProgressReport]): All so far.
        labels (Optional[Mapping[str, Any]]): By label, what the last evaluation scored: spaCy's `ents_per_type`.
        RETURNS (list[str]): Messages that have not been given yet.
        """
        last = reports[-1]
        found = self._of_losses(last.losses)
        recent = [report for report in reports if report.step][-SEVERAL:]
        # While the rate still rises, a run has hardly begun.
        settled = len(recent) == SEVERAL and last.step >= STEPS and not _rises(recent)
        if settled and all(report.f is not None and report.found == 0 for report in recent):
            hints = _say(self._of_nothing_found(reports))
            found["ZT922"] = Warnings.ZT922.format(n=SEVERAL, step=last.step, hints=hints)
        elif settled and all(report.f == 0.0 and report.found != 0 for report in recent):
            before, now = recent[0].loss, last.loss
            if now < before:
                hints = _say(self._of_all_wrong(set(labels or ())))
                found["ZT923"] = Warnings.ZT923.format(n=SEVERAL, before=before, now=now, step=last.step, hints=hints)
        return self._new(found)

    def check_end(self, reports: Sequence[ProgressReport] = ()) -> list[str]:
        """Look once more when a run has ended, perhaps by an error.

        spaCy saves before it reports, the loss included, and a loss that is no number cannot be saved: the run ends
        with an `OverflowError`, and this is the first to know why.

        reports (Sequence[ProgressReport]): All of the run.
        RETURNS (list[str]): As `check`.
        """
        saved = self._nlp.meta.get("performance", {})
        losses = {name.removesuffix("_loss"): loss for name, loss in saved.items() if name.endswith("_loss")}
        found = self._of_losses(losses)
        is_short = bool(reports) and reports[-1].step >= FEW and not self._told & {"ZT922", "ZT923"}
        if not found and is_short and all(report.f == 0.0 for report in reports):
            hints = _say(chain(_of_few_steps(reports[-1]), self._of_nothing_found(reports)))
            found["ZT926"] = Warnings.ZT926.format(step=reports[-1].step, hints=hints)
        return self._new(found)

    def _of_losses(self, losses: Mapping[str, float]) -> dict[str, str]:
        names = [name for name, loss in losses.items() if not math.isfinite(loss)]
        if not names:
            return {}
        return {"ZT921": Warnings.ZT921.format(names=", ".join(names), hints=_say(self._of_not_finite()))}

    def _new(self, found: Mapping[str, str]) -> list[str]:
        new = [message for code, message in found.items() if code not in self._told]
        self._told |= set(found)
        return new

    def _of_not_finite(self) -> Iterator[str]:
        for path, value in _find(self._config, "precision"):
            if value == "fp16":
                yield f'{path} = "fp16", which overflows: set "bf16" where the card has it, or "fp32"'
        for path, value in _find(self._config["training"]["optimizer"], "grad_clip", "training.optimizer"):
            if not value:
                yield f"{path} = {value}, so that nothing bounds a step: set 1.0"
        yield "the rates in [training.optimizer]: lower them, or give them a warm-up"

    def _of_nothing_found(self, reports: Sequence[ProgressReport]) -> Iterator[str]:
        for path, value in _find(self._config["components"], "min_score", "components"):
            if value > 0.5:
                yield f"{path} = {value:g}, and nothing is so probable yet: set 0.35"
        highest = {part: max(report.rates[part] for report in reports) for part in reports[-1].rates}
        head = highest.get("head", highest.get("all", LOW_HEAD_RATE))
        if head < LOW_HEAD_RATE:
            setting = "head_rate" if "head" in highest else "learn_rate"
            yield (
                f"training.optimizer.{setting}, {head:.2g} at most: a CRF and its layer want 0.001 to 0.005"
                + ("" if "head" in highest else ", a Transformer beside them its own rate (GroupedOptimizer.v1)")
            )
        # Adapters want more, and all of them are behind a block named `lora`.
        if highest.get("encoder", 0.0) > HIGH_ENCODER_RATE and not any(_find(self._config, "lora")):
            yield f"training.optimizer.encoder_rate, {highest['encoder']:.2g} at most: set 0.00002 to 0.00005"
        yield f"a corpus with hardly an entity, or too short a run: {VALIDATE}, or raise training.max_steps"

    def _of_all_wrong(self, scored: set[str]) -> Iterator[str]:
        names = self._nlp.pipe_names
        setters = [name for name in names if "doc.ents" in self._nlp.get_pipe_meta(name).assigns]
        known = {label for name in setters for label in getattr(self._nlp.get_pipe(name), "labels", ())}
        if unknown := sorted(scored - known):
            yield f"labels in [corpora.dev] that training has never seen ({', '.join(unknown)}): {VALIDATE}"
        for path, value in _find(self._config["components"], "overwrite", "components"):
            earlier = setters[: setters.index(path.split(".")[1])] if path.split(".")[1] in setters else []
            if earlier and not value:
                yield f"{path} = false, which keeps what {', '.join(earlier)} found before"
        yield (
            "[corpora.dev] annotated otherwise than [corpora.train] (other bounds, other labels, offsets of another "
            f"text): {VALIDATE}"
        )


def long_warm_ups(config: Mapping[str, Any]) -> list[str]:
    """Find schedules whose warm-up does not end within the run.

    config (Mapping[str, Any]): Interpolated.
    RETURNS (list[str]): A warning each.
    """
    max_steps = config["training"]["max_steps"]
    if not max_steps:
        return []
    return [
        Warnings.ZT925.format(path=path.removesuffix(".warmup_steps"), warmup=steps, max_steps=max_steps)
        for path, steps in _find(config["training"]["optimizer"], "warmup_steps", "training.optimizer")
        if steps >= max_steps and not _is_shortened(config, path)
    ]


def _is_shortened(config: Mapping[str, Any], path: str) -> bool:
    """Return whether the schedule shortens its warm-up by itself."""
    block: Any = config
    for key in path.split(".")[:-1]:
        block = block[key]
    return bool(block.get("@schedules") == LINEAR)


def _of_few_steps(last: ProgressReport) -> Iterator[str]:
    usual = next((steps for part, steps in USUAL_STEPS.items() if part in last.rates), 0)
    if last.step < usual // 2:
        yield f"training.max_steps, of which there were {last.step}: configs of this package have {usual:,}"


def _say(hints: Iterator[str]) -> str:
    return "; ".join(f"({i}) {hint}" for i, hint in enumerate(hints, 1))


def _rises(reports: Sequence[ProgressReport]) -> bool:
    before, now = reports[-2].rates, reports[-1].rates
    return any(rate > before.get(part, rate) for part, rate in now.items())


def _find(config: Any, key: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """Where a setting stands in a config, however deep, and its values other than null."""
    if isinstance(config, dict):
        for name, value in config.items():
            here = f"{path}.{name}" if path else name
            if name == key and value is not None:
                yield here, value
            yield from _find(value, key, here)
