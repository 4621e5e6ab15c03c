"""Training loop of `spacy train` with checkpoints, from which an interrupted run is resumed exactly."""

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from timeit import default_timer
from typing import IO, Any, TypeAlias

import numpy as np
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import (
    create_before_to_disk_callback,
    create_evaluation_callback,
    create_train_batches,
    subdivide_batch,
    update_meta,
)
from spacy.util import registry, resolve_dot_names
from thinc.api import Config, Optimizer, constant, fix_random_seed
from tqdm import tqdm

from ..atomic_writes import claimed, resolve
from ..devices import runs_encoders_alone
from ..outputs import write_folder
from ..process_memory import limit_primitive_cache, return_freed_memory
from .checkpoint import Position, load_checkpoint, save_checkpoint
from .run_checks import BEST, CHECKPOINT, LAST, require_run_folder

BatchT: TypeAlias = list[Example]
RandomT: TypeAlias = tuple[Any, Any]


class BatchStream:
    """Iterator over the training batches in a reproducible order.

    Reading, shuffling and augmenting use a random state that training does not use. So random draws in training, such
    as dropout, do not change the batches, and a resumed run gets the same batches as an uninterrupted one.

    nlp (Language): The pipeline that is trained.
    corpus (Callable): Corpus reader of the training data: takes `nlp`, and returns examples.
    batcher (Callable): Takes examples, and returns batches of them.
    max_epochs (int): The setting `max_epochs` of [training]: 0 for no limit, −1 to stream the corpus.
    seed (int): Seed of the random state.
    """

    def __init__(
        self,
        nlp: Language,
        corpus: Callable[[Language], Iterable[Example]],
        batcher: Callable[[Iterable[Example]], Iterable[Any]],
        max_epochs: int,
        seed: int,
    ) -> None:
        self._batches: Iterator[tuple[int, BatchT]] = create_train_batches(nlp, corpus, batcher, max_epochs)
        self._random = (random.Random(seed).getstate(), np.random.RandomState(seed).get_state())

    def __iter__(self) -> "BatchStream":
        return self

    def __next__(self) -> tuple[int, BatchT]:
        """Return the epoch, from 0, and the next batch; raise StopIteration after `max_epochs` epochs."""
        outer = _exchange_random(self._random)
        try:
            return next(self._batches)
        finally:
            self._random = _exchange_random(outer)

    def skip(self, n: int, progress: Callable[[Iterable[int]], Iterable[int]] = iter) -> None:
        """Read and discard the first batches, with which a resumed run has already trained.

        n (int): Number of batches.
        progress (Callable): Function that wraps an iterable to show progress, such as tqdm.
        """
        for _ in progress(range(n)):
            next(self)


@dataclass(frozen=True)
class TrainingRun:
    """Objects of a training run.

    nlp: The pipeline. optimizer: Its optimizer. settings: The resolved settings of [training], by name.
    evaluate: Evaluates the pipeline on the dev data. Returns the weighted score, and name → value of all scores.
    frozen: Names of the components that are not trained.
    """

    nlp: Language
    optimizer: Optimizer
    settings: dict[str, Any]
    evaluate: Callable[[], tuple[float, dict[str, Any]]]
    frozen: list[str]


def initialize(config: Config, gpu_id: int = -1) -> Language:
    """Initialize the pipeline of a config for training.

    config (Config): The interpolated config.
    gpu_id (int): GPU id, or −1 for the CPU. Before, the caller must select the GPU by `devices.require_gpu`.
    RETURNS (Language): The initialized pipeline.
    """
    # -1 if only encoders use the GPU: spaCy sets the memory allocator of thinc's arrays, which stay on the CPU.
    return init_nlp(config, use_gpu=-1 if runs_encoders_alone() else gpu_id)


def train(
    nlp: Language,
    output: Path,
    *,
    resume: bool = False,
    force: bool = False,
    checkpoint_every: int = 0,
    stdout: IO[str] | None = None,
    stderr: IO[str] | None = None,
) -> Position:
    """Train a pipeline as `spacy train` does, and write checkpoints from which the run can be resumed.

    nlp (Language): The pipeline, initialized from its config.
    output (Path): Folder for model-best, model-last and checkpoint.safetensors, each written atomically.
    resume (bool): Continue from the checkpoint in `output`, or start from the beginning if there is none. The weights
        at the end are the same as without the interruption.
    force (bool): Replace an existing run in `output`.
    checkpoint_every (int): Number of updates between checkpoints; 0 for one after each evaluation.
    stdout (Optional[IO]): Stream for the table of the logger; None for `sys.stdout`.
    stderr (Optional[IO]): Stream for progress bars; None for `sys.stderr`.
    RETURNS (Position): The progress at the end of the run.
    RAISES (OutputError): If `output` holds another run, and neither `resume` nor `force` is set.
    RAISES (TrainingError): If the checkpoint was written with another config, or has weights of other names or shapes.
    """
    require_run_folder(output, resume=resume, force=force)
    limit_primitive_cache()
    with claimed(resolve(output)):  # locks the folder against other runs
        return _train(nlp, output, resume, checkpoint_every, stdout or sys.stdout, stderr or sys.stderr)


def _train(
    nlp: Language, output: Path, resume: bool, checkpoint_every: int, stdout: IO[str], stderr: IO[str]
) -> Position:
    """Resolve the config, load the checkpoint if `resume` is True, train, and return the progress at the end."""
    config = nlp.config.interpolate()
    seed = config["training"]["seed"]
    if seed is not None:
        fix_random_seed(seed)
    settings = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    train_corpus, dev_corpus = resolve_dot_names(config, [settings["train_corpus"], settings["dev_corpus"]])
    run = TrainingRun(
        nlp,
        settings["optimizer"],
        settings,
        create_evaluation_callback(nlp, dev_corpus, settings["score_weights"]),
        settings["frozen_components"],
    )
    stream = BatchStream(nlp, train_corpus, settings["batcher"], settings["max_epochs"], seed or 0)
    position, path = Position(), output / CHECKPOINT
    if resume and path.is_file():
        position = load_checkpoint(path, nlp, run.optimizer)
        bar = partial(tqdm, desc="Skipping trained batches", unit=" batches", leave=False, file=stderr, disable=None)
        stream.skip(position.step, bar)
    with nlp.select_pipes(disable=run.frozen):
        log_step, finalize = settings["logger"](nlp, stdout, stderr)
    # The progress logger adds these to what it counts in this process.
    start = {"step": position.step, "words": position.words, "seconds": position.seconds} if resume else None
    try:
        for info, is_best in _steps(run, stream, position):
            scored = info["score"] is not None
            if scored:
                return_freed_memory()  # freed by the evaluation; saving allocates blocks of other sizes
                _save(run, output, info, is_best)
                if not resume and len(position.results) == 1:
                    path.unlink(missing_ok=True)  # checkpoint of an earlier run, whose models were just replaced
                info |= {"output_path": str(output / LAST), "resumed_from": start}
            log_step(info if scored else None)
            if scored or (checkpoint_every and position.step % checkpoint_every == 0):
                save_checkpoint(path, nlp, run.optimizer, position)
            if scored:
                return_freed_memory()
    finally:
        finalize()
    _save(run, output, None, False)
    return position


def _steps(run: TrainingRun, stream: BatchStream, position: Position) -> Iterable[tuple[dict[str, Any], bool]]:
    """Train step by step.

    run (TrainingRun): The pipeline, and the objects and settings of [training].
    stream (BatchStream): The training batches.
    position (Position): The progress of the run; updated in place.
    YIELDS (tuple[dict[str, Any], bool]): For each step: the information that spaCy passes to loggers, and whether this
        step was evaluated and has the best score so far.
    """
    settings = run.settings
    dropout: Any = settings["dropout"]
    dropouts: Iterator[float] = iter(constant(dropout) if isinstance(dropout, float) else dropout)
    for _ in range(position.step):
        next(dropouts)
    for epoch, batch in _limited_batches(stream, settings, position):
        start, step = default_timer(), position.step
        if settings["before_update"]:
            settings["before_update"](run.nlp, {"step": step, "epoch": epoch})
        _update(run, batch, next(dropouts), position.losses)
        score, others = _evaluate(run) if step % settings["eval_frequency"] == 0 else (None, None)
        position.step += 1
        position.words += sum(map(len, batch))
        position.seconds += default_timer() - start
        if score is not None:
            position.results.append((score, step))
        info = {
            "epoch": epoch,
            "step": step,
            "score": score,
            "other_scores": others,
            "losses": position.losses,
            "checkpoints": list(position.results),
            "seconds": int(position.seconds),
            "words": position.words,
            "evaluated_words": position.evaluated_words,
        }
        if score is not None:
            position.losses, position.evaluated_words = {}, position.words
        yield info, score is not None and score == max(position.results)[0]


def _limited_batches(stream: BatchStream, settings: dict[str, Any], position: Position) -> Iterable[tuple[int, BatchT]]:
    """Yield the batches of a stream until `max_steps` is reached, or the score has not improved for `patience` steps.

    settings (dict[str, Any]): The settings of [training].
    position (Position): The progress of the run, which the caller updates between two batches.
    YIELDS (tuple[int, list[Example]]): The epoch, and the batch.
    """
    max_steps, patience = settings["max_steps"], settings["patience"]
    for epoch, batch in stream:
        if max_steps and position.step > max_steps:
            return
        if patience and position.results:
            best_step = min(step for score, step in position.results if score == max(position.results)[0])
            if position.step - 1 - best_step >= patience:
                return
        yield epoch, batch


def _update(run: TrainingRun, batch: BatchT, dropout: float, losses: dict[str, float]) -> None:
    """Train on one batch, divided into `accumulate_gradient` parts whose gradients are added up.

    Then the optimizer updates all trained components once.

    dropout (float): The dropout rate.
    losses (dict[str, float]): Component → loss; the losses of the batch are added.
    """
    for part in subdivide_batch(batch, run.settings["accumulate_gradient"]):  # type: ignore[no-untyped-call]
        run.nlp.update(
            part,
            drop=dropout,
            losses=losses,
            sgd=False,  # type: ignore[arg-type]
            exclude=run.frozen,
            annotates=run.settings["annotating_components"],
        )
    for name, component in run.nlp.pipeline:
        if name not in run.frozen and getattr(component, "is_trainable", False) and hasattr(component, "finish_update"):
            component.finish_update(run.optimizer)
    run.optimizer.step_schedules()  # type: ignore[no-untyped-call]


def _evaluate(run: TrainingRun) -> tuple[float, dict[str, Any]]:
    """Evaluate the pipeline on the dev data, with averaged weights if the optimizer has them.

    RETURNS (tuple[float, dict[str, Any]]): The weighted score by which the best pipeline is chosen, and all scores.
    """
    return_freed_memory()  # freed by training; evaluation allocates blocks of other sizes
    with run.nlp.use_params(run.optimizer.averages or {}):
        return run.evaluate()


def _save(run: TrainingRun, output: Path, info: dict[str, Any] | None, is_best: bool) -> None:
    """Write model-last and, if `is_best` is True, model-best, with averaged weights if the optimizer has them.

    output (Path): Folder of both models.
    info (Optional[dict]): Results of the evaluation, which are written to `meta.json`; None without evaluation.
    """
    if info is not None:
        with run.nlp.select_pipes(disable=run.frozen):
            update_meta(run.settings, run.nlp, info)
    with run.nlp.use_params(run.optimizer.averages or {}):
        ready = create_before_to_disk_callback(run.settings["before_to_disk"])(run.nlp)
        for name in (LAST, BEST) if is_best else (LAST,):
            write_folder(output / name, ready.to_disk, force=True)


def _exchange_random(state: RandomT) -> RandomT:
    """Set the states of Python's and numpy's random number generators, and return their previous states."""
    before = (random.getstate(), np.random.get_state())
    random.setstate(state[0])
    np.random.set_state(state[1])
    return before
