"""Settings of the service: one frozen dataclass, created from the command line."""

import math
from dataclasses import dataclass

from ..errors import Errors, UsageError

MIB = 1 << 20
TIMED_CHARS = 100_000


@dataclass(frozen=True)
class ServiceSettings:
    """Limits that bound memory, time and open files under load.

    batch_chars (int): Characters of a batch; a longer text is processed alone.
    queue_chars (int): Characters that may wait; more are refused with 429.
    max_requests (int): Requests at a time; their bodies take max_requests × max_body bytes at the worst.
    max_connections (int): Connections that are open at a time. Beyond, the one that has waited longest for a request
        is closed.
    max_body (int): Bytes of a request.
    max_texts (int): Texts of a JSON request; a stream may hold more.
    max_chars (int): Characters of a text.
    max_words (int): Words in the gazetteer of a request.
    max_word_chars (int): Characters of such a word.
    timeout (float): Seconds from the request to its answer, or to the next line of a stream, for TIMED_CHARS
        characters; more characters get as many times longer, see `seconds_for`.
    header_timeout (float): Seconds for a client to send the headers of a request.
    body_timeout (float): Seconds for a client to send a request.
    write_timeout (float): Seconds in which a client must read at least a part of its response.
    max_models (int): Bytes of the files of all loaded pipelines.
    api_key (str): Key that clients must send; empty if anyone may use the service.
    origins (tuple[str, ...]): Origins of pages that may call the service (CORS).
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
                raise UsageError(Errors.ZT501.format(name=name, value=value))

    def seconds_for(self, n_chars: int) -> float:
        """Return the time limit of a request with so many characters."""
        return self.timeout * max(1.0, n_chars / TIMED_CHARS)

    @property
    def max_values(self) -> int:
        """Largest number of JSON values in a body: texts, words, and other fields."""
        return max(100_000, 2 * (self.max_texts + self.max_words))
