"""The pip command in a hint depends on how this package was installed."""

import json
from collections.abc import Callable
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from spacy_zh_tw_ner import extras
from spacy_zh_tw_ner.extras import install_hint

ROOT = Path(__file__).parents[1]
EXTRAS = ("evaluate", "fast", "onnx", "parquet", "presidio", "ray", "serve")


class Installed:
    """Metadata of a package, in place of `importlib.metadata.Distribution`."""

    def __init__(self, url: str | None) -> None:
        self.url = url
        self.requires = ["spacy>=3.8", 'pyarrow>=16; extra == "parquet"', "ray[data]>=2.40; extra == 'ray'"]

    def read_text(self, name: str) -> str | None:
        return None if self.url is None else json.dumps({"url": self.url, "dir_info": {}})


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str | None], None]:
    """Return a function that pretends that the package is in a site-packages folder, installed from a URL."""

    def pretend(url: str | None) -> None:
        monkeypatch.setattr(extras, "__file__", str(tmp_path / "site" / "spacy_zh_tw_ner" / "extras.py"))
        monkeypatch.setattr(extras, "distribution", lambda name: Installed(url))

    return pretend


@pytest.mark.skipif(not (ROOT / "spacy_zh_tw_ner").is_dir(), reason="the source is not here")
@pytest.mark.parametrize("extra", EXTRAS)
def test_the_hint_in_a_clone_names_its_folder(extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "__file__", str(ROOT / "spacy_zh_tw_ner" / "extras.py"))
    monkeypatch.chdir(ROOT)
    assert install_hint(extra) == f'pip install ".[{extra}]"'
    monkeypatch.chdir(tmp_path)
    assert install_hint(extra) == f'pip install "{ROOT}[{extra}]"'


def test_the_hint_names_the_folder_of_the_installation(
    installed: Callable[[str | None], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my clone"
    folder.mkdir()
    (folder / "setup.cfg").touch()
    installed(folder.as_uri())
    assert install_hint("parquet") == f'pip install "{folder}[parquet]"'
    monkeypatch.chdir(folder)
    assert install_hint("parquet") == 'pip install ".[parquet]"'


@pytest.mark.parametrize("url", [None, "file:///gone", "https://example.org/a.whl", "file:///tmp/a.whl"])
def test_without_a_folder_the_hint_names_the_packages_of_the_extra(
    installed: Callable[[str | None], None], url: str | None
) -> None:
    installed(url)
    assert install_hint("parquet") == 'pip install "pyarrow>=16"'
    assert install_hint("ray") == 'pip install "ray[data]>=2.40"'


def test_without_metadata_the_hint_names_the_package(
    installed: Callable[[str | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(None)

    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(extras, "distribution", missing)
    assert install_hint("parquet") == 'pip install "spacy-zh-tw-ner[parquet]"'


def test_the_extras_are_declared() -> None:
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert set(EXTRAS) <= set(setup["options.extras_require"])
