"""Hide installed packages from Python, for tests that run in separate processes."""

import re
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from importlib.metadata import Distribution
from typing import Any


def hide(*packages: str) -> None:
    """Hide packages in this process, so that neither their modules nor their entry points are found.

    packages (str): Import names, such as "spacy_transformers".
    """
    hidden = frozenset(packages)
    loaded = hidden & {name.partition(".")[0] for name in sys.modules}
    assert not loaded, f"already imported: {sorted(loaded)}"

    class Finder(PathFinder):
        """The finder of installed packages, without some of them."""

        @classmethod
        def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> Any:
            return None if fullname.partition(".")[0] in hidden else PathFinder.find_spec(fullname, path, target)

        @classmethod
        def find_distributions(cls, *args: Any, **kwargs: Any) -> Iterable[Distribution]:  # type: ignore[override]
            return _without(hidden, PathFinder.find_distributions(*args, **kwargs))

    sys.meta_path[sys.meta_path.index(PathFinder)] = Finder


def _without(hidden: frozenset[str], found: Iterable[Distribution]) -> Iterator[Distribution]:
    for distribution in found:
        if re.sub(r"[-_.]+", "_", distribution.metadata["Name"]).lower() not in hidden:
            yield distribution
