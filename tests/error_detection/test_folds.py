"""Folds have nearly equal sizes, copies of a sentence share a fold, and impossible folds are reported."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.error_detection.folds import assign_folds
from spacy_zh_tw_ner.errors import CorpusError, UsageError

from .helpers import records_of

CORPUS = Path("corpus.txt")


@given(st.integers(2, 6), st.integers(0, 99))
def test_copies_share_a_fold_and_sizes_are_nearly_equal(n_folds: int, seed: int) -> None:
    texts = [f"第{i}句，在台北" for i in range(30)]
    copies = ["第１句，在臺北", "第2句，在台北 "]  # of 1 and 2: width and variant, and white space
    records = [Record(text, [Entity(0, 1, "X")], "", doc_id="one document") for text in texts + copies]
    folds = assign_folds(records, n_folds, seed, CORPUS)
    assert folds == assign_folds(records, n_folds, seed, CORPUS)
    assert (folds[30], folds[31]) == (folds[1], folds[2])
    sizes = [folds.count(fold) for fold in range(n_folds)]
    assert max(sizes) - min(sizes) <= 2


def test_another_seed_gives_other_folds() -> None:
    records = [Record(f"第{i}句", [Entity(0, 1, "X")], "") for i in range(30)]
    assert assign_folds(records, 5, 0, CORPUS) != assign_folds(records, 5, 1, CORPUS)


@pytest.mark.parametrize("value", [1, 101])
def test_a_number_of_folds_out_of_range_is_reported(value: int) -> None:
    with pytest.raises(UsageError, match=rf"ZT759.*--folds.*from 2 to 100 \(got {value}\)"):
        assign_folds(records_of("[鴻海](ORG)設廠"), value, 0, CORPUS)


def test_a_corpus_without_entities_is_reported() -> None:
    with pytest.raises(CorpusError, match=r"ZT756.*corpus.txt has no entity in 2 sentences"):
        assign_folds(records_of("吃飯", "睡覺"), 2, 0, CORPUS)


def test_fewer_sentences_than_folds_are_reported() -> None:
    with pytest.raises(CorpusError, match=r"ZT757.*1 different sentences.*3 folds"):
        assign_folds(records_of("[鴻海](ORG)設廠", "[鴻海](ORG)設廠"), 3, 0, CORPUS)


def test_a_fold_without_an_entity_is_reported() -> None:
    with pytest.raises(CorpusError, match=r"ZT758.*Fold \d of 2 has no entity: .* in 1 sentences"):
        assign_folds(records_of("[鴻海](ORG)設廠", "吃飯", "睡覺", "走路"), 2, 0, CORPUS)
