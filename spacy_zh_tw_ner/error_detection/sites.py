"""Compute the features of sites, the places of a corpus where an annotation may be wrong.

A site is a gold entity, or a probable entity: a span that overlaps no gold entity and has a probability of at least
`LEAST` to be an entity.

A gold entity is suspicious if its probability is low and that of another annotation is high: the tag O, other ends, or
another label. A low probability alone does not show an error, because rare names have one, too. So the ranking needs
several features of each site. Most are logarithms of probabilities and counts. A logistic regression computes the
log-odds of an error from them.

A reading of a sentence is one possible annotation of the whole sentence, that is, a path of the CRF. The best reading
is the most probable path.
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

    sentence: Index of the sentence. entity: The gold entity or the probable entity, with character offsets.
    is_gold: True for a gold entity, or a wrong entity that was planted in its place; False for a probable entity.
    probability: Probability that an entity has exactly these ends and this label.
    features: Features for the logistic regression: eight if `is_gold`, otherwise three, in a fixed order.
    """

    sentence: int
    entity: Entity
    is_gold: bool
    probability: float
    features: tuple[float, ...]


class Judgement(NamedTuple):
    """Costs, best reading and sites of one sentence under a pipeline.

    cost: −log p(gold) in nats. best_cost: −log p(best reading) in nats.
    reading: Entities of the best reading, with character offsets. scores: The probability of each of them.
    sites: Sites of the gold entities that can be judged, and of probable entities that overlap no gold entity.
    unjudged: Gold entities that cannot be judged: the pipeline lacks their label, or they begin or end inside a token.
    """

    cost: float
    best_cost: float
    reading: tuple[Entity, ...]
    scores: tuple[float, ...]
    sites: tuple[Site, ...]
    unjudged: tuple[Entity, ...]


def count_names(records: Sequence[Record]) -> NamesT:
    """Count the gold entities of a corpus that have the same text (surface).

    RETURNS (NamesT): One `Counter` with two kinds of keys: (surface, label) → number of entities with this text and
        this label; surface → number of entities with this text and any label.
    """
    names: NamesT = Counter()
    for record in records:
        for entity in record.entities:
            surface = record.text[entity.start : entity.end]
            names.update([(surface, entity.label), surface])
    return names


def judge(
    nlp: Language, records: Sequence[Record], names: NamesT, planted: Mapping[int, Sequence[PlantedError]]
) -> tuple[list[Judgement], list[Site]]:
    """Judge the annotation of sentences with a pipeline that was not trained on them.

    Each sentence gets a `Judgement`: the cost of its gold annotation, −log p(gold), the most probable annotation of the
    whole sentence, and its sites, the places where the gold annotation may be wrong.

    Planted errors are artificial: entities that were changed, dropped or invented at random. The sites of these known
    errors are the examples of errors to which the logistic regression is fitted.

    nlp (Language): The pipeline.
    records (Sequence[Record]): Sentences with gold entities; no text is empty.
    names (NamesT): The result of `count_names` for the whole corpus.
    planted (Mapping[int, Sequence[PlantedError]]): Index of a sentence in `records` → errors planted in a copy of it.
    RETURNS (tuple[list[Judgement], list[Site]]): One judgement per sentence, without the planted errors; and the sites
        of the planted errors. The site of an error is the wrong entity. If the error is a dropped entity, its site is
        this entity, provided that its probability is at least `LEAST`.
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
    """Computes the sites of a batch of sentences.

    Methods take the index of a sentence in the batch. A `Site` has this index plus `first`, the index of the first
    sentence of the batch among all sentences of the call of `judge`.

    batch (BatchPosterior): Probabilities of the entities and annotations of the sentences, by the pipeline.
    golds (Sequence[GoldTokens]): Gold entities of each sentence, with offsets in tokens.
    texts (Sequence[str]): The sentences.
    names (NamesT): The result of `count_names` for the whole corpus.
    """

    def __init__(
        self, batch: BatchPosterior, golds: Sequence[GoldTokens], texts: Sequence[str], names: NamesT, first: int
    ) -> None:
        self.batch, self.golds, self.texts, self.names, self.first = batch, golds, texts, names, first
        self.best = [set(batch.best(sentence)) for sentence in range(len(golds))]
        self.probable = batch.probable(LEAST)

    def readings(self) -> tuple[list[list[Entity]], list[list[float]]]:
        """Return the entities of the most probable tag path of each sentence, and the probability of each entity.

        RETURNS (tuple): For each sentence, the list of its entities with offsets in characters; and for each sentence,
            the list of their marginal probabilities.
        """
        places = [(i, entity) for i, best in enumerate(self.best) for entity in sorted(best)]
        found: list[list[Entity]] = [[] for _ in self.best]
        scores: list[list[float]] = [[] for _ in self.best]
        for (i, entity), score in zip(places, self.batch.span_probabilities(places), strict=True):
            found[i].append(self.batch.characters_of(i, *entity))
            scores[i].append(float(score))
        return found, scores

    def gold_sites(self) -> list[Site]:
        """Return the sites of all gold entities that the pipeline can judge."""
        places = [(i, *pair) for i, gold in enumerate(self.golds) for pair in gold.entities.items()]
        return self._entity_sites(places, own=1)

    def planted_sites(self, planted: Sequence[Sequence[PlantedError]]) -> list[Site]:
        """Return the sites of planted errors: the wrong entities, and those dropped entities that are probable.

        planted (Sequence[Sequence[PlantedError]]): The planted errors of each sentence of the batch.
        """
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
        """Return the sites of gold entities, or of the wrong entities of planted errors.

        places (Sequence[tuple[int, Entity, Entity]]): Index of the sentence in the batch, and the entity twice: with
            character offsets, and with token offsets.
        own (int): Subtracted from the counts in `names`, so that an entity does not count itself: 1 for gold entities,
            which `names` contains, and 0 for planted ones.
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

        dropped (Sequence[set[Entity]]): For each sentence, the gold entities that a planted error drops, with character
            offsets. If any of the sets is not empty, only the sites of dropped entities are returned.
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
