"""Sentences in inline markup, a recognizer with given emissions, and brute force over all of its paths."""

from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np
import spacy
from spacy.tokens import Doc

from spacy_zh_tw_ner.components.crf_component import CRFComponent
from spacy_zh_tw_ner.corpora.formats.markup import read_markup
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.crf import Transitions, constrain
from spacy_zh_tw_ner.crf.transitions import FloatsT
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.tag_scheme import TagScheme

NLP = spacy.blank("zh_tw")


def records_of(*lines: str) -> list[Record]:
    """Parse sentences such as "[鴻海](ORG)在土城"."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder, "corpus.txt")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return list(read_markup(path))


class GivenEmissions(CRFComponent):
    """A recognizer whose emissions and transitions are given.

    emissions (np.ndarray): (n_rows, n_tags) of all documents together.
    """

    def __init__(self, labels: list[str], emissions: FloatsT, scores: Transitions) -> None:
        self._configure(NLP.vocab, "ner", 0.0, False, None)
        self.cfg["labels"] = labels
        self._emissions, self._scores = emissions, scores

    def batch_emissions(self, docs: list[Doc]) -> FloatsT:
        return self._emissions

    def emission_chunks(self, doc: Doc) -> Iterator[FloatsT]:
        yield self._emissions

    def transitions(self) -> Transitions:
        return constrain(self._scores, Transitions(*self.scheme.legal_transitions))

    def _require_trained(self) -> None:
        pass


def paths(scheme: TagScheme, emissions: FloatsT, transitions: Transitions) -> dict[tuple[Entity, ...], float]:
    """Return entities (with token offsets) → log probability, for every legal path, by enumeration."""
    legal, scores = scheme.legal_transitions, {}
    for path in product(range(len(scheme)), repeat=len(emissions)):
        if not (legal.start[path[0]] and legal.end[path[-1]]):
            continue
        if not all(legal.matrix[a, b] for a, b in pairwise(path)):
            continue
        score = transitions.start[path[0]] + transitions.end[path[-1]]
        score += sum(emissions[i, tag] for i, tag in enumerate(path))
        score += sum(transitions.matrix[a, b] for a, b in pairwise(path))
        scores[tuple(scheme.entities(np.array(path)))] = float(score)
    total = np.logaddexp.reduce(list(scores.values()))
    return {entities: score - total for entities, score in scores.items()}
