"""Resumed runs end like uninterrupted ones, files are written atomically, and limits of spaCy's loop are kept."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.training.initialize import init_nlp
from thinc.api import Config

from spacy_zh_tw_ner.errors import TrainingError, UnreadableFileError
from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from spacy_zh_tw_ner.training import checkpoint as checkpoint_module
from spacy_zh_tw_ner.training import logger, loop
from spacy_zh_tw_ner.training.checkpoint import Position
from spacy_zh_tw_ner.training.loop import CHECKPOINT, BatchStream, train
from spacy_zh_tw_ner.training.measures import Pace
from spacy_zh_tw_ner.training.progress import read_progress
from spacy_zh_tw_ner.training.run_checks import config_differences, require_precision

ROOT = Path(__file__).parents[2]
QUIET = {"training.logger": {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False}}
LOGGED = {"training.logger": {"@loggers": "spacy-zh-tw-ner.progress_logger.v1", "progress_bar": False}}
SMALL = {
    "components.ner.model.tok2vec.tok2vec.hidden_width": 16,
    "components.ner.model.tok2vec.tok2vec.embed.widths": [16, 8],
    "components.ner.model.tok2vec.tok2vec.embed.rows": [512, 512],
    "training.batcher.size": 200,
}


@pytest.fixture
def small(tiny_corpus: Path) -> Config:
    """Config of a BiLSTM with everything that draws random numbers: dropout, masking, augmentation, shuffling."""
    paths = {f"paths.{split}": str(tiny_corpus / f"{split}.spacy") for split in ("train", "dev")}
    steps = {"training.max_steps": 9, "training.eval_frequency": 4}
    return with_settings(read_config("bilstm"), paths | SMALL | QUIET | steps)


@pytest.fixture
def with_transformer(tiny_corpus: Path, tiny_checkpoint: Callable[[str], Path]) -> Config:
    paths = {f"paths.{split}": str(tiny_corpus / f"{split}.spacy") for split in ("train", "dev")}
    paths["paths.base"] = str(tiny_checkpoint("bert"))
    steps = {"training.max_steps": 5, "training.eval_frequency": 2, "training.accumulate_gradient": 2}
    return with_settings(read_config("lora"), paths | QUIET | steps)


def run(config: Config, output: Path, **settings: Any) -> tuple[Language, Position]:
    nlp = init_nlp(config.interpolate())
    log = StringIO()
    return nlp, train(nlp, output, stdout=log, stderr=log, **settings)


class Stopped(Exception):
    """Simulates a killed process."""


def stop_after(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    original, count = loop._update, iter(range(10_000))

    def update(*args: Any) -> None:
        if next(count) == n:
            raise Stopped
        original(*args)

    monkeypatch.setattr(loop, "_update", update)


def weights(nlp: Language) -> dict[str, Any]:
    return checkpoint_module.weights_of(nlp)


@pytest.mark.parametrize("name", ["small", "with_transformer"])
@pytest.mark.parametrize("stop", [3, 5])
def test_a_resumed_run_ends_with_the_same_weights(
    name: str, stop: int, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config: Config = request.getfixturevalue(name)
    whole, end = run(config, tmp_path / "whole", checkpoint_every=2)
    with monkeypatch.context() as patch:
        stop_after(stop, patch)
        with pytest.raises(Stopped):
            run(config, tmp_path / "parts", checkpoint_every=2)
    random.seed(99)
    torch.manual_seed(99)
    np.random.seed(99)
    parts, again = run(config, tmp_path / "parts", resume=True, checkpoint_every=2)
    assert (again.step, again.words, again.results) == (end.step, end.words, end.results)
    for place, weight in weights(whole).items():
        np.testing.assert_array_equal(weight, weights(parts)[place], err_msg=place)
    for model in ("model-best", "model-last"):
        one, two = (spacy.load(tmp_path / folder / model) for folder in ("whole", "parts"))
        assert one("蔡英文在臺北市。").to_json() == two("蔡英文在臺北市。").to_json()


# Fields that are equal in a resumed and an uninterrupted run, unlike times and memory.
SAME = ("step", "epoch", "loss", "losses", "p", "r", "f", "found", "score", "rates", "warnings")


def progress(folder: Path) -> list[dict[str, Any]]:
    """Return the fields SAME of every line of progress.jsonl. `read_progress` would skip invalid lines."""
    lines = (folder / "progress.jsonl").read_text(encoding="utf-8").splitlines()
    return [{name: json.loads(line)[name] for name in SAME} for line in lines]


def test_progress_is_written(small: Config, tmp_path: Path) -> None:
    _, position = run(with_settings(small, LOGGED), tmp_path)
    assert [row["step"] for row in progress(tmp_path)] == [step for _, step in position.results] == [0, 4, 8]
    assert (tmp_path / "progress.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize("fault", ["in an update", "before the checkpoint", "in a line", "before any checkpoint"])
@pytest.mark.parametrize("every", [0, 3])
def test_resumed_progress_has_no_duplicates_or_gaps(
    fault: str, every: int, small: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_settings(small, LOGGED)
    run(config, tmp_path / "whole", checkpoint_every=every)
    with monkeypatch.context() as patch:
        if fault == "in an update":
            stop_after(7, patch)
        else:  # killed after the report of step 4 or 0, before its checkpoint
            save, at = loop.save_checkpoint, 1 if fault == "before any checkpoint" else 5

            def stop(path: Path, nlp: Language, optimizer: Any, position: Position) -> None:
                if position.step == at:
                    raise Stopped
                save(path, nlp, optimizer, position)

            patch.setattr(loop, "save_checkpoint", stop)
        with pytest.raises(Stopped):
            run(config, tmp_path / "parts", checkpoint_every=every)
    if fault == "in a line":
        path = tmp_path / "parts" / "progress.jsonl"
        path.write_bytes(path.read_bytes()[:-30])
    run(config, tmp_path / "parts", checkpoint_every=every, resume=True)
    assert progress(tmp_path / "parts") == progress(tmp_path / "whole")
    seconds = [report.seconds for report in read_progress(tmp_path / "parts" / "progress.jsonl")]
    assert seconds == sorted(seconds)


@pytest.mark.filterwarnings("ignore:.*ZT926")  # a run this short may find no entities
def test_loss_and_speed_of_a_resumed_run_are_per_interval(
    small: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss and time of an interval are divided by the characters of that interval, not of the whole run."""
    # The clock advances a second per call, so that the load of the machine does not matter.
    monkeypatch.setattr(logger, "Pace", lambda *limits: Pace(*limits, clock=partial(next, count(0.0))))
    config = with_settings(small, LOGGED | {"training.max_steps": 20, "training.eval_frequency": 2})
    with monkeypatch.context() as patch:
        stop_after(16, patch)
        with pytest.raises(Stopped):
            run(config, tmp_path)
    run(config, tmp_path, resume=True)
    reports = {report.step: report for report in read_progress(tmp_path / "progress.jsonl")}
    assert reports[16].loss > reports[14].loss / 2
    speeds = [reports[step].characters_per_second or 0.0 for step in (12, 14, 16, 18)]
    assert max(speeds) < 5 * min(speeds)


def test_the_loss_after_resuming_a_checkpoint_of_0_1_is_about_right(
    small: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoints of 0.1 lack the number of characters at the last evaluation, which is estimated."""
    config = with_settings(small, LOGGED | {"training.max_steps": 12})
    run(config, tmp_path / "whole", checkpoint_every=1)
    with monkeypatch.context() as patch:
        stop_after(11, patch)
        old = checkpoint_module.asdict
        patch.setattr(
            checkpoint_module, "asdict", lambda p: {k: v for k, v in old(p).items() if k != "evaluated_words"}
        )
        with pytest.raises(Stopped):
            run(config, tmp_path / "parts", checkpoint_every=1)
    run(config, tmp_path / "parts", resume=True)
    losses = [progress(tmp_path / name)[-1]["loss"] for name in ("whole", "parts")]
    assert losses[1] == pytest.approx(losses[0], rel=0.5)


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_weights_and_progress(small: Config, tmp_path: Path) -> None:
    config = with_settings(small, LOGGED | {"training.max_steps": 60, "training.eval_frequency": 10})
    config.to_disk(tmp_path / "config.cfg")

    def command(output: str, *more: str) -> list[str]:
        start = [sys.executable, "-m", "spacy", "zh-tw-ner", "train", str(tmp_path / "config.cfg")]
        return [*start, "-o", str(tmp_path / output), "--checkpoint-every", "3", *more]

    subprocess.run(command("whole"), check=True, capture_output=True)
    with subprocess.Popen(command("parts"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (tmp_path / "parts" / "progress.jsonl").is_file():
            time.sleep(0.02)
        while process.poll() is None and len(progress(tmp_path / "parts")) < 2:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    subprocess.run(command("parts", "--resume"), check=True, capture_output=True)
    assert progress(tmp_path / "parts") == progress(tmp_path / "whole")
    assert (tmp_path / "parts" / "progress.svg").is_file()
    one, two = ((tmp_path / name / "model-last" / "ner" / "model").read_bytes() for name in ("whole", "parts"))
    assert one == two


def test_resuming_without_a_checkpoint_starts_from_the_beginning(small: Config, tmp_path: Path) -> None:
    assert run(small, tmp_path, resume=True)[1].step == 10


def test_the_loop_has_the_steps_and_evaluations_of_spacy(small: Config, tmp_path: Path) -> None:
    """The number of steps and evaluations is that of spaCy, and the written pipeline can be loaded."""
    from spacy.training.loop import train as spacy_train

    config = with_settings(small, {"training.max_epochs": 2, "training.max_steps": 0, "training.eval_frequency": 2})
    log = StringIO()
    (tmp_path / "theirs").mkdir()
    spacy_train(init_nlp(config.interpolate()), tmp_path / "theirs", stdout=log, stderr=log)
    _, position = run(config, tmp_path / "ours")
    theirs = [line.split()[1] for line in log.getvalue().splitlines() if line.strip()[:1].isdigit()]
    assert [str(step) for _, step in position.results] == theirs
    assert spacy.load(tmp_path / "ours" / "model-best").meta["performance"].keys() >= {"ents_f", "ents_p"}


def test_training_stops_when_patience_is_over(small: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.5, 0.7, 0.6, 0.6, 0.6, 0.6])
    monkeypatch.setattr(loop, "_evaluate", lambda run: (next(scores), {"ents_f": 0.0}))
    config = with_settings(small, {"training.patience": 4, "training.eval_frequency": 2, "training.max_steps": 100})
    _, position = run(config, tmp_path)
    assert position.results == [(0.5, 0), (0.7, 2), (0.6, 4), (0.6, 6)]


def test_resuming_with_another_config_names_the_differences(small: Config, tmp_path: Path) -> None:
    run(small, tmp_path)
    kept = (tmp_path / CHECKPOINT).read_bytes()
    other = with_settings(small, {"components.ner.model.tok2vec.rate": 0.2, "training.max_steps": 20})
    with pytest.raises(TrainingError, match=r"ZT441.*rate: 0.3 → 0.2.*max_steps: 9 → 20"):
        run(other, tmp_path, resume=True)
    assert (tmp_path / CHECKPOINT).read_bytes() == kept


def test_resuming_with_other_weights_is_refused(small: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(small, tmp_path)
    monkeypatch.setattr(checkpoint_module, "config_differences", lambda one, two: [])
    other = with_settings(small, {"components.ner.model.tok2vec.tok2vec.hidden_width": 12})
    with pytest.raises(TrainingError, match="ZT442"):
        run(other, tmp_path, resume=True)


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_checkpoint_is_reported(content: bytes, small: Config, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(UnreadableFileError, match="ZT440"):
        run(small, tmp_path, resume=True)


def test_a_full_disk_keeps_the_old_checkpoint_and_models(
    small: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(small, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        run(small, tmp_path, force=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_paths_and_logger_may_differ_in_a_resumed_run(small: Config) -> None:
    other = with_settings(small, {"paths.train": "elsewhere/train.spacy", "training.max_steps": 3})
    assert config_differences(small, other) == ["training.max_steps: 9 → 3"] or config_differences(small, other) == [
        "training.max_steps: 9 → 3",
        "training.optimizer.learn_rate.total_steps: 9 → 3",
    ]


def test_batches_do_not_depend_on_random_draws_of_training(small: Config) -> None:
    def texts(disturb: bool, skipped: int = 0) -> Iterator[list[str]]:
        nlp = spacy.blank("zh_tw")

        def corpus(nlp: Language) -> Iterator[Any]:
            numbers = list(range(20))
            random.shuffle(numbers)
            yield from (n + int(np.random.randint(100)) * 100 for n in numbers)

        def batcher(items: Any) -> Iterator[list[Any]]:
            for item in items:
                yield [item]

        stream = BatchStream(nlp, corpus, batcher, -1, 0)
        stream.skip(skipped)
        for _ in range(50 - skipped):
            if disturb:
                random.random()
                np.random.random()
            yield next(stream)[1]

    expected = list(texts(False))
    assert list(texts(True)) == expected
    assert list(texts(True, 30)) == expected[30:]


def test_unsupported_precision_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "components.transformer.model.memory.precision"
    half = with_settings(read_config("lora"), {path: "fp16"}).interpolate()
    with pytest.raises(TrainingError, match=rf"ZT443.*{path}"):
        require_precision(half, -1)
    require_precision(half, 0)
    brain = with_settings(read_config("lora"), {path: "bf16"}).interpolate()
    require_precision(brain, -1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "GTX 1080")
    for capability, fine in (((7, 5), False), ((8, 6), True)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda number, found=capability: found)
        if fine:
            require_precision(brain, 0)
        else:
            with pytest.raises(TrainingError, match=r"ZT444.*GTX 1080"):
                require_precision(brain, 0)
