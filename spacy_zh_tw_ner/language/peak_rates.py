"""Start an optimizer at the peak of its schedules, for training loops that never step them."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from thinc.api import Optimizer

LONGEST_WARM_UP = 100_000  # steps that are looked at


def start_at_peak(optimizer: Optimizer) -> Optimizer:
    """Set every scheduled rate to the highest that its schedule reaches before it falls.

    A warm-up begins at 0. `spacy train` steps the schedules after each update; a loop of `nlp.update(…, sgd=optimizer)`
    does not, and would train at a rate of 0 for ever. With this it trains at the peak rate. A loop that calls
    `optimizer.step_schedules()` follows the schedules as they are from its second update on.

    optimizer (Optimizer): Just made; it is changed in place.
    RETURNS (Optimizer): The same.
    """
    for name, schedule in optimizer.schedules.items():
        if not name.endswith("rate"):
            continue  # such as a weight decay, of which the largest is not the usual one
        values = [getattr(optimizer, name)]
        for value in schedule:
            values.append(value)
            # A plateau at 0 is a component that begins later.
            if (value <= values[-2] and value > 0.0) or value < values[-2] or len(values) > LONGEST_WARM_UP:
                break
        setattr(optimizer, name, max(values))
        # What was looked at is still to come: thinc takes one value a step.
        optimizer.schedules[name] = cast(Any, _go_on(values[1:], schedule))
    return optimizer


def _go_on(values: Iterable[float], schedule: Iterable[float]) -> Iterator[float]:
    yield from values
    yield from schedule
