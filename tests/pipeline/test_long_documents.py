"""A long document gives what it would give as a whole, without its hidden states ever being there as a whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spacy.language import Language
from spacy.tokens import Doc

from spacy_zh_tw_ner.encoders import stretches
from spacy_zh_tw_ner.pipeline.from_hf import pipeline_from_hf
from tests.checkpoints import sentences

CheckpointT = Callable[[str], Path]

TEXTS = ["", "臺北市。", "".join(sentences())[:1500], "國立臺灣大學", "山" * 700]
EntsT = list[list[tuple[int, int, str, float]]]


@pytest.fixture
def nlp(tiny_checkpoint: CheckpointT) -> Language:
    nlp = pipeline_from_hf(str(tiny_checkpoint("bert")), size=100, overlap=10)
    nlp.remove_pipe("doc_cleaner")
    return nlp


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "STRETCH", 256)
    monkeypatch.setattr(stretches, "LONG", 512)


def ents(docs: list[Doc]) -> EntsT:
    return [[(e.start, e.end, e.label_, pytest.approx(e._.score, abs=1e-4)) for e in doc.ents] for doc in docs]


def test_entities_and_scores_are_the_same(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ents(list(nlp.pipe(TEXTS)))
    assert sum(map(len, whole)) > 50
    monkeypatch.setattr(stretches, "STRETCH", 256)
    monkeypatch.setattr(stretches, "LONG", 512)
    docs = list(nlp.pipe(TEXTS))
    assert [type(doc._.trf_data).__name__ for doc in docs] == [
        *("TransformerData", "TransformerData", "LongData", "TransformerData", "LongData"),
    ]
    assert ents(docs) == whole
    assert ents([nlp(text) for text in TEXTS]) == whole


def test_hidden_states_are_never_there_as_a_whole(nlp: Language, long: None, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = nlp.get_pipe("transformer").model.layers[0]  # type: ignore[attr-defined]
    passes, sizes = encoder.shims[0].passes, []
    run = passes.run
    monkeypatch.setattr(passes, "run", lambda batches, n: sizes.append(n) or run(batches, n))
    doc = nlp(TEXTS[2])
    assert len(doc) <= sum(sizes) <= 1.2 * len(doc)  # with what windows read of each other
    assert max(sizes) <= 300


def test_who_asks_for_all_gets_all(nlp: Language, long: None, monkeypatch: pytest.MonkeyPatch) -> None:
    found = nlp(TEXTS[2])._.trf_data
    monkeypatch.setattr(stretches, "LONG", 10_000)
    expected = nlp(TEXTS[2])._.trf_data
    assert found.width == expected.width
    np.testing.assert_allclose(found.tensors[0], expected.tensors[0], atol=1e-5)
    np.testing.assert_array_equal(found.align.dataXd, expected.align.dataXd)


def test_a_document_with_it_is_saved_and_sent_to_other_processes(nlp: Language, long: None) -> None:
    doc = nlp(TEXTS[2])
    again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    np.testing.assert_allclose(again._.trf_data.tensors[0], doc._.trf_data.tensors[0], atol=1e-6)
    assert ents([again]) == ents([doc])


def test_without_a_transformer_before_it_the_head_reads_as_ever(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ents(list(nlp.pipe(TEXTS)))
    nlp.replace_listeners("transformer", "ner", ["model.tok2vec"])
    monkeypatch.setattr(stretches, "LONG", 512)
    assert ents(list(nlp.pipe(TEXTS))) == expected
    with nlp.select_pipes(disable="transformer"):
        assert ents(list(nlp.pipe(TEXTS))) == expected


def test_an_error_leaves_the_document_as_it_was(nlp: Language, long: None, monkeypatch: pytest.MonkeyPatch) -> None:
    doc = nlp(TEXTS[2])
    data, ner = doc._.trf_data, nlp.get_pipe("ner")
    width = data.width

    def broken() -> Any:
        yield np.zeros((3, width), dtype="f")
        raise RuntimeError("no more")

    monkeypatch.setattr(data, "_encode", broken)
    with pytest.raises(RuntimeError, match="no more"):
        ner.predict([doc])  # type: ignore[attr-defined]
    assert doc._.trf_data is data
