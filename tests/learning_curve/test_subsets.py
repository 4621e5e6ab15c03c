"""Nested random subsets of the training data."""

from itertools import pairwise
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.errors import CorpusError, UsageError
from spacy_zh_tw_ner.learning_curve.subsets import (
    MIN_SENTENCES,
    TrainingData,
    digest_of,
    missing_label_messages,
    parse_percents,
)
from spacy_zh_tw_ner.training.char_corpus import read_gold_docs

from .corpora import make_corpus, sentence, write


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return TrainingData(make_corpus(tmp_path_factory.mktemp("curve") / "corpus", n=200) / "train.spacy")


@given(shares=st.lists(st.integers(5, 100), min_size=2, max_size=4, unique=True), n_seeds=st.integers(1, 3))
def test_subsets_of_a_seed_are_nested(data: TrainingData, shares: list[int], n_seeds: int) -> None:
    subsets = data.draw(sorted(map(float, shares)), n_seeds)
    assert [(one.percent, one.seed) for one in subsets] == [(s, k) for s in sorted(shares) for k in range(n_seeds)]
    for seed in range(n_seeds):
        of_seed = [set(one.documents) for one in subsets if one.seed == seed]
        assert all(smaller < larger for smaller, larger in pairwise(of_seed))
        assert [len(one) for one in of_seed] == [round(2 * share) for share in sorted(shares)]


def test_seeds_draw_different_subsets_and_the_same_every_time(data: TrainingData) -> None:
    first, second, *_ = data.draw((20.0, 100.0), 2)
    assert first.documents != second.documents
    assert data.draw((20.0, 100.0), 2)[0] == first
    assert data.draw((20.0, 100.0), 2)[-1].documents == tuple(range(200))


def test_equal_sentences_stay_together(tmp_path: Path) -> None:
    copies = [sentence(i // 3) for i in range(90)]
    copies[1].text = copies[1].text.replace("。", " ｡")  # white space and half width are folded
    data = TrainingData(write(tmp_path / "train.spacy", copies))
    for subset in data.draw((25.0, 50.0, 100.0), 2):
        chosen = set(subset.documents)
        assert all(len(chosen & {3 * k, 3 * k + 1, 3 * k + 2}) in (0, 3) for k in range(30))


def test_a_subset_is_written_with_its_annotation_and_origin(data: TrainingData, tmp_path: Path) -> None:
    subset = data.draw((10.0, 50.0, 100.0), 1)[0]
    data.write(subset, tmp_path / "part.spacy")
    docs = list(read_gold_docs(tmp_path / "part.spacy", spacy.blank("zh_tw").vocab))
    expected = [sentence(i) for i in subset.documents]
    assert [doc.text for doc in docs] == [one.text for one in expected]
    assert [[ent.label_ for ent in doc.ents] for doc in docs] == [["PERSON", "GPE"]] * len(docs)
    assert [doc.user_data["origin"] for doc in docs] == [one.origin for one in expected]


def test_a_corpus_that_is_too_small_for_a_share_is_an_error(tmp_path: Path) -> None:
    data = TrainingData(make_corpus(tmp_path / "corpus", n=40) / "train.spacy")
    with pytest.raises(CorpusError, match=rf"ZT817.*10 % of .* 4 of its 40 .*at least {MIN_SENTENCES}.*--fractions"):
        data.draw((10.0, 50.0, 100.0), 1)


def test_shares_of_equal_size_are_an_error(tmp_path: Path) -> None:
    data = TrainingData(make_corpus(tmp_path / "corpus", n=40) / "train.spacy")
    with pytest.raises(CorpusError, match=r"ZT818.*50 and 50.5 % .* the same 20 sentences"):
        data.draw((50.0, 50.5, 100.0), 1)


def outside_of_the_smallest(folder: Path) -> int:
    """Return a sentence of 40 that the subset of 25 % with seed 0 lacks; it depends on the texts only."""
    data = TrainingData(write(folder / "all.spacy", [sentence(i) for i in range(40)]))
    return next(i for i in range(40) if i not in data.draw((25.0, 50.0, 100.0), 1)[0].documents)


def test_subsets_and_corpora_without_an_entity_are_errors(tmp_path: Path) -> None:
    records = [sentence(i) for i in range(40)]
    for record in records:
        record.entities = []
    with pytest.raises(CorpusError, match=r"ZT816.*40 sentences and no entity"):
        TrainingData(write(tmp_path / "none.spacy", records))
    free = outside_of_the_smallest(tmp_path)
    records[free] = sentence(free)
    data = TrainingData(write(tmp_path / "one.spacy", records))
    with pytest.raises(CorpusError, match=r"ZT819.*None of the 10 sentences.*25 %"):
        data.draw((25.0, 50.0, 100.0), 3)


def test_labels_that_subsets_or_all_training_data_lack_are_reported(tmp_path: Path) -> None:
    records, free = [sentence(i) for i in range(40)], outside_of_the_smallest(tmp_path)
    records[free].entities[0] = Entity(0, 3, "ORG")
    data = TrainingData(write(tmp_path / "train.spacy", records))
    test = sentence(50)
    test.entities = [Entity(0, 3, "ORG"), Entity(*test.entities[1][:2], "LAW")]
    gold = list(read_gold_docs(write(tmp_path / "test.spacy", [test]), spacy.blank("zh_tw").vocab))
    subsets = data.draw((25.0, 50.0, 100.0), 2)
    law, org = missing_label_messages(data, subsets, gold, Path("test.spacy"))
    assert law.startswith("[ZT820] test.spacy has 1 entities of the label LAW, which the training data lacks")
    without = [one.name for one in subsets if free not in one.documents]
    assert without
    assert org.startswith("[ZT821]")
    assert f": {', '.join(without)}." in org


@pytest.mark.parametrize("value", ["", "10,x,100", "50,100", "10,10,100", "0,50,100", "50,100,150", "nan,50,100"])
def test_wrong_fractions_are_an_error(value: str) -> None:
    with pytest.raises(UsageError, match="ZT822"):
        parse_percents(value)


def test_fractions_are_sorted() -> None:
    assert parse_percents("100, 12.5,50") == (12.5, 50.0, 100.0)


def test_the_digest_depends_on_the_content_only(tmp_path: Path) -> None:
    one, two = (write(tmp_path / f"{name}.spacy", [sentence(1)]) for name in "ab")
    assert digest_of(one) == digest_of(two) != digest_of(write(tmp_path / "c.spacy", [sentence(2)]))
