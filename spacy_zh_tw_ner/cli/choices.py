"""Validate the values of options while the command line is parsed, so that a wrong one exits with 2."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches

import typer


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser for an option with a fixed set of values, upper or lower case."""
    return lambda value: pick(value, choices)


def corpus_format(value: str) -> str:
    """Parse the name of an input format of corpora."""
    from ..corpora.formats.detection import FORMATS

    return pick(value, ("auto", *FORMATS))


def export_format(value: str) -> str:
    """Parse the name of an output format of corpora."""
    from ..corpora.export import WRITERS

    return pick(value, WRITERS)


def offset_unit(value: str) -> str:
    """Parse the unit of offsets."""
    from ..corpora.offsets import CONVENTIONS

    return pick(value, ("auto", *CONVENTIONS))


def pick(value: str, choices: Iterable[str]) -> str:
    """Find a value among the choices, ignoring case.

    RETURNS (str): The choice as it is listed.
    RAISES (typer.BadParameter): If there is none; the message suggests the most similar choice and lists all.
    """
    known = list(choices)
    found = next((choice for choice in known if choice.lower() == value.strip().lower()), None)
    if found is None:
        near = get_close_matches(value.lower(), known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(map(repr, known))}.{hint}")
    return found
