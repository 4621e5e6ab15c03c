"""Settings of the service: a frozen dataclass, created from the options of the command line."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Errors, UsageError

MIB = 1 << 20
TIMED_CHARS = 100_000  # characters that a request may have within `timeout`


@dataclass(frozen=True)
class ServiceSettings:
    """Limits that bound memory, time and open files under load.

    batch_chars (int): Largest number of characters in a batch; a longer text is processed alone.
    queue_chars (int): Largest number of characters of all queued short texts, and of all queued long texts of similar
        length; more are refused with 429.
    max_requests (int): Largest number of concurrent requests; their bodies take up to max_requests × max_body bytes.
    max_connections (int): Largest number of open connections. At the limit, a new connection closes the one that has
        waited longest for a request.
    max_body (int): Largest size of a request body in bytes.
    max_texts (int): Largest number of texts in a JSON request; a stream may have more.
    max_chars (int): Largest number of characters in a text.
    max_words (int): Largest number of words in the gazetteer of a request.
    max_word_chars (int): Largest number of characters in a word of the gazetteer of a request.
    timeout (float): Time limit in seconds for a response, or for each line of a stream. It is for up to TIMED_CHARS
        characters; for more characters, it is longer in proportion (see `seconds_for`).
    header_timeout (float): Time limit in seconds for a client to send the headers of a request.
    body_timeout (float): Time limit in seconds for a client to send the body of a request.
    write_timeout (float): Seconds over which the reading rate of a client is measured. A client that reads less than
        `connections.MIN_RATE` bytes per second is disconnected.
    max_models (int): Largest total size of the files of loaded pipelines in bytes.
    api_key (str): API key that clients must send; empty: no key is needed.
    origins (tuple[str, ...]): Origins of web pages that may call the service (CORS).
    hosts (tuple[str, ...]): Accepted values of the `Host` header; empty: any.
    annotations (Optional[Path]): File that collects annotations of Label Studio; None: they are refused.
    max_annotations (int): Largest size of this file in bytes.
    reload_dev (Mapping[str, Path]): Name of a pipeline → corpus on which a reloaded version must not be worse.
    RAISES (UsageError): If a number is not greater than 0 and finite, or annotations are collected without an API key.
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
    annotations: Path | None = None
    max_annotations: int = 1_024 * MIB
    reload_dev: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, int | float) and not 0 < value < math.inf:
                raise UsageError(Errors.ZT501.format(name=name, value=value))
        if self.annotations is not None and not self.api_key:
            raise UsageError(Errors.ZT742)

    def seconds_for(self, n_chars: int) -> float:
        """Return the time limit in seconds of a request with `n_chars` characters."""
        return self.timeout * max(1.0, n_chars / TIMED_CHARS)

    @property
    def max_values(self) -> int:
        """Largest number of JSON values in a body: 2 × (`max_texts` + `max_words`), but at least 100,000."""
        return max(100_000, 2 * (self.max_texts + self.max_words))
