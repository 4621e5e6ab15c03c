"""Config of a training run that takes a second, and progress reports with given values."""

from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.training.initialize import init_nlp

from spacy_zh_tw_ner.training.progress import ProgressReport
from tests.tiny import tiny_config

LOGGER: dict[str, Any] = {"@loggers": "spacy-zh-tw-ner.progress_logger.v1"}


def start(corpus: Path, logger: dict[str, Any] | None = None, **settings: Any) -> Language:
    few = {"training.max_steps": 12, "training.eval_frequency": 4, "training.logger": logger or LOGGER}
    return init_nlp(tiny_config(corpus, **few | settings).interpolate())


def make(
    step: int = 0, loss: float = 0.5, f: float | None = 50.0, found: int | None = 3, rate: float = 0.1
) -> ProgressReport:
    return ProgressReport(
        step=step,
        epoch=0,
        loss=loss,
        losses={"ner": loss},
        p=f,
        r=f,
        f=f,
        found=found,
        score=(f or 0.0) / 100,
        rates={"all": rate},
        characters_per_second=1000.0,
        peak_memory_mib=800.0,
        memory="RSS",
        seconds=float(step),
        seconds_left=None,
    )
