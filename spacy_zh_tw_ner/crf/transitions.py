"""Transition scores, and the penalty that forbids illegal transitions and tags."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

FloatsT: TypeAlias = npt.NDArray[np.floating[Any]]
BoolsT: TypeAlias = npt.NDArray[np.bool_]
IntsT: TypeAlias = npt.NDArray[np.integer[Any]]

# Score of a forbidden transition. exp(PENALTY) is 0 in any precision, and no sum of emissions outweighs it. Unlike −∞,
# it gives no NaN when it is subtracted from itself.
PENALTY = -1e30


class Transitions(NamedTuple):
    """Transition scores; or booleans that mark the legal transitions.

    matrix: (n_tags, n_tags), from the tag of the row to the tag of the column. start: (n_tags,), for the first tag of a
    sequence. end: (n_tags,), for its last tag.
    """

    matrix: npt.NDArray[Any]
    start: npt.NDArray[Any]
    end: npt.NDArray[Any]


def constrain(scores: Transitions, legal: Transitions) -> Transitions:
    """Replace the scores of illegal transitions with PENALTY.

    scores (Transitions): Learnt transition scores.
    legal (Transitions): Booleans of the same shapes: True for legal transitions.
    RETURNS (Transitions): Constrained transition scores in float32.
    """
    return Transitions(
        *(np.where(ok, score, PENALTY).astype(np.float32) for score, ok in zip(scores, legal, strict=True))
    )


def at_temperature(emissions: FloatsT, transitions: Transitions, temperature: float) -> tuple[FloatsT, Transitions]:
    """Divide all scores by a temperature. Forbidden emissions and transitions keep PENALTY.

    emissions (np.ndarray): (n_rows, n_tags)
    transitions (Transitions): Transition scores, with PENALTY for illegal transitions.
    temperature (float): Greater than 0; 1 changes nothing.
    RETURNS (tuple[np.ndarray, Transitions]): Divided emissions and transitions in float32.
    """
    if temperature == 1.0:
        return np.asarray(emissions, dtype=np.float32), transitions
    divided, *cooled = (
        np.where(is_allowed(scores), scores / np.float32(temperature), PENALTY).astype(np.float32)
        for scores in (emissions, *transitions)
    )
    return divided, Transitions(*cooled)


def is_allowed(scores: FloatsT) -> BoolsT:
    """Return a mask that is False for forbidden scores: those of PENALTY / 2 or less, where PENALTY is −1e30.

    The bound is not PENALTY itself, because other scores may have been added to PENALTY. The mask is True for NaN, so
    that decoding reports it.
    """
    return ~(scores <= PENALTY / 2)


def constrain_emissions(emissions: FloatsT, rows: IntsT, tags: IntsT) -> FloatsT:
    """Forbid some tags at some tokens.

    With the returned emissions, the CRF has only the paths without a forbidden tag: its partition function, marginals,
    best path and gradients are exact. Each token must keep at least one tag that a legal path reaches.

    emissions (np.ndarray): (n_rows, n_tags), one row per token.
    rows, tags (np.ndarray): (n_cells,) each: tag `tags[i]` is forbidden at the token of row `rows[i]`.
    RETURNS (np.ndarray): (n_rows, n_tags) a copy in which the forbidden tags have the emission PENALTY; `emissions`
        itself if there are none.
    """
    if not len(rows):
        return emissions
    constrained = emissions.copy()
    constrained[rows, tags] = PENALTY
    return constrained
