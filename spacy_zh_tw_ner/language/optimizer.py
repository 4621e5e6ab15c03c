"""Create an optimizer whose learning rates start at the peak of their schedules.

Training loops that do not step the schedules then train at the peak rate.
"""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from spacy.util import registry
from thinc.api import Config, Optimizer

LONGEST_WARM_UP = 100_000  # largest number of steps that are read from a schedule to find its peak


def create_optimizer(config: Config) -> Optimizer:
    """Create the optimizer of [training.optimizer] in a config. Its learning rates start at their peaks.

    config (Config): The config of a pipeline, such as `nlp.config`. It need not be interpolated, and is not changed.
    RETURNS (Optimizer): A new optimizer, on which `start_at_peak` was called.
    """
    # spaCy's Language.create_optimizer does not interpolate variables such as ${training.max_steps}, and would fail.
    block = config.interpolate()["training"]["optimizer"]
    return start_at_peak(registry.resolve({"optimizer": block})["optimizer"])


def start_at_peak(optimizer: Optimizer) -> Optimizer:
    """Set every scheduled learning rate to the highest value that its schedule reaches before it falls.

    A warm-up begins at a learning rate of 0. `spacy train` steps the schedules after each update, but a loop of
    `nlp.update(…, sgd=optimizer)` does not, and would train at a rate of 0 forever. After this function was called,
    such a loop trains at the peak rate. A loop that calls `optimizer.step_schedules()` uses the peak rate for its first
    update, and the values of the schedules for all other updates.

    optimizer (Optimizer): A new optimizer; changed in place.
    RETURNS (Optimizer): The same optimizer.
    """
    for name, schedule in optimizer.schedules.items():
        if not name.endswith("rate"):
            continue  # for example a weight decay, whose peak is not a sensible constant
        values = [getattr(optimizer, name)]
        for value in schedule:
            values.append(value)
            # A plateau at 0 is not the peak: the parameters are trained later.
            if (value <= values[-2] and value > 0.0) or value < values[-2] or len(values) > LONGEST_WARM_UP:
                break
        setattr(optimizer, name, max(values))
        # Prepend the values that were read, because thinc takes one value per step.
        optimizer.schedules[name] = cast(Any, _prepend(values[1:], schedule))
    return optimizer


def _prepend(values: Iterable[float], schedule: Iterable[float]) -> Iterator[float]:
    yield from values
    yield from schedule
