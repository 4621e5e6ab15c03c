"""Base class of the components that decode one CRF: emissions → tags → entities with scores in `doc.ents`."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from ..crf import Transitions
from ..crf.transitions import BoolsT, FloatsT
from ..entities import Entity, Prediction
from ..entity_decoding import EntityDecoder
from ..tag_scheme import TagScheme
from .crf_pipe import CRFPipe, ScorerT
from .span_annotations import read_scores, write_scores
from .tag_masks import mask_edges, read_gold


def score_ner(examples: Iterable[Example], **_: Any) -> dict[str, Any]:
    """Compute precision, recall and F of exact spans, micro and by label.

    examples (Iterable[Example]): Gold and predicted documents.
    RETURNS (dict[str, Any]): The scores of spaCy's `get_ner_prf`: "ents_p", "ents_r" and "ents_f" (precision, recall
        and F, from 0 to 1, or None without any entities), and "ents_per_type" (label → its scores). Also "ents_found",
        the number of predicted entities.
    """
    examples = list(examples)
    scores: dict[str, Any] = get_ner_prf(examples)
    return scores | {"ents_found": sum(len(example.predicted.ents) for example in examples)}


class CRFComponent(CRFPipe):
    """Recognizes entities with a CRF over BIOES tags; subclasses compute the emissions and transitions.

    The other settings are those of `CRFPipe`, the base class. `min_score` is the lowest probability of an entity: a
    lower value finds more entities, and more of them are wrong. With 0, the most probable tag path is decoded instead.
    `scorer` computes the scores of `nlp.evaluate`.

    vocab (Vocab): The shared vocabulary.
    name (str): Name of this instance.
    overwrite (bool): Replace entities of earlier components. By default they are kept, and predictions that overlap
        them are dropped.
    """

    def _configure(self, vocab: Vocab, name: str, min_score: float, overwrite: bool, scorer: ScorerT | None) -> None:
        """Set the attributes that all subclasses share. The constructors of the subclasses call this method.

        vocab (Vocab): The shared vocabulary.
        name (str): Name of this instance.
        min_score (float): From 0 to 1. If 0, the most probable tag path is decoded; else all entities with at least
            this probability.
        overwrite (bool): Replace entities of earlier components, instead of keeping them.
        scorer (Optional[Callable]): Function that computes the scores of `nlp.evaluate`.
        RAISES (SettingError): If `min_score` is not between 0 and 1.
        """
        self._configure_pipe(vocab, name, min_score, scorer)
        self.overwrite = overwrite
        self._scheme = TagScheme(())

    @abstractmethod
    def transitions(self) -> Transitions:
        """Return the transition scores between tags, from the start and to the end of a text.

        RETURNS (Transitions): `matrix`, (n_tags, n_tags); `start` and `end`, (n_tags,). Illegal transitions have the
            score PENALTY, a large negative number.
        """

    @property
    def scheme(self) -> TagScheme:
        """Tag scheme of the current labels: O, then B, I, E and S of each label, as the columns of the emissions."""
        if self._scheme.labels != self.labels:
            self._scheme = TagScheme(self.labels)
        return self._scheme

    def _make_decoder(self) -> EntityDecoder:
        return EntityDecoder(self.scheme, self.transitions(), temperature=self.temperature, min_score=self.min_score)

    def set_annotations(self, docs: Iterable[Doc], predictions: list[Prediction]) -> None:
        """Write the predicted entities to `doc.ents`, and those with a score also to `doc.spans["ner"]`.

        Without `overwrite`, earlier entities are kept, and predictions that overlap them are dropped. The group
        `doc.spans["ner"]` is replaced: it gets the entities of `doc.ents` that have a score, also kept ones of an
        earlier recognizer. `span._.score` returns the score.

        docs (Iterable[Doc]): The documents.
        predictions (list[Prediction]): The prediction of each document, from `predict`.
        """
        for doc, prediction in zip(docs, predictions, strict=True):
            earlier = [] if self.overwrite else [Entity(e.start, e.end, e.label_) for e in doc.ents]
            # Entities of another recognizer in this pipeline keep their scores.
            stored = read_scores(doc) if earlier else {}
            scores = {entity: score for entity, score in stored.items() if entity in earlier}
            scores |= {
                entity: score
                for entity, score in zip(prediction.ents, prediction.scores, strict=True)
                if entity in earlier or not any(entity.start < e.end and e.start < entity.end for e in earlier)
            }
            ents = sorted({*earlier, *scores})
            scored = [entity for entity in ents if entity in scores]
            doc.ents = [Span(doc, start, end, label=label) for start, end, label in ents]
            write_scores(doc, Prediction(tuple(scored), tuple(scores[entity] for entity in scored)))

    def potentials(self, docs: list[Doc]) -> tuple[FloatsT, list[int], Transitions]:
        """Compute the emissions and transitions of the CRF, before temperature and gazetteer evidence are applied.

        docs (list[Doc]): The documents.
        RETURNS (tuple[np.ndarray, list[int], Transitions]): (n_rows, n_tags) emissions, one row per token of all
            documents, masked so that no entity begins or ends with white space; the number of rows of each document;
            and the transitions, where illegal ones have the score PENALTY.
        """
        rows, lengths = self.emissions(docs)
        return mask_edges(rows, docs, self.scheme), lengths, self.transitions()

    def gold_mask(self, examples: Iterable[Example]) -> BoolsT:
        """Return the gold mask: the tags that gold annotations allow for each token.

        Warn of gold annotations that cannot be used, and of labels that the component does not have.

        examples (Iterable[Example]): Gold documents, each with a predicted document of the same text.
        RETURNS (np.ndarray): (n_rows, n_tags) bool, one row per token of all predicted documents.
        """
        mask, problems = read_gold(examples, self.scheme)
        self.warnings.check_gold(problems, self.labels)
        return mask

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Score predictions with `scorer`, and warn of gold labels that the component cannot predict.

        examples (Iterable[Example]): Gold and predicted documents.
        RETURNS (dict[str, Any]): The scores.
        """
        examples = list(examples)
        # Do not warn of labels that another component of the pipeline has predicted.
        found = {ent.label_ for example in examples for ent in example.predicted.ents}
        golds = (ent.label_ for example in examples for ent in example.reference.ents if ent.label_ not in found)
        self.warnings.check_labels(Counter(golds), self.labels)
        return cast(dict[str, Any], super().score(examples, **kwargs))
