"""Runs that learn nothing get a warning with the likely causes; normal runs get none."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training.loop import train

from spacy_zh_tw_ner.components.crf_ner import CRFEntityRecognizer
from spacy_zh_tw_ner.training.pitfalls import Pitfalls
from spacy_zh_tw_ner.training.progress import ProgressReport, read_progress

from .runs import make, start

GROUPED = {"@optimizers": "spacy-zh-tw-ner.GroupedOptimizer.v1", "encoder_rate": 3e-5, "head_rate": 1e-3}


def build(ner: dict[str, Any] | None = None, optimizer: dict[str, Any] | None = None, ruler: bool = False) -> Language:
    nlp = spacy.blank("zh_tw")
    if ruler:
        nlp.add_pipe("entity_ruler")
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config=ner or {}).add_label("GPE")  # type: ignore[attr-defined]
    nlp.config["training"]["optimizer"] = optimizer or GROUPED
    return nlp


def run(*reports: ProgressReport) -> list[ProgressReport]:
    return [replace(report, step=100 * i) for i, report in enumerate(reports)]


def nothing(rate: float = 1e-3) -> ProgressReport:
    return make(f=0.0, found=0, rate=rate)


def wrong(loss: float) -> ProgressReport:
    return make(f=0.0, found=5, loss=loss)


def messages_of(nlp: Language, reports: list[ProgressReport], labels: dict[str, Any] | None = None) -> list[str]:
    return Pitfalls(nlp).check(reports, labels)


def likely(message: str) -> str:
    """Return the first likely cause in a message."""
    return message.partition("(1) ")[2].partition("; (2)")[0]


@pytest.mark.parametrize(
    "reports",
    [
        run(make(), make(), make(), make()),
        run(nothing(), nothing(), nothing()),  # too few evaluations
        run(nothing(), nothing(), nothing(), make(f=0.1)),
        run(nothing(), nothing(), nothing(1e-5), nothing(2e-5)),  # during the warm-up
        [replace(nothing(), step=step) for step in (0, 10, 20, 30)],
        run(wrong(4.0), wrong(3.0), wrong(3.0), wrong(3.0)),
        run(*[make(f=None, found=None)] * 4),  # no component scores entities
    ],
)
def test_normal_runs_get_no_warning(reports: list[ProgressReport]) -> None:
    nlp = build()
    pitfalls = Pitfalls(nlp)
    assert [pitfalls.check(reports[:n]) for n in range(1, len(reports) + 1)] == [[]] * len(reports)
    assert pitfalls.check_end() == []


def test_a_pitfall_is_reported_once() -> None:
    pitfalls, reports = Pitfalls(build()), run(*[nothing()] * 6)
    assert [len(pitfalls.check(reports[:n])) for n in range(1, 7)] == [0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("ner", "rates", "expected"),
    [
        ({"min_score": 0.9}, {"encoder": 3e-5, "head": 1e-3}, r"components\.ner\.min_score = 0\.9.* set 0\.35"),
        ({}, {"encoder": 3e-5, "head": 3e-5}, r"training\.optimizer\.head_rate of 3e-05 at most"),
        ({}, {"all": 2e-5}, r"training\.optimizer\.learn_rate of 2e-05 at most.*GroupedOptimizer"),
        ({}, {"encoder": 1e-3, "head": 1e-3}, r"training\.optimizer\.encoder_rate of 0\.001 at most"),
        ({"min_score": 0.35}, {"encoder": 3e-5, "head": 1e-3}, r"corpus has very few entities.*validate"),
    ],
)
def test_a_run_without_entities_names_the_likely_setting(
    ner: dict[str, Any], rates: dict[str, float], expected: str
) -> None:
    reports = [replace(report, rates=rates) for report in run(*[nothing()] * 4)]
    (message,) = messages_of(build(ner), reports)
    assert message.startswith("[ZT922] The pipeline found no entity in the last 3 evaluations, up to step 300")
    assert re.search(expected, likely(message))


def with_transformer(base: Path, optimizer: dict[str, Any], **blocks: dict[str, Any]) -> Language:
    nlp = build(optimizer=optimizer)
    model = {
        "@architectures": "spacy-zh-tw-ner.TransformerModel.v1",
        "name": str(base),
        "get_spans": {"@span_getters": "spacy-zh-tw-ner.clause_windows.v1"},
        **{name: {"@misc": f"spacy-zh-tw-ner.{name}.v1"} | block for name, block in blocks.items()},
    }
    nlp.add_pipe("transformer", first=True, config={"model": model})
    return nlp


@pytest.mark.parametrize("lora", [False, True])
def test_a_high_encoder_rate_is_accepted_with_adapters(lora: bool, tiny_checkpoint: Callable[[str], Path]) -> None:
    nlp = with_transformer(tiny_checkpoint("bert"), GROUPED, **({"lora": {}} if lora else {}))
    reports = [replace(report, rates={"encoder": 3e-4, "head": 1e-3}) for report in run(*[nothing()] * 4)]
    assert ("encoder_rate" not in messages_of(nlp, reports)[0]) is lora


def test_f_0_with_falling_loss_names_unknown_labels() -> None:
    (message,) = messages_of(build(), run(wrong(9.0), wrong(3.0), wrong(2.0), wrong(1.0)), {"GPE": {}, "地名": {}})
    assert "[ZT923]" in message
    assert "3.0000 → 1.0000" in message
    assert "labels that the training data lack (地名)" in likely(message)


def test_f_0_with_falling_loss_names_overwrite_false() -> None:
    reports = run(wrong(9.0), wrong(3.0), wrong(2.0), wrong(1.0))
    (message,) = messages_of(build(ruler=True), reports, {"GPE": {}})
    assert likely(message) == "components.ner.overwrite = false keeps the entities of entity_ruler: set true"
    (message,) = messages_of(build({"overwrite": True}, ruler=True), reports, {"GPE": {}})
    assert "overwrite" not in message
    assert "[corpora.dev] has other annotation" in likely(message)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_reported(loss: float) -> None:
    pitfalls, reports = Pitfalls(build()), run(make(), make(loss=loss), make(loss=loss))
    assert pitfalls.check(reports[:1]) == []
    (message,) = pitfalls.check(reports[:2])
    assert message.startswith("[ZT921] The loss of ner is NaN or infinite")
    assert pitfalls.check(reports) == []


@pytest.mark.parametrize(("precision", "clip"), [("fp16", 1.0), ("bf16", 0.0), ("fp32", 1.0)])
def test_a_loss_that_is_not_finite_names_precision_clipping_or_rates(
    precision: str, clip: float, tiny_checkpoint: Callable[[str], Path]
) -> None:
    optimizer = GROUPED | {"grad_clip": clip}
    nlp = with_transformer(tiny_checkpoint("bert"), optimizer, memory={"precision": precision})
    hint = likely(messages_of(nlp, run(make(), make(loss=math.nan)))[0])
    expected = {
        "fp16": 'components.transformer.model.memory.precision = "fp16"',
        "bf16": "training.optimizer.grad_clip = 0.0",
        "fp32": "the learning rates in [training.optimizer]",
    }
    assert hint.startswith(expected[precision])


SLOWLY = {"training.max_steps": 120, "training.eval_frequency": 40}


def test_the_loop_warns_of_a_run_that_finds_nothing(tiny_corpus: Path, tmp_path: Path) -> None:
    nlp = start(tiny_corpus, **SLOWLY, **{"training.optimizer.learn_rate.initial_rate": 1e-5})
    with pytest.warns(UserWarning, match=r"\[ZT922\].*\(1\) training\.optimizer\.learn_rate of 6") as warned:
        train(nlp, tmp_path, stdout=StringIO(), stderr=StringIO())
    (warning,) = warned
    *before, last = read_progress(tmp_path / "progress.jsonl")
    assert last.warnings == (str(warning.message),)
    assert not any(report.warnings for report in before)


@pytest.mark.parametrize(("step", "warns"), [(10, False), (60, True)])
def test_a_short_run_that_ends_at_f_0_gets_a_warning(step: int, warns: bool) -> None:
    pitfalls, reports = Pitfalls(build()), [make(0, f=0.0, found=0), make(step, f=0.0, found=0, rate=0.003)]
    assert pitfalls.check(reports) == []
    told_at_end = pitfalls.check_end(reports)
    assert len(told_at_end) == warns
    if warns:
        assert told_at_end[0].startswith("[ZT926] The run ended after 60 updates with F 0")
        assert "training.max_steps of 60 is too small: configs of this package have 1,500" in told_at_end[0]
    assert pitfalls.check_end(reports) == []
    assert Pitfalls(build()).check_end([*reports, make(step + 1, f=0.1)]) == []


def test_the_loop_warns_of_other_labels_in_the_dev_data(tiny_corpus: Path, tmp_path: Path) -> None:
    nlp = start(tiny_corpus, **SLOWLY, **{"paths.dev": str(tmp_path / "dev.spacy")})
    docs = list(DocBin().from_disk(tiny_corpus / "dev.spacy").get_docs(nlp.vocab))
    for doc in docs:
        doc.ents = [spacy.tokens.Span(doc, ent.start, ent.end, label=f"{ent.label_}_X") for ent in doc.ents]
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    unknown = r"\[ZT923\].*that the training data lack \(GPE_X, ORG_X, PERSON_X\)"
    with (
        pytest.warns(UserWarning, match=unknown),
        pytest.warns(UserWarning, match=r"ZT904.*GPE_X \(7\)"),
    ):
        train(nlp, tmp_path, stdout=StringIO(), stderr=StringIO())


def test_a_nan_loss_ends_training_and_keeps_the_best_pipeline(
    tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_loss, calls = CRFEntityRecognizer.get_loss, []

    def broken(self: CRFEntityRecognizer, examples: Any, scores: Any) -> Any:
        calls.append(None)
        loss, gradient = get_loss(self, examples, scores)
        return (loss if len(calls) < 6 else math.nan), gradient

    monkeypatch.setattr(CRFEntityRecognizer, "get_loss", broken)
    nlp = start(tiny_corpus)
    with pytest.warns(UserWarning, match=r"\[ZT921\] The loss of ner") as warned, pytest.raises(OverflowError):
        train(nlp, tmp_path, stdout=StringIO(), stderr=StringIO())
    assert len(warned) == 1
    assert [report.step for report in read_progress(tmp_path / "progress.jsonl")] == [0, 4]
    assert spacy.load(tmp_path / "model-best")("臺北").text == "臺北"
