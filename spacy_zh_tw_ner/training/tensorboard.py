"""Training logger that writes scores and losses for TensorBoard."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from spacy.language import Language

from ..errors import Errors, OutputError
from ..extras import import_extra
from .logger import InfoT, LoggerT, scored_prefix


def create_tensorboard_logger_v1(path: Path) -> Callable[[Language, IO[str], IO[str]], LoggerT]:
    """Registered as `spacy-zh-tw-ner.tensorboard_logger.v1`: write scores and losses for TensorBoard.

    Needs the extra `tracking`. spacy-loggers has loggers for Weights & Biases and MLflow, but none for TensorBoard. Its
    `spacy.ChainLogger.v1` combines this one with `spacy-zh-tw-ner.progress_logger.v1`.

    path (Path): Folder for the event files. A resumed run is continued there.
    RETURNS (Callable): Logger for [training.logger]: a function that the training loop calls with the pipeline, stdout
        and stderr. It returns two functions: the first writes the values of an evaluation, and the second closes the
        event file.
    RAISES (MissingExtraError): If TensorBoard is not installed.
    RAISES (OutputError): If the path is a file.
    """
    import_extra("tensorboard", "tracking", needed_by="spacy-zh-tw-ner.tensorboard_logger.v1")
    if Path(path).is_file():
        raise OutputError(Errors.ZT671.format(path=path, seen="a file, not a folder"))

    def setup(nlp: Language, stdout: IO[str] = sys.stdout, stderr: IO[str] = sys.stderr) -> LoggerT:
        writer: Any = None

        def log_step(info: InfoT | None) -> None:
            nonlocal writer
            if info is None:
                return
            if writer is None:
                from torch.utils.tensorboard import SummaryWriter

                resumed = info.get("resumed_from") or {}
                # TensorBoard hides what a killed run has logged after its checkpoint.
                writer = SummaryWriter(str(path), purge_step=resumed.get("step"))
            for name, value in scalars_of(info):
                writer.add_scalar(name, value, info["step"])
            writer.flush()

        def finalize() -> None:
            if writer is not None:
                writer.close()

        return log_step, finalize

    return setup


def scalars_of(info: InfoT) -> Iterator[tuple[str, float]]:
    """Yield the names and values of the scores and losses of an evaluation.

    info (dict): The information that the training loop passes to loggers.
    YIELDS (tuple[str, float]): Name and value, such as ("ents_f", 0.71), ("ents_f/GPE", 0.8) and ("loss/ner", 12.5).
    """
    yield "score", float(info["score"])
    other_scores = info["other_scores"]
    prefix = scored_prefix(other_scores)
    for name, value in other_scores.items():
        if isinstance(value, int | float):
            yield name, float(value)
    for label, scores in (other_scores.get(f"{prefix}_per_type") or {}).items():
        yield f"{prefix}_f/{label}", float(scores["f"])
    for name, value in info["losses"].items():
        yield f"loss/{name}", float(value)
