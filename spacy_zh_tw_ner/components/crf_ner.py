"""The component `zh_tw_crf_ner`: docs → emissions → tags → entities in `doc.ents`, each with its probability."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import cast

from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer

from ..crf import Likelihood, Transitions, constrain, log_likelihood
from ..crf.transitions import FloatsT
from ..encoders import EmissionsT, TaggerT, hooks_of
from ..encoders.torch_interop import flatten, from_numpy, to_numpy, unflatten
from ..errors import (
    Errors,
    PipelineError,
    SettingError,
)
from ..process_memory import limit_primitive_cache
from ..untrusted import origin, parse_json, parse_msgpack, reading, require, require_type, scan_msgpack
from ..untrusted.thinc_models import scan_file, unchanged_structure
from .crf_component import CRFComponent, ScorerT, score_ner
from .crf_tagger import WithoutDecay, check_tagger, predict_chunks, resize_output
from .partial_annotations import annotated_labels, outside_log_weights
from .soft_targets import compare, target_of
from .tag_masks import mask_edges

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


def make_ner_scorer() -> ScorerT:
    """Registered as `spacy-zh-tw-ner.ner_scorer.v1`: return a function that scores exact entities."""
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
    """Build the component `zh_tw_crf_ner`; the settings are those of CRFEntityRecognizer."""
    component = CRFEntityRecognizer(
        nlp.vocab,
        model,
        name,
        min_score=min_score,
        overwrite=overwrite,
        label_smoothing=label_smoothing,
        scorer=scorer,
    )
    component.warnings.check_pipeline(nlp)
    return component


class CRFEntityRecognizer(CRFComponent, TrainablePipe):  # type: ignore[misc]  # TrainablePipe has no types
    """A trainable named entity recognizer that decodes a conditional random field over BIOES tags.

    The other settings are those of `CRFComponent`, the base class.

    vocab (Vocab): The shared vocabulary.
    model (Model[list[Doc], list[Floats2d]]): A `CRFTagger`.
    name (str): Name of this instance; training reports its loss under this name.
    label_smoothing (float): In training, the target is a mixture of the gold path and the uniform distribution over all
        legal paths. This is the weight of the uniform distribution: at least 0 (off) and less than 1.
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
        self._configure(vocab, name, min_score, overwrite, scorer)
        if not 0.0 <= label_smoothing < 1.0:
            remedy = "Give at least 0 and less than 1."
            raise SettingError(Errors.ZT112.format(name="label_smoothing", value=label_smoothing, remedy=remedy))
        self.model, self.label_smoothing = model, label_smoothing

    def batch_emissions(self, docs: list[Doc]) -> FloatsT:
        """Return the emissions of documents that fit into one batch; see `CRFComponent.batch_emissions`."""
        return self._flatten(self.model.predict(docs))[0]

    def emission_chunks(self, doc: Doc) -> Iterator[FloatsT]:
        """Yield the emissions of a long document; see `CRFComponent.emission_chunks`."""
        return map(partial(to_numpy, self.model.ops), predict_chunks(self.model, doc))

    def transitions(self) -> Transitions:
        """Return the learnt transition scores. Illegal transitions have the score PENALTY."""
        layer: Model[EmissionsT, EmissionsT] = self.model.get_ref("transitions")
        scores = Transitions(
            *(to_numpy(self.model.ops, layer.get_param(name)) * layer.attrs["rate"] for name in Transitions._fields)
        )
        return constrain(scores, Transitions(*self.scheme.legal_transitions))

    def _flatten(self, emissions: EmissionsT) -> tuple[FloatsT, list[int]]:
        """Return the emissions of a batch as one numpy array, (n_rows, n_tags), and the number of rows per document."""
        rows, lengths = flatten(self.model.ops, emissions)
        return to_numpy(self.model.ops, rows), lengths

    def _require_trained(self) -> None:
        if not self.labels:
            raise PipelineError(Errors.ZT116.format(name=self.name, missing="no labels"))
        if self.model.has_ref("output_layer") and not self.model.get_ref("output_layer").has_param("W"):
            raise PipelineError(Errors.ZT116.format(name=self.name, missing="no weights"))

    def add_label(self, label: str) -> int:
        """Add a label, before or after training. Trained weights are kept.

        label (str): The label.
        RETURNS (int): 0 if the component already has it, else 1.
        RAISES (SettingError): If the label is not a non-empty string.
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
        """Collect the labels, and initialize the model with one output per tag.

        get_examples (Callable[[], Iterable[Example]]): The training corpus.
        nlp (Optional[Language]): The pipeline that the component is part of.
        labels (Optional[list[str]]): The labels, as `spacy init labels` writes them. If None, they are collected in a
            pass over the corpus.
        corpus (Optional[Callable]): A reader of the whole corpus, in which labels are collected and n-grams counted.
            Give it if the training corpus is streamed (`max_epochs = -1`): spaCy then passes only its first 100
            examples.
        RAISES (ZhTwNerError): If there is no label.
        """
        limit_primitive_cache()  # `spacy train` does not call it
        validate_get_examples(get_examples, "CRFEntityRecognizer.initialize")
        whole = partial(corpus, nlp) if corpus is not None and nlp is not None else get_examples
        if labels is None:
            labels = sorted(set().union(*(annotated_labels(example.reference) for example in whole())))
        for layer in self.model.walk():
            hooks = hooks_of(layer)
            if "observe" in hooks:
                hooks["observe"](layer, (example.predicted for example in whole()))
        self.temperature = 1.0
        for label in labels:
            self.add_label(label)
        if not self.labels:
            raise PipelineError(Errors.ZT101.format(name=self.name))
        sample = [example.predicted for example in islice(get_examples(), 10)]
        resize_output(self.model, len(self.scheme))
        self.model.initialize(X=[doc for doc in sample if len(doc)] or sample)

    def get_loss(self, examples: Iterable[Example], scores: EmissionsT) -> tuple[float, EmissionsT]:
        """Compute the loss, −log p(gold), and its gradient.

        Gradients are averaged over the documents. The gradient of the emissions is returned; that of the transition
        scores is added to the model. Tokens without gold annotations contribute nothing, unless the example has the
        posterior of a teacher as its target, see `soft_targets`.

        examples (Iterable[Example]): The batch.
        scores (EmissionsT): Emissions of its documents, (n_tokens, n_tags) each.
        RETURNS (tuple[float, EmissionsT]): Loss summed over the documents, and the gradient of the emissions.
        """
        examples = list(examples)
        validate_examples(examples, "CRFEntityRecognizer.get_loss")
        rows, lengths = self._flatten(scores)
        rows = mask_edges(rows, [example.predicted for example in examples], self.scheme)
        transitions, targets = self.transitions(), [target_of(example) for example in examples]

        def compare_gold(rows: FloatsT, lengths: list[int]) -> Likelihood:
            annotated = [example for example, target in zip(examples, targets, strict=True) if target is None]
            gold, weights = self.gold_mask(annotated), outside_log_weights(annotated, self.scheme)
            smoothing = self.label_smoothing
            return log_likelihood(rows, lengths, transitions, gold, log_weights=weights, smoothing=smoothing)

        if all(target is None for target in targets):
            likelihood = compare_gold(rows, lengths)
        else:
            likelihood = compare(rows, lengths, transitions, targets, self.scheme, compare_gold)
        layer, rate = self.model.get_ref("transitions"), self.model.get_ref("transitions").attrs["rate"]
        for name, gradient in likelihood.transitions._asdict().items():
            layer.inc_grad(name, from_numpy(self.model.ops, gradient * (rate / len(examples))))
        gradients = from_numpy(self.model.ops, likelihood.emissions / len(examples))
        return -float(likelihood.log_likelihood.sum()), unflatten(self.model.ops, gradients, lengths)

    def finish_update(self, sgd: Optimizer) -> None:
        """Update the parameters from their gradients; the transitions get no weight decay."""
        self.model.finish_update(cast(Optimizer, WithoutDecay(sgd, [self.model.get_ref("transitions")])))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "CRFEntityRecognizer":
        """Load labels, temperature and weights in place.

        RAISES (UnreadableFileError): For files that are damaged, or that belong to another component.
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
        """Load labels, temperature and weights in place, as `from_disk` does, from the bytes of `to_bytes`."""
        with reading(origin()):
            parts = require_type("the component", parse_msgpack(bytes_data), dict)
            if "model" in parts:
                scan_msgpack(parts["model"])
            with unchanged_structure(self.model):
                super().from_bytes(bytes_data, exclude=exclude)
            self._check_loaded()
        return self

    def _check_loaded(self) -> None:
        """Check the loaded labels, temperature, and arrays of the output layer and of the transitions.

        RAISES (UnreadableFileError): If the labels are not distinct strings, the temperature is out of range, or the
            shapes of the arrays do not fit the number of labels.
        """
        super()._check_loaded()
        # A component that was saved before its initialization has no arrays. `predict` raises an error then.
        if self.labels and self.model.has_ref("output_layer") and self.model.get_ref("output_layer").has_param("W"):
            check_tagger(self.model, len(self.scheme))
            if all(
                type(layer) is Model for layer in self.model.walk()
            ):  # a listener cannot predict without its upstream component
                (emissions,) = self.model.predict([Doc(self.vocab, words=["a"])])
                require(emissions.shape == (1, len(self.scheme)), "emissions", emissions.shape, "one column per tag")
