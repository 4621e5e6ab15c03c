"""Test scores on the same documents in other scripts."""

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_zh_tw_ner.evaluation.entity_counts import count_entities
from spacy_zh_tw_ner.evaluation.predictions import compare, entity_of, predict_golds
from spacy_zh_tw_ner.evaluation.script_robustness import (
    SWAPS,
    script_conversions,
    script_scores,
    swap_variants,
)
from spacy_zh_tw_ner.tokenization.folds import VARIANTS
from spacy_zh_tw_ner.training.augmenters import respelled

NLP = spacy.blank("zh_tw")


def make(text: str, *ents: tuple[int, int, str], default: str = "outside") -> Doc:
    doc = NLP.make_doc(text)
    doc.set_ents([Span(doc, start, end, label=label) for start, end, label in ents], default=default)
    return doc


def test_every_variant_has_one_other_form() -> None:
    assert len(SWAPS) == 2 * len(VARIANTS)


@given(st.text(st.sampled_from([*SWAPS, *"的 a，"])))
def test_swapping_twice_changes_nothing(text: str) -> None:
    assert swap_variants(swap_variants(text)) == text


def test_variants_are_swapped_both_ways() -> None:
    assert swap_variants("臺北的台積電在這裡") == "台北的臺積電在這裏"


@pytest.mark.parametrize("name", script_conversions())
def test_conversions_keep_entities_and_tokens(name: str) -> None:
    gold = make("臺北 市的台積電", (0, 3, "GPE"), (4, 7, "ORG"))
    new = respelled(gold, script_conversions()[name](gold.text))
    assert new.text != gold.text
    assert len(new) == len(gold)
    assert [*map(entity_of, new.ents)] == [*map(entity_of, gold.ents)]
    assert [token.ent_iob for token in new] == [token.ent_iob for token in gold]


def test_conversions_keep_missing_annotations() -> None:
    gold = make("臺北市的台積電", (0, 3, "GPE"), default="missing")
    assert [token.ent_iob for token in respelled(gold, swap_variants(gold.text))] == [3, 1, 1, 0, 0, 0, 0]


def test_simplified_conversion() -> None:
    assert script_conversions()["Simplified"]("國立臺灣大學") == "国立台湾大学"


@pytest.mark.parametrize("pattern", ["臺", "台"])
def test_loss_in_another_script_is_measured(pattern: str) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": [{"TEXT": pattern}]}])  # type: ignore[attr-defined]
    golds = [make(f"在{pattern}", (1, 2, "GPE")), make("好")]
    table = count_entities(compare(predict_golds(nlp, golds)))
    found = script_scores(nlp, golds, table, resamples=50, seed=0)["variants swapped"]
    assert found.changed == 1
    assert (found.scores.f.value, found.difference.f.value) == (0, -1)
    assert found.to_json()["changed"] == 1


def test_pipeline_that_normalizes_variants_loses_nothing(tiny_nlp: Language) -> None:
    golds = [make("蔡英文在臺北市。", (0, 3, "PERSON"), (4, 7, "GPE")), make("台積電。", (0, 3, "ORG"))]
    table = count_entities(compare(predict_golds(tiny_nlp, golds)))
    found = script_scores(tiny_nlp, golds, table, resamples=50, seed=0)["variants swapped"]
    assert (found.changed, tuple(found.difference.f)) == (2, (0, 0, 0))
