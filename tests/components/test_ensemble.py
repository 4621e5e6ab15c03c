"""Test ensembles: averaged probabilities, saving, calibration, and errors."""

from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_zh_tw_ner.components.calibration import calibrate
from spacy_zh_tw_ner.components.crf_ner import CRFEntityRecognizer
from spacy_zh_tw_ner.components.ensemble import combine
from spacy_zh_tw_ner.components.inspection import find_recognizer
from spacy_zh_tw_ner.crf import Transitions, at_temperature
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import ZhTwNerError

from .training_data import (
    BILSTM,
    HASH_EMBED_CNN,
    MIXED,
    SENTENCES,
    TEXTS,
    build,
    check_equal,
    examples_of,
    fit,
    found,
    model_of,
    scored,
)

LABELS = ("PERSON", "ORG", "GPE")


def with_a_listener() -> Language:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("tok2vec", config={"model": HASH_EMBED_CNN})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}
    nlp.add_pipe("zh_tw_crf_ner", name="names", config={"model": model_of(listener)})
    nlp.add_pipe("sentencizer")
    return nlp


def with_reordered_labels(nlp: Language) -> Language:
    nlp.config["initialize"]["components"]["ner"] = {"labels": list(LABELS)}
    return nlp


@pytest.fixture(scope="module")
def saved() -> list[bytes]:
    """Return three pipelines, as bytes, whose training stopped early, so that they are uncertain and differ."""
    made = [fit(build(), 10), fit(with_reordered_labels(build(HASH_EMBED_CNN)), 14), fit(with_a_listener(), 12)]
    assert len({str([scored(doc) for doc in nlp.pipe(TEXTS)]) for nlp in made}) == 3
    return [nlp.to_bytes() for nlp in made]


@pytest.fixture
def members(saved: list[bytes]) -> list[tuple[str, Language]]:
    made = (build(), with_reordered_labels(build(HASH_EMBED_CNN)), with_a_listener())
    return [(name, nlp.from_bytes(data)) for name, nlp, data in zip("ABC", made, saved, strict=True)]


def potentials(nlp: Language, text: str, order: tuple[str, ...]) -> tuple[np.ndarray, Transitions]:
    """Return emissions and transitions of one pipeline, with tags in the order of the given labels."""
    component = find_recognizer(nlp)
    names = nlp.component_names
    doc = nlp.make_doc(text)
    for name in names[: names.index(component.name)]:
        doc = nlp.get_pipe(name)(doc)
    rows, _, transitions = component.potentials([doc])
    tags = [component.scheme.tags.index(tag) for tag in ("O", *(f"{k}-{label}" for label in order for k in "BIES"))]
    rows, transitions = at_temperature(rows, transitions, component.temperature)
    moved = Transitions(transitions.matrix[tags][:, tags], transitions.start[tags], transitions.end[tags])
    return rows[:, tags], moved


def paths(rows: np.ndarray, transitions: Transitions) -> tuple[list[tuple[int, ...]], Any]:
    """Return all paths, and the log probability of each."""
    n_rows, n_tags = rows.shape
    every = list(product(range(n_tags), repeat=n_rows))
    matrix, start, end = (scores.astype(np.float64) for scores in transitions)
    values = rows.astype(np.float64)
    totals = np.array(
        [
            start[path[0]]
            + end[path[-1]]
            + sum(values[i, tag] for i, tag in enumerate(path))
            + sum(matrix[one, two] for one, two in pairwise(path))
            for path in every
        ]
    )
    return every, totals - np.logaddexp.reduce(totals)


def test_path_probabilities_are_the_normalized_geometric_mean(members: list[tuple[str, Language]]) -> None:
    text = "台積電"
    find_recognizer(members[1][1]).temperature = 2.0
    alone = [paths(*potentials(nlp, text, ("GPE", "ORG", "PERSON"))) for _, nlp in members]
    nlp = combine(members, min_score=0.02)
    ensemble = find_recognizer(nlp)
    expected = np.mean([log_p for _, log_p in alone], axis=0)
    expected -= np.logaddexp.reduce(expected)
    rows, lengths, transitions = ensemble.potentials([nlp.make_doc(text)])
    every, log_p = paths(rows, transitions)
    legal = expected > -1e6
    assert lengths == [3]
    assert legal.sum() > 50
    np.testing.assert_array_equal(log_p > -1e6, legal)
    np.testing.assert_allclose(log_p[legal], expected[legal], atol=1e-4)
    # and the score of an entity is the sum over the paths that have it
    doc = nlp(text)
    assert doc.ents
    for ent in doc.ents:
        tags = ensemble.scheme.path(Entity(ent.start, ent.end, ent.label_))
        inside = [i for i, path in enumerate(every) if list(path[ent.start : ent.end]) == tags]
        assert ent._.score == pytest.approx(np.exp(expected[inside]).sum(), abs=1e-4)


def test_two_equal_members_predict_like_one(saved: list[bytes]) -> None:
    alone = build().from_bytes(saved[0])
    twice = combine([(name, build().from_bytes(saved[0])) for name in "AB"])
    check_equal(twice.pipe(MIXED), alone.pipe(MIXED))


def test_ensemble_predicts_entities_that_members_agree_on(saved: list[bytes]) -> None:
    nlp = combine([(str(i), fit(build(tok2vec), 40)) for i, tok2vec in enumerate((BILSTM, HASH_EMBED_CNN))])
    assert [found(doc) for doc in nlp.pipe(TEXTS)] == [ents for _, ents in SENTENCES]
    assert nlp.evaluate(examples_of(nlp))["ents_f"] == 1.0


def test_pipe_equals_single_calls(members: list[tuple[str, Language]]) -> None:
    nlp = combine(members)
    check_equal(nlp.pipe(MIXED, batch_size=3), [nlp(text) for text in MIXED])


def test_ensemble_loads_from_disk_and_bytes(members: list[tuple[str, Language]], tmp_path: Path) -> None:
    nlp = combine(members, min_score=0.2)
    find_recognizer(nlp).temperature = 1.5
    expected = [scored(doc) for doc in nlp.pipe(MIXED)]
    assert any(expected)
    nlp.to_disk(tmp_path / "ensemble")
    for loaded in (
        spacy.load(tmp_path / "ensemble"),
        spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes()),
    ):
        assert (loaded.lang, loaded.pipe_names) == ("zh_tw", ["ner"])
        assert [scored(doc) for doc in loaded.pipe(MIXED)] == expected
        assert loaded.pipe_labels["ner"] == ["GPE", "ORG", "PERSON"]
    strict = spacy.load(tmp_path / "ensemble", config={"components.ner.min_score": 1.0})
    assert not any(doc.ents for doc in strict.pipe(MIXED))


def test_saved_member_is_a_complete_pipeline(members: list[tuple[str, Language]], tmp_path: Path) -> None:
    expected = [[scored(doc) for doc in nlp.pipe(TEXTS)] for _, nlp in members]
    combine(members).to_disk(tmp_path / "ensemble")
    for i, scores in enumerate(expected):
        member = spacy.load(tmp_path / "ensemble" / "ner" / str(i))
        assert [scored(doc) for doc in member.pipe(TEXTS)] == scores


def test_saving_over_a_larger_ensemble_keeps_the_new_members_only(
    members: list[tuple[str, Language]], tmp_path: Path
) -> None:
    combine(members).to_disk(tmp_path / "ensemble")
    nlp = combine(members[:2])
    nlp.to_disk(tmp_path / "ensemble")
    loaded = spacy.load(tmp_path / "ensemble")
    assert len(find_recognizer(loaded).members) == 2  # type: ignore[attr-defined]
    check_equal(loaded.pipe(TEXTS), nlp.pipe(TEXTS))


@pytest.mark.parametrize("name", ["transformer", "inside"])
def test_members_can_be_transformers(
    name: str, tiny_checkpoint: Callable[[str], Path], members: list[tuple[str, Language]], tmp_path: Path
) -> None:
    nlp = spacy.blank("zh_tw")
    windows = {"@span_getters": "spacy-zh-tw-ner.clause_windows.v1", "size": 8, "overlap": 2}
    pooling = {"@layers": "reduce_mean.v1"}
    model = {"name": str(tiny_checkpoint("bert")), "get_spans": windows}
    if name == "transformer":
        nlp.add_pipe("transformer", config={"model": {"@architectures": "spacy-zh-tw-ner.TransformerModel.v1"} | model})
        tok2vec: dict[str, Any] = {"@architectures": "spacy-transformers.TransformerListener.v1", "pooling": pooling}
        tok2vec["grad_factor"] = 1.0
    else:
        tok2vec = {"@architectures": "spacy-zh-tw-ner.Tok2VecTransformer.v1", "pooling": pooling} | model
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(tok2vec)})
    nlp = combine([*members, ("D", fit(nlp, 5, rate=1e-3))])
    expected = [nlp(text) for text in MIXED]
    check_equal(nlp.pipe(MIXED, batch_size=4), expected)
    nlp.to_disk(tmp_path / "ensemble")
    check_equal(spacy.load(tmp_path / "ensemble").pipe(MIXED), expected)


def test_members_do_not_annotate_the_document(members: list[tuple[str, Language]]) -> None:
    ruled = members[0][1]
    ruled.add_pipe("entity_ruler", first=True).add_patterns([{"label": "RULE", "pattern": "今"}])  # type: ignore[attr-defined]
    nlp = combine(members)
    doc = nlp(TEXTS[3])
    assert doc.tensor.size == 0
    assert not doc.has_annotation("SENT_START")
    assert "RULE" not in [ent.label_ for ent in doc.ents]


@pytest.mark.filterwarnings("ignore:.*ZT941")  # words as tokens
def test_custom_tokens_and_norms_are_kept(members: list[tuple[str, Language]]) -> None:
    nlp = combine([*members[:1], ("again", members[0][1])])
    doc, alone = (Doc(nlp_.vocab, words=["臺北市", "好"], spaces=[True, False]) for nlp_ in (nlp, members[0][1]))
    doc[0].norm_ = alone[0].norm_ = "台"
    seen, expected = (find_recognizer(nlp_).potentials([d])[0] for nlp_, d in ((nlp, doc), (members[0][1], alone)))
    np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_ensemble_can_be_calibrated(members: list[tuple[str, Language]]) -> None:
    nlp = combine(members)
    before = [scored(doc) for doc in nlp.pipe(TEXTS)]
    found_temperature = calibrate(nlp, [example.reference for example in examples_of(nlp)])
    assert found_temperature == find_recognizer(nlp).temperature != 1.0
    assert [scored(doc) for doc in nlp.pipe(TEXTS)] != before


def test_ensemble_can_be_a_member(members: list[tuple[str, Language]]) -> None:
    inner = combine(members[:2])
    nested = combine([("inner", inner), members[2]])
    weights = np.array([0.25, 0.25, 0.5])
    parts = [potentials(nlp, TEXTS[0], ("GPE", "ORG", "PERSON"))[0] for _, nlp in members]
    rows, *_ = find_recognizer(nested).potentials([nested.make_doc(TEXTS[0])])
    np.testing.assert_allclose(rows, np.tensordot(weights, np.array(parts), 1), atol=1e-5)


def test_min_score_defaults_to_that_of_the_first_member(saved: list[bytes]) -> None:
    first = build(min_score=0.35).from_bytes(saved[0])
    for given, expected in ((None, 0.35), (0.0, 0.0), (0.5, 0.5)):
        nlp = combine([("A", first), ("B", build().from_bytes(saved[0]))], min_score=given)
        assert find_recognizer(nlp).min_score == expected
        assert nlp.config["components"]["ner"]["min_score"] == expected


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_members_raise(members: list[tuple[str, Language]], n: int) -> None:
    with pytest.raises(ValueError, match=rf"\[ZT370\].*\(got {n}\)\."):
        combine(members[:n])


def test_different_labels_raise_with_the_difference(members: list[tuple[str, Language]]) -> None:
    other = build()
    for label in ("GPE", "ORG", "地名"):
        other.get_pipe("ner").add_label(label)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"\[ZT371\] The labels of X .*Only A has: PERSON\. Only X has: 地名\."):
        combine([members[0], ("X", other)])


def test_different_tokenizers_raise_with_the_difference(members: list[tuple[str, Language]]) -> None:
    tokenizer = {"@tokenizers": "spacy-zh-tw-ner.CharTokenizer.v1", "normalize": [], "group": ["latin"]}
    other = spacy.blank("zh_tw", config={"nlp": {"tokenizer": tokenizer}})
    other.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(BILSTM)})
    for label in LABELS:
        other.get_pipe("ner").add_label(label)  # type: ignore[attr-defined]
    with pytest.raises(
        ValueError,
        match=r"\[ZT372\] X tokenizes .*group is \['latin'\] instead of \[\]; normalize is \[\] instead of \['width'\]",
    ):
        combine([members[0], ("X", other)])


def test_training_an_ensemble_raises(members: list[tuple[str, Language]]) -> None:
    nlp = combine(members)
    examples = examples_of(nlp)
    for attempt in (
        lambda: nlp.initialize(lambda: examples),
        lambda: nlp.update(examples, sgd=nlp.create_optimizer()),
        lambda: nlp.get_pipe("ner").add_label("X"),  # type: ignore[attr-defined]
    ):
        with pytest.raises(ValueError, match=r"\[ZT373\] 'ner' is an ensemble of 3 pipelines.*zh-tw-ner ensemble"):
            attempt()


def test_finding_a_component_with_a_model_in_an_ensemble_raises(members: list[tuple[str, Language]]) -> None:
    nlp = combine(members)
    assert not isinstance(nlp.get_pipe("ner"), CRFEntityRecognizer)
    assert not hasattr(nlp.get_pipe("ner"), "model")
    for name in (None, "ner"):
        with pytest.raises(ZhTwNerError, match=r"\[ZT943\] 'ner' is an ensemble"):
            find_recognizer(nlp, name, CRFEntityRecognizer)
    with pytest.raises(ZhTwNerError, match=r"\[ZT113\] The pipeline has no recognizer 'other'"):
        find_recognizer(nlp, "other", CRFEntityRecognizer)


def test_predicting_without_members_raises() -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("zh_tw_crf_ensemble")
    with pytest.raises(ValueError, match=r"\[ZT373\].*of 0 pipelines"):
        nlp("臺北")
