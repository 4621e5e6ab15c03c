"""Define the command group `zh-tw-ner`: registration of commands, common options, and error handling.

The exit status is 0 for success, 1 for an error, 2 for an invalid command line, and 130 for an interruption. `plan`
also returns 2 if training with the unchanged config does not fit into GPU memory.
"""

import errno
import inspect
import re
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

import typer

from ..errors import Errors, UsageError, ZhTwNerError
from .terminal import msg

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
INTERRUPTED = 130  # as in shells: 128 + SIGINT
REMEDIES: Mapping[int | None, str] = {
    errno.ENOSPC: "Free some disk space, or choose another output.",
    errno.EDQUOT: "Free some disk space, or choose another output.",
    errno.EACCES: "Check its permissions, or choose another path.",
    errno.EPERM: "Check its permissions, or choose another path.",
    errno.EROFS: "Choose a path on a file system that can be written.",
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "Choose a path below a folder, not below a file.",
    errno.EEXIST: "Choose a path below a folder, not below a file.",
    errno.EISDIR: "Give a file, not a folder.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EMFILE: "Raise the limit of open files (`ulimit -n`).",
    errno.EBUSY: "Choose another path, such as a folder inside it.",
}
AFTER_INTERRUPTION = {
    "train": "Run it again with --resume to continue from the last checkpoint.",
    "adapt": "Run it again with --resume to continue from the last checkpoint.",
    "distill": "Run it again with --resume to continue where it stopped.",
    "find-errors": "Run the same command again to continue where it stopped.",
    "annotate": "Run the same command again to continue where it stopped.",
    "learning-curve": "Run the same command again to continue where it stopped.",
    "mask": "Run the same command again to continue where it stopped.",
}
SPACY_CODE = re.compile(r"\[E\d{3,4}\] ")
VERBOSE_HELP = "Also print the traceback of an error."
_group_is_verbose: ContextVar[bool] = ContextVar("group_is_verbose", default=False)


class App(typer.Typer):
    """A command group whose commands have --verbose, and report errors as one message and an exit status.

    The errors of this package, an OSError, and spaCy's errors about a config or file are printed as one line with a
    code. Any other error is a bug, so its traceback is printed as well.
    """

    def command(self, name: str | None = None, **settings: Any) -> Callable[[CommandT], CommandT]:
        """Return a decorator that registers a function as a command with the option --verbose and error handling.

        name (Optional[str]): Name of the command; None for a name that typer derives from that of the function.
        settings: Other arguments of `typer.Typer.command`, such as `context_settings`.
        RETURNS (Callable): The decorator. It returns the function unchanged.
        """
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
            if hasattr(error, "format_message"):  # a usage error, perhaps of another copy of click, as spaCy has
                if isinstance(error, typer.BadParameter):
                    raise
                raise typer.BadParameter(error.format_message()) from error
            message = describe(error, name)
            if verbose or _group_is_verbose.get() or not message:
                traceback.print_exception(error)
            msg.fail(message or Errors.ZT678.format(command=name, kind=type(error).__name__))
            raise typer.Exit(exit_status(error)) from error

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


def describe(error: BaseException, command: str) -> str:
    """Return the message for an error that users can correct.

    error (BaseException): The exception that ended the command.
    command (str): Name of the command.
    RETURNS (str): The message with its code; empty for a bug, which needs a traceback.
    """
    from ..extras import package_hint

    message = ""
    if isinstance(error, ZhTwNerError):
        message = str(error)
    elif isinstance(error, KeyboardInterrupt):
        remedy = AFTER_INTERRUPTION.get(command, "Its outputs were not changed.")
        message = Errors.ZT679.format(command=command, remedy=remedy)
    elif isinstance(error, MemoryError):
        message = Errors.ZT681
    elif isinstance(error, OSError) and error.strerror:
        remedy = REMEDIES.get(error.errno, "Check the path.")
        message = Errors.ZT676.format(path=error.filename or command, reason=error.strerror, remedy=remedy)
    elif isinstance(error, ModuleNotFoundError) and (hint := package_hint(error.name or "")):
        message = Errors.ZT680.format(package=(error.name or "").partition(".")[0], hint=hint)
    elif isinstance(error, OSError) or _is_spacy_user_error(error):
        message = Errors.ZT677.format(command=command, reason=str(error).strip())
    return message


def _is_spacy_user_error(error: BaseException) -> bool:
    """Return whether spaCy raised an error because of a config or file, so that its message helps users.

    For errors about files, spaCy has no exception classes. They are recognized by the code in the message, like [E050].
    """
    from catalogue import RegistryError
    from confection import ConfigValidationError

    is_config = isinstance(error, ConfigValidationError | RegistryError)
    return is_config or (isinstance(error, ValueError) and SPACY_CODE.match(str(error)) is not None)


def exit_status(error: BaseException) -> int:
    """Return the exit status for an error: 130 for an interruption, 2 for an invalid command line, else 1."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return 2 if isinstance(error, UsageError) else 1


zh_tw_ner_cli = App(
    name="zh-tw-ner",
    help="Named entity recognition for Traditional Chinese (Taiwan).",
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
    """Named entity recognition for Traditional Chinese (Taiwan)."""
    _group_is_verbose.set(verbose)
