"""Messages of all errors and warnings, each with a code that can be searched for.

A message says what happened, the value seen, and what to do.
"""

from typing import Any

from .commands import CommandMessages
from .corpora import CorpusMessages
from .devices import DeviceMessages
from .encoders import EncoderMessages
from .exceptions import (
    CorpusError,
    DeviceError,
    OutputError,
    PlanError,
    TrainingError,
    UnreadableFileError,
    ZhTwNerError,
    code_of,
)
from .files import FileMessages
from .pipeline import PipelineMessages
from .serving import ServingMessages
from .training import TrainingMessages
from .warnings import WarningMessages


class _Coded(type):
    """Put the attribute's name in front of the message: `Errors.ZT001` reads "[ZT001] …"."""

    def __getattribute__(cls, name: str) -> Any:
        message = super().__getattribute__(name)
        return f"[{name}] {message}" if name.startswith("ZT") else message


class Errors(
    PipelineMessages,
    CorpusMessages,
    EncoderMessages,
    TrainingMessages,
    ServingMessages,
    DeviceMessages,
    CommandMessages,
    FileMessages,
    metaclass=_Coded,
):
    """Messages for `raise`; fill them with `.format(...)`."""


class Warnings(WarningMessages, metaclass=_Coded):
    """Messages for `warnings.warn`, and for logs; fill them as well."""


__all__ = [
    "CorpusError",
    "DeviceError",
    "Errors",
    "OutputError",
    "PlanError",
    "TrainingError",
    "UnreadableFileError",
    "Warnings",
    "ZhTwNerError",
    "code_of",
]
