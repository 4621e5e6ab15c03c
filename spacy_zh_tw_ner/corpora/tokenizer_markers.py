"""Remove markers that tokenizers add to tokens: [CLS], ##ing, ▁New, ĠNew, new</w>, and positions as in 科0 技1."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from .records import NotifyT
from .tags import TAG, find_tokens

CleanT: TypeAlias = tuple[Sequence[str], Sequence[str], Sequence[bool | None]]

SPECIAL = frozenset("[CLS] [SEP] [PAD] <s> </s> <pad> <bos> <eos> <|endoftext|>".split())
UNKNOWN = frozenset("[UNK] <unk> [MASK] <mask>".split())
CONTINUED = re.compile(r"##(\S+)")
BLANK = "▁"  # U+2581: SentencePiece's marker of the space before a word
BLANKS = (BLANK, "Ġ")  # U+0120: that of byte-level BPE (GPT-2, RoBERTa), whose other bytes are letters such as æĹ, too
BYTE = re.compile("[\u0100-\u0143]")
WORD_END = "</w>"  # suffix of the last token of a word (GPT, XLM)
PLACED = re.compile(r"(\D{1,8}|.)([0-9]{1,4})", re.DOTALL)
PLACED_SHARE = 0.98  # least share of tokens with a position; some, such as emoji, may lack one
BEGINNINGS = ("##", "[", "<", *BLANKS)  # beginnings of all markers, for a quick check
OPENED = {"S": "B", "U": "B", "E": "I", "L": "I"}
INSIDE_TO_BEGIN = {"I": "B", "M": "B", "E": "S", "L": "U"}
WORDPIECE_TAG = "X"  # tag of the second and later wordpieces of a word, in BERT's examples


class LostText(ValueError):
    """Error for a sentence whose original text cannot be restored from its tokens, such as one with [UNK]."""


def is_special(token: str) -> bool:
    """Return whether a token is a special token of a model, such as [CLS], which is not text."""
    return token in SPECIAL


def is_wordpiece(token: str) -> bool:
    """Return whether a token is a wordpiece that continues the token before it, such as ##ing."""
    return CONTINUED.fullmatch(token) is not None


def valid_tag(token: str, tag: str) -> str | None:
    """Return the tag of a token if it is a tag of a supported scheme.

    token (str): The token.
    tag (str): Its tag in the file.
    RETURNS (Optional[str]): The tag; "O" for an unknown tag of a special token such as [CLS]; None for any other
        unknown tag.
    """
    if TAG.fullmatch(tag) or (tag == WORDPIECE_TAG and is_wordpiece(token)):
        return tag
    return "O" if is_special(token) else None


def have_positions(sentences: Iterable[Sequence[str]]) -> bool:
    """Return whether tokens end with the position of the character in its word, as in Weibo NER: 科0 技1 全0 方1 位2.

    sentences (Iterable[Sequence[str]]): The tokens of each sentence.
    RETURNS (bool): True if some token ends with a number above 0, and at least 98 % of the tokens end with 0, or with
        the number of the previous token plus 1.
    """
    n_tokens = n_placed = highest = 0
    for tokens in sentences:
        before = -1
        for token in tokens:
            n_tokens += 1
            found = PLACED.fullmatch(token)
            position = int(found[2]) if found else -1
            n_placed += position == 0 or (position > 0 and position == before + 1)
            before = position
            highest = max(highest, position)
    return highest > 0 and n_placed >= PLACED_SHARE * n_tokens


class MarkerRemover:
    """Removes tokenizer markers from the sentences of one file, and counts them.

    positions (bool): True if tokens end with positions, as in Weibo NER.
    """

    def __init__(self, positions: bool) -> None:
        self.positions = positions
        self.counts: Counter[str] = Counter()

    def __call__(self, tokens: Sequence[str], tags: Sequence[str], text: str | None = None) -> CleanT:
        """Remove the markers of one sentence.

        tokens (Sequence[str]): Tokens as they are in the file.
        tags (Sequence[str]): One tag per token.
        text (Optional[str]): The original text, if it is known. If all tokens occur in it in order, they are returned
            unchanged, because what looks like a marker is text.
        RETURNS (tuple[Sequence[str], Sequence[str], Sequence[Optional[bool]]]): Tokens; tags; and for each token, True
            if a space precedes it, False if not, None if unknown. The third sequence is empty if the sentence has no
            markers.
        RAISES (LostText): If part of the text is lost, for example by [UNK].
        """
        if self.positions:
            tokens = [self._without_position(token) for token in tokens]
        joined = "".join(tokens)
        marked = any(marker in joined for marker in BEGINNINGS)
        if marked and text is not None and WORDPIECE_TAG not in tags:
            marked = len(find_tokens(tokens, text)) < len(tokens)
        if not marked:
            return tokens, tags, ()
        clean: tuple[list[str], list[str], list[bool | None]] = ([], [], [])
        # In a sentence with markers of words, a token without one continues the word before it.
        unmarked = False if any(token.startswith(BLANKS) or _ends_word(token) for token in tokens) else None
        if any(token.startswith(BLANKS[1]) and BYTE.search("".join(tokens).replace(BLANKS[1], "")) for token in tokens):
            raise LostText("tokens of byte-level BPE are parts of characters")
        begun, blank = "", False  # tag and space of a lone ▁, which the next token inherits
        is_word_ended = False
        for token, tag in zip(tokens, tags, strict=True):
            if token in UNKNOWN:
                raise LostText(f"{token} stands for unknown characters of the text")
            if token in SPECIAL:
                self.counts["special tokens such as [CLS]"] += 1
                continue
            continued = CONTINUED.fullmatch(token)
            before: bool | None = True if blank else None if is_word_ended else unmarked
            is_word_ended = _ends_word(token)
            if is_word_ended:
                token = token.removesuffix(WORD_END)  # noqa: PLW2901
                self.counts["suffixes </w>"] += 1
            if continued is not None:
                token, before = continued[1], False  # noqa: PLW2901
                tag = _continued(clean[1]) if tag == WORDPIECE_TAG else tag  # noqa: PLW2901
                self.counts["prefixes of wordpieces such as ##ing, which are joined to the token before"] += 1
            elif token.startswith(BLANKS):
                self.counts[f"prefixes {token[0]}, which are read as spaces"] += 1
                token, before = token[1:], True  # noqa: PLW2901
                if not token:
                    begun, blank = tag, True
                    continue
            if tag[2:] == begun[2:] and begun[:1] == "B" and tag[0] in INSIDE_TO_BEGIN:
                tag = INSIDE_TO_BEGIN[tag[0]] + tag[1:]  # noqa: PLW2901
            clean[2].append(before and bool(clean[0]))
            clean[0].append(token)
            clean[1].append(tag)
            begun, blank = "", False
        return clean

    def _without_position(self, token: str) -> str:
        found = PLACED.fullmatch(token)
        self.counts["positions after characters, as in Weibo NER"] += found is not None
        return found[1] if found else token

    def report(self, path: Path, notify: NotifyT) -> None:
        """Call `notify` with a message that counts the removed markers by kind, if any; `path` is the file."""
        if self.counts:
            counts = "; ".join(f"{n} {kind}" for kind, n in self.counts.items())
            notify(f"{path}: tokenizer markers are not text and are removed: {counts}.")


def _ends_word(token: str) -> bool:
    return token.endswith(WORD_END) and token != WORD_END


def _continued(tags: list[str]) -> str:
    """Return the tag of a wordpiece that continues the word of the token before it.

    tags (list[str]): The tags of the tokens before the wordpiece. If the last tag ends an entity (S, U, E or L), it is
        changed in place to B or I, because the entity also includes the wordpiece.
    RETURNS (str): An inside tag with the label of the last tag; "O" if the last tag is "O".
    """
    if not tags or tags[-1] == "O":
        return "O"
    kind, label = tags[-1][0], tags[-1][1:]
    tags[-1] = OPENED.get(kind, kind) + label
    return "I" + label
