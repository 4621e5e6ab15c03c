"""Exact posterior of a batch of sentences under the CRF of a pipeline, and the cost of their gold annotations.

The cost of a sentence is −log p(gold) in nats: the negated log-likelihood of the tags of its gold annotation. Some gold
entities cannot be judged: the pipeline lacks their label, or they begin or end inside a token. The tokens of these
entities may have any tag, so they add nothing to the cost (the partial likelihood of `crf.likelihood`).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from ..components.crf_component import CRFComponent
from ..components.inspection import find_recognizer, run_before
from ..crf import Segment, at_temperature, decode, infer, log_likelihood, probable_segments
from ..crf.transitions import BoolsT, FloatsT, IntsT
from ..entities import Entity
from ..language import BATCH_CHARACTERS, divide
from ..tag_scheme import OUTSIDE


class GoldTokens(NamedTuple):
    """Gold annotation of one sentence, with offsets in tokens.

    entities: Entities that the pipeline can judge: entity with character offsets → entity with token offsets.
    unjudged: Entities that it cannot judge, with character offsets: the pipeline lacks their label, or they begin or
        end inside a token.
    outside: (n_tokens,) bool: True for tokens that are in no gold entity.
    """

    entities: dict[Entity, Entity]
    unjudged: tuple[Entity, ...]
    outside: BoolsT


class BatchPosterior:
    """Posterior of a batch of sentences: exact probabilities of tags, spans and whole annotations.

    component (CRFComponent): The recognizer whose CRF is used, at the temperature of the recognizer.
    docs (list[Doc]): Documents that the components before the recognizer have processed, none of them empty.
    """

    def __init__(self, component: CRFComponent, docs: list[Doc]) -> None:
        self.docs, self.scheme = docs, component.scheme
        emissions, self.lengths, transitions = component.potentials(docs)
        self._emissions, self._transitions = at_temperature(emissions, transitions, component.temperature)
        self.offsets = list(accumulate(self.lengths, initial=0))  # first row of each sentence
        self.posterior = infer(self._emissions, self.lengths, self._transitions)
        self.best_tags = decode(self._emissions, self.lengths, self._transitions)
        self._starts = [{token.idx: token.i for token in doc} for doc in docs]
        self._ends = [{token.idx + len(token): token.i + 1 for token in doc} for doc in docs]

    def tokens_of(self, sentence: int, entity: Entity) -> Entity | None:
        """Convert an entity from character offsets to token offsets, both counted from the start of its sentence.

        sentence (int): Index of the sentence in the batch.
        entity (Entity): The entity, with character offsets.
        RETURNS (Optional[Entity]): None if the pipeline lacks its label, or if it begins or ends inside a token.
        """
        start, end = self._starts[sentence].get(entity.start), self._ends[sentence].get(entity.end)
        if start is None or end is None or entity.label not in self.scheme.labels:
            return None
        return Entity(start, end, entity.label)

    def characters_of(self, sentence: int, start: int, end: int, label: str) -> Entity:
        """Return the entity from token `start` to token `end` (exclusive) of a sentence, with character offsets."""
        doc = self.docs[sentence]
        return Entity(doc[start].idx, doc[end - 1].idx + len(doc[end - 1]), label)

    def gold(self, sentence: int, entities: Iterable[Entity]) -> GoldTokens:
        """Convert the gold entities of a sentence from character offsets to token offsets."""
        outside = np.ones(self.lengths[sentence], dtype=bool)
        judged, unjudged = {}, []
        for entity in entities:
            tokens = self.tokens_of(sentence, entity)
            if tokens is None:
                unjudged.append(entity)
                inside = [t.i for t in self.docs[sentence] if t.idx < entity.end and entity.start < t.idx + len(t)]
                outside[inside] = False
            else:
                judged[entity] = tokens
                outside[tokens.start : tokens.end] = False
        return GoldTokens(judged, tuple(unjudged), outside)

    def costs(self, golds: Sequence[GoldTokens]) -> FloatsT:
        """Return −log p(gold) of each sentence, (n_sentences,).

        golds (Sequence[GoldTokens]): For each sentence of the batch, in order, the result of `gold`.
        """
        masks = [self.scheme.gold_mask(gold.entities.values(), gold.outside) for gold in golds]
        return self._costs(np.concatenate(masks))

    def best_costs(self) -> FloatsT:
        """Return −log p(best path) of each sentence, (n_sentences,)."""
        mask: BoolsT = self.best_tags[:, None] == np.arange(len(self.scheme))
        return self._costs(mask)

    def _costs(self, mask: BoolsT) -> FloatsT:
        costs: FloatsT = -log_likelihood(self._emissions, self.lengths, self._transitions, mask).log_likelihood
        return costs.clip(min=0.0)

    def best(self, sentence: int) -> list[Entity]:
        """Return the entities of the best path of a sentence, with token offsets."""
        return self.scheme.entities(self.best_tags[self.offsets[sentence] : self.offsets[sentence + 1]])

    def probable(self, threshold: float) -> list[list[Segment]]:
        """Return, for each sentence, all spans with a probability of at least `threshold`; they may overlap.

        RETURNS (list[list[Segment]]): For each sentence, its spans: start and end in tokens of the sentence, index of
            the label, and probability.
        """
        found: list[list[Segment]] = [[] for _ in self.docs]
        for segment in probable_segments(self.posterior, self.scheme.patterns(), threshold):
            sentence = int(np.searchsorted(self.offsets, segment.start, side="right")) - 1
            first = self.offsets[sentence]
            found[sentence].append(segment._replace(start=segment.start - first, end=segment.end - first))
        return [sorted(segments) for segments in found]

    def span_probabilities(self, entities: Sequence[tuple[int, Entity]]) -> FloatsT:
        """Return, for each entity, the probability that an entity has exactly its ends and its label, (n,).

        entities (Sequence[tuple[int, Entity]]): Index of the sentence in the batch, and entity with token offsets. The
            entities may overlap.
        """
        found = np.zeros(len(entities))
        left = sorted(range(len(entities)), key=lambda i: (entities[i][0], entities[i][1]))
        while left:  # each pass takes entities that do not overlap, as one array of tags
            tags = np.full(self.offsets[-1], OUTSIDE)
            taken: list[int] = []
            rest: list[int] = []
            end = 0
            for i in left:
                sentence, entity = entities[i]
                first = self.offsets[sentence]
                if first + entity.start < end:
                    rest.append(i)
                    continue
                taken.append(i)
                end = first + entity.end
                tags[first + entity.start : end] = self.scheme.path(entity)
            found[taken] = self._path_probabilities(tags, [entities[i] for i in taken])
            left = rest
        return found

    def outside_probabilities(self, entities: Sequence[tuple[int, Entity]]) -> FloatsT:
        """Return, for each span, the probability that all its tokens have the tag O, (n,).

        entities (Sequence[tuple[int, Entity]]): Index of the sentence in the batch, and span with token offsets.
        """
        return self._path_probabilities(np.full(self.offsets[-1], OUTSIDE), entities)

    def _path_probabilities(self, tags: IntsT, spans: Sequence[tuple[int, Entity]]) -> FloatsT:
        starts = [self.offsets[sentence] + span.start for sentence, span in spans]
        ends = [self.offsets[sentence] + span.end for sentence, span in spans]
        return self.posterior.path_probabilities(tags, starts, ends)

    def tag_probabilities(self, sentence: int, entity: Entity, *, outside: bool = False) -> FloatsT:
        """Return the marginal probability of one tag at each token of an entity, (n_tokens_of_entity,).

        sentence (int): Index of the sentence in the batch.
        entity (Entity): The entity, with token offsets.
        outside (bool): False for the tags that the entity gives to its tokens, True for the tag O.
        """
        first = self.offsets[sentence]
        rows = np.arange(first + entity.start, first + entity.end)
        tags = OUTSIDE if outside else self.scheme.path(entity)
        probabilities: FloatsT = self.posterior.marginals[rows, tags].astype(np.float64)
        return probabilities


def posteriors(nlp: Language, texts: Sequence[str]) -> Iterator[tuple[BatchPosterior, range]]:
    """Compute the posteriors of sentences in batches.

    A batch has at most `nlp.batch_size` sentences, and about BATCH_CHARACTERS characters.

    nlp (Language): A pipeline. Its first component that decodes a CRF is used.
    texts (Sequence[str]): The sentences, none of them empty.
    YIELDS (tuple[BatchPosterior, range]): Posterior of a batch, and the indices of its sentences in `texts`.
    """
    component, first = find_recognizer(nlp), 0
    docs = (nlp.make_doc(text) for text in texts)
    for batch in divide(docs, max_items=nlp.batch_size, max_characters=BATCH_CHARACTERS):
        yield BatchPosterior(component, run_before(nlp, component, batch)), range(first, first + len(batch))
        first += len(batch)
