"""emissions → entities: the best path, or what is probable by itself."""

import numpy as np
import pytest
import torch

from spacy_zh_tw_ner.crf import PENALTY, Transitions, constrain, infer
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.pipeline.decoding import decode_entities
from spacy_zh_tw_ner.tag_scheme import TagScheme

SCHEME = TagScheme(["LOC", "PER"])
LENGTHS = [5, 0, 1, 9, 0]


@pytest.fixture
def transitions() -> Transitions:
    zero = Transitions(torch.zeros(9, 9), torch.zeros(9), torch.zeros(9))
    return constrain(zero, Transitions(*(torch.from_numpy(legal) for legal in SCHEME.legality())))


def emissions_of(entities: list[Entity], n_rows: int, strength: float) -> torch.Tensor:
    tags = np.zeros(n_rows, dtype=int)
    for entity in entities:
        tags[entity.start : entity.end] = SCHEME.path(entity)
    return torch.nn.functional.one_hot(torch.from_numpy(tags), len(SCHEME)) * strength


@pytest.mark.parametrize("min_score", [0.0, 0.3, 0.9])
def test_each_document_has_its_own_entities(transitions: Transitions, min_score: float) -> None:
    ents = [Entity(0, 2, "PER"), Entity(4, 5, "LOC"), Entity(5, 6, "LOC"), Entity(6, 9, "LOC"), Entity(14, 15, "PER")]
    found = list(decode_entities(emissions_of(ents, 15, 20.0), LENGTHS, transitions, SCHEME, min_score))
    assert [prediction.ents for prediction in found] == [
        ((0, 2, "PER"), (4, 5, "LOC")),
        (),
        ((0, 1, "LOC"),),
        ((0, 3, "LOC"), (8, 9, "PER")),
        (),
    ]
    assert all(score > 0.99 for prediction in found for score in prediction.scores)


def test_what_is_probable_by_itself_is_found_beside_the_best_path(transitions: Transitions) -> None:
    """Three readings of two characters: none 0.4, the whole as LOC 0.35, the whole as PER 0.25."""
    emissions = torch.full((2, 9), PENALTY / 100)
    emissions[:, 0] = np.log(0.4) / 2
    for label, p in ((0, 0.35), (1, 0.25)):
        emissions[0, 1 + 4 * label] = emissions[1, 3 + 4 * label] = np.log(p) / 2
    assert float(infer(emissions, [2], transitions).log_z[0]) == pytest.approx(0.0, abs=1e-5)

    def found(min_score: float) -> list[tuple[Entity, float]]:
        (prediction,) = decode_entities(emissions, [2], transitions, SCHEME, min_score)
        return list(zip(prediction.ents, prediction.scores, strict=True))

    assert found(0.0) == []
    assert found(0.2) == found(0.3) == [((0, 2, "LOC"), pytest.approx(0.35, abs=1e-4))]
    assert found(0.36) == []


def test_more_is_found_at_a_lower_score(transitions: Transitions) -> None:
    torch.manual_seed(0)
    emissions = torch.randn(200, 9) * 2
    counts = [
        sum(len(p.ents) for p in decode_entities(emissions, [20] * 10, transitions, SCHEME, min_score))
        for min_score in (0.05, 0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[3] > counts[-1] == 0
