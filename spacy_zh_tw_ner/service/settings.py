"""Settings of the service: one frozen dataclass, created from the command line."""

import math
from dataclasses import dataclass

from ..errors import Errors, SettingError

MIB = 1 << 20
TIMED_CHARS = 100_000


@dataclass(frozen=True)
class ServiceSettings:
    """Limits that bound memory, time and open files under load.

    batch_chars (int): Characters that are read in one go; a longer text goes alone.
    queue_chars (int): Characters that may wait. What comes beyond is refused with 429.
    max_requests (int): Requests that are held at a time; their bodies take max_requests × max_body at the worst.
    max_connections (int): Connections that are open at a time. Beyond, the one that has waited longest for a request
        is closed.
    max_body (int): Bytes of a request.
    max_texts (int): Texts of a JSON request; a stream may hold more.
    max_chars (int): Characters of a text.
    max_words (int): Words that a request may bring of its own.
    max_word_chars (int): Characters of such a word.
    timeout (float): Seconds from the request to its answer, or to the next line of a stream, for TIMED_CHARS
        characters; more characters get as many times longer, see `seconds_for`.
    header_timeout (float): Seconds for a client to send the headers of a request.
    body_timeout (float): Seconds for a client to send a request.
    write_timeout (float): Seconds in which a client must take at least a part of its answer.
    max_models (int): Bytes of files of all pipelines that are loaded at a time.
    api_key (str): What clients must send; empty for a service open to whoever reaches it.
    origins (tuple[str, ...]): Sites whose pages may call the service from a browser.
    hosts (tuple[str, ...]): Names that clients may call the service by; empty for any.
    """

    batch_chars: int = 4_096
    queue_chars: int = 1_000_000
    max_requests: int = 256
    max_connections: int = 512
    max_body: int = 8 * MIB
    max_texts: int = 1_000
    max_chars: int = 1_000_000
    max_words: int = 1_000
    max_word_chars: int = 50
    timeout: float = 60.0
    header_timeout: float = 10.0
    body_timeout: float = 15.0
    write_timeout: float = 20.0
    max_models: int = 4_096 * MIB
    api_key: str = ""
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, int | float) and not 0 < value < math.inf:
                raise SettingError(Errors.ZT501.format(name=name, value=value))

    def seconds_for(self, n_chars: int) -> float:
        """Return how long a request of so many characters may take."""
        return self.timeout * max(1.0, n_chars / TIMED_CHARS)

    @property
    def max_values(self) -> int:
        """How many JSON values a body may have: texts, words, and room for what else a line may hold."""
        return max(100_000, 2 * (self.max_texts + self.max_words))
