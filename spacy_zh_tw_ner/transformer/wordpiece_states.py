"""Hidden states of a base model for its own wordpieces, which may have several characters.

A pipeline reads each character as a token of its own. Multilingual base models were trained on longer wordpieces, such
as 總統, and have other hidden states for single characters. `components.wordpiece_matcher` trains a copy of the base
model to return the hidden states of whole wordpieces for their characters.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from spacy.tokens import Doc
from torch.nn.utils.rnn import pad_sequence

from ..devices import encoder_device
from ..encoders.torch_interop import group_by_length
from ..errors import BaseModelError, Errors
from .backbone import load_backbone
from .batches import MAX_PADDED
from .hub import read_tokenizer

Ints1dT: TypeAlias = npt.NDArray[np.int64]
MARK = "▁"  # SentencePiece's mark of a word's beginning; as a wordpiece of its own, it covers no character
MAX_LENGTH = 512  # wordpieces per document; the rest is cut off


class WordpieceStates(NamedTuple):
    """Hidden states of the wordpieces of several documents.

    states: (n_wordpieces, width) float32. pairs: (n_pairs, 2) int64, one row [wordpiece, token] for each token that a
    wordpiece covers, sorted by wordpiece. Token indices continue from one document to the next. sizes: (n_wordpieces,)
    float32, number of tokens of each wordpiece, 1 or more.
    """

    states: torch.Tensor
    pairs: torch.Tensor
    sizes: torch.Tensor

    def means(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the mean of the vectors of each wordpiece's tokens, (n_wordpieces, width).

        hidden (torch.Tensor): (n_tokens, width) one vector per token of the documents.
        """
        wordpieces, tokens = self.pairs.unbind(1)
        return torch.zeros_like(self.states).index_add(0, wordpieces, hidden[tokens]) / self.sizes[:, None]


class WordpieceEncoder:
    """Encode texts with a frozen base model and its own tokenizer.

    It encodes `doc.text`, as in its pre-training. A pipeline encodes norms, in which width and variants may be folded.

    name (str): Id on the Hugging Face Hub, or a folder.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    RAISES (BaseModelError): If the base model cannot be loaded, or has a slow tokenizer.
    """

    def __init__(self, name: str, revision: str | None = None) -> None:
        self._tokenizer = read_tokenizer(name, revision)
        if not self._tokenizer.is_fast:
            raise BaseModelError(Errors.ZT310.format(kind=type(self._tokenizer).__name__))
        self._backbone = load_backbone(name, revision=revision, device=encoder_device()).requires_grad_(False)

    @property
    def width(self) -> int:
        """Width of the hidden states."""
        return self._backbone.width

    def __call__(self, docs: Sequence[Doc]) -> WordpieceStates:
        """Return the hidden states of the last layer for all wordpieces that cover a token.

        docs (Sequence[Doc]): The documents. They are not cut into windows: wordpieces beyond the longest sequence that
            the base model supports are left out.
        RETURNS (WordpieceStates): The states, on the device of the base model.
        """
        longest = min(self._backbone.max_length or MAX_LENGTH, MAX_LENGTH)
        texts = [doc.text for doc in docs]
        encodings = (self._tokenizer(texts, truncation=True, max_length=longest).encodings or []) if texts else []
        hidden = self._encode([encoding.ids for encoding in encodings])
        states, counts, covered = [hidden[:0]], list[Ints1dT](), list[Ints1dT]()
        n_tokens, n_wordpieces = 0, 0  # of the documents before
        for doc, encoding in zip(docs, encodings, strict=True):
            firsts, ends = _tokens_of(doc, encoding.offsets)
            special = np.array(encoding.special_tokens_mask, bool)
            is_kept = (firsts < ends) & ~special & (np.array(encoding.tokens, object) != MARK)
            rows = n_wordpieces + np.flatnonzero(is_kept)
            states.append(hidden[torch.from_numpy(rows).to(hidden.device)])
            counts.append((ends - firsts)[is_kept])
            covered.append(n_tokens + _ranges(firsts[is_kept], ends[is_kept]))
            n_tokens, n_wordpieces = n_tokens + len(doc), n_wordpieces + len(encoding.ids)
        sizes = np.concatenate([np.empty(0, np.int64), *counts])
        tokens = np.concatenate([np.empty(0, np.int64), *covered])
        pairs = np.stack([np.repeat(np.arange(len(sizes)), sizes), tokens], axis=1)
        on_device = [torch.from_numpy(array).to(hidden.device) for array in (pairs, sizes.astype(np.float32))]
        return WordpieceStates(torch.cat(states), *on_device)

    @torch.no_grad()
    def _encode(self, sequences: Sequence[Sequence[int]]) -> torch.Tensor:
        """Return the hidden states of sequences of wordpiece ids, one after the other, (n_wordpieces, width)."""
        device = self._backbone.device
        found = [torch.empty(0, self.width, device=device) for _ in sequences]
        filled = [i for i, ids in enumerate(sequences) if ids]
        for group in group_by_length([len(sequences[i]) for i in filled], max_padded=MAX_PADDED):
            ids = [torch.tensor(sequences[filled[i]]) for i in group]
            mask = pad_sequence([torch.ones_like(row) for row in ids], batch_first=True)
            hidden = self._backbone(pad_sequence(ids, batch_first=True).to(device), mask.to(device))
            for i, row, states in zip(group, ids, hidden, strict=True):
                found[filled[i]] = states[: len(row)]
        return torch.cat([torch.empty(0, self.width, device=device), *found])


def _tokens_of(doc: Doc, offsets: Sequence[tuple[int, int]]) -> tuple[Ints1dT, Ints1dT]:
    """Return the tokens that wordpieces cover, also those that they cover in part.

    doc (Doc): The document.
    offsets (Sequence[tuple[int, int]]): First character of each wordpiece, and the one after its last.
    RETURNS (tuple[np.ndarray, np.ndarray]): (n_wordpieces,) index of the first token, and of the one after the last.
    """
    starts = np.array([token.idx for token in doc], np.int64)
    ends = starts + np.array([len(token) for token in doc], np.int64)
    bounds = np.array(offsets, np.int64).reshape(-1, 2)
    firsts = np.searchsorted(ends, bounds[:, 0], side="right")
    # A wordpiece without characters covers no token.
    return firsts, np.where(bounds[:, 0] < bounds[:, 1], np.searchsorted(starts, bounds[:, 1]), firsts)


def _ranges(firsts: Ints1dT, ends: Ints1dT) -> Ints1dT:
    """Concatenate the ranges from `firsts` to `ends`, each (n,) int64: [3, 7] and [5, 8] become [3, 4, 7]."""
    sizes = ends - firsts
    within: Ints1dT = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    found: Ints1dT = np.repeat(firsts, sizes) + within
    return found
