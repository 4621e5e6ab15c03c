"""Test that no entity begins or ends with white space, and that probabilities are relative to the legal paths."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_zh_tw_ner.components.calibration import calibrate
from spacy_zh_tw_ner.components.ensemble import combine
from spacy_zh_tw_ner.components.inspection import find_recognizer
from spacy_zh_tw_ner.components.span_annotations import write_evidence
from spacy_zh_tw_ner.components.tag_masks import find_white_space
from spacy_zh_tw_ner.crf import PENALTY, Transitions, infer
from spacy_zh_tw_ner.export.from_hf import pipeline_from_hf
from spacy_zh_tw_ner.tag_scheme import WHITE_SPACE

from .test_long_documents import CheckpointT, lower_limits, random_pipeline
from .training_data import BILSTM, TEXTS, build, examples_of, fit

ROWS = "姓名：\n林小華\n地址：\n臺北市\u3000大安區\n\n公司：\t台積電\xa0股份有限公司\r\n"
texts = st.text(st.sampled_from([*WHITE_SPACE, *"林小華臺北市。A1"]), max_size=40)
any_fixture = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def eager(seed: int) -> Language:
    """Create an uncertain pipeline that predicts many entities, also around white space."""
    nlp = random_pipeline(BILSTM, seed)
    ner = find_recognizer(nlp)
    bias = ner.model.get_ref("output_layer").get_param("b")
    bias[0] -= 3.0
    bias[[tag[0] == "S" for tag in ner.scheme.tags]] += 1.0
    return nlp


@pytest.fixture(scope="module")
def nlp() -> Language:
    return eager(0)


@pytest.fixture(scope="module")
def ensemble() -> Language:
    return combine([("one", eager(0)), ("other", eager(1))])


def check(docs: Iterator[Doc], at_least: int = 0) -> None:
    n = 0
    for doc in docs:
        n += len(doc.ents)
        wrong = [ent.text for ent in doc.ents if ent.text != ent.text.strip()]
        assert not wrong
        assert all(0.0 < ent._.score <= 1.0 for ent in doc.ents)
    assert n >= at_least


@any_fixture
@given(found=st.lists(texts, max_size=4), min_score=st.sampled_from([0.0, 1e-4, 0.2]), which=st.booleans())
def test_no_entity_has_white_space_at_an_edge(
    nlp: Language, ensemble: Language, found: list[str], min_score: float, which: bool
) -> None:
    read = ensemble if which else nlp
    find_recognizer(read).min_score = min_score
    check(read.pipe([*found, ROWS]), at_least=3)


@pytest.mark.parametrize("min_score", [0.0, 0.01])
def test_long_document_has_no_white_space_at_an_edge(
    nlp: Language, ensemble: Language, min_score: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    lower_limits(monkeypatch)
    for read in (nlp, ensemble):
        find_recognizer(read).min_score = min_score
        check(read.pipe([ROWS * 20]), at_least=20)


def test_converted_checkpoint_has_no_white_space_at_an_edge(tiny_checkpoint: CheckpointT) -> None:
    converted = pipeline_from_hf(str(tiny_checkpoint("bert")))
    for min_score in (0.0, 0.001):
        find_recognizer(converted).min_score = min_score
        check(converted.pipe([ROWS, ROWS * 5]), at_least=5)


def test_evidence_cannot_put_white_space_at_an_edge(nlp: Language) -> None:
    ner = find_recognizer(nlp)
    for min_score in (0.0, 0.2):
        ner.min_score = min_score
        doc = nlp.make_doc("\n林小華\n")
        write_evidence(doc, [Span(doc, 0, 5, label="GPE"), Span(doc, 0, 1, label="ORG")], 50.0)
        check(iter([ner(doc)]))


@pytest.mark.filterwarnings("ignore:.*ZT941")  # tokens are words
@pytest.mark.parametrize("min_score", [0.0, 0.01])
def test_custom_tokens_have_no_white_space_at_an_edge(nlp: Language, min_score: float) -> None:
    find_recognizer(nlp).min_score = min_score
    words = ["\n林小華", "在 ", "\u3000臺北市\u3000", "\n\n", "好", " ", "A B"]
    for n in range(len(words)):
        doc = Doc(nlp.vocab, words=words[n:] + words[:n], spaces=[False] * len(words))
        check(iter([nlp(doc)]), at_least=1)
    with nlp.select_pipes(disable="ner"):
        merged = nlp("林小華\n在\n臺北市")
    with merged.retokenize() as retokenizer:
        retokenizer.merge(merged[2:4])
        retokenizer.merge(merged[5:7])
    check(iter([nlp.get_pipe("ner")(merged)]))


def test_white_space_text_has_no_entity(nlp: Language) -> None:
    find_recognizer(nlp).min_score = 0.0
    for text in (WHITE_SPACE, "\n" * 50, " ", "\u3000"):
        assert nlp(text).ents == ()


def test_white_space_is_found_in_the_text_of_tokens(nlp: Language) -> None:
    doc = Doc(nlp.vocab, words=["林", "\n", "\t好", "好\t", "\n\n", "\u200b", "a b"], spaces=[False] * 7)
    found = find_white_space([doc[:0], doc[:3], doc[3:]])
    assert found.first.tolist() == [False, True, True, False, True, False, False]
    assert found.last.tolist() == [False, True, False, True, True, False, False]
    assert found.whole.tolist() == [False, True, False, False, True, False, False]
    assert find_white_space([]).whole.size == 0


# -- training


def test_training_and_decoding_give_a_path_the_same_probability(nlp: Language) -> None:
    """The loss of each of the most probable paths is −log of its probability in decoding."""
    ner = find_recognizer(nlp)
    ner.min_score = 0.0
    doc = nlp.make_doc("林\n華 \n好")
    rows, lengths, transitions = ner.potentials([doc])
    posterior = infer(rows, lengths, transitions)
    legal = {path: score for path, score in _paths(rows, transitions).items() if score > PENALTY / 2}
    assert len(legal) > 20
    for tags in sorted(legal, key=lambda path: -legal[path])[:20]:
        gold = nlp.make_doc(doc.text)
        gold.ents = [Span(gold, e.start, e.end, label=e.label) for e in ner.scheme.entities(np.array(tags))]
        loss, _ = ner.get_loss([Example(doc, gold)], ner.model.predict([doc]))
        assert loss == pytest.approx(float(posterior.log_z[0] - legal[tags]), abs=1e-3)


def _paths(rows: np.ndarray, transitions: Transitions) -> dict[tuple[int, ...], float]:
    """Return the score of every legal path, by extending the paths of the previous tokens."""
    matrix, start, end = (scores.astype(np.float64) for scores in transitions)
    paths = {(tag,): float(start[tag] + rows[0, tag]) for tag in range(len(start)) if start[tag] + rows[0, tag] > -1e29}
    for row in rows[1:].astype(np.float64):
        paths = {
            (*path, tag): score + float(matrix[path[-1], tag] + row[tag])
            for path, score in paths.items()
            for tag in range(len(start))
            if matrix[path[-1], tag] + row[tag] > -1e29
        }
    return {path: score + float(end[path[-1]]) for path, score in paths.items()}


def test_white_space_at_the_edge_of_gold_is_trimmed_with_one_warning() -> None:
    nlp = build()
    gold = nlp.make_doc("\n林小華\n在\u3000臺北市\u3000。")
    gold.ents = [Span(gold, 0, 5, label="PERSON"), Span(gold, 6, 11, label="GPE")]
    trimmed = nlp.make_doc(gold.text)
    trimmed.ents = [Span(trimmed, 1, 4, label="PERSON"), Span(trimmed, 7, 10, label="GPE")]
    examples = [Example(nlp.make_doc(gold.text), each) for each in (gold, trimmed)]
    fix_random_seed(0)
    nlp.initialize(lambda: examples[1:])
    ner = nlp.get_pipe("ner")
    with pytest.warns(UserWarning, match=r"^\[ZT903\] 2 gold entities .*'\\n林小華\\n'"):
        allowed = ner.gold_mask(examples[:1])
    assert (allowed == ner.gold_mask(examples[1:])).all()
    ner.gold_mask(examples)  # no second warning


def test_gold_of_white_space_alone_is_outside(nlp: Language) -> None:
    gold = nlp.make_doc("好\n\n好")
    gold.ents = [Span(gold, 1, 3, label="GPE")]
    ner: Any = build().from_bytes(nlp.to_bytes()).get_pipe("ner")
    with pytest.warns(UserWarning, match="ZT903"):
        allowed = ner.gold_mask([Example(nlp.make_doc(gold.text), gold)])
    assert allowed.argmax(1).tolist() == [0, 0, 0, 0]
    assert (allowed.sum(1) == 1).all()


def test_gold_entity_with_a_mixed_token_counts_as_not_annotated(nlp: Language) -> None:
    gold = Doc(nlp.vocab, words=["\n林小華", "在"], spaces=[False, False])
    gold.ents = [Span(gold, 0, 1, label="GPE")]
    ner = find_recognizer(nlp)
    predicted = Doc(nlp.vocab, words=["\n林小華", "在"], spaces=[False, False])
    with pytest.warns(UserWarning, match=r"^\[ZT902\] 1 gold"):
        allowed = ner.gold_mask([Example(predicted, gold)])
    assert allowed.all(1).tolist() == [True, False]
    loss, _ = ner.get_loss([Example(predicted, predicted)], ner.model.predict([predicted]))
    assert np.isfinite(loss)


def test_training_with_white_space_and_label_smoothing_learns() -> None:
    sentences = [("\n" + text + " \n", [(s + 1, e + 1, label) for s, e, label in ents]) for text, ents in PEOPLE]
    nlp = fit(build(label_smoothing=0.1), 30, sentences=sentences)
    for text, ents in sentences:
        assert [(e.start_char, e.end_char, e.label_) for e in nlp(text).ents] == ents


PEOPLE = [(TEXTS[0], [(0, 3, "PERSON"), (6, 9, "GPE"), (11, 14, "ORG")]), (TEXTS[3], [])]


def test_calibration_with_white_space_stays_in_range(nlp: Language) -> None:
    copy = build().from_bytes(nlp.to_bytes())
    assert 0.04 < calibrate(copy, [example.reference for example in examples_of(copy, [(ROWS, [(4, 7, "GPE")])])]) < 21


def test_mask_is_not_saved(nlp: Language, tmp_path: Path) -> None:
    """The mask also applies to pipelines that were saved by versions without it."""
    nlp.to_disk(tmp_path / "pipeline")
    saved = b"".join(path.read_bytes() for path in (tmp_path / "pipeline").rglob("*") if path.is_file())
    assert b"white_space" not in saved
    check(spacy.load(tmp_path / "pipeline").pipe([ROWS]), at_least=3)
