"""The corpus in assets/nested teaches `configs/spans.cfg` places in organisations, and organisations in titles."""

from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config

from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.evaluation.predictions import compare, predict_pairs
from spacy_zh_tw_ner.interval_scheduling import keep_longest
from spacy_zh_tw_ner.training.progress import read_progress

ROOT = Path(__file__).parents[2]
TOK2VEC = "components.spans.model.tok2vec"
SMALL: dict[str, Any] = {
    f"{TOK2VEC}.width": 8,
    f"{TOK2VEC}.n_targets": 32,
    f"{TOK2VEC}.tok2vec.hidden_width": 48,
    f"{TOK2VEC}.tok2vec.depth": 1,
    f"{TOK2VEC}.tok2vec.dropout": 0.1,
    f"{TOK2VEC}.tok2vec.embed.widths": [48, 16],
    f"{TOK2VEC}.tok2vec.embed.rows": [2048, 4096],
    "training.max_steps": 120,
    "training.eval_frequency": 60,
    "training.optimizer.learn_rate.initial_rate": 0.02,
    "training.optimizer.learn_rate.warmup_steps": 5,
}


def test_the_corpus_has_no_overlaps_of_one_label(tmp_path: Path) -> None:
    tallies = convert(ROOT / "assets" / "nested", tmp_path, ConvertSettings(spans="sc"), notify=[].append)
    assert {path.stem: tally.sentences for path, tally in tallies.items()} == {"train": 79, "dev": 9, "test": 18}
    assert sum(tally.entities for tally in tallies.values()) == 322
    assert sum(tally.overlapping for tally in tallies.values()) == 140


def f_score(pairs: Iterable[tuple[frozenset[Entity], frozenset[Entity]]]) -> float:
    right = wrong = missed = 0
    for expected, found in pairs:
        right, wrong, missed = (
            right + len(expected & found),
            wrong + len(found - expected),
            missed + len(expected - found),
        )
    return 2 * right / (2 * right + wrong + missed)


def outer(entities: frozenset[Entity]) -> frozenset[Entity]:
    return frozenset(keep_longest(sorted(entities))[0])


@pytest.mark.slow
def test_both_layers_are_learnt(tmp_path: Path) -> None:
    convert(ROOT / "assets" / "nested", tmp_path / "corpus", ConvertSettings(spans="sc"), notify=[].append)
    paths = {f"paths.{split}": str(tmp_path / "corpus" / f"{split}.spacy") for split in ("train", "dev")}
    nlp = init_nlp(load_config(ROOT / "configs" / "spans.cfg", overrides=SMALL | paths).interpolate())
    (tmp_path / "out").mkdir()
    train(nlp, tmp_path / "out", stdout=StringIO(), stderr=StringIO())
    assert (read_progress(tmp_path / "out" / "progress.jsonl")[-1].f or 0) > 90
    loaded = spacy.load(tmp_path / "out" / "model-best")
    pairs: list[tuple[Doc, Doc]] = list(predict_pairs(loaded, tmp_path / "corpus" / "test.spacy"))
    documents = compare(pairs, "sc")
    assert f_score((outer(d.expected), outer(d.found)) for d in documents) > 0.9
    assert f_score((d.expected - outer(d.expected), d.found - outer(d.found)) for d in documents) > 0.9
    # Entities of one label never overlap.
    for document in documents:
        for one in document.found:
            for other in document.found - {one}:
                assert one.label != other.label or one.end <= other.start or other.end <= one.start
