"""Every message a user can meet, under a code that can be searched for.

A message says what happened, the value seen, and what to do.
"""

from typing import Any

from .commands import CommandMessages
from .commands import OutputError as OutputError
from .corpora import CorpusMessages
from .devices import DeviceMessages
from .encoders import EncoderMessages
from .pipeline import PipelineMessages
from .serving import ServingMessages
from .training import TrainingMessages
from .warnings import WarningMessages


class _Coded(type):
    """Put the attribute's name in front of the message: `Errors.ZT001` reads "[ZT001] …"."""

    def __getattribute__(cls, name: str) -> Any:
        message = super().__getattribute__(name)
        return f"[{name}] {message}" if name.startswith("ZT") else message


class TrainingError(ValueError):
    """A run that cannot begin, or cannot be resumed."""


class PlanError(ValueError):
    """A config that cannot be planned or trained."""


class DeviceError(ValueError):
    """A GPU that is asked for and cannot be used."""


class CorpusError(ValueError):
    """Data that cannot be used, told with file and line."""


class Errors(
    PipelineMessages,
    CorpusMessages,
    EncoderMessages,
    TrainingMessages,
    ServingMessages,
    DeviceMessages,
    CommandMessages,
    metaclass=_Coded,
):
    """Messages for `raise`; fill them with `.format(...)`."""


class Warnings(WarningMessages, metaclass=_Coded):
    """Messages for `warnings.warn`, and for logs; fill them as well."""
