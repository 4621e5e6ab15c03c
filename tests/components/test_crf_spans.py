"""Test `zh_tw_crf_spans`: training on nested entities, scores, groups, files, long documents, threads and bad input."""

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin, Span
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from spacy_zh_tw_ner.components.crf_spans import CRFSpanRecognizer, make_spans_scorer, score_spans
from spacy_zh_tw_ner.components.span_annotations import EXTENSION
from spacy_zh_tw_ner.encoders import long_documents
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import PipelineError, SettingError, UnreadableFileError
from spacy_zh_tw_ner.training.augmenters import EntitySwap
from spacy_zh_tw_ner.training.initialization import create_add_labels_v1, create_start_from_v1
from tests.crf.helpers import as_tensors
from tests.crf.test_oracle import log_sum, path_scores
from tests.pipelines import LISTENER, WINDOWS, add_transformer

from .nested_data import (
    KEY,
    NESTED,
    build_spans,
    check_nested,
    fit_spans,
    found_spans,
    joined,
    nested_examples,
)
from .training_data import HASH_EMBED_CNN, model_of

TEXT = NESTED[0][0]


@pytest.fixture(scope="module")
def trained() -> spacy.Language:
    return fit_spans(build_spans())


def spans_pipe(nlp: spacy.Language) -> CRFSpanRecognizer:
    pipe = nlp.get_pipe("spans")
    assert isinstance(pipe, CRFSpanRecognizer)
    return pipe


def found_of(nlp: spacy.Language, text: str, key: str = KEY) -> list[tuple[int, int, str]]:
    doc = nlp(text)  # kept alive, because a group of spans does not keep its document
    return found_spans(doc, key)


def test_nested_entities_are_learnt_with_scores(trained: spacy.Language) -> None:
    check_nested(trained)
    doc = trained(TEXT)
    scores = doc.spans[KEY].attrs["scores"]
    assert all(0.9 < score <= 1.0 for score in scores)
    assert [span._.score for span in doc.spans[KEY]] == scores
    assert Span(doc, 0, 3, "ORG")._.get(EXTENSION) is None
    assert not doc.ents
    assert spans_pipe(trained).labels == ("GPE", "ORG", "TITLE")


def test_nested_entities_are_learnt_with_a_listener() -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("tok2vec", config={"model": HASH_EMBED_CNN})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}
    nlp.add_pipe("zh_tw_crf_spans", name="spans", config={"model": model_of(listener)})
    check_nested(fit_spans(nlp))
    check_nested(spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes()))


@pytest.mark.slow
def test_transformers_are_trained_in_micro_batches(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    memory = {"@misc": "spacy-zh-tw-ner.memory.v1", "micro_batch": 2}
    add_transformer(nlp, tiny_checkpoint("bert"), get_spans=WINDOWS | {"size": 30, "overlap": 4}, memory=memory)
    nlp.add_pipe("zh_tw_crf_spans", name="spans", config={"model": model_of(LISTENER)})
    fix_random_seed(0)
    examples = nested_examples(nlp)
    nlp.initialize(lambda: examples)
    losses = []
    for _ in range(12):
        of_step: dict[str, float] = {}
        nlp.update(examples, sgd=Adam(0.01, L2=0.0), losses=of_step)
        losses.append(of_step["spans"])
    assert losses[-1] < losses[0]
    nlp.to_disk(tmp_path)
    expected, again = nlp(TEXT), spacy.load(tmp_path)(TEXT)
    assert found_spans(again) == found_spans(expected)
    assert again.spans[KEY].attrs["scores"] == pytest.approx(expected.spans[KEY].attrs["scores"], abs=1e-4)


def test_evaluate_scores_exact_spans_by_label(trained: spacy.Language) -> None:
    scores = trained.evaluate(nested_examples(trained))
    assert (scores["spans_sc_f"], scores["spans_sc_p"], scores["spans_sc_r"]) == (1.0, 1.0, 1.0)
    assert set(scores["spans_sc_per_type"]) == {"GPE", "ORG", "TITLE"}
    # One of the two gold spans of this text is not predicted, and one prediction is wrong.
    (wrong,) = nested_examples(trained, [(TEXT, [(0, 5, "ORG"), (5, 7, "GPE")])])
    wrong.predicted = trained(TEXT)
    found = make_spans_scorer()([wrong], spans_key=KEY)
    assert (found["spans_sc_p"], found["spans_sc_r"]) == (0.5, 0.5)


def test_gold_in_doc_ents_is_used_where_the_key_is_absent() -> None:
    nlp = build_spans()
    flat = [Example.from_dict(nlp.make_doc(TEXT), {"entities": [(0, 5, "ORG")]})]
    nlp.initialize(lambda: flat)
    for _ in range(40):
        nlp.update(flat)
    assert found_of(nlp, TEXT) == [(0, 5, "ORG")]
    flat[0].predicted = nlp(TEXT)
    assert score_spans(flat, spans_key=KEY)["spans_sc_f"] == 1.0


def test_another_key_and_groups(tmp_path: Path) -> None:
    nlp = fit_spans(build_spans(spans_key="layers", groups=[["TITLE", "ORG"]]), key="layers")
    pipe = spans_pipe(nlp)
    assert [scheme.labels for scheme in pipe.scheme.schemes] == [("GPE",), ("ORG", "TITLE")]
    assert len(pipe.scheme) == 5 + 9
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert found_of(again, TEXT, "layers") == [(0, 5, "ORG"), (0, 3, "GPE")]
    assert again.evaluate(nested_examples(again, key="layers"))["spans_layers_f"] == 1.0


def test_bytes_disk_pickle_and_docbin_keep_spans_and_scores(trained: spacy.Language, tmp_path: Path) -> None:
    trained.to_disk(tmp_path)
    for nlp in (spacy.load(tmp_path), pickle.loads(pickle.dumps(trained))):
        check_nested(nlp)
    doc = trained(TEXT)
    stored = DocBin(store_user_data=True)
    stored.add(doc)
    (read,) = DocBin().from_bytes(stored.to_bytes()).get_docs(trained.vocab)
    assert [span._.score for span in read.spans[KEY]] == doc.spans[KEY].attrs["scores"]


def test_scores_follow_retokenized_documents(trained: spacy.Language) -> None:
    doc = trained(TEXT)
    scores = {span.label_: span._.score for span in doc.spans[KEY]}
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:5])
    assert {span.label_: span._.score for span in doc.spans[KEY]} == scores


def test_batches_and_threads_give_the_same_spans(trained: spacy.Language) -> None:
    texts = ["", TEXT, " ", *(text for text, _ in NESTED)] * 5
    docs = [trained(text) for text in texts]
    expected = [(found_spans(doc), doc.spans[KEY].attrs["scores"]) for doc in docs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: found_of(trained, text), texts))
    assert found == [spans for spans, _ in expected]
    for doc, (spans, scores) in zip(trained.pipe(texts, batch_size=7), expected, strict=True):
        assert found_spans(doc) == spans
        assert doc.spans[KEY].attrs["scores"] == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("min_score", [0.0, 0.4])
def test_long_documents_give_the_same_spans(
    trained: spacy.Language, monkeypatch: pytest.MonkeyPatch, min_score: float
) -> None:
    text = joined()[0] * 8
    monkeypatch.setattr(spans_pipe(trained), "min_score", min_score)
    doc = trained(text)
    monkeypatch.setattr(long_documents, "LONG", 50)
    chunked = trained(text)
    assert found_spans(chunked) == found_spans(doc)
    assert len(doc.spans[KEY]) > 20
    assert chunked.spans[KEY].attrs["scores"] == pytest.approx(doc.spans[KEY].attrs["scores"], abs=1e-4)


def test_labels_can_be_added_to_a_trained_component(trained: spacy.Language) -> None:
    nlp = spacy.util.load_model_from_config(trained.config).from_bytes(trained.to_bytes())
    assert spans_pipe(nlp).add_label("EVENT") == 1
    check_nested(nlp)
    more = [*NESTED, ("春節到了。", [(0, 2, "EVENT")])]
    examples, optimizer = nested_examples(nlp, more), Adam(0.02, L2=0.0)
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    check_nested(nlp, more)


def test_gazetteer_evidence_raises_scores_of_its_label_only() -> None:
    nlp = build_spans()
    nlp.initialize(lambda: nested_examples(nlp))
    gazetteer: Any = nlp.add_pipe("zh_tw_gazetteer", before="spans", config={"bonus": 20.0})
    gazetteer.add("ORG", ["中研院"])
    assert (0, 3, "ORG") in found_of(nlp, "中研院")
    doc = nlp.make_doc("好天氣")
    doc.spans["gazetteer"] = [Span(doc, 0, 1, "OTHER")]  # evidence for another component
    assert all(span.label_ != "OTHER" for span in spans_pipe(nlp)(doc).spans[KEY])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(0, 10_000), st.booleans(), st.sampled_from([0.0, 0.2, 0.6]))
def test_scores_equal_an_enumeration_of_all_paths(length: int, seed: int, grouped: bool, min_score: float) -> None:
    generator = np.random.default_rng(seed)
    nlp = PLAIN_GROUPED if grouped else PLAIN
    pipe = spans_pipe(nlp)
    layer = pipe.model.get_ref("transitions")
    for name in ("matrix", "start", "end"):
        layer.set_param(name, generator.normal(size=layer.get_param(name).shape).astype("f"))
    rows = generator.normal(scale=2, size=(length, len(pipe.scheme))).astype("f")
    pipe.min_score = min_score
    (prediction,) = pipe._make_decoder().decode(rows, [length])
    expected: dict[tuple[int, int, str], float] = {}
    for scheme, columns, transitions in zip(pipe.scheme.schemes, pipe.scheme.columns, pipe.transitions(), strict=True):
        scores = path_scores(torch.from_numpy(rows[:, columns]), as_tensors(transitions))
        log_z = log_sum(scores.values())
        paths = {path: np.exp(score - log_z) for path, score in scores.items()}
        best = max(paths, key=paths.__getitem__)
        for start, end, label in product(range(length), range(1, length + 1), scheme.labels):
            if start < end:
                tags = scheme.path(Entity(start, end, label))
                p = sum(value for path, value in paths.items() if list(path[start:end]) == tags)
                if min_score or list(best[start:end]) == tags:
                    expected[start, end, label] = p
    for entity, score in zip(prediction.ents, prediction.scores, strict=True):
        assert score == pytest.approx(expected[tuple(entity)], abs=1e-5)  # type: ignore[index]
        assert score >= min_score
    if not min_score:
        assert set(map(tuple, prediction.ents)) == set(expected)
    elif not grouped and min_score > 0.5:  # no two spans of a chain above one half overlap, so none is dropped
        assert set(map(tuple, prediction.ents)) == {span for span, p in expected.items() if p >= min_score}


def _plain(groups: list[list[str]]) -> spacy.Language:
    nlp = build_spans(groups=groups)
    nlp.initialize(lambda: nested_examples(nlp))
    return nlp


PLAIN, PLAIN_GROUPED = _plain([]), _plain([["ORG", "TITLE"]])


def test_gradients_equal_finite_differences() -> None:
    pipe = spans_pipe(PLAIN_GROUPED)
    examples = nested_examples(PLAIN_GROUPED, NESTED[:2])
    generator = np.random.default_rng(0)
    rows = [generator.normal(size=(len(e.predicted), len(pipe.scheme))).astype("f") for e in examples]
    loss, gradients = pipe.get_loss(examples, rows)
    assert loss > 0
    for row, column in ((0, 0), (1, 3), (2, 9), (4, 13)):
        moved = [array.copy() for array in rows]
        moved[0][row, column] += 1e-2
        above = pipe.get_loss(examples, moved)[0]
        moved[0][row, column] -= 2e-2
        slope = (above - pipe.get_loss(examples, moved)[0]) / 2e-2
        assert float(gradients[0][row, column]) * len(examples) == pytest.approx(slope, abs=2e-3)


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"groups": [["GPE", "ORG"], ["ORG"]]}, "ZT798"),
        ({"groups": [["GPE", "GPE"]]}, "ZT798"),
        ({"groups": [[]]}, "ZT796"),
        ({"groups": [[""]]}, "ZT796"),
        ({"spans_key": ""}, "ZT797"),
        ({"spans_key": "ner"}, "ZT797"),
        ({"min_score": 2.0}, "ZT106"),
        ({"label_smoothing": 1.0}, "ZT112"),
    ],
)
def test_bad_settings_are_errors(config: dict[str, Any], code: str) -> None:
    with pytest.raises(SettingError, match=code):
        build_spans(**config)


def test_unknown_groups_are_an_error() -> None:
    nlp = build_spans(groups=[["GPE", "GPS"]])
    with pytest.raises(PipelineError, match=r"ZT799.*GPS.*GPE, ORG, TITLE"):
        nlp.initialize(lambda: nested_examples(nlp))


def test_other_groups_than_those_of_training_are_an_error(trained: spacy.Language, tmp_path: Path) -> None:
    trained.to_disk(tmp_path)
    with pytest.raises(UnreadableFileError, match=r"ZT800.*GPE"):
        spacy.load(tmp_path, config={"components": {"spans": {"groups": [["GPE", "ORG"]]}}})
    # A group of one label changes nothing.
    check_nested(spacy.load(tmp_path, config={"components": {"spans": {"groups": [["GPE"]]}}}))


def test_damaged_groups_are_an_error(trained: spacy.Language) -> None:
    pipe = spans_pipe(spacy.util.load_model_from_config(trained.config).from_bytes(trained.to_bytes()))
    pipe.cfg["groups"] = "GPE"
    with pytest.raises(UnreadableFileError, match="groups"):
        spans_pipe(build_spans()).from_bytes(pipe.to_bytes())


def test_an_untrained_component_and_a_corpus_without_spans_are_errors() -> None:
    nlp = build_spans()
    with pytest.raises(PipelineError, match="ZT116"):
        nlp(TEXT)
    with pytest.raises(PipelineError, match="ZT101"):
        nlp.initialize(lambda: nested_examples(nlp, [("好。", [])]))


def test_overlapping_gold_spans_of_one_group_are_counted_and_the_longer_is_used() -> None:
    nlp = build_spans()
    sentences = [(TEXT, [(0, 5, "ORG"), (2, 5, "ORG"), (0, 5, "ORG")])]
    nlp.initialize(lambda: nested_examples(nlp, sentences))
    with pytest.warns(UserWarning, match=r"ZT801.*1 gold spans.*'市政府'"):
        mask = spans_pipe(nlp).gold_mask(nested_examples(nlp, sentences))
    assert mask[:5].argmax(1).tolist() == [1, 2, 2, 2, 3]
    assert mask.sum() == len(TEXT)


def test_unknown_labels_are_warned_of() -> None:
    nlp = build_spans()
    nlp.initialize(lambda: nested_examples(nlp, NESTED[:1]))
    with pytest.warns(UserWarning, match=r"ZT904.*TITLE"):
        nlp.update(nested_examples(nlp, NESTED[1:2]))


def test_training_continues_from_another_pipeline(trained: spacy.Language, tmp_path: Path) -> None:
    trained.to_disk(tmp_path)
    nlp = build_spans()
    nlp.initialize(lambda: nested_examples(nlp, [("春節到了。", [(0, 2, "EVENT")])]))
    create_start_from_v1(str(tmp_path))(nlp)
    ours, theirs = (spans_pipe(pipeline).model.get_ref("tok2vec") for pipeline in (nlp, trained))
    (one,), (other,) = ours.predict([nlp.make_doc(TEXT)]), theirs.predict([trained.make_doc(TEXT)])
    np.testing.assert_allclose(one, other, atol=1e-6)
    create_add_labels_v1(["NEW"], corpus=nested_examples)(nlp)
    assert spans_pipe(nlp).labels == ("EVENT", "NEW", "GPE", "ORG", "TITLE")


def test_entity_swap_leaves_documents_with_overlapping_entities_unchanged() -> None:
    (example,) = nested_examples(PLAIN, NESTED[:1])
    example.reference.set_ents([Span(example.reference, 0, 5, "ORG")], default="outside")
    swap = EntitySwap(1.0)
    swap.pools["ORG"] += ["中央研究院"] * 5
    (same,) = swap(PLAIN, example)
    assert same is example
