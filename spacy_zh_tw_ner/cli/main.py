"""Define the command group: registration, common options, and error handling.

Exit status 0: done. 1: the operation failed. 2: the command line was wrong, or `plan` does not fit. 130: interrupted.
"""

import inspect
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

import typer

from .failures import describe, exit_status
from .printer import msg

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
INTERRUPTED = 130  # as shells have it: 128 + SIGINT
VERBOSE_HELP = "Print the traceback of an error, too."
_group_is_verbose: ContextVar[bool] = ContextVar("group_is_verbose", default=False)


class App(typer.Typer):
    """A command group: each command has --verbose, and errors become one message with a code, and an exit status."""

    def command(self, name: str | None = None, **settings: Any) -> Callable[[CommandT], CommandT]:
        """Register a function as a command."""
        register = super().command(name, **settings)

        def decorate(function: CommandT) -> CommandT:
            register(_guarded(function, name or function.__name__))
            return function

        return decorate


def _guarded(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    @wraps(function)
    def run(*arguments: Any, verbose: bool, **settings: Any) -> Any:
        try:
            return function(*arguments, **settings)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except (Exception, KeyboardInterrupt) as error:
            if hasattr(error, "format_message"):  # a usage error, perhaps of another copy of click, such as spaCy's
                if isinstance(error, typer.BadParameter):
                    raise
                raise typer.BadParameter(error.format_message()) from error
            if verbose or _group_is_verbose.get():
                traceback.print_exception(error)
            msg.fail(describe(error, name))
            raise typer.Exit(INTERRUPTED if isinstance(error, KeyboardInterrupt) else exit_status(error)) from error

    option = inspect.Parameter(
        "verbose",
        inspect.Parameter.KEYWORD_ONLY,
        default=typer.Option(False, "--verbose", "-V", help=VERBOSE_HELP),
        annotation=bool,
    )
    signature = inspect.signature(function)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]
    run.__annotations__ = {**function.__annotations__, "verbose": bool}
    return run


zh_tw_ner_cli = App(
    name="zh-tw-ner",
    help="Traditional Chinese (Taiwan) named entity recognition.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _print_version(value: bool) -> None:
    if value:
        from .. import __version__

        typer.echo(f"spacy-zh-tw-ner {__version__}")
        raise typer.Exit


@zh_tw_ner_cli.callback()
def zh_tw_ner_group(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
    verbose: bool = typer.Option(False, "--verbose", "-V", help=VERBOSE_HELP),
) -> None:
    """Traditional Chinese (Taiwan) named entity recognition."""
    _group_is_verbose.set(verbose)
