"""What all tests share: threads, no network, `--slow`, and parts that take time to make."""

import os
import socket
import warnings
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from checkpoints import make_checkpoint
from hypothesis import settings
from shrunk import ROOT, SHRINK
from spacy.language import Language
from spacy.tokens import DocBin

CORPORA_VARIABLE = "ZH_TW_NER_CORPORA"

os.environ["HF_HUB_OFFLINE"] = "1"  # for the processes that tests start, too

TINY = """# doc = tiny-01
[蔡英文](PERSON)總統在[臺北市](GPE)接見[台積電](ORG)董事長。
[台積電](ORG)總部在[新竹市](GPE)。
昨天[林佳龍](PERSON)走訪[台中市](GPE)的市場。
[國立臺灣大學](ORG)位於[臺北市](GPE)[大安區](GPE)。

# doc = tiny-02
[陳建仁](PERSON)說，[中央研究院](ORG)在[南港區](GPE)。
[鴻海](ORG)在[土城區](GPE)設廠，[郭台銘](PERSON)沒有到場。
我們去吃飯吧！
[台積電](ORG)與[鴻海](ORG)都是公司。
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")


def pytest_configure(config: pytest.Config) -> None:
    torch.set_num_threads(1)
    settings.register_profile("busy", deadline=None)  # other processes may have the machine
    settings.load_profile("busy")
    with warnings.catch_warnings():
        # spaCy loads the factories of every installed package at once, and one of them uses what torch deprecates.
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", DeprecationWarning)
        spacy.blank("zh_tw")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="slow: run with --slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Fail a test that reaches for another machine: what is not here is not needed."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise RuntimeError(f"tests may not connect to {address!r}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "")


@pytest.fixture
def nlp() -> Language:
    return spacy.blank("zh_tw")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real corpora, which are not ours to ship."""
    if CORPORA_VARIABLE not in os.environ:
        pytest.skip(f"{CORPORA_VARIABLE} names no folder with the real corpora")
    return Path(os.environ[CORPORA_VARIABLE])


@pytest.fixture(scope="session")
def tiny_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with eight sentences as train, dev and test, in the markup."""
    folder = tmp_path_factory.mktemp("source") / "tiny"
    folder.mkdir()
    for split in ("train", "dev", "test"):
        (folder / f"{split}.txt").write_text(TINY, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_corpus(tiny_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as `.spacy` files."""
    from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert

    target = tmp_path_factory.mktemp("corpus") / "tiny"
    convert(tiny_source, target, ConvertSettings(script="none"), notify=lambda message: None)
    return target


@pytest.fixture(scope="session")
def tiny_pipeline(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pipeline that knows the tiny corpus by heart."""
    from spacy.training.initialize import init_nlp
    from spacy.training.loop import train
    from spacy.util import load_config

    paths = {f"paths.{split}": str(tiny_corpus / f"{split}.spacy") for split in ("train", "dev")}
    logger = {"training.logger": {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False}}
    config = load_config(ROOT / "configs" / "bilstm.cfg", overrides=SHRINK | paths | logger)
    output = tmp_path_factory.mktemp("training")
    with (output / "log").open("w") as log:
        train(init_nlp(config.interpolate()), output, stdout=log, stderr=log)
    return output / "model-best"


@pytest.fixture(scope="session")
def tiny_nlp(tiny_pipeline: Path) -> Language:
    return spacy.load(tiny_pipeline)


@pytest.fixture(scope="session")
def tiny_texts(tiny_corpus: Path) -> list[str]:
    bin_ = DocBin().from_disk(tiny_corpus / "test.spacy")
    return [doc.text for doc in bin_.get_docs(spacy.blank("zh_tw").vocab)]


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder with a tiny base of a family, with random weights and a real tokenizer."""
    made: dict[str, Path] = {}

    def make(family: str) -> Path:
        if family not in made:
            made[family] = make_checkpoint(tmp_path_factory.mktemp(family), family)
        return made[family]

    return make


@pytest.fixture(scope="session")
def tiny_onnx(tiny_checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders with a pipeline behind a tiny BERT, and with the same as ONNX."""
    from trained import make_pipeline

    from spacy_zh_tw_ner.encoders.transformer import code_points
    from spacy_zh_tw_ner.pipeline.export_onnx import write_onnx

    folder = tmp_path_factory.mktemp("onnx")
    nlp = make_pipeline(tiny_checkpoint("bert"), folder / "pipeline")
    (folder / "onnx").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_points, "RANGES", ((0, 0x3400), (0x4E00, 0xA000), (0xFF00, 0x10000)))  # half of the time
        write_onnx(nlp, folder / "onnx")
    return folder / "pipeline", folder / "onnx"
