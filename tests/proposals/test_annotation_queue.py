"""The orders of `export` for annotation: entropy, margin, and greedy diversity equal their definitions."""

import json
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language

from spacy_zh_tw_ner.corpora.export import export
from spacy_zh_tw_ner.crf import infer
from spacy_zh_tw_ner.errors import PipelineError
from spacy_zh_tw_ner.proposals.annotation_queue import DECAY, DiverseRanking, MarginRanking, choose_ranking

from ..components.training_data import BILSTM, TEXTS, build, examples_of

MORE = [*TEXTS, TEXTS[0], "", TEXTS[1][:5], TEXTS[2] * 2]


@pytest.fixture(scope="module")
def nlp() -> Language:
    trained = build(BILSTM)
    trained.initialize(lambda: examples_of(trained))
    trained.get_pipe("ner").temperature = 0.2
    return trained


def order_of(nlp: Language, order: str, tmp_path: Path) -> list[str]:
    texts, target = tmp_path / "texts.txt", tmp_path / f"{order}.jsonl"
    texts.write_text("".join(f"{text}\n" for text in MORE if text), encoding="utf-8")
    ranking = choose_ranking(nlp, order)
    export(texts, target, "jsonl", nlp=nlp, ranking=ranking, notify=lambda message: None)
    return [json.loads(line)["text"] for line in target.read_text(encoding="utf-8").splitlines()]


def test_every_order_keeps_every_text(nlp: Language, tmp_path: Path) -> None:
    expected = sorted(text for text in MORE if text)
    found = {order: order_of(nlp, order, tmp_path) for order in ("file", "uncertain", "margin", "diverse")}
    assert {order: sorted(texts) for order, texts in found.items()} == dict.fromkeys(found, expected)
    assert found["uncertain"][0] == TEXTS[2] * 2  # the longest text


def test_the_smallest_margin_is_first(nlp: Language) -> None:
    ranking = MarginRanking(nlp)
    ranking.add(MORE[:3])
    ranking.add(MORE[3:])
    values = [ranking.values[index] for index in ranking.order()]
    assert values == sorted(values)
    assert values[-1] == 1.0  # the empty text has one reading
    assert len(values) == len(MORE)


def test_lazy_selection_equals_comparing_all_texts_in_every_step(nlp: Language) -> None:
    ranking = DiverseRanking(nlp)
    ranking.add(MORE)
    remaining, seen, expected = set(range(len(MORE))), {}, []

    def gain(index: int) -> float:
        distinct, values = ranking.bigrams[index]
        return sum(v * DECAY ** seen.get(b, 0) for b, v in zip(distinct.tolist(), values.tolist(), strict=True))

    while remaining:
        best = max(remaining, key=lambda index: (gain(index), -index))
        expected.append(best)
        remaining.remove(best)
        for bigram in ranking.bigrams[best][0].tolist():
            seen[bigram] = seen.get(bigram, 0) + 1
    assert ranking.order() == expected
    assert abs(expected.index(0) - expected.index(4)) > 1  # equal texts are not selected one after the other


def test_the_value_of_a_text_is_the_entropy_of_its_characters(nlp: Language) -> None:
    ranking = DiverseRanking(nlp)
    ranking.add(MORE[:1])
    marginals = infer(*ranking.potentials(MORE[:1])).marginals.astype(np.float64)
    entropy = -(marginals * np.log(marginals + 1e-12)).sum()
    assert float(ranking.bigrams[0][1].sum()) == pytest.approx(entropy, rel=1e-3)


def test_a_pipeline_without_a_crf_has_only_the_order_of_its_scores() -> None:
    blank = spacy.blank("zh_tw")
    assert choose_ranking(blank, "uncertain") is None
    with pytest.raises(PipelineError, match="ZT113"):
        choose_ranking(blank, "margin")
