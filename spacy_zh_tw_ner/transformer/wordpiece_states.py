"""Hidden states of a base model for its own wordpieces, which may have several characters.

A pipeline reads each character as a token of its own. Multilingual base models were trained on longer wordpieces, such
as 總統, and their hidden states for single characters are worse. `components.wordpiece_matcher` trains a copy of the
base model to have the hidden states of these wordpieces when it reads their characters.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from spacy.tokens import Doc

from ..devices import encoder_device
from ..encoders.torch_interop import group_by_length
from ..errors import BaseModelError, Errors
from .backbone import load_backbone
from .batches import MAX_PADDED
from .hub import read_tokenizer

MARK = "▁"  # a wordpiece of its own at the beginning of a text, which stands for no character
LONGEST = 512  # wordpieces per document, where the base model has no lower limit; later ones are left out


class WordpieceStates(NamedTuple):
    """Hidden states of the wordpieces of several documents.

    states: (n_wordpieces, width) float32. pairs: (n_pairs, 2) int64, a row [wordpiece, token] for each token that a
    wordpiece stands for, in the order of the wordpieces. Tokens are numbered from one document to the next. sizes:
    (n_wordpieces,) float32, the number of tokens of each wordpiece, 1 or more.
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


class WordpieceReader:
    """A base model that reads texts in its own wordpieces. Its weights are not trained.

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
        """Return the hidden states of the last layer for all wordpieces that stand for a token.

        docs (Sequence[Doc]): The documents. They are not cut into windows: wordpieces after the longest sequence that
            the base model supports are left out.
        """
        longest = min(self._backbone.max_length or LONGEST, LONGEST)
        texts = [doc.text for doc in docs]
        found = (self._tokenizer(texts, truncation=True, max_length=longest).encodings or []) if texts else []
        firsts = np.cumsum([0, *(len(encoding.ids) for encoding in found)])  # (n_docs + 1,)
        hidden = torch.empty(int(firsts[-1]), self.width, device=self._backbone.device)
        for group in group_by_length([len(encoding.ids) for encoding in found], max_padded=MAX_PADDED):
            for number, states in zip(group, self._encode([found[i].ids for i in group]), strict=True):
                hidden[firsts[number] : firsts[number + 1]] = states
        rows, bounds = list[int](), list[tuple[int, int]]()
        n_tokens = 0
        for first, doc, encoding in zip(firsts.tolist(), docs, found, strict=False):
            starts = np.array([token.idx for token in doc])
            ends = starts + [len(token) for token in doc]
            pieces = zip(encoding.tokens, encoding.offsets, encoding.special_tokens_mask, strict=True)
            for row, (piece, (start, end), is_special) in enumerate(pieces, start=first):
                own = int(np.searchsorted(ends, start, side="right")), int(np.searchsorted(starts, end))
                if own[0] < own[1] and start < end and not is_special and piece != MARK:
                    rows.append(row)
                    bounds.append((n_tokens + own[0], n_tokens + own[1]))
            n_tokens += len(doc)
        pairs = [(i, token) for i, (start, end) in enumerate(bounds) for token in range(start, end)]
        sizes = [float(end - start) for start, end in bounds]
        device = hidden.device
        return WordpieceStates(
            hidden[torch.tensor(rows, dtype=torch.long, device=device)],
            torch.tensor(pairs, dtype=torch.long, device=device).reshape(-1, 2),
            torch.tensor(sizes, dtype=torch.float32, device=device),
        )

    @torch.no_grad()
    def _encode(self, sequences: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        """Return the hidden states of sequences of wordpiece ids, (length, width) each."""
        lengths = [len(ids) for ids in sequences]
        ids = torch.zeros(len(sequences), max(lengths), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            ids[row, : lengths[row]] = torch.tensor(sequence)
            mask[row, : lengths[row]] = 1
        hidden = self._backbone(ids.to(self._backbone.device), mask.to(self._backbone.device))
        return [states[:length] for states, length in zip(hidden, lengths, strict=True)]
