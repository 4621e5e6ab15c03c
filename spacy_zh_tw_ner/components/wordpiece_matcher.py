"""The component `zh_tw_wordpiece_matcher`, which trains an encoder of characters on hidden states for wordpieces.

    characters ──encoder──▶ hidden states ──mean over the characters of a wordpiece──┐
                                                                                     ├── mean squared error
    the same text ──base model──▶ hidden states of its own wordpieces ───────────────┘

It needs texts only, no annotation. Matching hidden states is known from TinyBERT (Jiao et al. 2020,
https://arxiv.org/abs/1909.10351, section 3.1), there for a smaller model, here for another segmentation of the text.
`zh-tw-ner adapt` trains a pipeline with this component, and saves the encoder as a base model.
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

N_FIRST = 100  # examples from which the variances are computed; spaCy's `init_nlp` passes no more of a streamed corpus
HAN = ("\u3400", "\u9fff")  # first and last of the CJK Unified Ideographs, with Extension A
SCORE = "wordpiece_match"


@Language.factory("zh_tw_wordpiece_matcher", default_score_weights={SCORE: 1.0})
def make_wordpiece_matcher(
    nlp: Language, name: str, model: Tok2VecT, base: str, revision: str | None = None, min_share: float = 0.05
) -> "WordpieceMatcher":
    """Build the component `zh_tw_wordpiece_matcher`, which is used only to train the encoder of a pipeline.

    nlp (Language), name (str): The pipeline, and the name of this instance. spaCy passes both.
    model (Model[list[Doc], list[Floats2d]]): An encoder, or a listener to the component `transformer`.
    base (str): The base model whose hidden states are the targets: an id on the Hugging Face Hub, or a folder.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    min_share (float): Smallest share of the Chinese characters that are in wordpieces of several characters. A base
        model below it encodes single characters already, and is refused; 0 accepts all.
    RETURNS (WordpieceMatcher): The component.
    """
    return WordpieceMatcher(nlp.vocab, model, name, base=base, revision=revision, min_share=min_share)


class WordpieceMatcher(TrainablePipe):  # type: ignore[misc]  # TrainablePipe has no types
    """Train an encoder to return, for characters, the hidden states that a base model has for whole wordpieces.

    The loss is the squared error of the mean over the characters of each wordpiece, divided by the variance of each
    dimension. The variances are those of the first N_FIRST texts. The score of an evaluation, `wordpiece_match`, is R²,
    1 − mean of these relative errors: 1 for equal hidden states, below 0 if the error is greater than the variance.

    `doc.tensor` is set to the hidden states, all in memory at once. So use the component for training only.

    vocab (Vocab): The vocabulary of the pipeline.
    model (Model[list[Doc], list[Floats2d]]): The encoder.
    name (str): Name of this instance.
    base (str), revision (Optional[str]): The base model. `initialize` loads it; it is not saved with the component.
    min_share (float): Smallest share of the Chinese characters that are in wordpieces of several characters.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Tok2VecT,
        name: str = "zh_tw_wordpiece_matcher",
        *,
        base: str,
        revision: str | None = None,
        min_share: float = 0.05,
    ) -> None:
        self.vocab, self.model, self.name = vocab, model, name
        self.cfg: dict[str, Any] = {}
        self._base, self._revision, self._min_share = base, revision, min_share
        self._encoder: WordpieceEncoder | None = None
        self._variances = torch.ones(1)  # (width,) of the base model's hidden states

    def initialize(
        self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None, **settings: Any
    ) -> None:
        """Load the base model, and compute the variances of its hidden states.

        get_examples (Callable): Returns the training examples; the first N_FIRST are used.
        nlp (Optional[Language]): The pipeline.
        RAISES (CorpusError): If these have no Chinese characters.
        RAISES (BaseModelError): If the base model cannot be loaded, has hidden states of another width than the
            encoder, or too few of the Chinese characters are in wordpieces of several characters.
        """
        docs = [example.predicted for example in islice(get_examples(), N_FIRST) if len(example.predicted)]
        is_han = np.array([HAN[0] <= token.text <= HAN[1] for doc in docs for token in doc], bool)
        if not is_han.any():
            raise CorpusError(Errors.ZT298.format(name=self.name, n=N_FIRST))
        self.model.initialize(X=docs[:1])
        self._encoder = WordpieceEncoder(self._base, self._revision)
        if self.model.get_dim("nO") != self._encoder.width:
            widths = {"encoder": self.model.get_dim("nO"), "base": self._encoder.width}
            raise BaseModelError(Errors.ZT293.format(name=self._base, **widths))
        targets = self._encoder(docs)
        in_long = targets.pairs[targets.sizes[targets.pairs[:, 0]] > 1, 1]  # tokens in wordpieces of several tokens
        share = is_han[np.unique(in_long.cpu().numpy())].sum() / is_han.sum()
        if share < self._min_share:
            shares = {"share": 100.0 * share, "least": 100.0 * self._min_share}
            raise BaseModelError(Errors.ZT294.format(name=self._base, n=len(docs), **shares))
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
        # loss = Σ over wordpieces: size · mean over dimensions of (mean of the tokens − state)² / variance. The size
        # cancels the 1 / size of the mean in its derivative by a token. Then it is divided by the number of tokens.
        slopes = 2.0 * differences / self._variances / targets.states.shape[1] / max(1, len(hidden))
        of_tokens = slopes[wordpieces].to(hidden.device)  # (n_pairs, width)
        gradient = torch.zeros_like(hidden).index_add(0, tokens.to(hidden.device), of_tokens)
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
