"""Define the command group: registration, common options, and error handling.

Exit status 0: done. 1: the operation failed. 2: the command line was wrong, or `plan` does not fit. 130: interrupted.
"""

import errno
import inspect
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

import typer

from ..errors import Errors, code_of
from ..extras import install_hint
from .terminal import msg

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
INTERRUPTED = 130  # as shells have it: 128 + SIGINT
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
# Optional packages, by the extra that installs them
EXTRAS = {
    "pyarrow": "parquet",
    "ray": "ray",
    "numba": "fast",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "fastapi": "serve",
    "uvicorn": "serve",
    "prometheus_client": "serve",
    "seqeval": "evaluate",
    "resvg_py": "evaluate",
}
# Errors in a value of the command line that its parser cannot check: exit status 2
USAGE_CODES = frozenset({"ZT004", "ZT245", "ZT370", "ZT445", "ZT446", "ZT503", "ZT521", "ZT528", "ZT601"})
AFTER_INTERRUPTION = {
    "train": "Run it again with --resume to continue from the last checkpoint.",
    "annotate": "Run the same command again to continue where it stopped.",
}
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


def exit_status(error: BaseException) -> int:
    """Return 2 if the command line was wrong, else 1."""
    return 2 if code_of(error) in USAGE_CODES else 1


def describe(error: BaseException, command: str) -> str:
    """Return a message with a code for any exception.

    error (BaseException): The exception that ended the command.
    command (str): The name of the command.
    RETURNS (str): The exception's own message if it has a code, else a message of `Errors` with a remedy.
    """
    text = str(error).strip()
    if text.startswith("[ZT"):
        return text
    if isinstance(error, KeyboardInterrupt):
        message = Errors.ZT679.format(
            command=command, remedy=AFTER_INTERRUPTION.get(command, "Its outputs were not changed.")
        )
    elif isinstance(error, MemoryError):
        message = Errors.ZT681
    elif isinstance(error, ModuleNotFoundError) and error.name is not None:
        package = error.name.partition(".")[0]
        hint = install_hint(EXTRAS[package]) if package in EXTRAS else f"pip install {package.replace('_', '-')}"
        message = Errors.ZT680.format(package=package, hint=hint)
    elif isinstance(error, OSError) and error.strerror:
        remedy = REMEDIES.get(error.errno, "Check the path.")
        message = Errors.ZT676.format(path=error.filename or command, reason=error.strerror, remedy=remedy)
    elif isinstance(error, ValueError | OSError) and text:
        message = Errors.ZT677.format(reason=text)
    else:
        reason = " ".join(text.split()).removesuffix(".") or "no message"
        message = Errors.ZT678.format(command=command, kind=type(error).__name__, reason=reason)
    return str(message)


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
