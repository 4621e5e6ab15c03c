"""Validate file names that are written in a file, and check the hashes of the files with these names."""

import hashlib
import re
from pathlib import Path

from ..errors import Errors, UnreadableFileError
from .validation import origin

LONGEST = 200  # bytes of a name; file systems allow 255
BLOCK = 2**20  # bytes hashed at once
# On Windows, these names open a device in every folder and with every suffix.
DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


def require_bare_name(name: object) -> str:
    """Check that a name is a file name without a folder on every operating system.

    name (object): The value that was read.
    RETURNS (str): The name.
    RAISES (UnreadableFileError): If the value is not a string; or the name is empty or too long, ends with a dot or a
        space, contains a separator, a drive, a control character or a surrogate, or is a device of Windows.
    """
    if isinstance(name, str) and name and not FORBIDDEN.search(name) and not DEVICES.fullmatch(name):
        is_text = not re.search("[\ud800-\udfff]", name)
        if is_text and len(name.encode()) <= LONGEST and name.strip(". ") and name == name.rstrip(". "):
            return name
    shown = name[:LONGEST] if isinstance(name, str) else name
    raise UnreadableFileError(Errors.ZT641.format(origin=origin(), name=shown))


def inside(folder: Path, name: object) -> Path:
    """Return the path of a file in a folder, for a name that was read from another file.

    Symbolic links to files in the same folder are allowed.

    folder (Path): The folder.
    name (object): The name.
    RETURNS (Path): The path; the file need not exist.
    RAISES (UnreadableFileError): If the name is not a plain file name, or the path is a symbolic link out of the
        folder.
    """
    path = folder / require_bare_name(name)
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise UnreadableFileError(Errors.ZT642.format(path=path, folder=folder))
    return path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits. The file is read in blocks."""
    digest, block = hashlib.sha256(), bytearray(BLOCK)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            digest.update(memoryview(block)[:count])
    return digest.hexdigest()


def require_digest(path: Path, expected: str) -> None:
    """Check the SHA-256 of a file.

    path (Path): The file.
    expected (str): The expected SHA-256 in hexadecimal digits, or its first digits.
    RAISES (UnreadableFileError): If the hash of the file is another one, or `expected` is empty.
    """
    found = sha256_of(path)
    if not expected or not found.startswith(expected):
        raise UnreadableFileError(Errors.ZT643.format(path=path, found=found, expected=expected))
