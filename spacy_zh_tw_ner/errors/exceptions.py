"""Exception classes of the package.

    ValueError
    └── ZhTwNerError                   every error with a message of `Errors`; `code` is its ZT number
        ├── SettingError               an argument or a setting of a config that is not possible
        │   └── UsageError             the same on the command line, which exits with 2
        ├── TextError                  a text that is not valid Unicode
        ├── CorpusError                data that cannot be used, with file and line
        │   └── UnknownFormatError     a file in no known format
        ├── PipelineError              a pipeline that is not there, not trained, or not able to do what is asked
        │   └── PipelineMismatchError  pipelines, or a pipeline and a checkpoint, that do not fit together
        ├── BaseModelError             a base model (Hugging Face) that cannot be loaded or used
        ├── UnreadableFileError        a pipeline, checkpoint or exported model that is damaged or hostile
        ├── OutputError                an output that may not be written, because it would replace something
        ├── PlanError                  a config that cannot be planned or trained
        ├── TrainingError              a run that cannot begin, continue or be resumed
        ├── DeviceError                a device that is asked for and cannot be used
        ├── OutOfMemoryError           memory that ran out, where no smaller part can be tried
        ├── MissingExtraError          an optional package that is not installed; also an ImportError
        └── ServiceError               a request that is refused, or a service that cannot listen

`except ValueError` catches all of them. An OSError (file missing, no permission, disk full) is passed on as it is.
"""


class Message(str):
    """A message of `Errors` or `Warnings`, with its code, which it keeps when it is filled in.

    text (str): The message; fields in braces are filled in by `format`.
    code (str): The code, such as "ZT001".
    """

    __slots__ = ("code",)
    code: str

    def __new__(cls, text: str, code: str) -> "Message":
        """Make a message."""
        message = super().__new__(cls, text)
        message.code = code
        return message

    def format(self, *args: object, **fields: object) -> "Message":
        """Fill in the fields, as `str.format` does."""
        return Message(super().format(*args, **fields), self.code)

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # a str has one
        return str(self), self.code


class ZhTwNerError(ValueError):
    """Base class of the errors that this package raises.

    message (str): A message of `Errors`.
    code (str): The code, such as "ZT001", where `message` is a text around that of another error.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or (message.code if isinstance(message, Message) else "")


class SettingError(ZhTwNerError):
    """An argument or a setting of a config that is not possible."""


class UsageError(SettingError):
    """A value on the command line, or the argument of a function that a command calls, that is not possible."""


class TextError(ZhTwNerError):
    """A text that is not valid Unicode."""


class CorpusError(ZhTwNerError):
    """Data that cannot be used, with file and line."""


class UnknownFormatError(CorpusError):
    """A file in no known format."""


class PipelineError(ZhTwNerError):
    """A pipeline that is not there, not trained, or not able to do what is asked."""


class PipelineMismatchError(PipelineError):
    """Pipelines, or a pipeline and a checkpoint, that do not fit together."""


class BaseModelError(ZhTwNerError):
    """A base model (Hugging Face) that cannot be loaded or used."""


class UnreadableFileError(ZhTwNerError):
    """A pipeline, checkpoint or exported model that is damaged or hostile."""


class OutputError(ZhTwNerError):
    """An output that may not be written, because it would replace something."""


class PlanError(ZhTwNerError):
    """A config that cannot be planned or trained."""


class TrainingError(ZhTwNerError):
    """A run that cannot begin, continue or be resumed."""


class DeviceError(ZhTwNerError):
    """A device that is asked for and cannot be used."""


class OutOfMemoryError(ZhTwNerError):
    """Memory that ran out, where no smaller part can be tried."""


class MissingExtraError(ZhTwNerError, ImportError):
    """An optional package that is not installed; the message has the command that installs it."""


class ServiceError(ZhTwNerError):
    """A request that is refused, or a service that cannot listen."""
