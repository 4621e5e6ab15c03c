"""The component `zh_tw_crf_ner`: docs → emissions → tags → `doc.ents`, each with its probability."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer

from ..crf import Transitions, constrain, log_likelihood
from ..crf.transitions import BoolsT, FloatsT
from ..encoders import EmissionsT, TaggerT
from ..encoders.torch_interop import flatten, from_numpy, to_numpy, unflatten
from ..entities import Entity, Prediction
from ..entity_decoding import EntityDecoder
from ..errors import Errors, PipelineError, SettingError
from ..process_memory import limit_primitive_cache
from ..tag_scheme import TagScheme
from ..untrusted import (
    in_range,
    origin,
    parse_json,
    parse_msgpack,
    reading,
    require,
    require_labels,
    require_type,
    scan_msgpack,
)
from ..untrusted.thinc_models import scan_file, unchanged_structure
from .crf_tagger import WithoutDecay, check_tagger, resize_output
from .long_documents import emissions_in_stretches, predict_emissions
from .recognizer_warnings import GoldWarnings, MisuseWarnings
from .span_annotations import find_evidence, read_scores, register_extension, write_scores
from .tag_masks import GoldProblems, find_white_space, mask_edges, read_gold

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
COLDEST, HOTTEST = 1e-3, 1e3  # temperatures that are read from a file; `calibrate` fits one from 0.05 to 20


def score_ner(examples: Iterable[Example], **_: Any) -> dict[str, Any]:
    """Exact-span precision, recall and F, micro and by label; and how many entities were found, right or wrong."""
    examples = list(examples)
    scores: dict[str, Any] = get_ner_prf(examples)
    return scores | {"ents_found": sum(len(example.predicted.ents) for example in examples)}


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
        "label_smoothing": 0.0,
        "scorer": {"@scorers": "spacy-zh-tw-ner.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_crf_ner(
    nlp: Language,
    name: str,
    model: TaggerT,
    min_score: float,
    overwrite: bool,
    label_smoothing: float,
    scorer: ScorerT | None,
) -> "CRFEntityRecognizer":
    """Build the component; the settings are those of CRFEntityRecognizer."""
    component = CRFEntityRecognizer(
        nlp.vocab,
        model,
        name,
        min_score=min_score,
        overwrite=overwrite,
        label_smoothing=label_smoothing,
        scorer=scorer,
    )
    component.misuse.check_pipeline(nlp)
    return component


class CRFEntityRecognizer(TrainablePipe):  # type: ignore[misc]  # spaCy ships it without types
    """A named entity recognizer that decodes a conditional random field over BIOES tags.

    vocab (Vocab): The shared vocabulary.
    model (Model[list[Doc], list[Floats2d]]): A `CRFTagger`.
    name (str): Name of this instance, under which its loss is reported.
    min_score (float): The balance of precision and recall. At 0 the entities are those of the most probable tag path.
        Above, they are all that are at least so probable by themselves; half of the F-score that can be expected, such
        as 0.35, serves that score best.
    overwrite (bool): Whether entities set by earlier components are replaced. They stay by default, and what overlaps
        them is left out.
    label_smoothing (float): Share of the target that training spreads over all legal paths, from 0 (off) up to 1.
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
        label_smoothing: float = 0.0,
        scorer: ScorerT | None = score_ner,
    ) -> None:
        if not 0.0 <= min_score <= 1.0:
            raise SettingError(Errors.ZT106.format(value=min_score))
        if not 0.0 <= label_smoothing < 1.0:
            remedy = "Give at least 0 and less than 1."
            raise SettingError(Errors.ZT112.format(name="label_smoothing", value=label_smoothing, remedy=remedy))
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"labels": [], "temperature": 1.0}
        # Not in cfg, which is saved: a config given to `spacy.load` must win over what was trained.
        self.min_score, self.overwrite, self.label_smoothing = min_score, overwrite, label_smoothing
        self._scheme = TagScheme(())
        self.misuse, self.gold_warnings = MisuseWarnings(name), GoldWarnings()
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
    def temperature(self) -> float:
        """What all scores are divided by before they become probabilities; `zh-tw-ner calibrate` fits it."""
        # Pipelines of before had none.
        return float(self.cfg.get("temperature", 1.0))

    @temperature.setter
    def temperature(self, value: float) -> None:
        if not 0.0 < value < math.inf:
            raise SettingError(Errors.ZT112.format(name="temperature", value=value, remedy="Give more than 0."))
        self.cfg["temperature"] = float(value)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "CRFEntityRecognizer":
        """Load labels, temperature and weights in place.

        RAISES (UnreadableFileError): For files that are damaged, or not those of this component.
        """
        with reading(path):
            for name in ("cfg", "model"):
                if (file := Path(path) / name).is_file() and name not in exclude:
                    scan_file(file) if name == "model" else parse_json(file.read_bytes())
            with unchanged_structure(self.model):
                super().from_disk(path, exclude=exclude)
            self._check_loaded()
        return self

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "CRFEntityRecognizer":
        """Load labels, temperature and weights in place, as `from_disk` does."""
        with reading(origin()):
            parts = require_type("the component", parse_msgpack(bytes_data), dict)
            if "model" in parts:
                scan_msgpack(parts["model"])
            with unchanged_structure(self.model):
                super().from_bytes(bytes_data, exclude=exclude)
            self._check_loaded()
        return self

    def _check_loaded(self) -> None:
        """Check labels, temperature and the arrays of the head.

        RAISES (UnreadableFileError): For labels that are not different strings, a temperature out of range, or arrays
            whose shapes are not those of the labels.
        """
        labels = require_labels("labels", self.cfg.get("labels"))
        temperature = in_range("temperature", self.cfg.get("temperature", 1.0), COLDEST, HOTTEST)
        self.cfg = {"labels": labels, "temperature": temperature}
        # A component that was saved before it was initialized has no arrays; `predict` reports that.
        if labels and self.model.has_ref("output_layer") and self.model.get_ref("output_layer").has_param("W"):
            check_tagger(self.model, len(self.scheme))
            if all(type(layer) is Model for layer in self.model.walk()):  # no listener, which needs its component
                (emissions,) = self.model.predict([Doc(self.vocab, words=["a"])])
                require(emissions.shape == (1, len(self.scheme)), "emissions", emissions.shape, "a column a tag")

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
            raise SettingError(Errors.ZT107.format(value=label))
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
        corpus: Callable[[Language], Iterable[Example]] | None = None,
    ) -> None:
        """Learn the labels, and give the model its shapes.

        get_examples (Callable[[], Iterable[Example]]): The training corpus.
        nlp (Optional[Language]): The pipeline it is part of.
        labels (Optional[list[str]]): Labels, which saves the pass over the corpus; see `spacy init labels`.
        corpus (Optional[Callable]): A reader of the whole corpus, to find labels and count n-grams in. Give it where
            the training corpus is streamed (`max_epochs = -1`): spaCy then shows only its first 100 examples.
        RAISES (ValueError): Where there is no label at all.
        """
        limit_primitive_cache()  # here, too, for `spacy train`
        validate_get_examples(get_examples, "CRFEntityRecognizer.initialize")
        whole = partial(corpus, nlp) if corpus is not None and nlp is not None else get_examples
        if labels is None:
            labels = sorted({entity.label_ for example in whole() for entity in example.reference.ents})
        for layer in self.model.walk():
            if "observe" in layer.attrs:
                layer.attrs["observe"](layer, (example.predicted for example in whole()))
        self.temperature = 1.0
        for label in labels:
            self.add_label(label)
        if not self.labels:
            raise PipelineError(Errors.ZT101.format(name=self.name))
        sample = [example.predicted for example in islice(get_examples(), 10)]
        resize_output(self.model, len(self.scheme))
        self.model.initialize(X=[doc for doc in sample if len(doc)] or sample)

    def predict(self, docs: Iterable[Doc]) -> list[Prediction]:
        """Find the entities of some documents without touching them.

        What stands in `doc.spans["gazetteer"]` makes them more probable; see `Gazetteer`.

        docs (Iterable[Doc]): The documents.
        RETURNS (list[Prediction]): One a document.
        RAISES (ValueError): Where the component has not been initialized or loaded.
        """
        docs = list(docs)
        if not any(len(doc) for doc in docs):
            return [Prediction((), ()) for _ in docs]
        self._require_trained()
        self.misuse.check_docs(docs)
        decoder = EntityDecoder(self.scheme, self.transitions(), temperature=self.temperature, min_score=self.min_score)
        long = [self.emissions_in_stretches(doc) for doc in docs]
        short = iter(
            self._predict_short(decoder, [doc for doc, parts in zip(docs, long, strict=True) if parts is None])
        )
        return [
            next(short) if parts is None else decoder.decode_long(self._prepare_stretches(decoder, doc, parts))
            for doc, parts in zip(docs, long, strict=True)
        ]

    def _require_trained(self) -> None:
        if not self.labels:
            raise PipelineError(Errors.ZT116.format(name=self.name, missing="no labels"))
        if self.model.has_ref("output_layer") and not self.model.get_ref("output_layer").has_param("W"):
            raise PipelineError(Errors.ZT116.format(name=self.name, missing="no weights"))

    def _predict_short(self, decoder: EntityDecoder, docs: list[Doc]) -> list[Prediction]:
        if not docs:
            return []
        emissions, lengths = self.emissions(docs)
        scores = decoder.prepare(emissions, find_white_space(docs), find_evidence(docs, self.scheme))
        return decoder.decode(scores, lengths)

    def _prepare_stretches(self, decoder: EntityDecoder, doc: Doc, stretches: Iterable[FloatsT]) -> Iterator[FloatsT]:
        evidence, first = find_evidence([doc], self.scheme), 0
        for emissions in stretches:
            white_space = find_white_space([doc[first : first + len(emissions)]])
            yield decoder.prepare(emissions, white_space, evidence, first)
            first += len(emissions)

    def potentials(self, docs: list[Doc]) -> tuple[FloatsT, list[int], Transitions]:
        """Compute the emissions that the CRF decodes, before temperature and evidence.

        docs (list[Doc]): The documents.
        RETURNS (tuple[np.ndarray, list[int], Transitions]): (n_rows, n_tags) emissions of all documents, in which no
            path has white space at the edge of an entity, the rows of each, and the constrained transitions.
        """
        rows, lengths = self.emissions(docs)
        return mask_edges(rows, docs, self.scheme), lengths, self.transitions()

    def emissions(self, docs: list[Doc]) -> tuple[FloatsT, list[int]]:
        """Compute emissions as the model gives them, without the mask of white space.

        docs (list[Doc]): The documents.
        RETURNS (tuple[np.ndarray, list[int]]): (n_rows, n_tags) float32 of all documents, and the rows of each.
        """
        return self._flatten(predict_emissions(self.model, docs))

    def emissions_in_stretches(self, doc: Doc) -> Iterator[FloatsT] | None:
        """Compute the emissions of a long document.

        doc (Doc): Any.
        RETURNS (Optional[Iterator[np.ndarray]]): (n, n_tags) in order; None for a document that is not long.
        """
        found = emissions_in_stretches(self.model, doc)
        return None if found is None else map(partial(to_numpy, self.model.ops), found)

    def set_annotations(self, docs: Iterable[Doc], predictions: list[Prediction]) -> None:
        """Write entities and their scores.

        docs (Iterable[Doc]): The documents.
        predictions (list[Prediction]): What `predict` said of them.
        """
        for doc, prediction in zip(docs, predictions, strict=True):
            earlier = [] if self.overwrite else [Entity(e.start, e.end, e.label_) for e in doc.ents]
            kept = _beside(earlier, prediction) if earlier else prediction
            ents = sorted({*earlier, *kept.ents})
            # Entities of another recognizer in this pipeline keep their scores.
            scores = (
                {entity: score for entity, score in read_scores(doc).items() if entity in earlier} if earlier else {}
            )
            scores |= zip(kept.ents, kept.scores, strict=True)
            scored = [entity for entity in ents if entity in scores]
            doc.ents = [Span(doc, start, end, label=label) for start, end, label in ents]
            write_scores(doc, Prediction(tuple(scored), tuple(scores[entity] for entity in scored)))

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
        rows = mask_edges(rows, [example.predicted for example in examples], self.scheme)
        gold = self.gold(examples)
        likelihood = log_likelihood(rows, lengths, self.transitions(), gold, smoothing=self.label_smoothing)
        layer, rate = self.model.get_ref("transitions"), self.model.get_ref("transitions").attrs["rate"]
        for name, gradient in likelihood.transitions._asdict().items():
            layer.inc_grad(name, from_numpy(self.model.ops, gradient * (rate / len(examples))))
        gradients = from_numpy(self.model.ops, likelihood.emissions / len(examples))
        return -float(likelihood.log_likelihood.sum()), unflatten(self.model.ops, gradients, lengths)

    def gold(self, examples: Iterable[Example]) -> BoolsT:
        """(n_rows, n_tags) bool: the tags that the gold of some documents leaves to each token."""
        allowed, problems = read_gold(examples, self.scheme)
        self.gold_warnings.warn(problems, self.name, self.labels)
        return allowed

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Score predictions as `scorer` does, and warn of gold labels that are never predicted.

        examples (Iterable[Example]): Gold and predicted documents.
        RETURNS (dict[str, Any]): The scores.
        """
        examples = list(examples)
        # Entities that an earlier component has set are not missing.
        found = {ent.label_ for example in examples for ent in example.predicted.ents}
        golds = (ent.label_ for example in examples for ent in example.reference.ents if ent.label_ not in found)
        self.gold_warnings.warn(GoldProblems(labels=Counter(golds)), self.name, self.labels)
        return cast(dict[str, Any], super().score(examples, **kwargs))

    def _flatten(self, emissions: EmissionsT) -> tuple[FloatsT, list[int]]:
        """Return the emissions of a batch as one array on the CPU, and the lengths of its documents."""
        rows, lengths = flatten(self.model.ops, emissions)
        return to_numpy(self.model.ops, rows), lengths

    def transitions(self) -> Transitions:
        """Return the learnt scores of transitions under the constraints of the tag scheme."""
        layer: Model[EmissionsT, EmissionsT] = self.model.get_ref("transitions")
        scores = Transitions(
            *(to_numpy(self.model.ops, layer.get_param(name)) * layer.attrs["rate"] for name in Transitions._fields)
        )
        return constrain(scores, Transitions(*self.scheme.legality()))

    def finish_update(self, sgd: Optimizer) -> None:
        """Update the parameters from their gradients. No weight decay touches the transitions."""
        self.model.finish_update(cast(Optimizer, WithoutDecay(sgd, [self.model.get_ref("transitions")])))


def _beside(earlier: list[Entity], prediction: Prediction) -> Prediction:
    """What was predicted beside entities that stay; one that was predicted just as it stood keeps its score."""
    scored = zip(prediction.ents, prediction.scores, strict=True)
    kept = [
        (entity, score)
        for entity, score in scored
        if entity in earlier or not any(entity.start < other.end and other.start < entity.end for other in earlier)
    ]
    return Prediction(tuple(entity for entity, _ in kept), tuple(score for _, score in kept))
