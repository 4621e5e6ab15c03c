"""The group of commands, and how they fail: one sentence, and an exit code that is not 0."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import typer
from wasabi import msg

P = ParamSpec("P")
T = TypeVar("T")

zh_tw_ner_cli = typer.Typer(
    name="zh-tw-ner",
    help="Traditional Chinese (Taiwan) named entity recognition.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def fails_in_words(command: Callable[P, T]) -> Callable[P, T]:
    """Turn errors that a user can mend into a message and exit code 1; anything else stays a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except (ValueError, OSError) as error:
            msg.fail(str(error))
            raise typer.Exit(1) from error

    return run
