"""Run commands in the process of the test or in a new one, and read their output."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner, Result

from spacy_zh_tw_ner.cli import zh_tw_ner_cli

# Name of a command → the command
COMMANDS: dict[str, Any] = typer.main.get_command(zh_tw_ner_cli).commands  # type: ignore[attr-defined]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(zh_tw_ner_cli, [str(argument) for argument in arguments])


def plain(output: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", output)


def rows_of(output: str) -> dict[str, list[str]]:
    """Return the other words of each line, by its first word."""
    return {line.split()[0]: line.split()[1:] for line in output.splitlines() if line.strip()}


def succeeds(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.exception) == (0, None), result.output
    return plain(result.output)


def only_message(output: str) -> str:
    """Check that a failed command printed only one message, and return it on one line."""
    said = " ".join(plain(output).split())
    assert said.startswith("✘ ")
    assert not re.search("✘|✔|ℹ|⚠|Traceback", said[1:])
    return said


def fails(*arguments: str | Path) -> str:
    """Run a command that must exit with 1 and one message, and return the message."""
    result = run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    return only_message(result.stdout)  # progress goes to stderr


def misused(*arguments: str | Path) -> str:
    """Run a command with an invalid command line, which must exit with 2, and return its output."""
    result = run(*arguments)
    assert (result.exit_code, type(result.exception)) == (2, SystemExit), result.output
    return " ".join(plain(result.output).split())


def spacy_command(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "spacy", "zh-tw-ner", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "200"},
    )
