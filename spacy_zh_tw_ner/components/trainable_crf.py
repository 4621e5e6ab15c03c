"""Base class of trainable components whose model is a `CRFTagger`: labels, initialization, gradients, files."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar, cast

from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from thinc.api import Config, Model, Optimizer

from ..crf import Transitions
from ..crf.transitions import FloatsT
from ..encoders import EmissionsT, TaggerT, hooks_of
from ..encoders.torch_interop import flatten, from_numpy, to_numpy, unflatten
from ..errors import Errors, PipelineError, SettingError
from ..process_memory import limit_primitive_cache
from ..untrusted import origin, parse_json, parse_msgpack, reading, require, require_type, scan_msgpack
from ..untrusted.thinc_models import scan_file, unchanged_structure
from .crf_pipe import CRFPipe
from .crf_tagger import WithoutDecay, check_tagger, predict_chunks, resize_output

TrainableT = TypeVar("TrainableT", bound="TrainableCRF")
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


class TrainableCRF(CRFPipe, TrainablePipe):  # type: ignore[misc]  # TrainablePipe has no types
    """Base class of `zh_tw_crf_ner` and `zh_tw_crf_spans`, which train a `CRFTagger`.

    A `CRFTagger` is a model that returns emissions and holds transition scores. This class initializes, updates, saves
    and loads it. Subclasses read the gold annotations, and compute the loss.

    model (Model[list[Doc], list[Floats2d]]): The `CRFTagger`.
    label_smoothing (float): Weight of the uniform distribution over all legal paths in the training target; 0: off.
    """

    model: TaggerT
    label_smoothing: float

    def _configure_model(self, model: TaggerT, label_smoothing: float) -> None:
        """Set the attributes `model` and `label_smoothing`.

        Constructors of subclasses call it after `_configure_pipe`, which sets the attributes that other components with
        a CRF have as well.

        model (Model[list[Doc], list[Floats2d]]): A `CRFTagger`.
        label_smoothing (float): In training, the target is a mixture of the gold path and the uniform distribution over
            all legal paths. This is the weight of the uniform distribution: at least 0 (off) and less than 1.
        """
        if not 0.0 <= label_smoothing < 1.0:
            remedy = "Give at least 0 and less than 1."
            raise SettingError(Errors.ZT112.format(name="label_smoothing", value=label_smoothing, remedy=remedy))
        self.model, self.label_smoothing = model, label_smoothing

    @abstractmethod
    def labels_of(self, gold: Doc) -> Iterable[str]:
        """Return the labels of the gold annotations of a document. `initialize` collects those of the whole corpus."""

    def batch_emissions(self, docs: list[Doc]) -> FloatsT:
        """Return the emissions of short documents, which run through the model together. `predict` calls it.

        docs (list[Doc]): The documents.
        RETURNS (np.ndarray): (n_rows, n_tags) float32; the rows are the tokens of all documents, in order.
        """
        return self._flatten(self.model.predict(docs))[0]

    def emission_chunks(self, doc: Doc) -> Iterator[FloatsT]:
        """Yield the emissions of a long document in chunks of consecutive tokens. `predict` calls it.

        doc (Doc): The document.
        YIELDS (np.ndarray): (n, n_tags) float32, one row per token; the chunks are in the order of the tokens.
        """
        return map(partial(to_numpy, self.model.ops), predict_chunks(self.model, doc))

    def _transition_scores(self) -> Transitions:
        """Return the learnt transition scores, also those of illegal transitions, which the caller must forbid.

        RETURNS (Transitions): `matrix`, (n_tags, n_tags), from the tag of the row to the tag of the column; `start` and
            `end`, (n_tags,), for the first and the last tag of a sequence.
        """
        layer: Model[EmissionsT, EmissionsT] = self.model.get_ref("transitions")
        return Transitions(
            *(to_numpy(self.model.ops, layer.get_param(name)) * layer.attrs["rate"] for name in Transitions._fields)
        )

    def _gradients(self, emissions: FloatsT, transitions: Transitions, lengths: list[int], n_docs: int) -> EmissionsT:
        """Average gradients over documents. Add those of the transition scores to the gradients that the model holds.

        emissions (np.ndarray): (n_rows, n_tags) gradient of the summed loss by the emissions.
        transitions (Transitions): Gradient of the summed loss by the transition scores.
        lengths (list[int]): Number of rows of each document.
        n_docs (int): Number of documents.
        RETURNS (EmissionsT): The averaged gradient of the emissions, (n_tokens, n_tags) per document.
        """
        layer = self.model.get_ref("transitions")
        for name, gradient in transitions._asdict().items():
            layer.inc_grad(name, from_numpy(self.model.ops, gradient * (layer.attrs["rate"] / n_docs)))
        return unflatten(self.model.ops, from_numpy(self.model.ops, emissions / n_docs), lengths)

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
        corpus (Optional[Callable]): A reader of the whole corpus. Labels are collected from it, and an encoder with
            n-gram embeddings counts its n-grams. Give it if the training corpus is streamed (`max_epochs = -1`):
            spaCy then passes only the first 100 examples as `get_examples`.
        RAISES (ZhTwNerError): If there is no label.
        """
        limit_primitive_cache()  # `spacy train` does not call it
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        whole = partial(corpus, nlp) if corpus is not None and nlp is not None else get_examples
        if labels is None:
            labels = sorted({label for example in whole() for label in self.labels_of(example.reference)})
        for layer in self.model.walk():
            hooks = hooks_of(layer)
            if "observe" in hooks:
                hooks["observe"](layer, (example.predicted for example in whole()))
        self.temperature = 1.0
        for label in labels:
            self.add_label(label)
        self._check_labels()
        sample = [example.predicted for example in islice(get_examples(), 10)]
        resize_output(self.model, len(self.scheme))
        self.model.initialize(X=[doc for doc in sample if len(doc)] or sample)

    def _check_labels(self) -> None:
        """Raise a PipelineError if initialization has collected no labels."""
        if not self.labels:
            raise PipelineError(Errors.ZT101.format(name=self.name))

    def finish_update(self, sgd: Optimizer) -> None:
        """Update the parameters from their gradients; the transitions get no weight decay. `nlp.update` calls it.

        sgd (Optimizer): The optimizer.
        """
        self.model.finish_update(cast(Optimizer, WithoutDecay(sgd, [self.model.get_ref("transitions")])))

    def from_disk(self: TrainableT, path: str | Path, *, exclude: Iterable[str] = ()) -> TrainableT:
        """Load labels, temperature and weights in place from a directory of `to_disk`; return this component.

        The temperature is the number by which scores are divided before decoding.

        path (str | Path): The directory.
        exclude (Iterable[str]): Parts that are not loaded: "cfg" (labels and temperature), "model" or "vocab".
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

    def from_bytes(self: TrainableT, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> TrainableT:
        """Load labels, temperature and weights in place from the bytes of `to_bytes`; return this component.

        bytes_data (bytes): The bytes.
        exclude (Iterable[str]): Parts that are not loaded: "cfg" (labels and temperature), "model" or "vocab".
        RAISES (UnreadableFileError): For bytes that are damaged, or that belong to another component.
        """
        with reading(origin()):
            parts = require_type("the component", parse_msgpack(bytes_data), dict)
            if "model" in parts:
                scan_msgpack(parts["model"])
            with unchanged_structure(self.model):
                super().from_bytes(bytes_data, exclude=exclude)
            self._check_loaded()
        return self

    def _check_loaded(self) -> None:
        """Check labels, temperature, and arrays of the output layer and of the transitions.

        `from_disk` and `from_bytes` call it. The temperature is the number by which scores are divided before decoding.

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
