"""What bounds the service: one frozen object, made by the command line, read everywhere."""

from dataclasses import dataclass

from ..errors import Errors

MIB = 1 << 20


@dataclass(frozen=True)
class ServiceSettings:
    """Limits of the service. Every one of them is what keeps a flood from becoming a crash.

    batch_chars (int): Characters that are read in one go; a longer text goes alone.
    queue_chars (int): Characters that may wait. What comes beyond is refused with 429.
    max_requests (int): Requests that are held at a time; their bodies take max_requests × max_body at the worst.
    max_body (int): Bytes of a request.
    max_texts (int): Texts of a JSON request; a stream may hold more.
    max_chars (int): Characters of a text.
    max_words (int): Words that a request may bring of its own.
    max_word_chars (int): Characters of such a word.
    timeout (float): Seconds from the request to its answer, or to the next line of a stream.
    body_timeout (float): Seconds for a client to send a request.
    max_models (int): Bytes of files of all pipelines that are loaded at a time.
    api_key (str): What clients must send; empty for a service open to whoever reaches it.
    origins (tuple[str, ...]): Sites whose pages may call the service from a browser.
    """

    batch_chars: int = 4_096
    queue_chars: int = 2_000_000
    max_requests: int = 256
    max_body: int = 8 * MIB
    max_texts: int = 1_000
    max_chars: int = 1_000_000
    max_words: int = 1_000
    max_word_chars: int = 50
    timeout: float = 60.0
    body_timeout: float = 15.0
    max_models: int = 4_096 * MIB
    api_key: str = ""
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, int | float) and value <= 0:
                raise ValueError(Errors.ZT501.format(name=name, value=value))
