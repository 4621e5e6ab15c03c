"""Test the calibration of entity scores, as numbers and as a reliability diagram."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_zh_tw_ner.components.span_annotations import write_scores
from spacy_zh_tw_ner.crf import reliability
from spacy_zh_tw_ner.entities import Entity, Prediction
from spacy_zh_tw_ner.evaluation.calibration_error import Confidence, entity_confidence
from spacy_zh_tw_ner.evaluation.figures import draw_reliability

NLP = spacy.blank("zh_tw")
EntsT = list[tuple[int, int, str]]


@pytest.fixture(autouse=True)
def _scores(tiny_nlp: Language) -> None:
    """Register `Span._.score` by loading a pipeline."""


def gold_doc(ents: EntsT) -> Doc:
    doc = NLP.make_doc("國立臺灣大學位於臺北市。")
    doc.set_ents([doc.char_span(a, b, label=c) for a, b, c in ents], default="outside")
    return doc


def predicted_doc(scored: dict[tuple[int, int, str], float]) -> Doc:
    doc = gold_doc(list(scored))
    write_scores(doc, Prediction(tuple(Entity(*ent) for ent in scored), tuple(scored.values())))
    return doc


def test_scores_are_compared_with_correctness() -> None:
    gold = gold_doc([(0, 6, "ORG"), (8, 11, "GPE")])
    pairs = [
        (gold, predicted_doc({(0, 6, "ORG"): 0.9, (8, 10, "GPE"): 0.3})),
        (gold, predicted_doc({(8, 11, "GPE"): 0.7})),
    ]
    confidence = entity_confidence(pairs, n_bins=3)
    found = confidence.reliability
    assert found.confidence.tolist() == pytest.approx([0.3, 0.7, 0.9], abs=1e-6)
    assert found.accuracy.tolist() == [0.0, 1.0, 1.0]
    assert confidence.error == pytest.approx((0.3 + 0.3 + 0.1) / 3, abs=1e-6)
    assert confidence.has_scores
    # With one entity per bin, the expected |correct − score| is 0.42 at 0.3 and 0.7, and 0.18 at 0.9.
    assert confidence.by_chance == pytest.approx((0.42 + 0.42 + 0.18) / 3, abs=0.03)


def test_unannotated_and_unscored_entities_are_ignored() -> None:
    unknown = NLP.make_doc("國立臺灣大學位於臺北市。")
    unscored = gold_doc([(0, 6, "ORG")])
    pairs = [(unknown, predicted_doc({(0, 6, "ORG"): 0.9})), (gold_doc([(0, 6, "ORG")]), unscored)]
    found = entity_confidence(pairs)
    assert not found.has_scores
    assert found.to_json() == {"expected_calibration_error": 0.0, "by_chance": 0.0, "bins": []}


def test_json_has_one_object_per_bin() -> None:
    found = reliability(np.array([0.25, 0.5, 0.75, 1.0]), np.array([False, True, True, True]), n_bins=2)
    bins = [
        {"lowest": 0.25, "highest": 0.5, "confidence": 0.375, "accuracy": 0.5, "n": 2},
        {"lowest": 0.75, "highest": 1.0, "confidence": 0.875, "accuracy": 1.0, "n": 2},
    ]
    expected = {"expected_calibration_error": 0.125, "by_chance": 0.25, "bins": bins}
    assert Confidence(found, 0.25).to_json() == expected


def test_diagram_is_svg_with_one_point_per_bin() -> None:
    found = reliability(np.linspace(0.1, 1.0, 40), np.arange(40) % 3 > 0, n_bins=5)
    svg = draw_reliability({"before <T>": found, "空": reliability(np.empty(0), np.empty(0, dtype=bool))})
    root = ElementTree.fromstring(svg)
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert tags.count("circle") == 5
    texts = [element.text for element in root.iter() if element.text]
    assert {"before <T>", "空", "each bin: 8 entities", "no entities"} <= set(texts)
    points = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)
    expected = [
        (240 * c, 240 * (1 - a)) for c, a in zip(found.confidence.tolist(), found.accuracy.tolist(), strict=True)
    ]
    assert [(float(x), float(y)) for x, y in points] == [pytest.approx(point, abs=0.06) for point in expected]
