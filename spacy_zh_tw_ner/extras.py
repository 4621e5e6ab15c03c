"""Check which optional packages are installed, and return the pip command that installs a missing one."""

import json
import re
from functools import lru_cache, partial
from importlib import import_module
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from .errors import Errors, MissingExtraError, UsageError

NAME = "spacy-zh-tw-ner"
MAX_TOML = 2**20  # bytes of a policy or a label map
MAX_DEPTH = 8  # levels of tables and lists; policies and label maps have two
MAX_DOTS = 64  # on a line, except in comments: the time to parse a dotted key grows with the square of its length
# Such as `pyarrow>=16; extra == "parquet"`
REQUIREMENT = re.compile(r"""(?P<versions>(?P<package>[\w.-]+)[^;]*)(;.*\bextra == ["'](?P<extra>[\w.-]+)["'])?""")


@lru_cache
def is_installed(module: str) -> bool:
    """Return whether a module is installed, without importing it."""
    return find_spec(module) is not None


has_numba = partial(is_installed, "numba")
has_bitsandbytes = partial(is_installed, "bitsandbytes")  # musl, and macOS on Intel, have no wheels of it
has_seqeval = partial(is_installed, "seqeval")
has_resvg = partial(is_installed, "resvg_py")


def import_extra(module: str, extra: str, *, needed_by: str) -> ModuleType:
    """Import a module of an optional package.

    module (str): Name of the module, such as "pyarrow.parquet".
    extra (str): Name of the extra that installs it.
    needed_by (str): Name of the function, command or option that needs it, for the message.
    RETURNS (ModuleType): The module.
    RAISES (MissingExtraError): If the module cannot be imported. The message has the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package, hint = module.partition(".")[0], install_hint(extra)
        raise MissingExtraError(Errors.ZT530.format(what=needed_by, package=package, hint=hint)) from error


def import_toml() -> ModuleType:
    """Import a TOML parser: tomllib of the standard library (since Python 3.11), or else tomli.

    RAISES (MissingExtraError): On Python 3.10 without tomli.
    """
    if is_installed("tomllib"):
        import tomllib

        return tomllib
    try:
        import tomli
    except ImportError as error:
        raise MissingExtraError(Errors.ZT875) from error
    module: ModuleType = tomli
    return module


def read_toml(path: Path, message: str) -> dict[str, Any]:
    """Read a TOML file of at most MAX_TOML bytes, nested at most MAX_DEPTH levels deep.

    path (Path): The file.
    message (str): Template of the message of a UsageError, for `str.format`, with the fields `path` and `reason`.
    RETURNS (dict[str, Any]): The content of the file.
    RAISES (UsageError): If the file is too long, is nested too deeply, or is not valid TOML in UTF-8.
    RAISES (OSError): If the file cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_TOML + 1)
    if len(data) > MAX_TOML:
        raise UsageError(message.format(path=path, reason=f"it is longer than {MAX_TOML:,} bytes"))
    if any(line.count(b".") > MAX_DOTS for line in data.splitlines() if not line.lstrip().startswith(b"#")):
        raise UsageError(message.format(path=path, reason=_TOO_DEEP))
    toml = import_toml()
    try:
        content: dict[str, Any] = toml.loads(data.decode("utf-8-sig"))
    except ValueError as error:
        raise UsageError(message.format(path=path, reason=str(error)[:160].strip())) from error
    except RecursionError as error:
        raise UsageError(message.format(path=path, reason=_TOO_DEEP)) from error
    if not _is_flat(content):
        raise UsageError(message.format(path=path, reason=_TOO_DEEP))
    return content


_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"


def _is_flat(content: dict[str, Any]) -> bool:
    """Return whether tables and lists are nested at most MAX_DEPTH levels deep, without recursion."""
    level: list[Any] = [content]
    for _ in range(MAX_DEPTH):
        inner = [[*value.values()] if isinstance(value, dict) else value for value in level]
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
        if not level:
            return True
    return False


def install_hint(extra: str) -> str:
    """Return the command that installs an extra.

    This package is in no package index. So the command gives pip the source folder of this package, with the extra. If
    there is no such folder, the command names the packages that the extra requires. Square brackets are in quotes,
    since zsh would expand them.

    extra (str): Name of the extra, such as "parquet".
    RETURNS (str): The command, such as `pip install ".[parquet]"`.
    """
    folder = source_folder()
    if folder is not None:
        place = "." if folder == Path.cwd() else str(folder)
        return f'pip install "{place}[{extra}]"'
    needed = [f'"{requirement}"' for requirement in _requirements(extra)]
    return f"pip install {' '.join(needed)}" if needed else f'pip install "{NAME}[{extra}]"'


def package_hint(module: str) -> str | None:
    """Return the command that installs a module, if its package is a declared requirement of this package.

    module (str): Name of the module, such as "pyarrow.parquet".
    RETURNS (Optional[str]): The command; None if the package is not declared.
    """
    package = module.partition(".")[0].replace("_", "-")
    for requirement in _declared():
        found = REQUIREMENT.match(requirement)
        if found is not None and found["package"].lower() == package.lower():
            return install_hint(found["extra"]) if found["extra"] else f"pip install {package}"
    return None


def source_folder() -> Path | None:
    """Return the source folder from which this package was installed or is imported; None if unknown."""
    here = Path(__file__).resolve().parents[1]
    if (here / "setup.cfg").is_file():
        return here
    found = _distribution()
    try:
        url = urlsplit(json.loads(found.read_text("direct_url.json") or "{}").get("url", "")) if found else None
    except ValueError:
        url = None
    if url is None or url.scheme != "file":
        return None
    folder = Path(url2pathname(unquote(url.path)))
    return folder if (folder / "setup.cfg").is_file() else None


def _requirements(extra: str) -> list[str]:
    """Return the requirements of an extra in this package's metadata, such as ["pyarrow>=16"]; empty if unknown."""
    matches = (REQUIREMENT.match(line) for line in _declared())
    return [found["versions"].strip() for found in matches if found is not None and found["extra"] == extra]


def _declared() -> list[str]:
    """Return all requirements in the metadata of this package, with their markers, such as `; extra == "parquet"`."""
    found = _distribution()
    return (found.requires or []) if found is not None else []


def _distribution() -> Distribution | None:
    try:
        return distribution(NAME)
    except PackageNotFoundError:
        return None
