"""Auxiliary training task: predict masked characters from the hidden states.

An encoder learns more from the same sentences if it also predicts masked characters from their context (Devlin et al.
2019, "BERT"; Rei 2017, "Semi-supervised Multitask Learning for Sequence Labeling", which uses the labelled text only).
The task needs no download, and does not run in prediction.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
from spacy.attrs import NORM, ORTH, SPACY  # type: ignore[import-not-found]
from spacy.tokens import Doc
from thinc.api import Linear, Mish, Model, chain
from thinc.types import Floats2d, Ints1d

from . import EncoderHooks, HiddenT, Tok2VecT, long_documents
from .long_documents import make_doc
from .torch_interop import flatten, unflatten

MASK = "\uffff"  # a noncharacter of Unicode, which texts do not contain
UNMASKED = "zh_tw_unmasked"  # key in `doc.user_data` of a masked copy; the value is the original document
ArrayT: TypeAlias = npt.NDArray[np.float32]
KeysT: TypeAlias = npt.NDArray[np.uint64]
GuessT: TypeAlias = Model[Floats2d, Floats2d]
BackpropT: TypeAlias = Callable[[HiddenT], list[Doc]]


def build_masked_characters_v1(
    tok2vec: Tok2VecT, rate: float = 0.15, weight: float = 0.3, width: int = 128, n_targets: int = 4096
) -> Tok2VecT:
    """Registered as `spacy-zh-tw-ner.MaskedCharacters.v1`: an encoder that also predicts masked characters in training.

    tok2vec (Model[list[Doc], list[Floats2d]]): An encoder of fixed width.
    rate (float): Share of the tokens that are masked in each training batch.
    weight (float): Weight of this loss relative to the main loss, both in nats per document.
    width (int): Width of the layer between the hidden state and the prediction.
    n_targets (int): Number of classes of the prediction; characters are hashed to classes.
    RETURNS (Model[list[Doc], list[Floats2d]]): An encoder whose output is the hidden states of `tok2vec`.
    """
    width_in = tok2vec.get_dim("nO")
    guess: GuessT = chain(Mish(width, width_in), Linear(n_targets, width))
    hooks: EncoderHooks = {"encode_chunks": encode_chunks}
    model: Tok2VecT = Model(
        "masked_characters",
        forward,
        init=init,
        layers=[tok2vec, guess],
        dims={"nO": width_in},
        attrs={"rate": rate, "weight": weight, **hooks},
    )
    return model


def init(model: Tok2VecT, X: list[Doc] | None = None, Y: HiddenT | None = None) -> None:
    """Initialize the encoder with the sample documents `X`, and the layers that predict masked characters."""
    model.layers[0].initialize(X=X, Y=Y)
    model.layers[1].initialize()


def encode_chunks(model: Tok2VecT, doc: Doc) -> Iterator[Floats2d] | None:
    """Return an iterator over the hidden states of a long document in chunks. No character is masked.

    `CRFTagger` calls this hook in prediction. It calls the hook of the wrapped encoder.

    model (Model[list[Doc], list[Floats2d]]): This layer.
    doc (Doc): The document.
    RETURNS (Optional[Iterator[Floats2d]]): Hidden states in the order of the tokens, (n, nO) for each chunk. None if
        the wrapped encoder cannot encode in chunks.
    """
    return long_documents.encode_chunks(model.layers[0], doc)


def forward(model: Tok2VecT, docs: list[Doc], is_train: bool) -> tuple[HiddenT, BackpropT]:
    """Run the encoder; in training, on copies of the documents in which some tokens are masked.

    RETURNS (tuple): Hidden states, (n_tokens, nO) for each document, and the backward pass. It adds the gradient of the
        prediction of masked characters to the gradient of the hidden states.
    """
    tok2vec, guess = cast(Tok2VecT, model.layers[0]), cast(GuessT, model.layers[1])
    if not is_train:
        return tok2vec(docs, is_train)
    lengths = [len(doc) for doc in docs]
    masked_rows = np.flatnonzero(np.random.random(sum(lengths)) < model.attrs["rate"])  # seeded by spaCy
    if not len(masked_rows):
        return tok2vec(docs, is_train)
    norms = np.concatenate([doc.to_array(NORM) for doc in docs])[masked_rows]
    targets = (norms % np.uint64(guess.layers[-1].get_dim("nO"))).astype(np.int64)
    hidden, backprop_tok2vec = tok2vec(_mask(docs, lengths, masked_rows), is_train)
    rows, columns = (model.ops.asarray1i(cast(Ints1d, ids.astype(np.int32))) for ids in (masked_rows, targets))
    states = flatten(model.ops, hidden)[0][rows]
    scores, backprop_guess = guess(states, is_train)

    def backprop(gradients: HiddenT) -> list[Doc]:
        # Gradient of the cross-entropy: the probabilities, minus 1 at the target.
        d_scores = model.ops.softmax(scores)
        d_scores[model.ops.xp.arange(len(targets)), columns] -= 1.0
        d_states = backprop_guess(d_scores * (model.attrs["weight"] / len(docs)))
        flat = flatten(model.ops, gradients)[0].copy()
        flat[rows] += d_states
        no_gradient: list[Doc] = backprop_tok2vec(unflatten(model.ops, flat, lengths))
        return no_gradient

    return hidden, backprop


def unmasked(doc: Doc) -> Doc:
    """Return the original document of a masked copy; return any other document unchanged.

    The layer `LexiconEmbed.v1` calls it to match words of its lists, because masked text has hardly any of them.
    """
    whole: Doc = doc.user_data.get(UNMASKED, doc)
    return whole


def _mask(docs: list[Doc], lengths: list[int], masked_rows: npt.NDArray[np.int64]) -> list[Doc]:
    """Copy documents, and replace the text and the norm of the masked tokens with the string MASK.

    Each copy refers to its original, which `unmasked` returns.

    docs (list[Doc]): The documents, which are not changed.
    lengths (list[int]): Number of tokens of each document.
    masked_rows (np.ndarray): Indices of the masked tokens, counted through all documents of the batch.
    """
    mask = docs[0].vocab.strings.add(MASK)
    is_masked = np.zeros(sum(lengths), dtype=bool)
    is_masked[masked_rows] = True
    copies, start = [], 0
    for doc, length in zip(docs, lengths, strict=True):
        masked = is_masked[start : start + length]
        start += length
        attributes = cast(KeysT, doc.to_array([ORTH, NORM, SPACY]))
        attributes[masked, :2] = mask
        copies.append(make_doc(doc.vocab, attributes))
        copies[-1].user_data[UNMASKED] = doc
    return copies
