"""Base class of all components that decode CRFs: settings, labels, batches, and emissions."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeAlias, cast

import numpy as np
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch
from spacy.vocab import Vocab

from ..crf.transitions import BoolsT, FloatsT
from ..encoders.long_documents import map_by_length
from ..entities import Prediction
from ..entity_decoding import ChainDecoder, EntityDecoder
from ..errors import Errors, SettingError
from ..tag_chains import TagChains
from ..tag_scheme import TagScheme
from ..untrusted import in_range, require_labels
from .recognizer_warnings import RecognizerWarnings
from .span_annotations import find_evidence, register_extension
from .tag_masks import find_white_space, find_white_space_in_long

ScorerT: TypeAlias = Callable[..., dict[str, Any]]
DecoderT: TypeAlias = EntityDecoder | ChainDecoder
MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-3, 1e3  # range accepted in saved files; `calibrate` fits 0.05 to 20


class CRFPipe(Pipe):
    """Decodes CRFs over BIOES tags; subclasses compute the emissions, and write the predictions to documents.

    vocab (Vocab): The shared vocabulary.
    name (str): Name of this instance.
    min_score (float): Balances precision and recall. If 0, the entities are those of the most probable tag path.
        If greater, they are the entities with at least this probability; of overlapping ones, those with the largest
        sum of (probability − min_score). Half of the expected F-score, such as 0.35 for an F of 70 %, gives the best
        F-score.
    scorer (Optional[Callable]): Function that computes the scores of `nlp.evaluate`.

    The attribute `cfg` has "labels" (list of str) and "temperature" (float). It is saved with the component, but
    `min_score` is not.
    """

    vocab: Vocab
    scorer: ScorerT | None
    cfg: dict[str, Any]

    def _configure_pipe(self, vocab: Vocab, name: str, min_score: float, scorer: ScorerT | None) -> None:
        """Set the attributes that all subclasses share; `CRFPipe` describes the arguments.

        This is not `__init__` because spaCy's compiled base classes have constructors with other arguments.
        """
        if not 0.0 <= min_score <= 1.0:
            raise SettingError(Errors.ZT106.format(value=min_score))
        self.vocab, self.name, self.scorer = vocab, name, scorer
        self.cfg = {"labels": [], "temperature": 1.0}
        # Not in cfg, because cfg is saved: a config passed to `spacy.load` must override the value used in training.
        self.min_score = min_score
        self.warnings = RecognizerWarnings(name)
        register_extension()

    @abstractmethod
    def batch_emissions(self, docs: list[Doc]) -> FloatsT:
        """Compute the emissions of short documents as one batch.

        `predict` and `emissions` call this with all documents that are not long (`long_documents.is_long`).

        RETURNS (np.ndarray): (n_rows, n_tags) float32; the rows are the tokens of all documents, in order.
        """

    @abstractmethod
    def emission_chunks(self, doc: Doc) -> Iterator[FloatsT]:
        """Compute the emissions of a long document in chunks of consecutive tokens.

        `predict` and `emissions` call this for each long document (`long_documents.is_long`).

        YIELDS (np.ndarray): (n, n_tags) float32, one row per token; the chunks are in the order of the tokens.
        """

    @abstractmethod
    def _require_trained(self) -> None:
        """Raise a PipelineError if the component has no labels, weights or members to predict with."""

    @property
    @abstractmethod
    def scheme(self) -> TagScheme | TagChains:
        """Tag scheme of the current labels. It has one tag for each column of the emissions."""

    @abstractmethod
    def _make_decoder(self) -> DecoderT:
        """Return an object that converts emissions to entities with their probabilities.

        Each call of `predict` creates one such object, with the current transitions, temperature and `min_score`. Then
        it calls `decode` of the object with the emissions of each batch of short documents, and `decode_long` with the
        chunks of emissions of each long document.
        """

    @abstractmethod
    def set_annotations(self, docs: Iterable[Doc], predictions: list[Prediction]) -> None:
        """Write predictions to documents.

        docs (Iterable[Doc]): The documents.
        predictions (list[Prediction]): The prediction of each document, from `predict`.
        """

    @abstractmethod
    def gold_mask(self, examples: Iterable[Example]) -> BoolsT:
        """Return the gold mask: the tags that gold annotations allow for each token, (n_rows, n_tags) bool.

        The loss and `zh-tw-ner calibrate` use it. The rows are the tokens of the predicted documents, in order. A token
        without annotation may have any tag, so all columns of its row are True.
        """

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that the component can predict."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """Labels as a list, which `spacy init labels` writes to a file and `initialize` accepts."""
        return list(self.cfg["labels"])

    @property
    def temperature(self) -> float:
        """Temperature by which all CRF scores are divided before decoding; `zh-tw-ner calibrate` fits it."""
        # Pipelines saved by early versions lack this key.
        return float(self.cfg.get("temperature", 1.0))

    @temperature.setter
    def temperature(self, value: float) -> None:
        if not 0.0 < value < math.inf:
            raise SettingError(Errors.ZT112.format(name="temperature", value=value, remedy="Give more than 0."))
        self.cfg["temperature"] = float(value)

    def _check_loaded(self) -> None:
        """Check labels and temperature that were read from a file.

        Subclasses call this after they have read `self.cfg`. The dictionary is replaced by one that has only the keys
        "labels" and "temperature". A missing temperature becomes 1.

        RAISES (UnreadableFileError): If the labels are not distinct strings, or the temperature is not from 0.001 to
            1000.
        """
        labels = require_labels("labels", self.cfg.get("labels"))
        temperature = in_range("temperature", self.cfg.get("temperature", 1.0), MIN_TEMPERATURE, MAX_TEMPERATURE)
        self.cfg = {"labels": labels, "temperature": temperature}

    def __call__(self, doc: Doc) -> Doc:
        """Recognize the entities of one document, write them to it, and return it."""
        # The error handler may drop the document; spaCy then reports that None was returned.
        return cast(Doc, next(self.pipe([doc], batch_size=1), None))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Recognize the entities of a stream of documents in batches, and write them to the documents.

        stream (Iterable[Doc]): The documents.
        batch_size (int): Documents per batch.
        YIELDS (Doc): The documents, in order.
        """
        handle_error = self.get_error_handler()
        for docs in minibatch(stream, size=batch_size):  # type: ignore[no-untyped-call]
            try:
                self.set_annotations(docs, self.predict(docs))
                yield from docs
            except Exception as error:
                handle_error(self.name, self, docs, error)

    def predict(self, docs: Iterable[Doc]) -> list[Prediction]:
        """Find the entities of documents without changing them.

        Each span in `doc.spans["gazetteer"]` is evidence: it raises the probability that this span is an entity.

        docs (Iterable[Doc]): The documents.
        RETURNS (list[Prediction]): Entities with scores, one prediction per document.
        RAISES (ZhTwNerError): If the component has been neither trained nor loaded.
        """
        docs = list(docs)
        if not any(len(doc) for doc in docs):
            return [Prediction((), ()) for _ in docs]
        self._require_trained()
        self.warnings.check_docs(docs)
        decoder = self._make_decoder()
        return map_by_length(docs, partial(self._decode_batch, decoder), partial(self._decode_long, decoder))

    def _decode_batch(self, decoder: DecoderT, docs: list[Doc]) -> list[Prediction]:
        """Predict the entities of short documents as one batch.

        decoder (DecoderT): Result of `_make_decoder`.
        docs (list[Doc]): The documents; they are not changed.
        RETURNS (list[Prediction]): Entities with scores, one prediction per document.
        """
        lengths, evidence = [len(doc) for doc in docs], find_evidence(docs, self.scheme)
        return decoder.decode(self.batch_emissions(docs), lengths, find_white_space(docs), evidence)

    def _decode_long(self, decoder: DecoderT, doc: Doc) -> Prediction:
        """Predict the entities of a long document, whose emissions are computed in chunks.

        decoder (DecoderT): Result of `_make_decoder`.
        doc (Doc): The document; it is not changed.
        RETURNS (Prediction): Its entities with scores.
        """
        evidence = find_evidence([doc], self.scheme)
        return decoder.decode_long(self.emission_chunks(doc), find_white_space_in_long(doc), evidence)

    def emissions(self, docs: list[Doc]) -> tuple[FloatsT, list[int]]:
        """Compute the emissions of documents, before the decoder changes them.

        They are not divided by the temperature of the component, not raised at gazetteer matches, and not masked at
        white space. Long documents are encoded in chunks.

        docs (list[Doc]): The documents.
        RETURNS (tuple[np.ndarray, list[int]]): (n_rows, n_tags) float32, one row per token of all documents, and
            the number of rows of each document.
        """
        found = map_by_length(docs, self._split_emissions, lambda doc: np.concatenate(list(self.emission_chunks(doc))))
        nothing = np.empty((0, len(self.scheme)), np.float32)
        return np.concatenate([nothing, *found]), [len(doc) for doc in docs]

    def _split_emissions(self, docs: list[Doc]) -> list[FloatsT]:
        """Return the emissions of short documents, (n_tokens, n_tags) per document."""
        return np.split(self.batch_emissions(docs), np.cumsum([len(doc) for doc in docs])[:-1])
