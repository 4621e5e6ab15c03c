"""Test scores and their bootstrap intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.evaluation import bootstrap
from spacy_zh_tw_ner.evaluation.bootstrap import interval, resampled_sums, shares, summarize
from spacy_zh_tw_ner.evaluation.entity_counts import count_entities
from spacy_zh_tw_ner.evaluation.predictions import ComparedDoc

from .helpers import document, documents


@given(st.lists(documents(), min_size=1, max_size=6))
def test_scores_equal_those_of_counting_entities(found: list[ComparedDoc]) -> None:
    summary = summarize(count_entities(found), resamples=20)
    f_scores = []
    for label, scores in summary.groups.items():
        expected = [(i, e) for i, one in enumerate(found) for e in one.expected if e.label == label]
        predicted = [(i, e) for i, one in enumerate(found) for e in one.found if e.label == label]
        right = len(set(expected) & set(predicted))
        p, r = right / max(1, len(predicted)), right / max(1, len(expected))
        assert (scores.p.value, scores.r.value, scores.gold) == (p, r, len(expected))
        assert scores.f.value == pytest.approx(2 * p * r / (p + r) if right else 0)
        f_scores.append(scores.f.value)
    assert summary.macro.f.value == pytest.approx(np.mean(f_scores) if f_scores else 0)
    n_right = sum(len(one.expected & one.found) for one in found)
    n_all = sum(len(one.expected) + len(one.found) for one in found)
    assert summary.micro.f.value == pytest.approx(2 * n_right / max(1, n_all))


@given(st.lists(documents(), min_size=1, max_size=6), st.integers(0, 3))
def test_interval_contains_the_score(found: list[ComparedDoc], seed: int) -> None:
    summary = summarize(count_entities(found), resamples=200, seed=seed)
    for scores in (summary.micro, *summary.groups.values()):
        for value, low, high in scores[:3]:
            assert 0 <= low <= value + 1e-9
            assert value - 1e-9 <= high <= 1


def test_resamples_draw_whole_documents_with_replacement() -> None:
    """Every sum is a whole number of each document, and the counts are binomially distributed."""
    counts = np.eye(5, dtype=np.int64)
    drawn = resampled_sums(counts, resamples=400, seed=1)
    assert drawn.shape == (400, 5)
    assert (drawn.sum(axis=1) == 5).all()
    assert (drawn == np.round(drawn)).all()
    assert drawn.mean(axis=0) == pytest.approx(1, abs=0.2)
    assert drawn.var(axis=0) == pytest.approx(0.8, abs=0.3)  # binomial: n · 1/n · (1 − 1/n)


def test_resamples_depend_on_the_seed_and_not_on_the_chunk_size(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.arange(24).reshape(6, 2, 2)
    whole = resampled_sums(counts, resamples=50, seed=3)
    assert (resampled_sums(counts, resamples=50, seed=3) == whole).all()
    assert (resampled_sums(counts, resamples=50, seed=4) != whole).any()
    monkeypatch.setattr(bootstrap, "MAX_DRAWS", 10)  # one draw at a time
    assert (resampled_sums(counts, resamples=50, seed=3) == whole).all()


def test_intervals_cover_the_true_score_in_95_of_100_cases() -> None:
    """Draw 200 test sets of 150 sentences for a pipeline that finds 7 of 10 entities."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        found = [document("A", "A" if right else ".") for right in rng.random(150) < 0.7]
        _, low, high = summarize(count_entities(found), resamples=200).micro.r
        covered += low <= 0.7 <= high
    assert 0.9 <= covered / 200 <= 0.99


def test_more_documents_give_narrower_intervals() -> None:
    def width(n: int) -> float:
        found = [document("A", "A"), document("A", ".")] * n
        _, low, high = summarize(count_entities(found)).micro.f
        return high - low

    assert width(200) < 0.4 * width(20)


def test_macro_ignores_groups_without_entities() -> None:
    sums = np.array([[[3, 0, 0], [0, 0, 0]], [[3, 0, 0], [0, 0, 2]], [[0, 0, 0], [0, 0, 0]]])
    _, macro, first, second = np.moveaxis(shares(sums)[..., 2], 1, 0)
    assert macro.tolist() == [1.0, 0.5, 0.0]
    assert first.tolist()[:2] == [1.0, 1.0]
    assert second.tolist()[1] == 0.0
    assert np.isnan([second[0], first[2], second[2]]).all()


def test_interval_ignores_nan() -> None:
    assert interval(np.array([np.nan, 0.5, 0.5, np.nan])) == (0.5, 0.5)
    assert interval(np.array([np.nan])) == (0.0, 0.0)
    assert interval(np.linspace(0, 1, 1001)) == pytest.approx((0.025, 0.975))


@pytest.mark.parametrize("found", [[], [document("...", "...")]])
def test_scores_without_entities_are_zero(found: list[ComparedDoc]) -> None:
    summary = summarize(count_entities(found), resamples=10)
    assert summary.groups == {}
    assert summary.micro == summary.macro
    assert summary.micro.to_json() == {
        "p": 0.0, "r": 0.0, "f": 0.0, "gold": 0,
        "p_interval": [0.0, 0.0], "r_interval": [0.0, 0.0], "f_interval": [0.0, 0.0],
    }  # fmt: skip
