"""Exception classes of the package.

    ValueError
    └── ZhTwNerError                   every error with a message of `Errors`; `code` is its ZT number
        ├── SettingError               an argument or a config setting has an invalid value
        │   └── UsageError             an invalid value on the command line; commands exit with status 2
        ├── TextError                  a text is not valid Unicode
        ├── CorpusError                a corpus file or record cannot be used; the message has file and line
        │   └── UnknownFormatError     the format of a corpus file is not recognized
        ├── PipelineError              a pipeline is missing, not trained, or does not support the operation
        │   └── PipelineMismatchError  two pipelines, or a pipeline and a checkpoint, differ and cannot be combined
        ├── BaseModelError             a base model (Hugging Face) cannot be loaded or used
        ├── UnreadableFileError        a pipeline, checkpoint or exported model is damaged or malicious
        ├── OutputError                an output cannot be written, for example because it would replace a file
        ├── PlanError                  a config cannot be read, or its memory cannot be estimated
        ├── TrainingError              a training run cannot start, continue or be resumed
        ├── DeviceError                the requested device cannot be used
        ├── OutOfMemoryError           memory ran out, and the work cannot be split further
        ├── MissingExtraError          an optional package is not installed; also an ImportError
        └── ServiceError               the service refuses a request, or cannot listen on its address

`except ValueError` catches all of them. An OSError of the operating system (file missing, no permission, disk full) is
raised unchanged.
"""


class Message(str):
    """A message of `Errors` or `Warnings` with its code; `format` keeps the code.

    text (str): The message. `format` replaces its fields in braces.
    code (str): The code, such as "ZT001".
    """

    __slots__ = ("code",)
    code: str

    def __new__(cls, text: str, code: str) -> "Message":
        """Create a message."""
        message = super().__new__(cls, text)
        message.code = code
        return message

    def format(self, *args: object, **fields: object) -> "Message":
        """Replace the fields in braces, as `str.format` does; the result has the same code."""
        return Message(super().format(*args, **fields), self.code)

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # pickle needs both; a str has one
        return str(self), self.code


class ZhTwNerError(ValueError):
    """Base class of the errors that this package raises.

    message (str): A message of `Errors`.
    code (str): The code, such as "ZT001". Needed only if `message` is a plain string, such as the extended message of
        another error. A message of `Errors` has its own code.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or (message.code if isinstance(message, Message) else "")


class SettingError(ZhTwNerError):
    """Raised if an argument or a config setting has an invalid value."""


class UsageError(SettingError):
    """Raised if a command-line value, or an argument of a function that a command calls, is invalid."""


class TextError(ZhTwNerError):
    """Raised if a text is not valid Unicode."""


class CorpusError(ZhTwNerError):
    """Raised if a corpus file or record cannot be used; the message has file and line."""


class UnknownFormatError(CorpusError):
    """Raised if the format of a corpus file is not recognized."""


class PipelineError(ZhTwNerError):
    """Raised if a pipeline is missing, not trained, or does not support an operation."""


class PipelineMismatchError(PipelineError):
    """Raised if two pipelines, or a pipeline and a checkpoint, cannot be combined.

    For example, they differ in labels, tokenization, or the shapes of weights.
    """


class BaseModelError(ZhTwNerError):
    """Raised if a base model (Hugging Face) cannot be loaded or used."""


class UnreadableFileError(ZhTwNerError):
    """Raised if a pipeline, checkpoint or exported model is damaged or malicious."""


class OutputError(ZhTwNerError):
    """Raised if an output cannot be written, for example because it would replace a file."""


class PlanError(ZhTwNerError):
    """Raised if a training config cannot be read, or the memory of training with it cannot be estimated."""


class TrainingError(ZhTwNerError):
    """Raised if a training run cannot start, continue or be resumed."""


class DeviceError(ZhTwNerError):
    """Raised if the requested device cannot be used."""


class OutOfMemoryError(ZhTwNerError):
    """Raised if memory ran out and the work cannot be split further."""


class MissingExtraError(ZhTwNerError, ImportError):
    """Raised if an optional package is not installed; the message has the command that installs it."""


class ServiceError(ZhTwNerError):
    """Raised if the service refuses a request, or cannot listen on its address."""
