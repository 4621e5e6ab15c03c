"""The component `zh_tw_wordpiece_matcher`, which trains an encoder of characters to match one of wordpieces.

    characters ──encoder──▶ hidden states ──mean over the characters of a wordpiece──┐
                                                                                     ├── mean squared error
    the same text ──base model──▶ hidden states of its own wordpieces ───────────────┘

It needs texts only, no annotation. `zh-tw-ner adapt` trains a pipeline with it, and saves the encoder as a base model.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, cast

import torch
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from ..encoders import HiddenT, Tok2VecT
from ..encoders.torch_interop import flatten, from_torch, to_torch, unflatten
from ..errors import BaseModelError, Errors, PipelineError
from ..transformer.wordpiece_states import WordpieceReader, WordpieceStates

N_FIRST = 200  # examples of which the variances of hidden states are computed
LEAST_LONG = 0.01  # share of wordpieces with several characters below which there is nothing to learn
SCORE = "wordpiece_match"


@Language.factory("zh_tw_wordpiece_matcher", default_score_weights={SCORE: 1.0})
def make_wordpiece_matcher(
    nlp: Language, name: str, model: Tok2VecT, base: str, revision: str | None = None
) -> "WordpieceMatcher":
    """Build the component `zh_tw_wordpiece_matcher`, which only trains the encoder of a pipeline.

    nlp (Language), name (str): The pipeline, and the name of this instance. spaCy passes both.
    model (Model[list[Doc], list[Floats2d]]): An encoder, or a listener to the component `transformer`.
    base (str): The base model whose hidden states are matched: id on the Hugging Face Hub, or a folder.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    RETURNS (WordpieceMatcher): The component.
    """
    return WordpieceMatcher(nlp.vocab, model, name, base=base, revision=revision)


class WordpieceMatcher(TrainablePipe):  # type: ignore[misc]  # TrainablePipe has no types
    """Trains an encoder so that its hidden states for characters match those of a base model for wordpieces.

    The loss is the squared error of the mean over the characters of each wordpiece, divided by the variance of each
    dimension. `doc.tensor` is set to the hidden states. The score of an evaluation, `wordpiece_match`, is the share of
    the variance that is matched: 1 for equal hidden states.

    vocab (Vocab): The vocabulary of the pipeline.
    model (Model[list[Doc], list[Floats2d]]): The encoder.
    name (str): Name of this instance.
    base (str), revision (Optional[str]): The base model, which `initialize` loads. It is not saved with the component.
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
        self.cfg: dict[str, Any] = {"base": base, "revision": revision}
        self._reader: WordpieceReader | None = None
        self._variances = torch.ones(1)

    def initialize(
        self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None, **settings: Any
    ) -> None:
        """Load the base model, and compute the variance of its hidden states.

        get_examples (Callable): Returns the training examples; the first N_FIRST are used.
        nlp (Optional[Language]): The pipeline.
        RAISES (BaseModelError): If the base model cannot be loaded, has hidden states of another width than the
            encoder, or has hardly any wordpiece of several characters.
        """
        docs = [example.predicted for example in islice(get_examples(), N_FIRST)]
        self.model.initialize(X=docs[:1])
        base = self.cfg["base"]
        self._reader = WordpieceReader(base, self.cfg["revision"])
        if self.model.get_dim("nO") != self._reader.width:
            widths = {"encoder": self.model.get_dim("nO"), "base": self._reader.width}
            raise BaseModelError(Errors.ZT293.format(name=base, **widths))
        found = self._reader(docs)
        if not len(found.sizes) or float((found.sizes > 1).float().mean()) < LEAST_LONG:
            raise BaseModelError(Errors.ZT294.format(name=base))
        self._variances = found.states.var(0).clamp(min=1e-6)

    def predict(self, docs: Iterable[Doc]) -> HiddenT:
        """Return the hidden states of documents, (n_tokens, width) each."""
        return self.model.predict(list(docs))

    def set_annotations(self, docs: Iterable[Doc], hidden: HiddenT) -> None:
        """Set `doc.tensor` to the hidden states, (n_tokens, width)."""
        for doc, rows in zip(docs, hidden, strict=True):
            doc.tensor = cast(Any, rows)

    def get_loss(self, examples: Iterable[Example], scores: HiddenT) -> tuple[float, HiddenT]:
        """Return the loss, summed over the tokens, and the gradient of its mean.

        examples (Iterable[Example]): The batch.
        scores (list[Floats2d]): Hidden states of the predicted documents, (n_tokens, width) each.
        RETURNS (tuple[float, list[Floats2d]]): The loss, and the gradient for each document.
        RAISES (PipelineError): If `initialize` was not called.
        """
        rows, lengths = flatten(self.model.ops, scores)
        hidden = to_torch(rows)
        found, differences = self._compare([example.predicted for example in examples], hidden)
        wordpieces, tokens = found.pairs.unbind(1)
        each = (differences**2 / self._variances).mean(1)  # (n_wordpieces,)
        slopes = 2.0 / found.states.shape[1] * differences / self._variances / max(1, len(hidden))
        gradient = torch.zeros_like(hidden).index_add(0, tokens.to(hidden.device), slopes[wordpieces].to(hidden.device))
        return float((each * found.sizes).sum()), unflatten(self.model.ops, from_torch(gradient), lengths)

    def score(self, examples: Iterable[Example], **settings: Any) -> dict[str, float]:
        """Return `wordpiece_match`, the share of the variance that is matched, at most 1.

        examples (Iterable[Example]): Examples whose predicted documents have a `doc.tensor`.
        """
        total = weight = 0.0
        for example in examples:
            found, differences = self._compare([example.predicted], to_torch(cast(Any, example.predicted.tensor)))
            total += float(((differences**2 / self._variances).mean(1) * found.sizes).sum())
            weight += float(found.sizes.sum())
        return {SCORE: 1.0 - total / weight if weight else 0.0}

    def _compare(self, docs: Sequence[Doc], hidden: torch.Tensor) -> tuple[WordpieceStates, torch.Tensor]:
        """Return the hidden states of the base model, and how far those of the encoder are from them.

        docs (Sequence[Doc]): The documents.
        hidden (torch.Tensor): (n_tokens, width) hidden states of the encoder.
        RETURNS (tuple[WordpieceStates, torch.Tensor]): The states, and (n_wordpieces, width) differences.
        """
        if self._reader is None:
            raise PipelineError(Errors.ZT295.format(name=self.name))
        found = self._reader(docs)
        return found, found.means(hidden.to(found.states.device)) - found.states
