"""Exception classes of the package.

    ValueError
    └── ZhTwNerError              every error with a message of `Errors`; `code` is its ZT number
        ├── CorpusError           data that cannot be used, with file and line
        ├── DeviceError           a GPU that is asked for and cannot be used
        ├── OutputError           an output that may not be written, because it would replace something
        ├── PlanError             a config that cannot be planned or trained
        ├── TrainingError         a run that cannot begin or be resumed
        └── UnreadableFileError   a pipeline, checkpoint or exported model that is damaged or hostile

`except ValueError` catches all of them. An OSError (file missing, no permission, disk full) is passed on as it is.
"""

import re

_CODE = re.compile(r"\[(ZT\d{3})\]")


def code_of(error: BaseException) -> str:
    """Return the code in front of an error's message, such as "ZT001"; empty for errors of other packages."""
    found = _CODE.match(str(error)) if isinstance(error, ValueError) else None
    return found[1] if found is not None else ""


class ZhTwNerError(ValueError):
    """Base class of the errors that this package raises."""

    @property
    def code(self) -> str:
        """The code of the message, such as "ZT001"."""
        return code_of(self)


class CorpusError(ZhTwNerError):
    """Data that cannot be used, with file and line."""


class DeviceError(ZhTwNerError):
    """A GPU that is asked for and cannot be used."""


class OutputError(ZhTwNerError):
    """An output that may not be written, because it would replace something."""


class PlanError(ZhTwNerError):
    """A config that cannot be planned or trained."""


class TrainingError(ZhTwNerError):
    """A run that cannot begin or be resumed."""


class UnreadableFileError(ZhTwNerError):
    """A pipeline, checkpoint or exported model that is damaged or hostile."""
