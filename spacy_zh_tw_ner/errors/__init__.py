"""Exception classes, and the messages of all errors and warnings, each with a searchable code (ZT001 …).

A message says which value is wrong and why, and what to do.
"""

from typing import Any

from .commands import CommandErrors
from .components import ComponentErrors, ComponentWarnings
from .corpora import CorpusErrors, CorpusWarnings
from .encoders import EncoderErrors, EncoderWarnings
from .exceptions import (
    BaseModelError,
    CorpusError,
    DeviceError,
    Message,
    MissingExtraError,
    OutOfMemoryError,
    OutputError,
    PipelineError,
    PipelineMismatchError,
    PlanError,
    ServiceError,
    SettingError,
    TextError,
    TrainingError,
    UnknownFormatError,
    UnreadableFileError,
    UsageError,
    ZhTwNerError,
)
from .exports import ExportErrors
from .files import FileErrors
from .masking import MaskingErrors, MaskingWarnings
from .proposals import ProposalErrors
from .serving import ServiceErrors, ServiceWarnings
from .training import TrainingErrors, TrainingWarnings


class _Coded(type):
    """Metaclass that puts the code of each message before the message: `Errors.ZT001` is "[ZT001] …"."""

    def __getattribute__(cls, name: str) -> Any:
        message = super().__getattribute__(name)
        return Message(f"[{name}] {message}", name) if name.startswith("ZT") else message


class Errors(
    ComponentErrors,
    CorpusErrors,
    EncoderErrors,
    TrainingErrors,
    ExportErrors,
    ServiceErrors,
    CommandErrors,
    FileErrors,
    MaskingErrors,
    ProposalErrors,
    metaclass=_Coded,
):
    """Messages of exceptions, by code. Call `.format(...)` to insert the values."""


class Warnings(
    ComponentWarnings,
    CorpusWarnings,
    EncoderWarnings,
    TrainingWarnings,
    ServiceWarnings,
    MaskingWarnings,
    metaclass=_Coded,
):
    """Messages of `warnings.warn` and of log records, by code. Call `.format(...)` to insert the values."""


__all__ = [
    "BaseModelError",
    "CorpusError",
    "DeviceError",
    "Errors",
    "Message",
    "MissingExtraError",
    "OutOfMemoryError",
    "OutputError",
    "PipelineError",
    "PipelineMismatchError",
    "PlanError",
    "ServiceError",
    "SettingError",
    "TextError",
    "TrainingError",
    "UnknownFormatError",
    "UnreadableFileError",
    "UsageError",
    "Warnings",
    "ZhTwNerError",
]
