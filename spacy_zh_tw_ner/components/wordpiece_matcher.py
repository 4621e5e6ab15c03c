"""The component `zh_tw_wordpiece_matcher`, which trains an encoder of characters on hidden states for wordpieces.

    characters ──encoder──▶ hidden states ──mean over the characters of a wordpiece──┐
                                                                                     ├── mean squared error
    the same text ──base model──▶ hidden states of its own wordpieces ───────────────┘

It needs texts only, no annotation. `zh-tw-ner adapt` trains a pipeline with it, and saves the encoder as a base model.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, cast

import numpy as np
import torch
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch
from spacy.vocab import Vocab

from ..encoders import HiddenT, Tok2VecT
from ..encoders.torch_interop import flatten, from_torch, to_torch, unflatten
from ..errors import BaseModelError, CorpusError, Errors, PipelineError
from ..transformer.wordpiece_states import WordpieceEncoder, WordpieceStates

N_FIRST = 100  # number of examples from which the variances are computed; `nlp.initialize` passes no more of a stream
MIN_SHARE = 0.05  # of the Chinese characters; fewer in wordpieces of several characters leave nothing to learn
HAN = ("\u3400", "\u9fff")  # first and last: the CJK unified ideographs of the basic plane
SCORE = "wordpiece_match"


@Language.factory("zh_tw_wordpiece_matcher", default_score_weights={SCORE: 1.0})
def make_wordpiece_matcher(
    nlp: Language, name: str, model: Tok2VecT, base: str, revision: str | None = None
) -> "WordpieceMatcher":
    """Build the component `zh_tw_wordpiece_matcher`, which is used only to train the encoder of a pipeline.

    nlp (Language), name (str): The pipeline, and the name of this instance. spaCy passes both.
    model (Model[list[Doc], list[Floats2d]]): An encoder, or a listener to the component `transformer`.
    base (str): The base model whose hidden states are the targets: an id on the Hugging Face Hub, or a folder.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    RETURNS (WordpieceMatcher): The component.
    """
    return WordpieceMatcher(nlp.vocab, model, name, base=base, revision=revision)


class WordpieceMatcher(TrainablePipe):  # type: ignore[misc]  # TrainablePipe has no types
    """Train an encoder to return, for characters, the hidden states that a base model has for whole wordpieces.

    The loss is the squared error of the mean over the characters of each wordpiece, divided by the variance of each
    dimension. `doc.tensor` is set to the hidden states. The score of an evaluation, `wordpiece_match`, is R², 1 − mean
    squared error / variance: 1 for equal hidden states, below 0 if the error is greater than the variance.

    vocab (Vocab): The vocabulary of the pipeline.
    model (Model[list[Doc], list[Floats2d]]): The encoder.
    name (str): Name of this instance.
    base (str), revision (Optional[str]): The base model. `initialize` loads it; it is not saved with the component.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Tok2VecT,
        name: str = "zh_tw_wordpiece_matcher",
        *,
        base: str,
        revision: str | None = None,
    ) -> None:
        self.vocab, self.model, self.name = vocab, model, name
        self.cfg: dict[str, Any] = {}
        self._base, self._revision = base, revision
        self._encoder: WordpieceEncoder | None = None
        self._variances = torch.ones(1)  # (width,) of the base model's hidden states

    def initialize(
        self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None, **settings: Any
    ) -> None:
        """Load the base model, and compute the variances of its hidden states.

        get_examples (Callable): Returns the training examples; the first N_FIRST are used.
        nlp (Optional[Language]): The pipeline.
        RAISES (CorpusError): If these have no text.
        RAISES (BaseModelError): If the base model cannot be loaded, has hidden states of another width than the
            encoder, or has hardly any Chinese wordpiece of several characters.
        """
        docs = [example.predicted for example in islice(get_examples(), N_FIRST) if len(example.predicted)]
        if not docs:
            raise CorpusError(Errors.ZT298.format(name=self.name))
        self.model.initialize(X=docs[:1])
        self._encoder = WordpieceEncoder(self._base, self._revision)
        if self.model.get_dim("nO") != self._encoder.width:
            widths = {"encoder": self.model.get_dim("nO"), "base": self._encoder.width}
            raise BaseModelError(Errors.ZT293.format(name=self._base, **widths))
        targets = self._encoder(docs)
        is_han = np.array([HAN[0] <= token.text <= HAN[1] for doc in docs for token in doc])
        in_long = targets.pairs[targets.sizes[targets.pairs[:, 0]] > 1, 1]  # tokens
        share = is_han[np.unique(in_long.cpu().numpy())].sum() / max(1, is_han.sum())
        if share < MIN_SHARE:
            raise BaseModelError(Errors.ZT294.format(name=self._base, share=100.0 * share))
        self._variances = targets.states.var(0, correction=0).clamp(min=1e-6)

    def predict(self, docs: Iterable[Doc]) -> HiddenT:
        """Return the hidden states of documents, (n_tokens, width) each."""
        return self.model.predict(list(docs))

    def set_annotations(self, docs: Iterable[Doc], hidden: HiddenT) -> None:
        """Set `doc.tensor` to the hidden states, (n_tokens, width)."""
        for doc, rows in zip(docs, hidden, strict=True):
            doc.tensor = cast(Any, rows)

    def get_loss(self, examples: Iterable[Example], scores: HiddenT) -> tuple[float, HiddenT]:
        """Return the loss, summed over the tokens, and the gradient of its mean over the tokens.

        examples (Iterable[Example]): The batch.
        scores (list[Floats2d]): Hidden states of the predicted documents, (n_tokens, width) each.
        RETURNS (tuple[float, list[Floats2d]]): The loss, and the gradient for each document, (n_tokens, width).
        RAISES (PipelineError): If `initialize` was not called in this process.
        """
        rows, lengths = flatten(self.model.ops, scores)
        hidden = to_torch(rows)
        targets, differences = self._compare([example.predicted for example in examples], hidden)
        wordpieces, tokens = targets.pairs.unbind(1)
        # The gradient of a mean is divided among its tokens, and each wordpiece counts as often as it has tokens.
        of_tokens = (differences / self._variances)[wordpieces] * (2.0 / targets.states.shape[1] / max(1, len(hidden)))
        gradient = torch.zeros_like(hidden).index_add(0, tokens.to(hidden.device), of_tokens.to(hidden.device))
        loss = self._loss(targets, differences)
        return loss, unflatten(self.model.ops, from_torch(gradient), lengths)

    def score(self, examples: Iterable[Example], **settings: Any) -> dict[str, float]:
        """Compute the score of an evaluation.

        examples (Iterable[Example]): Examples whose predicted documents have a `doc.tensor`.
        RETURNS (dict[str, float]): "wordpiece_match" → R²; 0 if no wordpiece covers a token.
        RAISES (PipelineError): If `initialize` was not called in this process.
        """
        loss = weight = 0.0
        docs = (example.predicted for example in examples if len(example.predicted))
        for batch in minibatch(docs, 64):  # type: ignore[no-untyped-call]
            hidden = torch.cat([to_torch(cast(Any, doc.tensor)) for doc in batch])
            targets, differences = self._compare(batch, hidden)
            loss += self._loss(targets, differences)
            weight += float(targets.sizes.sum())
        return {SCORE: 1.0 - loss / weight if weight else 0.0}

    def _compare(self, docs: Sequence[Doc], hidden: torch.Tensor) -> tuple[WordpieceStates, torch.Tensor]:
        """Return the hidden states of the base model, and the differences of the encoder's means from them.

        docs (Sequence[Doc]): The documents.
        hidden (torch.Tensor): (n_tokens, width) hidden states of the encoder.
        RETURNS (tuple[WordpieceStates, torch.Tensor]): The states, and (n_wordpieces, width) differences.
        RAISES (PipelineError): If `initialize` was not called in this process.
        """
        if self._encoder is None:
            raise PipelineError(Errors.ZT295.format(name=self.name))
        targets = self._encoder(docs)
        return targets, targets.means(hidden.to(targets.states.device)) - targets.states

    def _loss(self, targets: WordpieceStates, differences: torch.Tensor) -> float:
        """Return the sum over the tokens of the relative squared errors of their wordpieces."""
        return float(((differences**2 / self._variances).mean(1) * targets.sizes).sum())
