"""Settings of all tests (threads, no network, `--slow`), and fixtures that are built once."""

import gc
import os
import shutil
import socket
import warnings
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.tiny import TINY, tiny_config

if TYPE_CHECKING:
    from spacy.language import Language

Once = Callable[[str, Callable[[Path], object]], Path]

# Tests with a parameter `family` are marked slow for all other families.
QUICK_FAMILIES = ("bert", "qwen2")

CORPORA_VARIABLE = "ZH_TW_NER_CORPORA"

os.environ["HF_HUB_OFFLINE"] = "1"  # also for processes that tests start


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")
    parser.addoption("--mutations", type=int, default=500, help="damaged files for each kind of reader (--slow)")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run the whole suite in up to four processes, and tests named on the command line in this one."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return 0
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(n_cores, 4)  # each takes a gigabyte


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        return  # the others run the tests
    import spacy
    import torch
    from hypothesis import settings

    torch.set_num_threads(1)
    settings.register_profile("busy", deadline=None)  # other processes may slow a test down
    settings.load_profile("busy")
    with warnings.catch_warnings():
        # spaCy loads the factories of all installed packages, and one of them calls a function that torch deprecates.
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", DeprecationWarning)
        spacy.blank("zh_tw")


def pytest_collection_finish(session: pytest.Session) -> None:
    # Exclude the imported modules from garbage collection: otherwise each gc.collect() takes half a second.
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def onednn_on_any_machine() -> Iterator[None]:
    """If the CPU has no AVX-512, replace the operator of oneDNN by torch's product."""
    import torch.nn.functional as F

    from spacy_zh_tw_ner.cpu_acceleration import probe

    with pytest.MonkeyPatch.context() as patch:
        if probe.onednn_product() is None:
            patch.setattr(probe, "onednn_product", lambda: lambda rows, weight, bias, *_: F.linear(rows, weight, bias))
        yield


@pytest.fixture
def half_precision_is_native(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the CPU compute in half precision even if it has to emulate it, so that tests run the same code anywhere."""
    from spacy_zh_tw_ner.transformer import memory

    monkeypatch.setattr(memory, "is_native", lambda *args: True)


@pytest.hookimpl(tryfirst=True)  # before `-m slow` selects tests
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is not None and callspec.params.get("family", "bert") not in QUICK_FAMILIES:
            item.add_marker("slow")
    # Run tests with the tiny pipeline last, so that processes do not wait while one of them trains it.
    late = {item.path for item in items if "tiny_pipeline" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path in late)
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="slow: run with --slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Raise an error if a test connects to another machine."""
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
def nlp() -> "Language":
    import spacy

    return spacy.blank("zh_tw")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Return the folder of real corpora, whose licences do not allow us to ship them; skip if there is none."""
    if CORPORA_VARIABLE not in os.environ:
        pytest.skip(f"{CORPORA_VARIABLE} names no folder with the real corpora")
    return Path(os.environ[CORPORA_VARIABLE])


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Return a function that fills a named folder in the first process that calls it; other processes wait for it."""
    from filelock import FileLock

    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # shared by all processes

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder, begun = root / name, root / f"{name}.begun"
        with FileLock(root / f"{name}.lock"):
            if not folder.exists():
                shutil.rmtree(begun, ignore_errors=True)
                begun.mkdir()
                fill(begun)
                begun.rename(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_source(once: Once) -> Path:
    """Write eight sentences as train, dev and test files in inline markup; return their folder."""

    def fill(folder: Path) -> None:
        (folder / "tiny").mkdir()
        for split in ("train", "dev", "test"):
            (folder / "tiny" / f"{split}.txt").write_text(TINY, encoding="utf-8")

    return once("source", fill) / "tiny"


@pytest.fixture(scope="session")
def tiny_corpus(tiny_source: Path, once: Once) -> Path:
    """Convert `tiny_source` to `.spacy` files; return their folder."""
    from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert

    settings = ConvertSettings(script="none")
    return once("corpus", lambda folder: convert(tiny_source, folder / "tiny", settings, notify=str)) / "tiny"


@pytest.fixture(scope="session")
def tiny_pipeline(tiny_corpus: Path, once: Once) -> Path:
    """Train a pipeline on the tiny corpus until it predicts it without errors; return its folder."""
    from spacy.training.initialize import init_nlp
    from spacy.training.loop import train

    def fill(folder: Path) -> None:
        logger = {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False}
        config = tiny_config(tiny_corpus, **{"training.logger": logger})
        with (folder / "log").open("w") as log:
            train(init_nlp(config.interpolate()), folder, stdout=log, stderr=log)

    return once("training", fill) / "model-best"


@pytest.fixture(scope="session")
def tiny_nlp(tiny_pipeline: Path) -> "Language":
    import spacy

    return spacy.load(tiny_pipeline)


@pytest.fixture(scope="session")
def tiny_texts(tiny_corpus: Path) -> list[str]:
    import spacy
    from spacy.tokens import DocBin

    bin_ = DocBin().from_disk(tiny_corpus / "test.spacy")
    return [doc.text for doc in bin_.get_docs(spacy.blank("zh_tw").vocab)]


@pytest.fixture(scope="session")
def tiny_checkpoint(once: Once) -> Callable[[str], Path]:
    """Return a function that saves a tiny base model of a family, with random weights and a trained tokenizer."""
    from benchmarks.synthetic import make_checkpoint

    return lambda family: once(family, lambda folder: make_checkpoint(folder, family))


@pytest.fixture(scope="session")
def tiny_onnx(tiny_checkpoint: Callable[[str], Path], once: Once) -> tuple[Path, Path]:
    """Train a pipeline with a tiny BERT, and export it to ONNX; return both folders."""
    from spacy_zh_tw_ner.export.export_onnx import write_onnx
    from spacy_zh_tw_ner.transformer import wordpieces
    from tests.pipelines import make_pipeline

    def fill(folder: Path) -> None:
        nlp = make_pipeline(tiny_checkpoint("bert"), folder / "pipeline")
        (folder / "onnx").mkdir()
        with pytest.MonkeyPatch.context() as patch:
            # With fewer code points, the export takes half of the time.
            patch.setattr(wordpieces, "RANGES", ((0, 0x3400), (0x4E00, 0xA000), (0xFF00, 0x10000)))
            write_onnx(nlp, folder / "onnx")

    folder = once("onnx", fill)
    return folder / "pipeline", folder / "onnx"


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Reduce the layers of known base models to a sixth, for tests that do not check the figures of a plan."""
    from spacy_zh_tw_ner.planning import plan

    whole = plan.config_of

    def few(*args: Any) -> Any:
        config = whole(*args)
        config.num_hidden_layers //= 6
        return config

    monkeypatch.setattr(plan, "config_of", few)
    plan.backbone_on_meta.cache_clear()
    yield
    plan.backbone_on_meta.cache_clear()
