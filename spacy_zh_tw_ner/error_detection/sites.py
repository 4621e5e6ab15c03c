"""Judge the sites of a corpus: gold entities, and spans outside of them that are probably entities.

A gold entity is suspicious if its exact probability is low, while the model is sure of another reading: outside of
entities, or other ends or labels. A low probability alone is not enough, because a model also gives it to rare names.
The features are logarithms of probabilities, so a linear function of them is a log-odds ratio.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from spacy.language import Language

from ..corpora.records import Record
from ..entities import Entity
from .batch_posterior import BatchPosterior, GoldTokens, posteriors
from .planted_errors import PlantedError

FLOOR = 1e-26  # smaller probabilities are not told apart
LEAST = 0.05  # probability of a span outside of all gold entities that is a site
NamesT = Counter[tuple[str, str] | str]


class Site(NamedTuple):
    """A place where an annotation may be wrong.

    sentence: Index of the sentence. entity: The gold entity, or the probable entity, with character offsets.
    is_gold: Whether it is a gold entity. probability: Of exactly this entity. features: For the ranking.
    """

    sentence: int
    entity: Entity
    is_gold: bool
    probability: float
    features: tuple[float, ...]


class Judgement(NamedTuple):
    """Costs and readings of one sentence under the model.

    cost: −log p(gold). best_cost: −log p of the best reading. reading: Entities of the best reading, with character
    offsets. scores: The probability of each. sites: Gold entities, and probable entities outside of them.
    unjudged: Gold entities whose label the pipeline lacks, or that begin or end inside a token.
    """

    cost: float
    best_cost: float
    reading: tuple[Entity, ...]
    scores: tuple[float, ...]
    sites: tuple[Site, ...]
    unjudged: tuple[Entity, ...]


def count_names(records: Sequence[Record]) -> NamesT:
    """Return (surface, label) → number of entities, and surface → number of entities with any label."""
    names: NamesT = Counter()
    for record in records:
        for entity in record.entities:
            surface = record.text[entity.start : entity.end]
            names.update([(surface, entity.label), surface])
    return names


def judge(
    nlp: Language, records: Sequence[Record], names: NamesT, planted: Mapping[int, Sequence[PlantedError]]
) -> tuple[list[Judgement], list[Site]]:
    """Judge sentences with a pipeline that has not been trained on them.

    nlp (Language): The pipeline.
    records (Sequence[Record]): Sentences with gold entities; no text is empty.
    names (NamesT): The result of `count_names` for the whole corpus.
    planted (Mapping[int, Sequence[PlantedError]]): Index of a sentence → planted errors.
    RETURNS (tuple[list[Judgement], list[Site]]): One judgement per sentence, and the sites of the planted errors: the
        wrong entity of each error, or a dropped one, if it is a probable entity.
    """
    judgements: list[Judgement] = []
    wrong: list[Site] = []
    for batch, indices in posteriors(nlp, [record.text for record in records]):
        golds = [batch.gold(i, records[index].entities) for i, index in enumerate(indices)]
        sites = _BatchSites(batch, golds, [records[index].text for index in indices], names, indices.start)
        costs, best_costs = batch.costs(golds), batch.best_costs()
        found, scores = sites.readings()
        own = sites.gold_sites() + sites.probable_sites([set() for _ in indices])
        by_sentence: dict[int, list[Site]] = defaultdict(list)
        for site in own:
            by_sentence[site.sentence].append(site)
        for i, index in enumerate(indices):
            judgements.append(
                Judgement(
                    float(costs[i]),
                    float(best_costs[i]),
                    tuple(found[i]),
                    tuple(scores[i]),
                    tuple(sorted(by_sentence[index], key=lambda site: site.entity)),
                    golds[i].unjudged,
                )
            )
        wrong += sites.planted_sites([planted.get(index, ()) for index in indices])
    return judgements, wrong


class _BatchSites:
    """The sites of a batch. Sentences are numbered within the batch, and in the corpus after adding `first`."""

    def __init__(
        self, batch: BatchPosterior, golds: Sequence[GoldTokens], texts: Sequence[str], names: NamesT, first: int
    ) -> None:
        self.batch, self.golds, self.texts, self.names, self.first = batch, golds, texts, names, first
        self.best = [set(batch.best(sentence)) for sentence in range(len(golds))]
        self.probable = batch.probable(LEAST)

    def readings(self) -> tuple[list[list[Entity]], list[list[float]]]:
        """Return the best reading of each sentence: entities with character offsets, and their probabilities."""
        places = [(i, entity) for i, best in enumerate(self.best) for entity in sorted(best)]
        found: list[list[Entity]] = [[] for _ in self.best]
        scores: list[list[float]] = [[] for _ in self.best]
        for (i, entity), score in zip(places, self.batch.span_probabilities(places), strict=True):
            found[i].append(self.batch.characters_of(i, *entity))
            scores[i].append(float(score))
        return found, scores

    def gold_sites(self) -> list[Site]:
        """Return the sites of all gold entities."""
        places = [(i, *pair) for i, gold in enumerate(self.golds) for pair in gold.entities.items()]
        return self._entity_sites(places, own=1)

    def planted_sites(self, planted: Sequence[Sequence[PlantedError]]) -> list[Site]:
        """Return the sites of planted errors: wrong entities, and dropped ones as far as they are probable."""
        places: list[tuple[int, Entity, Entity]] = []
        dropped: list[set[Entity]] = [set() for _ in planted]
        for i, errors in enumerate(planted):
            for error in errors:
                if error.after is None:
                    dropped[i] |= {error.before} if error.before in self.golds[i].entities else set()
                elif (tokens := self.batch.tokens_of(i, error.after)) is not None:
                    places.append((i, error.after, tokens))
        sites = self._entity_sites(places, own=0)
        return sites + self.probable_sites(dropped) if any(dropped) else sites

    def _entity_sites(self, places: Sequence[tuple[int, Entity, Entity]], *, own: int) -> list[Site]:
        """Return sites of annotated entities.

        places (Sequence[tuple[int, Entity, Entity]]): Sentence, and entity with character and with token offsets.
        own (int): How often the entity itself is in `names`.
        """
        spans = [(i, tokens) for i, _, tokens in places]
        exact = self.batch.span_probabilities(spans)
        outside = self.batch.outside_probabilities(spans)
        sites = []
        for k, (i, entity, tokens) in enumerate(places):
            tags = np.log(self.batch.tag_probabilities(i, tokens).clip(FLOOR))
            surface = self.texts[i][entity.start : entity.end]
            same = max(0, self.names[surface, entity.label] - own)
            features = (
                _log(exact[k]),
                _log(outside[k]),
                float(tags.min()),
                float(tags.mean()),
                float(np.log(tokens.end - tokens.start)),
                float(np.log1p(same)),
                float(np.log1p(max(0, self.names[surface] - own - same))),
                float(tokens in self.best[i]),
            )
            sites.append(Site(self.first + i, entity, True, float(exact[k]), features))
        return sites

    def probable_sites(self, dropped: Sequence[set[Entity]]) -> list[Site]:
        """Return the sites of probable entities that overlap no gold entity.

        dropped (Sequence[set[Entity]]): For each sentence, gold entities that are dropped. If there are any, only
            their sites are returned.
        """
        sites, dropped_any = [], any(dropped)
        for i, segments in enumerate(self.probable):
            gone = {tokens for entity, tokens in self.golds[i].entities.items() if entity in dropped[i]}
            for start, end, kind, score in segments:
                span = Entity(start, end, self.batch.scheme.labels[kind])
                if span not in gone if dropped_any else not self.golds[i].outside[start:end].all():
                    continue
                outside = self.batch.tag_probabilities(i, span, outside=True)
                features = (_log(score), _log(outside.min()), float(np.log(end - start)))
                entity = self.batch.characters_of(i, *span)
                sites.append(Site(self.first + i, entity, False, float(score), features))
        return sites


def _log(probability: float) -> float:
    return float(np.log(max(probability, FLOOR)))
