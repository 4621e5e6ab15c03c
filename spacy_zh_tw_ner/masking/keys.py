"""Read key files, and derive pseudonyms and hashes from a key (HMAC-SHA-256)."""

import hmac
import os
import stat
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from ..errors import Errors, UsageError

T = TypeVar("T")
MIN_BYTES, MAX_BYTES = 16, 4096  # length of a key
HASH_DIGITS = 16  # hexadecimal digits of a hash


def read_key(path: Path) -> bytes:
    """Read a key from a file. White space at the beginning and the end of the file is not part of the key.

    path (Path): The key file.
    RETURNS (bytes): The key.
    RAISES (UsageError): If the file cannot be read, the key does not have 16 to 4,096 bytes, or, on systems other than
        Windows, all users have access to the file.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise _unusable(path, problem, "Check --key-file.") from error
    if sys.platform != "win32" and mode & 0o007:
        raise _unusable(path, f"is open to all users (mode {mode:04o})", f"Run `chmod 600 {path}`, or make a new key.")
    key = data.strip()
    remedy = "Make one: `openssl rand -hex 32 > FILE; chmod 600 FILE`."
    if not key:
        raise _unusable(path, "is empty", remedy)
    if not MIN_BYTES <= len(key) <= MAX_BYTES:
        size = f"more than {MAX_BYTES:,}" if len(data) > MAX_BYTES else f"{len(key):,}"
        raise _unusable(path, f"must have {MIN_BYTES} to {MAX_BYTES:,} bytes (got {size})", remedy)
    return key


def hash_of(key: bytes, label: str, identity: str) -> str:
    """Return the keyed hash of an entity.

    key (bytes): The key.
    label (str): The label of the entity.
    identity (str): Normalized text of the entity, equal for all of its spellings (`surfaces.identity`).
    RETURNS (str): 16 hexadecimal digits.
    """
    return _digest(key, "hash", label, identity).hex()[:HASH_DIGITS]


def fingerprint(key: bytes) -> str:
    """Return 16 hexadecimal digits that identify a key. The key cannot be computed from them."""
    return _digest(key, "fingerprint", "", "").hex()[:HASH_DIGITS]


class KeyedChoices:
    """A deterministic source of numbers for pseudonyms: equal arguments give the same sequence of numbers.

    key (bytes): The key.
    label (str): The label of the entity.
    identity (str): Normalized text of the entity, equal for all of its spellings (`surfaces.identity`).
    attempt (int): Number of the attempt to make a pseudonym, from 0. Each attempt has another sequence of numbers.
    """

    def __init__(self, key: bytes, label: str, identity: str, attempt: int = 0) -> None:
        self._seed = _digest(key, f"pseudonym {attempt}", label, identity)
        self._pool, self._blocks = 0, 0
        self._left = 1  # number of different values that `_pool` can still have

    def below(self, n: int) -> int:
        """Return the next number of the sequence, from 0 to n - 1."""
        if self._left < n << 64:  # with 64 spare bits, the bias is below 2**-64
            block = sha256(self._seed + self._blocks.to_bytes(8, "big")).digest()
            self._pool, self._left = self._pool << 256 | int.from_bytes(block, "big"), self._left << 256
            self._blocks += 1
        self._pool, value = divmod(self._pool, n)
        self._left //= n
        return value

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of `choices`, which the next number of the sequence selects."""
        return choices[self.below(len(choices))]

    def digits(self, n: int) -> str:
        """Return a text of n decimal digits, from the next n numbers of the sequence."""
        return "".join(str(self.below(10)) for _ in range(n))


def _digest(key: bytes, *parts: str) -> bytes:
    """Return the HMAC-SHA-256, 32 bytes, of a sequence of texts. It depends on where each text ends."""
    # Each part follows its length, so that ("a", "bc") and ("ab", "c") have different messages.
    data = b"".join(b"%d:%s" % (len(raw), raw) for raw in (part.encode("utf-8", "surrogatepass") for part in parts))
    return hmac.new(key, data, sha256).digest()


def _unusable(path: Path, problem: str, remedy: str) -> UsageError:
    """Return the error for a key file, from a clause such as "is empty" and a sentence with the remedy."""
    return UsageError(Errors.ZT876.format(path=path, problem=problem, remedy=remedy))
