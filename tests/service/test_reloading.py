"""Reload of served pipelines: atomic, and only if the newer version is not worse."""

import shutil
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_zh_tw_ner.recognizers import load_recognizer
from spacy_zh_tw_ner.service import engine as engine_module
from spacy_zh_tw_ner.service import model_cache
from spacy_zh_tw_ner.service.engine import Engine
from spacy_zh_tw_ner.service.http_errors import Refusal
from spacy_zh_tw_ner.service.model_cache import ModelCache
from spacy_zh_tw_ner.service.reloading import Reloader, named_corpora
from spacy_zh_tw_ner.service.settings import ServiceSettings

from .conftest import Running, running
from .test_app import found, refused, until

KEY = "s3cret"
BEARER = {"Authorization": f"Bearer {KEY}"}
TEXT = "台積電在新竹，鴻海在土城。"
ONE, TWO, FOUR = (
    {"台積電": "ORG"},
    {"台積電": "ORG", "新竹": "GPE"},
    dict.fromkeys(["台積電", "鴻海"], "ORG")
    | {
        "新竹": "GPE",
        "土城": "GPE",
    },
)


def write_pipeline(folder: Path, words: dict[str, str]) -> Path:
    """Write a pipeline that finds words; an existing one is replaced in one step."""
    nlp = spacy.blank("zh_tw")
    ruler: Any = nlp.add_pipe("entity_ruler")
    ruler.add_patterns(
        [{"label": label, "pattern": [{"ORTH": char} for char in word]} for word, label in words.items()]
    )
    new = folder.with_name("new")
    nlp.to_disk(new)
    if folder.exists():
        folder.rename(folder.with_name("former"))
        shutil.rmtree(folder.with_name("former"))
    new.rename(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pipeline(tmp_path / "pipeline", TWO)


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    """A corpus of one text with four entities."""
    doc = spacy.blank("zh_tw").make_doc(TEXT)
    ents = [doc.char_span(TEXT.index(word), TEXT.index(word) + len(word), label=label) for word, label in FOUR.items()]
    doc.ents = [ent for ent in ents if ent is not None]
    DocBin(docs=[doc]).to_disk(tmp_path / "dev.spacy")
    return tmp_path / "dev.spacy"


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    models = ModelCache({"a": str(folder)}, 1 << 30, lambda source: load_recognizer(source, max_chars=100_000))
    found = Engine(models, batch_chars=100, queue_chars=10_000)
    found.start()
    assert found.ready.wait(60)
    yield found
    found.stop(10)


def words(engine: Engine, pipeline: Any = "a") -> list[str]:
    (queued,) = engine.submit(pipeline, [TEXT])
    return [TEXT[entity.start : entity.end] for entity in queued.future.result(10)]


def test_requests_use_the_version_that_was_current_when_they_began(engine: Engine, folder: Path) -> None:
    former, reloader = engine.pipeline("a"), Reloader(engine, ServiceSettings())
    assert words(engine) == ["台積電", "新竹"]
    write_pipeline(folder, FOUR)
    reloaded = reloader.reload("a")
    assert (reloaded.replaced, reloaded.former_version, reloaded.f) == (True, former.version, None)
    assert reloaded.version == engine.pipeline("a").version != former.version
    assert words(engine) == ["台積電", "新竹", "鴻海", "土城"]
    assert words(engine, former) == ["台積電", "新竹"]
    assert engine.loaded == ("a",)


def test_unchanged_files_are_not_loaded_again(engine: Engine) -> None:
    former = engine.pipeline("a")
    reloaded = Reloader(engine, ServiceSettings()).reload("a")
    assert not reloaded.replaced
    assert "have not changed" in str(reloaded)
    assert engine.pipeline("a") is former


def test_the_former_pipeline_is_freed_after_its_last_request(engine: Engine, folder: Path) -> None:
    former = engine.pipeline("a")
    nlp = weakref.ref(former.recognizer._nlp)  # type: ignore[union-attr]
    write_pipeline(folder, FOUR)
    Reloader(engine, ServiceSettings()).reload("a")
    assert words(engine, former) == ["台積電", "新竹"]
    assert nlp() is not None
    del former
    until(lambda: nlp() is None)


def test_each_version_is_freed_once(engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[str] = []  # a full garbage collection for each
    monkeypatch.setattr(model_cache, "_free_memory", lambda: freed.append("one"))
    for new in (FOUR, ONE, FOUR):
        write_pipeline(folder, new)
        assert Reloader(engine, ServiceSettings()).reload("a").replaced
    until(lambda: len(freed) >= 3)
    assert len(freed) == 3


def test_a_version_that_is_not_used_is_freed(engine: Engine, folder: Path, dev: Path) -> None:
    seen: list[weakref.ref[Any]] = []
    load = engine.models.load_newer

    def watched(name: str) -> Any:
        pipeline = load(name)
        seen.append(weakref.ref(pipeline.recognizer._nlp))  # type: ignore[union-attr]
        return pipeline

    engine.models.load_newer = watched  # type: ignore[method-assign]
    write_pipeline(folder, ONE)
    with pytest.raises(Refusal):
        Reloader(engine, ServiceSettings(reload_dev={"a": dev})).reload("a")
    until(lambda: seen[0]() is None)


def test_a_worse_version_is_not_used(engine: Engine, folder: Path, dev: Path, caplog: pytest.LogCaptureFixture) -> None:
    reloader = Reloader(engine, ServiceSettings(reload_dev={"a": dev}, batch_chars=10))
    former = engine.pipeline("a")
    write_pipeline(folder, ONE)
    with pytest.raises(Refusal, match=r"^\[ZT737\] The pipeline 'a' was not replaced.*from 66.67 to 40.00") as raised:
        reloader.reload("a")
    assert raised.value.status == 409
    assert engine.pipeline("a") is former
    assert "ZT737" in caplog.text
    write_pipeline(folder, FOUR)
    reloaded = reloader.reload("a")
    assert (reloaded.former_f, reloaded.f) == (pytest.approx(200 / 3), 100.0)
    assert "F on the dev corpus: 100.00, before 66.67." in str(reloaded)
    write_pipeline(folder, dict(reversed(FOUR.items())))  # equal scores
    assert reloader.reload("a").replaced


def test_files_that_cannot_be_loaded_are_not_used(engine: Engine, folder: Path) -> None:
    reloader = Reloader(engine, ServiceSettings())
    (folder / "config.cfg").write_text("[nlp]\nlang = 5")
    with pytest.raises(
        Refusal, match=r"^\[ZT736\] The pipeline 'a' was not replaced, and .* is still served: \[ZT682\]"
    ):
        reloader.reload("a")
    shutil.rmtree(folder)
    with pytest.raises(Refusal, match=r"\[ZT736\].*\[ZT531\]"):
        reloader.reload("a")
    assert words(engine) == ["台積電", "新竹"]
    write_pipeline(folder, FOUR)
    assert reloader.reload("a").replaced


def test_files_that_change_while_they_are_loaded_are_not_used(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(source: str) -> Any:
        recognizer = load_recognizer(source, max_chars=100_000)
        (folder / "vocab" / "strings.json").write_text("[]")  # a copy of the folder goes on
        return recognizer

    monkeypatch.setattr(engine.models, "_load", load)
    write_pipeline(folder, FOUR)
    with pytest.raises(Refusal, match=r"\[ZT736\].*\[ZT749\] The files in .* changed while they were loaded"):
        Reloader(engine, ServiceSettings()).reload("a")
    assert words(engine) == ["台積電", "新竹"]


def test_a_version_that_fails_at_a_text_is_not_used(
    engine: Engine, folder: Path, dev: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, former = engine_module._find, engine.pipeline("a").recognizer

    def fail(recognizer: Any, batch: Any) -> Any:
        if recognizer is not former:
            raise RuntimeError("不得記錄")
        return find(recognizer, batch)

    monkeypatch.setattr(engine_module, "_find", fail)
    write_pipeline(folder, FOUR)
    with pytest.raises(Refusal, match=r"\[ZT736\].*\[ZT511\]") as raised:
        Reloader(engine, ServiceSettings(reload_dev={"a": dev})).reload("a")
    assert "不得記錄" not in str(raised.value)
    assert words(engine) == ["台積電", "新竹"]


def test_one_reload_at_a_time(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reloader, gate, load = Reloader(engine, ServiceSettings()), threading.Event(), engine.models.load_newer
    monkeypatch.setattr(engine.models, "load_newer", lambda name: gate.wait(30) and load(name))
    write_pipeline(folder, FOUR)
    thread = threading.Thread(target=reloader.reload_all)
    thread.start()
    until(reloader._lock.locked)
    with pytest.raises(Refusal, match=r"\[ZT738\]"):
        reloader.reload("a")
    reloader.reload_all()
    assert caplog.text.count("the pipeline a was not reloaded: [ZT738]") == 2
    assert words(engine) == ["台積電", "新竹"]  # requests are answered meanwhile
    gate.set()
    thread.join(30)
    assert len(words(engine)) == 4


def test_a_busy_or_stopping_service_ends_the_reload(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, find, former = threading.Event(), engine_module._find, engine.pipeline("a")
    monkeypatch.setattr(engine_module, "_find", lambda *arguments: gate.wait(30) and find(*arguments))
    write_pipeline(folder, FOUR)
    with pytest.raises(Refusal, match=r"\[ZT512\]"):
        Reloader(engine, ServiceSettings(timeout=0.1)).reload("a")
    gate.set()
    engine.stop(10)
    with pytest.raises(Refusal, match=r"\[ZT512\]"):
        Reloader(engine, ServiceSettings()).reload("a")
    assert engine.pipeline("a") is former


def test_corpora_are_checked_at_the_start(engine: Engine, tmp_path: Path, dev: Path) -> None:
    assert named_corpora([str(dev), f"b={dev}"], ["a", "b"]) == {"a": dev, "b": dev}
    for argument in ("none", f"c={dev}", "a=none"):
        with pytest.raises(ValueError, match=r"\[ZT740\]"):
            named_corpora([argument], ["a", "b"])
    with pytest.raises(ValueError, match=r"\[ZT740\].*second corpus of the pipeline 'a'"):
        named_corpora([str(dev), f"a={dev}"], ["a", "b"])
    DocBin(docs=[Doc(spacy.blank("zh_tw").vocab, ["空"])]).to_disk(tmp_path / "empty.spacy")
    with pytest.raises(ValueError, match=r"\[ZT740\].*has no entities"):
        Reloader(engine, ServiceSettings(reload_dev={"a": tmp_path / "empty.spacy"}))
    (tmp_path / "text.spacy").write_text("文字")
    with pytest.raises(ValueError, match=r"\[ZT210\]"):
        Reloader(engine, ServiceSettings(reload_dev={"a": tmp_path / "text.spacy"}))


@pytest.fixture
def served(folder: Path, dev: Path) -> Iterator[Running]:
    with running({"a": str(folder)}, api_key=KEY, reload_dev={"a": dev}, max_texts=10_000) as service:
        service.client.headers.update(BEARER)
        yield service


def test_the_route_reloads_a_pipeline(served: Running, folder: Path) -> None:
    client = served.client
    before = client.get("/v1/service").json()["pipelines"][0]["version"]
    write_pipeline(folder, FOUR)
    answer = client.post("/v1/reload").json()
    after = client.get("/v1/service").json()["pipelines"][0]["version"]
    assert answer == {
        "pipeline": "a",
        "replaced": True,
        "version": after,
        "former_version": before,
        "f": 100.0,
        "former_f": pytest.approx(66.67, abs=0.01),
    }
    assert before != after
    assert len(found(served.ask({"text": TEXT}))[0]) == 4
    assert client.post("/v1/reload?pipeline=a").json()["replaced"] is False
    write_pipeline(folder, ONE)
    assert "from 100.00 to 40.00" in refused(client.post("/v1/reload"), 409, "ZT737")
    refused(client.post("/v1/reload?pipeline=b"), 422, "ZT515")


def test_a_stream_ends_on_the_version_on_which_it_began(served: Running, folder: Path) -> None:
    lines = b'{"text": "%s"}\n' % TEXT.encode() * 3_000
    write_pipeline(folder, FOUR)
    with served.client.stream(
        "POST", "/v1/entities/stream", content=lines, headers={"Content-Type": "application/x-ndjson"}
    ) as response:
        answers = response.iter_lines()
        first = next(answers)
        assert served.client.post("/v1/reload").json()["replaced"]
        assert len(found(served.ask({"text": TEXT}))[0]) == 4
        seen = {line.count('"label"') for line in (first, *answers)}
    assert seen == {2}


def test_the_route_needs_a_key(service: Running, served: Running) -> None:
    assert "/v1/reload" in refused(service.client.post("/v1/reload"), 403, "ZT739")
    del served.client.headers["Authorization"]
    refused(served.client.post("/v1/reload"), 401, "ZT514")
