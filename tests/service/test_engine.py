"""Inference thread of the service: dynamic batches, slices of long texts, and shutdown."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_zh_tw_ner.entities import Found
from spacy_zh_tw_ner.recognizers import load_recognizer
from spacy_zh_tw_ner.recognizers.spacy_recognizer import SpacyRecognizer
from spacy_zh_tw_ner.safe_points import interrupted_by, is_interruptible, safe_point
from spacy_zh_tw_ner.service.engine import WARM_UP, Batch, Engine, QueueFull, Stopping, Unreadable
from spacy_zh_tw_ner.service.fair_queue import TEXT_COST
from spacy_zh_tw_ner.service.model_cache import ModelCache

load = partial(load_recognizer, max_chars=1_000_000)
SENTENCE = "蔡英文總統在臺北市接見台積電董事長。"


class Gate:
    """A pipeline that blocks until a test opens the gate, so that texts collect in the queue meanwhile."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()
        self.batches: list[list[str]] = []
        self.nlp = spacy.blank("zh_tw")
        self.nlp.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": "台"}])  # type: ignore[attr-defined]
        pipe = self.nlp.pipe

        def gated(stream: Iterable[Doc]) -> Iterator[Doc]:
            docs = list(stream)
            texts = [doc.text for doc in docs]
            if texts == [WARM_UP]:
                return pipe(docs)
            self.batches.append(texts)
            self.entered.set()
            assert self.open.wait(60)
            if any("毒" in text for text in texts):
                raise RuntimeError(f"不得記錄 {texts}")
            return pipe(docs)

        self.nlp.pipe = gated  # type: ignore[assignment,method-assign]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def build(gate: Gate, names: str = "a", **settings: int) -> Engine:
        (tmp_path / "files").mkdir(exist_ok=True)
        (tmp_path / "files" / "config.cfg").touch()
        models = ModelCache(
            {name: str(tmp_path / "files") for name in names}, 1, lambda source: SpacyRecognizer(gate.nlp)
        )
        engine = Engine(models, **{"batch_chars": 1_000, "queue_chars": 10_000, **settings})
        engines.append(engine)
        engine.start()
        assert engine.ready.wait(60)
        return engine

    yield build
    for engine in engines:
        engine.stop(10)


def test_the_engine_returns_the_entities_of_the_pipeline(tiny_pipeline: Path, tiny_nlp: Language) -> None:
    batches: list[Batch] = []
    models = ModelCache({"tiny": str(tiny_pipeline)}, 1 << 30, load)
    engine = Engine(models, batch_chars=100, queue_chars=10_000, on_batch=batches.append)
    engine.start()
    jobs = engine.submit("tiny", [SENTENCE, "", "好"] * 5)
    engine.stop()
    for job in jobs:
        found = job.future.result(0)
        assert [f[:3] for f in found] == [(e.start_char, e.end_char, e.label_) for e in tiny_nlp(job.text).ents]
        assert [f.score for f in found] == pytest.approx([e._.score for e in tiny_nlp(job.text).ents], abs=1e-4)
    assert len(jobs[0].future.result(0)) == 3
    assert (sum(b.n_texts for b in batches), sum(b.n_chars for b in batches)) == (15, 5 * (len(SENTENCE) + 1))
    assert engine.pipeline("tiny").labels == ("GPE", "ORG", "PERSON")


def test_texts_queued_meanwhile_share_a_batch_within_the_budget(make: Callable[..., Engine]) -> None:
    gate = Gate()
    engine = make(gate, batch_chars=3 * (TEXT_COST + 1))
    jobs = engine.submit("a", ["一"])
    assert gate.entered.wait(60)
    for text in "二三四五":
        jobs += engine.submit("a", [text])
    jobs += engine.submit("a", ["長" * 500])
    jobs += engine.submit("a", ["末"])
    gate.open.set()
    assert all(job.future.result(10) == () for job in jobs)
    assert gate.batches == [["一"], ["二", "三", "四"], ["五"], ["長" * 500], ["末"]]


def test_a_batch_has_one_pipeline_and_other_texts_keep_their_position(make: Callable[..., Engine]) -> None:
    gate = Gate()
    engine = make(gate, "ab")
    jobs = engine.submit("a", ["一"])
    assert gate.entered.wait(60)
    for pipeline, text in ["a二", "b三", "a四", "b五"]:
        jobs += engine.submit(pipeline, [text])
    gate.open.set()
    for job in jobs:
        job.future.result(10)
    assert gate.batches == [["一"], ["二", "四"], ["三", "五"]]


def test_a_full_queue_raises_with_a_time_to_retry(make: Callable[..., Engine]) -> None:
    gate = Gate()
    engine = make(gate, queue_chars=100)
    engine.submit("a", ["一"])
    assert gate.entered.wait(60)
    engine.submit("a", ["很" * 500])  # an empty queue accepts any request
    with pytest.raises(QueueFull, match="Try again in 1 s") as refused:
        engine.submit("a", ["二"])
    assert refused.value.retry_after == 1
    assert engine.waiting == (1, 500 + TEXT_COST)
    gate.open.set()


def test_withdrawn_texts_are_not_processed(make: Callable[..., Engine]) -> None:
    gate = Gate()
    engine = make(gate)
    engine.submit("a", ["一"])
    assert gate.entered.wait(60)
    gone, kept = engine.submit("a", ["走"]), engine.submit("a", ["留"])
    engine.withdraw(gone)
    assert engine.waiting == (1, 1 + TEXT_COST)
    gate.open.set()
    assert kept[0].future.result(10) == ()
    assert gate.batches == [["一"], ["留"]]


def test_one_failing_text_does_not_affect_its_batch_and_is_not_logged(
    make: Callable[..., Engine], caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    gate.open.set()
    engine = make(gate)
    with caplog.at_level(logging.DEBUG):
        good, bad, other = engine.submit("a", ["台北", "毒", "台南"])
        assert [len(job.future.result(10)) for job in (good, other)] == [1, 1]
        with pytest.raises(Unreadable, match=r"\[ZT511\].*RuntimeError") as failed:
            bad.future.result(10)
    assert "毒" not in str(failed.value) + caplog.text
    assert "text of 1 characters failed: RuntimeError in _find line" in caplog.text


def test_stop_processes_queued_texts_and_refuses_new_ones(make: Callable[..., Engine]) -> None:
    gate = Gate()
    engine = make(gate)
    jobs = engine.submit("a", ["台"])
    assert gate.entered.wait(60)
    jobs += engine.submit("a", ["台"] * 50)
    stopping = threading.Thread(target=engine.stop)
    stopping.start()
    gate.open.set()
    stopping.join(60)
    assert all(len(job.future.result(0)) == 1 for job in jobs)
    with pytest.raises(QueueFull):
        engine.submit("a", ["台"])


def test_stop_cancels_texts_after_its_timeout(make: Callable[..., Engine]) -> None:
    gate = Gate()
    engine = make(gate)
    engine.submit("a", ["一"])
    assert gate.entered.wait(60)
    (waiting,) = engine.submit("a", ["二"])
    engine.stop(0.05)
    assert waiting.future.cancelled()
    gate.open.set()


def test_the_error_of_a_pipeline_that_cannot_be_loaded_is_kept(tmp_path: Path) -> None:
    (tmp_path / "config.cfg").touch()
    engine = Engine(ModelCache({"a": str(tmp_path)}, 1, load), batch_chars=1, queue_chars=1)
    engine.start()
    assert engine.ready.wait(60)
    assert "[ZT682]" in str(engine.failed)


def test_processed_texts_do_not_stay_in_memory(tiny_pipeline: Path) -> None:
    models = ModelCache({"tiny": str(tiny_pipeline)}, 1 << 30, load)
    engine = Engine(models, batch_chars=1_000, queue_chars=100_000)
    engine.start()
    engine.submit("tiny", [SENTENCE])[0].future.result(10)
    nlp = models.get("tiny")._nlp
    n_strings, n_lexemes = len(nlp.vocab.strings), len(list(nlp.vocab))
    for i in range(20):
        rare = "".join(chr(0x20000 + i * 100 + j) for j in range(100))
        engine.submit("tiny", [rare])[0].future.result(10)
    engine.stop()
    assert len(nlp.vocab.strings) <= n_strings + 5
    assert len(list(nlp.vocab)) <= n_lexemes + 5


class Sliced:
    """A recognizer with a safe point every thousand characters, where it blocks until a test lets it continue."""

    labels = evidence_labels = ("GPE",)
    span_labels = ()
    min_score = 0.0

    def __init__(self) -> None:
        self.entered, self.slices = threading.Event(), threading.Semaphore(0)
        self.done: list[str] = []

    def __call__(self, texts: list[str], hints: list[Any]) -> list[tuple[Found, ...]]:
        if texts == [WARM_UP]:
            return [()]
        for text in texts:
            for _ in range(0, len(text) if is_interruptible() else 0, 1_000):
                self.entered.set()
                assert self.slices.acquire(timeout=10)
                safe_point()
        self.done += [text[:1] for text in texts]
        return [() for _ in texts]


@pytest.fixture
def sliced(tmp_path: Path) -> Iterator[tuple[Engine, Sliced]]:
    (tmp_path / "config.cfg").touch()
    recognizer = Sliced()
    engine = Engine(
        ModelCache({"a": str(tmp_path)}, 1, lambda source: recognizer), batch_chars=1_000, queue_chars=50_000
    )
    engine.start()
    assert engine.ready.wait(60)
    yield engine, recognizer
    engine.abandon()
    recognizer.slices.release(1_000)
    engine.stop(10)


def test_shorter_texts_run_between_the_slices_of_a_long_one(sliced: tuple[Engine, Sliced]) -> None:
    engine, recognizer = sliced
    (long,) = engine.submit("a", ["長" * 100_000])
    assert recognizer.entered.wait(60)
    (later,) = engine.submit("a", ["後" * 100_000])
    (half,) = engine.submit("a", ["半" * 10_000])
    (short,) = engine.submit("a", ["短"])
    recognizer.slices.release(1)  # one slice of the long text: the half-long one begins
    recognizer.slices.release(10)  # the slices of the half-long text, with the short one in between
    assert (half.future.result(10), short.future.result(10)) == ((), ())
    assert not long.future.done()
    recognizer.slices.release(1_000)
    assert (long.future.result(10), later.future.result(10)) == ((), ())
    assert recognizer.done == ["短", "半", "長", "後"]


def test_a_withdrawn_long_text_stops_at_its_next_safe_point(sliced: tuple[Engine, Sliced]) -> None:
    engine, recognizer = sliced
    jobs = engine.submit("a", ["長" * 1_000_000])
    assert recognizer.entered.wait(60)
    engine.withdraw(jobs)
    recognizer.slices.release(1)
    (next_,) = engine.submit("a", ["短"])
    assert next_.future.result(10) == ()
    assert recognizer.done == ["短"]


def test_abandon_sets_stopping_on_all_texts_at_once(sliced: tuple[Engine, Sliced]) -> None:
    engine, recognizer = sliced
    (long,) = engine.submit("a", ["長" * 1_000_000])
    assert recognizer.entered.wait(60)
    (short,) = engine.submit("a", ["短"])
    engine.abandon()
    for job in (long, short):
        with pytest.raises(Stopping, match=r"\[ZT535\]"):
            job.future.result(0)
    with pytest.raises(QueueFull):
        engine.submit("a", ["短"])


@pytest.mark.parametrize("min_score", [0.0, 0.3])
def test_a_text_read_in_slices_has_the_same_entities(tiny_pipeline: Path, min_score: float) -> None:
    nlp = spacy.load(tiny_pipeline, config={"components.ner.min_score": min_score})
    recognizer, text, calls = SpacyRecognizer(nlp), f"{SENTENCE}我們 去吃飯。" * 200, []
    (whole,) = recognizer([text], [None])
    with interrupted_by(lambda: calls.extend(recognizer([SENTENCE, "𠮷"], [None, None]))):
        (sliced_,) = recognizer([text], [None])
    assert len(calls) > 5
    assert [found[:3] for found in sliced_] == [found[:3] for found in whole]
    assert [found.score for found in sliced_] == pytest.approx([found.score for found in whole], abs=1e-4)
    assert len(whole) == 600
    assert len(calls[0]) == 3
    assert recognizer.min_score == min_score


def test_a_long_text_keeps_the_entities_of_earlier_components(tiny_pipeline: Path) -> None:
    nlp = spacy.load(tiny_pipeline)
    nlp.add_pipe("entity_ruler", first=True).add_patterns([{"label": "GPE", "pattern": "總"}])  # type: ignore[attr-defined]
    recognizer, text = SpacyRecognizer(nlp), SENTENCE * 100
    (whole,) = recognizer([text], [None])
    with interrupted_by(lambda: None):
        (sliced_,) = recognizer([text], [None])
    assert [found[:3] for found in sliced_] == [found[:3] for found in whole]
    assert Found(3, 4, "GPE", None) in whole
