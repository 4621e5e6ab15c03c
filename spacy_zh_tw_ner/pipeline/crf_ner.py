"""The component `zh_tw_crf_ner`: docs → emissions → tags → `doc.ents`, each with its probability."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, cast

import numpy as np
import torch
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer
from thinc.types import Floats2d
from thinc.util import torch2xp, xp2torch

from ..crf import Transitions, constrain, decode, infer, log_likelihood
from ..errors import Errors, Warnings
from ..types import EmissionsT, Entity, Prediction, TaggerT
from .crf_tagger import resize_output
from .scores import register_extension, write_scores
from .tag_scheme import TagScheme
from .weight_decay import WithoutDecay

DEFAULT_MODEL = Config().from_str(
    """
[model]
@architectures = "spacy-zh-tw-ner.CRFTagger.v1"

[model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 96
depth = 4
embed_size = 2000
window_size = 1
maxout_pieces = 3
subword_features = false
"""
)["model"]
ScorerT = Callable[..., dict[str, Any]]


def score_ner(examples: Iterable[Example], **_: Any) -> dict[str, Any]:
    """Exact-span precision, recall and F, micro and by label."""
    scores: dict[str, Any] = get_ner_prf(examples)
    return scores


def make_ner_scorer() -> ScorerT:
    """Registered as `spacy-zh-tw-ner.ner_scorer.v1`."""
    return score_ner


@Language.factory(
    "zh_tw_crf_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"],
    default_config={
        "model": DEFAULT_MODEL,
        "min_score": 0.0,
        "overwrite": False,
        "scorer": {"@scorers": "spacy-zh-tw-ner.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_crf_ner(
    nlp: Language, name: str, model: TaggerT, min_score: float, overwrite: bool, scorer: ScorerT | None
) -> "CRFEntityRecognizer":
    """Build the component; the settings are those of CRFEntityRecognizer."""
    return CRFEntityRecognizer(nlp.vocab, model, name, min_score=min_score, overwrite=overwrite, scorer=scorer)


class CRFEntityRecognizer(TrainablePipe):
    """A named entity recognizer that decodes a conditional random field over BIOES tags.

    vocab (Vocab): The shared vocabulary.
    model (Model[list[Doc], list[Floats2d]]): A `CRFTagger`.
    name (str): Name of this instance, under which its loss is reported.
    min_score (float): Entities that are less probable than this are left out.
    overwrite (bool): Whether entities set by earlier components are replaced. They stay by default, and what overlaps
        them is left out.
    scorer (Optional[Callable]): How `nlp.evaluate` scores it.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: TaggerT,
        name: str = "ner",
        *,
        min_score: float = 0.0,
        overwrite: bool = False,
        scorer: ScorerT | None = score_ner,
    ) -> None:
        if not 0.0 <= min_score <= 1.0:
            raise ValueError(Errors.ZT106.format(value=min_score))
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"labels": [], "min_score": min_score, "overwrite": overwrite}
        self._scheme = TagScheme(())
        register_extension()

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that it can predict."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """Labels as `spacy init labels` stores them."""
        return list(self.cfg["labels"])

    @property
    def scheme(self) -> TagScheme:
        """The tags of the present labels."""
        if self._scheme.labels != self.labels:
            self._scheme = TagScheme(self.labels)
        return self._scheme

    def add_label(self, label: str) -> int:
        """Add a label, before or after training. What has been learnt stays.

        label (str): The label.
        RETURNS (int): 0 where it is there already, 1 otherwise.
        RAISES (ValueError): For anything but a non-empty string.
        """
        if not isinstance(label, str) or not label:
            raise ValueError(Errors.ZT107.format(value=label))
        if label in self.labels:
            return 0
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        if self.model.get_ref("output_layer").has_dim("nO"):
            resize_output(self.model, len(self.scheme))
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
    ) -> None:
        """Learn the labels, and give the model its shapes.

        get_examples (Callable[[], Iterable[Example]]): The training corpus.
        nlp (Optional[Language]): The pipeline it is part of.
        labels (Optional[list[str]]): Labels, which saves the pass over the corpus; see `spacy init labels`.
        RAISES (ValueError): Where there is no label at all.
        """
        validate_get_examples(get_examples, "CRFEntityRecognizer.initialize")
        if labels is None:
            labels = sorted({entity.label_ for example in get_examples() for entity in example.reference.ents})
        for label in labels:
            self.add_label(label)
        if not self.labels:
            raise ValueError(Errors.ZT101.format(name=self.name))
        sample = [example.predicted for example in islice(get_examples(), 10)]
        resize_output(self.model, len(self.scheme))
        self.model.initialize(X=[doc for doc in sample if len(doc)] or sample)

    def predict(self, docs: Iterable[Doc]) -> list[Prediction]:
        """Find the entities of some documents without touching them.

        docs (Iterable[Doc]): The documents.
        RETURNS (list[Prediction]): One a document.
        RAISES (ValueError): Where the component has no labels yet.
        """
        docs = list(docs)
        if not any(len(doc) for doc in docs):
            return [Prediction((), ()) for _ in docs]
        if not self.labels:
            raise ValueError(Errors.ZT101.format(name=self.name))
        return list(self._decode(self.model.predict(docs)))

    def _decode(self, emissions: EmissionsT) -> Iterator[Prediction]:
        """Decode a batch at once, then tell its documents apart."""
        rows, lengths = self._flatten(emissions)
        transitions = self._transitions()
        tags = decode(rows, lengths, transitions)
        found: list[tuple[int, Entity]] = []
        bounds = np.cumsum([0, *lengths])
        for first, tags_of_doc in zip(bounds, np.split(tags.numpy(force=True), bounds[1:-1]), strict=False):
            found += [(int(first), entity) for entity in self.scheme.entities(tags_of_doc)]
        scores = infer(rows, lengths, transitions).path_probabilities(
            tags, [first + entity.start for first, entity in found], [first + entity.end for first, entity in found]
        )
        by_doc: dict[int, list[tuple[Entity, float]]] = {}
        for (first, entity), score in zip(found, scores.tolist(), strict=True):
            if score >= self.cfg["min_score"]:
                by_doc.setdefault(first, []).append((entity, score))
        for first, length in zip(bounds, lengths, strict=False):
            kept = by_doc.get(int(first), []) if length else []
            yield Prediction(tuple(entity for entity, _ in kept), tuple(score for _, score in kept))

    def set_annotations(self, docs: Iterable[Doc], predictions: list[Prediction]) -> None:
        """Write entities and their scores.

        docs (Iterable[Doc]): The documents.
        predictions (list[Prediction]): What `predict` said of them.
        """
        for doc, prediction in zip(docs, predictions, strict=True):
            ents = [Span(doc, start, end, label=label) for start, end, label in prediction.ents]
            scores = prediction.scores
            if doc.ents and not self.cfg["overwrite"]:
                earlier = list(doc.ents)
                free = [not any(e.start < o.end and o.start < e.end and e != o for o in earlier) for e in ents]
                prediction = Prediction(
                    tuple(e for e, ok in zip(prediction.ents, free, strict=True) if ok),
                    tuple(s for s, ok in zip(scores, free, strict=True) if ok),
                )
                ents = earlier + [e for e, ok in zip(ents, free, strict=True) if ok and e not in earlier]
            doc.ents = ents
            write_scores(doc, prediction)

    def get_loss(self, examples: Iterable[Example], scores: EmissionsT) -> tuple[float, EmissionsT]:
        """Compute the loss, −log p(gold), and its gradient.

        The gradient is averaged over the documents; that of the transitions is stored in the model on the way.
        What the gold leaves open adds nothing.

        examples (Iterable[Example]): The batch.
        scores (EmissionsT): Emissions of its documents.
        RETURNS (tuple[float, EmissionsT]): Loss summed over the documents, and the gradient of the emissions.
        """
        examples = list(examples)
        validate_examples(examples, "CRFEntityRecognizer.get_loss")
        rows, lengths = self._flatten(scores)
        likelihood = log_likelihood(rows, lengths, self._transitions(), self._gold(examples).to(rows.device))
        layer, rate = self.model.get_ref("transitions"), self.model.get_ref("transitions").attrs["rate"]
        for name, gradient in likelihood.transitions._asdict().items():
            layer.inc_grad(name, torch2xp(gradient * (rate / len(examples))))
        gradients = torch2xp(likelihood.emissions / len(examples))
        return -float(likelihood.log_likelihood.sum()), self.model.ops.unflatten(gradients, lengths)

    def _gold(self, examples: list[Example]) -> torch.Tensor:
        """(n_rows, n_tags) bool: the tags that the gold leaves to each token."""
        allowed, n_broken, first_broken = [], 0, ""
        for example in examples:
            known, n_fragments = self.scheme.allowed(example.get_aligned_ner())
            allowed.append(known)
            if n_fragments and not n_broken:
                first_broken = example.reference.text[:40]
            n_broken += n_fragments
        if n_broken:
            warnings.warn(Warnings.ZT902.format(n=n_broken, text=first_broken), stacklevel=3)
        return torch.from_numpy(np.concatenate(allowed))

    def _flatten(self, emissions: EmissionsT) -> tuple[torch.Tensor, list[int]]:
        """Emissions of a batch as one torch array, and the lengths of its documents."""
        lengths = [len(of_doc) for of_doc in emissions]
        flat: Floats2d = self.model.ops.flatten(emissions)
        return xp2torch(flat).float(), lengths

    def _transitions(self) -> Transitions:
        """The learnt scores under the constraints of the tag scheme."""
        layer: Model[EmissionsT, EmissionsT] = self.model.get_ref("transitions")
        scores = Transitions(*(xp2torch(layer.get_param(name)) * layer.attrs["rate"] for name in Transitions._fields))
        legal = (torch.from_numpy(ok).to(scores.matrix.device) for ok in self.scheme.legality())
        return constrain(scores, Transitions(*legal))

    def finish_update(self, sgd: Optimizer) -> None:
        """Update the parameters from their gradients. No weight decay touches the transitions."""
        self.model.finish_update(cast(Optimizer, WithoutDecay(sgd, [self.model.get_ref("transitions")])))
