"""Test that long documents, processed in chunks, have the same entities as in one piece, in bounded memory."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import fix_random_seed

from benchmarks.synthetic import sentences
from spacy_zh_tw_ner import entity_decoding
from spacy_zh_tw_ner.components.ensemble import align_chunks, combine
from spacy_zh_tw_ner.components.inspection import find_recognizer
from spacy_zh_tw_ner.components.span_annotations import write_evidence
from spacy_zh_tw_ner.crf import LongSequence
from spacy_zh_tw_ner.encoders import bilstm, long_documents
from spacy_zh_tw_ner.export.from_hf import pipeline_from_hf
from spacy_zh_tw_ner.safe_points import interrupted_by
from spacy_zh_tw_ner.transformer import model as transformer

from .training_data import BILSTM, HASH_EMBED_CNN, MASKED, build

CheckpointT = Callable[[str], Path]

TEXTS = ["", "臺北市。", "".join(sentences())[:1500], "國立臺灣大學", "山" * 700]
EntsT = list[list[tuple[int, int, str, float]]]
min_scores = pytest.mark.parametrize("min_score", [0.0, 0.3])


@pytest.fixture
def nlp(tiny_checkpoint: CheckpointT) -> Language:
    nlp = pipeline_from_hf(str(tiny_checkpoint("bert")), size=100, overlap=10)
    nlp.remove_pipe("doc_cleaner")
    return nlp


def random_pipeline(tok2vec: dict[str, Any], seed: int = 0) -> Language:
    """Create a pipeline with random weights, whose predictions are all uncertain."""
    nlp = build(tok2vec)
    example = Example.from_dict(nlp.make_doc(TEXTS[2][:100]), {"entities": [(0, 3, "GPE"), (5, 9, "ORG")]})
    fix_random_seed(seed)
    nlp.initialize(lambda: [example])
    transitions = find_recognizer(nlp).model.get_ref("transitions")
    for name in ("matrix", "start", "end"):
        shape = transitions.get_param(name).shape
        transitions.set_param(name, np.random.default_rng(seed).normal(size=shape).astype("f"))
    return nlp


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    lower_limits(monkeypatch)


def lower_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat documents of more than 512 tokens as long: encode them in chunks of 256, and decode chunks of 99."""
    monkeypatch.setattr(bilstm, "CHUNK", 256)
    monkeypatch.setattr(transformer, "CHUNK", 256)
    monkeypatch.setattr(long_documents, "LONG", 512)
    monkeypatch.setattr(entity_decoding, "LongSequence", partial(LongSequence, size=99))


def ents(docs: list[Doc]) -> EntsT:
    return [[(e.start, e.end, e.label_, pytest.approx(e._.score, abs=1e-4)) for e in doc.ents] for doc in docs]


# -- results


@min_scores
def test_entities_and_scores_equal_those_in_one_piece(
    nlp: Language, monkeypatch: pytest.MonkeyPatch, min_score: float
) -> None:
    find_recognizer(nlp).min_score = min_score
    whole = ents(list(nlp.pipe(TEXTS)))
    assert sum(map(len, whole)) > 50
    lower_limits(monkeypatch)
    docs = list(nlp.pipe(TEXTS))
    assert [type(doc._.trf_data).__name__ for doc in docs] == [
        *("TransformerData", "TransformerData", "LongData", "TransformerData", "LongData"),
    ]
    assert ents(docs) == whole
    assert ents([nlp(text) for text in TEXTS]) == whole


@min_scores
def test_interrupting_work_does_not_change_entities(
    nlp: Language, monkeypatch: pytest.MonkeyPatch, min_score: float
) -> None:
    find_recognizer(nlp).min_score = min_score
    whole = ents(list(nlp.pipe(TEXTS)))
    monkeypatch.setattr(long_documents, "CHUNK", 256)
    monkeypatch.setattr(transformer, "INTERRUPTIBLE_CHUNK", 100)
    between: list[Doc] = []
    with interrupted_by(lambda: between.append(nlp(TEXTS[2][:50]))):
        assert ents(list(nlp.pipe(TEXTS))) == whole
    assert len(between) > 10
    assert len({str(ents([doc])) for doc in between}) == 1


@min_scores
@pytest.mark.parametrize("tok2vec", [BILSTM, MASKED, HASH_EMBED_CNN], ids=lambda x: x["@architectures"])
def test_every_encoder_gives_the_same_entities(
    tok2vec: dict[str, Any], monkeypatch: pytest.MonkeyPatch, min_score: float
) -> None:
    nlp = random_pipeline(tok2vec)
    find_recognizer(nlp).min_score = min_score
    find_recognizer(nlp).temperature = 0.4
    whole = ents(list(nlp.pipe(TEXTS)))
    assert sum(map(len, whole)) > 50
    lower_limits(monkeypatch)
    assert ents(list(nlp.pipe(TEXTS))) == whole
    again = build(tok2vec).from_bytes(nlp.to_bytes())
    find_recognizer(again).min_score = min_score
    assert ents(list(again.pipe(TEXTS))) == whole


@min_scores
def test_transformer_inside_the_head_encodes_in_chunks(
    nlp: Language, monkeypatch: pytest.MonkeyPatch, min_score: float
) -> None:
    find_recognizer(nlp).min_score = min_score
    expected = ents(list(nlp.pipe(TEXTS)))
    nlp.replace_listeners("transformer", "ner", ["model.tok2vec"])
    nlp.remove_pipe("transformer")
    lower_limits(monkeypatch)
    runner = next(layer for layer in find_recognizer(nlp).model.walk() if layer.name == "token_encoder").shims[0].runner
    run, sizes = runner.run, []
    monkeypatch.setattr(runner, "run", lambda batches, n: sizes.append(n) or run(batches, n))
    assert ents(list(nlp.pipe(TEXTS))) == expected
    assert max(sizes) <= 300


@min_scores
def test_evidence_across_chunk_borders_counts(monkeypatch: pytest.MonkeyPatch, min_score: float) -> None:
    nlp = random_pipeline(BILSTM)
    ner = find_recognizer(nlp)
    ner.min_score, ner.temperature = min_score, 1.7
    doc = nlp.make_doc(TEXTS[2])
    # Some spans cross borders of chunks; some are adjacent or nested.
    places = [(0, 4), (94, 103), (250, 262), (510, 514), (512, 520), (600, 610), (602, 605), (1480, 1493)]
    write_evidence(doc, [Span(doc, *place, "ORG") for place in places], 9.0)
    (expected,), (bare,) = ner.predict([doc]), ner.predict([nlp.make_doc(doc.text)])
    assert {(0, 4, "ORG"), (94, 103, "ORG"), (250, 262, "ORG")} <= set(expected.ents) - set(bare.ents)
    lower_limits(monkeypatch)
    (seen,) = ner.predict([doc])
    assert seen.ents == expected.ents
    assert seen.scores == pytest.approx(expected.scores, abs=1e-4)


@min_scores
def test_ensemble_members_can_have_different_chunks(
    nlp: Language, monkeypatch: pytest.MonkeyPatch, min_score: float
) -> None:
    members = [("transformer", nlp)]
    for tok2vec, seed in ((BILSTM, 1), (HASH_EMBED_CNN, 2)):
        other = build(tok2vec)
        labels = find_recognizer(nlp).labels
        other.config["initialize"]["components"]["ner"] = {"labels": list(labels[::-1])}
        fix_random_seed(seed)
        other.initialize(lambda made=other: [Example.from_dict(made.make_doc(TEXTS[2][:100]), {"entities": []})])
        members.append((str(seed), other))
    nlp.tokenizer.from_bytes(members[1][1].tokenizer.to_bytes())  # type: ignore[attr-defined]
    ensemble = combine(members, min_score=min_score)
    expected = ents(list(ensemble.pipe(TEXTS)))
    assert sum(map(len, expected)) > 50
    lower_limits(monkeypatch)
    assert ents(list(ensemble.pipe(TEXTS))) == expected


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=6), min_size=1, max_size=4))
def test_align_chunks_splits_all_members_at_the_same_rows(sizes: list[list[int]]) -> None:
    n = max(map(sum, sizes))
    parts = [np.split(np.arange(n), np.cumsum(of_head)) for of_head in sizes]
    found = list(align_chunks([iter([part for part in of_head if len(part)]) for of_head in parts]))
    assert all(len(rows) == len(found_[0]) > 0 for found_ in found for rows in found_)
    assert all(np.concatenate(of_head).tolist() == list(range(n)) for of_head in zip(*found, strict=True))


# -- memory, and errors


def test_hidden_states_are_computed_in_chunks(nlp: Language, long: None, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = nlp.get_pipe("transformer").model.layers[0]  # type: ignore[attr-defined]
    runner, sizes = encoder.shims[0].runner, []
    run = runner.run
    monkeypatch.setattr(runner, "run", lambda batches, n: sizes.append(n) or run(batches, n))
    doc = nlp(TEXTS[2])
    assert len(doc) <= sum(sizes) <= 1.2 * len(doc)  # including the overlaps of windows
    assert max(sizes) <= 300


def test_emissions_are_decoded_in_chunks(nlp: Language, long: None, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Watched(LongSequence):
        def _chunk(self, *args: Any) -> Any:
            part = super()._chunk(*args)
            sizes.append(len(part[0]))
            return part

    monkeypatch.setattr(entity_decoding, "LongSequence", partial(Watched, size=99))
    nlp(TEXTS[2])
    assert max(sizes) == 100


def test_potentials_hold_all_emissions(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    ner, docs = find_recognizer(nlp), list(nlp.pipe(TEXTS))
    expected = ner.potentials(docs)
    lower_limits(monkeypatch)
    rows, lengths, transitions = ner.potentials(list(nlp.pipe(TEXTS)))
    np.testing.assert_allclose(rows, expected[0], atol=1e-5, rtol=0)
    assert lengths == expected[1]
    assert np.array_equal(transitions.matrix, expected[2].matrix)
    none, no_lengths = ner.emissions([])
    assert none.shape == (0, len(ner.scheme))
    assert no_lengths == []


def test_trf_data_of_a_long_document_gives_all_hidden_states(
    nlp: Language, long: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = nlp(TEXTS[2])._.trf_data
    monkeypatch.setattr(long_documents, "LONG", 10_000)
    expected = nlp(TEXTS[2])._.trf_data
    assert found.width == expected.width
    np.testing.assert_allclose(found.tensors[0], expected.tensors[0], atol=1e-5)
    np.testing.assert_array_equal(found.align.dataXd, expected.align.dataXd)


def test_long_document_with_trf_data_can_be_serialized(nlp: Language, long: None) -> None:
    doc = nlp(TEXTS[2])
    again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    np.testing.assert_allclose(again._.trf_data.tensors[0], doc._.trf_data.tensors[0], atol=1e-6)
    assert ents([again]) == ents([doc])


def test_error_does_not_change_the_document(nlp: Language, long: None, monkeypatch: pytest.MonkeyPatch) -> None:
    doc = nlp(TEXTS[2])
    data, ner = doc._.trf_data, nlp.get_pipe("ner")
    width = data.width

    def broken() -> Iterator[Any]:
        yield np.zeros((3, width), dtype="f")
        raise RuntimeError("no more")

    monkeypatch.setattr(data, "_encode", broken)
    with pytest.raises(RuntimeError, match="no more"):
        ner.predict([doc])  # type: ignore[attr-defined]
    assert doc._.trf_data is data


def test_nan_emissions_are_reported_with_their_row(nlp: Language, long: None) -> None:
    doc = nlp(TEXTS[2])
    ner, data = find_recognizer(nlp), doc._.trf_data
    encode = data._encode

    def with_nan() -> Iterator[Any]:
        for index, rows in enumerate(encode()):
            if index == 2:
                rows[7] = np.nan
            yield rows

    first = sum(len(rows) for index, rows in enumerate(encode()) if index < 2)
    data._encode = with_nan
    with pytest.raises(ValueError, match=f"ZT102.* at row {first + 7}"):
        ner.predict([doc])
