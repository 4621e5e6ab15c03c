"""Tested versions are within the declared ranges, and every imported package is declared."""

import ast
import re
import sys
from configparser import ConfigParser
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
SETUP = ConfigParser(interpolation=None)
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")


def parse(lines: str) -> list[Requirement]:
    found = (line.partition("#")[0].strip() for line in lines.splitlines())
    return [Requirement(line) for line in found if line]


PINS = {pin.name: pin for pin in parse((ROOT / "constraints.txt").read_text(encoding="utf-8"))}
RANGES = parse(SETUP["options"]["install_requires"])
EXTRAS = {extra: parse(lines) for extra, lines in SETUP["options.extras_require"].items()}


@pytest.mark.parametrize("name", PINS)
def test_constraints_are_exact_versions(name: str) -> None:
    (pin,) = PINS[name].specifier
    assert pin.operator == "=="
    assert not pin.version.endswith("*")


@pytest.mark.parametrize("requirement", RANGES, ids=lambda requirement: requirement.name)
def test_pins_are_within_their_ranges(requirement: Requirement) -> None:
    if requirement.name in PINS:
        (pin,) = PINS[requirement.name].specifier
        assert requirement.specifier.contains(pin.version)


@pytest.mark.parametrize("requirement", RANGES, ids=lambda requirement: requirement.name)
def test_every_range_has_a_lower_bound(requirement: Requirement) -> None:
    assert any(part.operator in (">=", "~=") for part in requirement.specifier)


def test_packages_that_affect_the_figures_are_pinned() -> None:
    models = {"spacy", "spacy-transformers", "spacy-curated-transformers", "thinc", "torch", "transformers", "peft"}
    assert models | {"bitsandbytes", "opencc", "numpy", "tokenizers", "accelerate"} <= set(PINS)


@pytest.mark.parametrize("requirement", RANGES, ids=lambda requirement: requirement.name)
def test_installed_versions_are_within_their_ranges(requirement: Requirement) -> None:
    if requirement.marker is None or requirement.marker.evaluate():
        assert requirement.specifier.contains(Version(version(requirement.name)).public)


def test_no_package_is_required_twice() -> None:
    for requirements in (RANGES, *EXTRAS.values()):
        names = [requirement.name for requirement in requirements]
        assert len(names) == len(set(names))


# Dependencies of spaCy, FastAPI, pydantic and transformers that are part of their interfaces
EXPOSED = {"catalogue", "confection", "srsly", "typer", "wasabi", "starlette", "pydantic_core", "tokenizers"}
# Components of configs/curated.cfg; transformers imports it to load quantized weights
NOT_IMPORTED_BY_US = {"spacy_curated_transformers", "accelerate"}


def imported() -> set[str]:
    """Return the packages outside the standard library that this package imports."""
    import spacy_zh_tw_ner

    found = set[str]()
    for path in Path(spacy_zh_tw_ner.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            found |= {name.partition(".")[0] for name in names}
    return found - sys.stdlib_module_names - {"spacy_zh_tw_ner"}


def import_names(requirements: list[Requirement]) -> set[str]:
    return {requirement.name.replace("-", "_") for requirement in requirements}


def test_every_imported_package_is_declared() -> None:
    extras = {extra: import_names(requirements) for extra, requirements in EXTRAS.items()}
    for_users = set().union(*(names for extra, names in extras.items() if extra not in ("test", "bench", "project")))
    assert imported() - import_names(RANGES) - for_users == EXPOSED


def test_every_required_package_is_imported() -> None:
    assert import_names(RANGES) - imported() <= NOT_IMPORTED_BY_US


def test_packages_for_packaging_are_an_extra() -> None:
    assert import_names(EXTRAS["project"]) == {"build", "setuptools", "wheel"}
    commands = (ROOT / "README.md").read_text(encoding="utf-8")
    assert '".[project]" && .venv/bin/python -m spacy project run all' in commands


def test_python_versions_agree() -> None:
    lowest = Version(SETUP["options"]["python_requires"].removeprefix(">="))
    listed = re.findall(r"Python :: (3\.\d+)", SETUP["metadata"]["classifiers"])
    assert min(map(Version, listed)) == lowest
    ruff = re.search(r'target-version = "py(\d)(\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert ruff is not None
    assert Version(f"{ruff[1]}.{ruff[2]}") == lowest
