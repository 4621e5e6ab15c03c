"""The versions that were tested lie within the ranges that are promised."""

import re
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
def test_a_constraint_is_one_version(name: str) -> None:
    (pin,) = PINS[name].specifier
    assert pin.operator == "=="
    assert not pin.version.endswith("*")


@pytest.mark.parametrize("requirement", RANGES, ids=lambda requirement: requirement.name)
def test_a_pin_lies_within_its_range(requirement: Requirement) -> None:
    if requirement.name in PINS:
        (pin,) = PINS[requirement.name].specifier
        assert requirement.specifier.contains(pin.version)


@pytest.mark.parametrize("requirement", RANGES, ids=lambda requirement: requirement.name)
def test_every_range_has_a_lower_end(requirement: Requirement) -> None:
    assert any(part.operator in (">=", "~=") for part in requirement.specifier)


def test_what_decides_the_figures_is_pinned() -> None:
    models = {"spacy", "spacy-transformers", "spacy-curated-transformers", "thinc", "torch", "transformers", "peft"}
    assert models | {"bitsandbytes", "opencc", "numpy", "tokenizers", "accelerate"} <= set(PINS)


@pytest.mark.parametrize("requirement", RANGES, ids=lambda requirement: requirement.name)
def test_what_is_installed_lies_within_the_range(requirement: Requirement) -> None:
    if requirement.marker is None or requirement.marker.evaluate():
        assert requirement.specifier.contains(Version(version(requirement.name)).public)


def test_nothing_is_required_twice() -> None:
    for requirements in (RANGES, *EXTRAS.values()):
        names = [requirement.name for requirement in requirements]
        assert len(names) == len(set(names))


def test_every_third_party_import_of_the_package_is_required() -> None:
    import spacy_zh_tw_ner

    package = Path(spacy_zh_tw_ner.__file__).parent
    sources = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    imported = set(re.findall(r"^\s*(?:import|from) ([a-z]\w*)", sources, re.MULTILINE))
    required = {requirement.name.replace("-", "_") for requirement in RANGES}
    # spaCy's own requirements, which it exposes
    required |= {"srsly", "typer", "wasabi"}
    # extras that the package imports where they are installed
    required |= {
        Requirement(line).name for line in SETUP["options.extras_require"]["fast"].split("\n") if line[:1].isalpha()
    }
    third_party = {"numpy", "opencc", "safetensors", "spacy", "srsly", "thinc", "torch", "tqdm", "typer", "wasabi"}
    third_party |= {"transformers", "peft", "bitsandbytes", "numba", "scipy", "sklearn", "requests", "pandas", "yaml"}
    assert imported & third_party <= required


def test_python_versions_agree() -> None:
    lowest = Version(SETUP["options"]["python_requires"].removeprefix(">="))
    listed = re.findall(r"Python :: (3\.\d+)", SETUP["metadata"]["classifiers"])
    assert min(map(Version, listed)) == lowest
    ruff = re.search(r'target-version = "py(\d)(\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert ruff is not None
    assert Version(f"{ruff[1]}.{ruff[2]}") == lowest
