"""Split single tokens into the wordpieces that they have in running text, on which the base model was trained.

Tokenizers of the SentencePiece kind put a mark before each word, and treat a single token as a word. In Chinese text,
characters follow each other without spaces, and only the first has the mark:

    family                    text     the tokenizer, token by token     here
    WordPiece                 臺灣     臺 灣                             臺 灣
    Unigram, BPE, Metaspace   臺灣     ▁ 臺 ▁ 灣                         臺 灣
    byte-level BPE            臺灣     bytes of 臺, bytes of 灣          the same, without a space before each
    any, with capitals        Tw       t w                               T w

A token whose wordpiece exists only with the mark keeps the mark. Pipelines of version 0.1 were trained with the splits
of the third column, and still use them: `LOOKUP_OF_0_1` names these rules. Token classification checkpoints were
trained on characters as separate words, too, but with capitals: `LOOKUP_OF_WORDS`.

A trimmed vocabulary (see `trimming`) has only the wordpieces of single characters. With it, a token of several
characters is split into the wordpieces of each character, and a character that was not kept has no wordpieces.
"""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..tokenization.folds import WIDTHS, lower
from .kept_characters import kept_characters
from .settings import LOOKUP, LOOKUP_OF_0_1

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

NEIGHBOUR = "中"  # precedes each token that is split, so that none is the first of its sentence
SENTENCEPIECE = "▁"
MARKS = (SENTENCEPIECE, "Ġ")  # the second one is a space in byte-level BPE


class TokenSplitter:
    """Splits tokens into the ids of their wordpieces.

    tokenizer (PreTrainedTokenizerBase): A fast tokenizer.
    lookup (int): Rules by which tokens are split. 1, for pipelines of version 0.1, splits each token in lower case and
        as a separate word, with a mark such as "▁" before it. 2 keeps capitals, and prefers wordpieces without the
        mark. 3 keeps capitals and the mark.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", lookup: int) -> None:
        self._tokenizer = tokenizer
        self._keeps_case = lookup != LOOKUP_OF_0_1
        self._unknown = tokenizer.unk_token_id
        self._unmarked = without_prefix(tokenizer) if lookup == LOOKUP else None
        token_to_id: Callable[[str], int | None] = tokenizer.backend_tokenizer.token_to_id
        self._mark = next((mark for mark in MARKS if token_to_id(mark) is not None), "")
        self._mark_id = token_to_id(self._mark)
        self._kept = kept_characters(tokenizer)

    def __call__(self, texts: Sequence[str], norms: Sequence[str]) -> list[list[int]]:
        """Split tokens into the ids of their wordpieces.

        texts (Sequence[str]): Text of each token, which has the case of letters.
        norms (Sequence[str]): Norm of each token, in lower case.
        RETURNS (list[list[int]]): Ids of each token; empty if the tokenizer returns no wordpiece for it.
        """
        if not self._keeps_case:
            return self._alone(norms)
        cased = [with_case(text, norm) for text, norm in zip(texts, norms, strict=True)]
        if self._kept is None:
            return self._in_either_case(cased, norms)
        characters = self._in_either_case([*"".join(cased)], [*"".join(norms)])
        ends = np.cumsum([len(norm) for norm in norms], dtype=int).tolist()
        by_token = [characters[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        return [[id_ for ids in of_token for id_ in ids] for of_token in by_token]

    def is_outside(self, text: str, norm: str) -> bool:
        """Return whether a trimmed vocabulary lacks a character of a token, in its own case and in lower case.

        Always False if the vocabulary is not trimmed.
        """
        return not self._has(norm) and not self._has(with_case(text, norm))

    def _has(self, word: str) -> bool:
        return self._kept is None or all(self._kept[ord(char)] for char in word)

    def _in_either_case(self, cased: Sequence[str], norms: Sequence[str]) -> list[list[int]]:
        """Split each token in the case of its text or, if that gives unknown wordpieces, in lower case.

        Some Chinese vocabularies have no capital letters. If lower case, too, gives unknown wordpieces, it is used.

        cased (Sequence[str]), norms (Sequence[str]): The norm of each token, in the case of its text and in lower case.
        """
        found = self._split(cased)
        lost = [i for i, ids in enumerate(found) if cased[i] != norms[i] and not self._is_known(ids)]
        for i, ids in zip(lost, self._split([norms[i] for i in lost]), strict=True):
            found[i] = ids
        return found

    def _split(self, words: Sequence[str]) -> list[list[int]]:
        """Split words into ids. A word with a character that a trimmed vocabulary does not have gets no ids."""
        return [ids if self._has(word) else [] for word, ids in zip(words, self._best(words), strict=True)]

    def _best(self, words: Sequence[str]) -> list[list[int]]:
        """Split words into ids. Prefer one wordpiece without the mark "▁", then one wordpiece with the mark."""
        if self._unmarked is None or not words:
            return self._alone(words)
        found = [encoding.ids for encoding in self._unmarked.encode_batch(list(words), add_special_tokens=False)]
        for i, ids in enumerate(found):
            if not ids and words[i].isspace() and self._mark_id is not None:
                found[i] = [self._mark_id]  # what a space becomes in a sentence
        is_sure = [len(ids) == 1 and self._is_known(ids) for ids in found]
        unsure = [i for i, word in enumerate(words) if not is_sure[i] and self._may_have_mark(word)]
        for i, marked in zip(unsure, self._alone([words[i] for i in unsure]), strict=True):
            if self._is_known(marked) and (len(marked) == 1 or not self._is_known(found[i])):
                found[i] = marked
        return found

    def _may_have_mark(self, word: str) -> bool:
        """Return whether a word may be one wordpiece with the mark "▁" before it.

        False for a word of one character that has no such wordpiece in the vocabulary. True for all other words.
        """
        assert self._unmarked is not None
        normalizer = self._unmarked.normalizer
        normal = word if normalizer is None else normalizer.normalize_str(word)
        if len(normal) != 1 or self._mark != SENTENCEPIECE:
            return True  # wordpieces of bytes are written in other characters
        return self._unmarked.token_to_id(self._mark + normal) is not None

    def _alone(self, words: Sequence[str]) -> list[list[int]]:
        """Split each word with the unchanged tokenizer, as the second word of a list of two words.

        The word is not the first of the list, because a tokenizer may treat the first word differently. A tokenizer of
        the SentencePiece kind puts the mark "▁" before it, as it does after a space.
        """
        if not words:
            return []
        pairs = [[NEIGHBOUR, word] for word in words]
        encodings = self._tokenizer.backend_tokenizer.encode_batch(
            pairs, is_pretokenized=True, add_special_tokens=False
        )
        return [
            [id_ for id_, word in zip(encoding.ids, encoding.word_ids, strict=True) if word == 1]
            for encoding in encodings
        ]

    def _is_known(self, ids: Sequence[int]) -> bool:
        return bool(ids) and self._unknown not in ids


def with_case(text: str, norm: str) -> str:
    """Return the norm of a token with its letters in the case of the text: ("Ｔ", "t") → "T".

    text (str): The token's text.
    norm (str): Its norm.
    RETURNS (str): The norm in the case of the text. Characters of the norm that are not the lower case of the text,
        such as 台 for 臺, are not changed.
    """
    if text == norm or len(text) != len(norm):
        return norm
    return "".join(map(_with_case, text, norm))


def _with_case(char: str, norm: str) -> str:
    return next((form for form in (char, WIDTHS.get(char, char)) if lower(form) == norm), norm)


def without_prefix(tokenizer: "PreTrainedTokenizerBase") -> "Tokenizer | None":
    """Build a tokenizer with the same vocabulary that adds no mark or space before words.

    tokenizer (PreTrainedTokenizerBase): A fast tokenizer. It is not changed.
    RETURNS (tokenizers.Tokenizer | None): The new tokenizer. None if `tokenizer` itself adds nothing before words, or
        its normalizer or pre-tokenizer is written in Python.
    """
    from tokenizers import Tokenizer

    backend = tokenizer.backend_tokenizer
    try:
        normalizer, pre_tokenizer = (_state(part) for part in (backend.normalizer, backend.pre_tokenizer))
    except Exception:  # a part written in Python has no state; tokenizers has no class for this error
        return None
    parts = {"normalizer": _edited(normalizer), "pre_tokenizer": _edited(pre_tokenizer)}
    if parts == {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer}:
        return None
    empty = {"type": "WordLevel", "vocab": {}, "unk_token": ""}
    others = dict.fromkeys(("truncation", "padding", "post_processor", "decoder"))
    unmarked = Tokenizer.from_str(json.dumps({"version": "1.0", "added_tokens": [], "model": empty, **others, **parts}))
    unmarked.model = backend.model  # shared, not copied
    return unmarked


def _state(part: Any) -> Any:
    """Return the settings of a normalizer or pre-tokenizer, from the state that pickle would save.

    part (Any): The part of a fast tokenizer, or None.
    RETURNS (Any): The settings as in `tokenizer.json`, a dict with the key "type"; None for None.
    RAISES (Exception): If the part is written in Python, and so has no state.
    """
    return None if part is None else json.loads(part.__getstate__())


def _edited(state: Any) -> Any:
    """Return the settings of a normalizer or pre-tokenizer, changed so that it adds nothing before words.

    state (Any): A result of `_state`, which is not changed. None stays None, and the normalizer "Prepend" becomes None.
    """
    if state is None or state["type"] == "Prepend":
        return None
    if state["type"] == "Sequence":
        name = "normalizers" if "normalizers" in state else "pretokenizers"
        return {**state, name: [part for part in map(_edited, state[name]) if part is not None]}
    if state["type"] == "Metaspace":
        return {**state, "prepend_scheme": "never"}
    return {**state, "add_prefix_space": False} if state.get("add_prefix_space") else state
