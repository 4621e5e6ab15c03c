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
SHORTEST, LONGEST = 16, 4096  # bytes of a key
HASH_DIGITS = 16


def read_key(path: Path) -> bytes:
    """Read a key from a file; white space at its ends is not part of the key.

    RAISES (UsageError): If it is missing, empty, shorter than 16 bytes, longer than 4096, or, except on Windows, if
        users other than its owner and group can read or write it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(LONGEST + 1)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise _unusable(path, problem, "Check --key-file.") from error
    if sys.platform != "win32" and mode & 0o007:
        raise _unusable(path, f"is open to all users (mode {mode:04o})", f"Run `chmod 600 {path}`, or make a new key.")
    key = data.strip()
    remedy = "Make one: `openssl rand -hex 32 > FILE; chmod 600 FILE`."
    if not key:
        raise _unusable(path, "is empty", remedy)
    if not SHORTEST <= len(key) <= LONGEST:
        raise _unusable(path, f"must have {SHORTEST} to {LONGEST:,} bytes", remedy)
    return key


def hash_of(key: bytes, label: str, identity: str) -> str:
    """Return the keyed hash of an entity, as hexadecimal digits."""
    return _digest(key, "hash", label, identity).hex()[:HASH_DIGITS]


def fingerprint(key: bytes) -> str:
    """Return a value that tells whether two keys are the same, and from which no key can be computed."""
    return _digest(key, "fingerprint", "", "").hex()[:HASH_DIGITS]


class KeyedChoices:
    """A sequence of choices that only the key, the label, the entity and the attempt determine.

    key (bytes): The key.
    label, identity (str): The entity.
    attempt (int): Number of the candidate, from 0.
    """

    def __init__(self, key: bytes, label: str, identity: str, attempt: int = 0) -> None:
        self._seed = _digest(key, f"pseudonym {attempt}", label, identity)
        self._pool, self._blocks = 0, 0
        self._left = 1  # number of values that the pool can still have

    def below(self, n: int) -> int:
        """Return a whole number from 0 to n - 1."""
        if self._left < n << 64:  # with 64 spare bits, all numbers are equally probable but for 2**-64
            block = sha256(self._seed + self._blocks.to_bytes(8, "big")).digest()
            self._pool, self._left = self._pool << 256 | int.from_bytes(block, "big"), self._left << 256
            self._blocks += 1
        self._pool, value = divmod(self._pool, n)
        self._left //= n
        return value

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[self.below(len(choices))]

    def digits(self, n: int) -> str:
        """Return n decimal digits."""
        return "".join(str(self.below(10)) for _ in range(n))


def _digest(key: bytes, *parts: str) -> bytes:
    # Lengths come first, so that different parts never make the same message.
    data = b"".join(b"%d:%s" % (len(raw), raw) for raw in (part.encode("utf-8", "surrogatepass") for part in parts))
    return hmac.new(key, data, sha256).digest()


def _unusable(path: Path, problem: str, remedy: str) -> UsageError:
    return UsageError(Errors.ZT876.format(path=path, problem=problem, remedy=remedy))
