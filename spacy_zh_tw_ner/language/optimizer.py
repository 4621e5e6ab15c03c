"""Optimizer whose schedules start at their peak, for training loops that never step them."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from spacy.util import registry
from thinc.api import Config, Optimizer

LONGEST_WARM_UP = 100_000  # steps of a schedule that are read to find its peak


def create_optimizer(config: Config) -> Optimizer:
    """Create the optimizer of [training.optimizer] in a config of a pipeline, with its rates at their peak."""
    # Language.create_optimizer leaves variables such as ${training.max_steps} in the block, and cannot resolve it.
    block = config.interpolate()["training"]["optimizer"]
    return start_at_peak(registry.resolve({"optimizer": block})["optimizer"])


def start_at_peak(optimizer: Optimizer) -> Optimizer:
    """Set every scheduled rate to the highest that its schedule reaches before it falls.

    A warm-up begins at 0. `spacy train` steps the schedules after each update; a loop of `nlp.update(…, sgd=optimizer)`
    does not, and would train at a rate of 0 forever. After this call it trains at the peak rate. A loop that calls
    `optimizer.step_schedules()` follows the schedules as they are from its second update on.

    optimizer (Optimizer): A new optimizer, changed in place.
    RETURNS (Optimizer): The same.
    """
    for name, schedule in optimizer.schedules.items():
        if not name.endswith("rate"):
            continue  # such as a weight decay, whose largest value is not the usual one
        values = [getattr(optimizer, name)]
        for value in schedule:
            values.append(value)
            # A plateau at 0 is a component that begins later.
            if (value <= values[-2] and value > 0.0) or value < values[-2] or len(values) > LONGEST_WARM_UP:
                break
        setattr(optimizer, name, max(values))
        # Put the values that were read back in front: thinc takes one value a step.
        optimizer.schedules[name] = cast(Any, _prepend(values[1:], schedule))
    return optimizer


def _prepend(values: Iterable[float], schedule: Iterable[float]) -> Iterator[float]:
    yield from values
    yield from schedule
