"""Convert between entities and tags (IOB1, IOB2, BIOES, BMES, BILOU), and between tokens and texts."""

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from ..entities import Entity

TAG = re.compile(r"O|[BIESMLU]-\S+")
CONTINUING, CLOSING = frozenset("IMEL"), frozenset("ESLU")

# Letters of scripts with spaces between words (also Hangul), so not Thai to Myanmar, Khmer, Chinese and Japanese.
LETTER = r"[^\W\d_\u0e00-\u109f\u1780-\u17ff\u2e80-\uabff\ud7b0-\U0010ffff]"
HAS_LETTER = re.compile(LETTER)
HAS_WORD = re.compile(LETTER + "{2}")
ENDS_WORD = re.compile(rf"(?:{LETTER}|[0-9\u0300-\u036f])\.?$")  # the full stop of "St." belongs to the word
BEGINS_WORD = re.compile(rf"{LETTER}|[0-9]")
CLITIC = re.compile("n['’]t", re.IGNORECASE)  # in "don't", which the Penn Treebank splits into "do" and "n't"

SpanT: TypeAlias = tuple[int, int]


def decode_tags(tags: Sequence[str], spans: Sequence[SpanT]) -> tuple[list[Entity], int]:
    """Decode tags of any supported scheme to entities.

    An inside tag without a preceding tag of its label begins an entity, as in IOB1. Callers count this as a repair
    unless the file is IOB1.

    tags (Sequence[str]): One tag per token.
    spans (Sequence[tuple[int, int]]): Start and end of each token in characters.
    RETURNS (tuple[list[Entity], int]): Entities with character offsets, and how many of them begin with an inside tag.
    """
    places: list[list[int]] = []
    labels: list[str] = []
    n_repaired, open_label = 0, None
    for tag, (start, end) in zip(tags, spans, strict=True):
        if tag == "O":
            open_label = None
            continue
        kind, label = tag[0], tag[2:]
        if kind in CONTINUING and label == open_label:
            places[-1][1] = end
        else:
            n_repaired += kind in CONTINUING
            places.append([start, end])
            labels.append(label)
        open_label = None if kind in CLOSING else label
    return [Entity(start, end, label) for (start, end), label in zip(places, labels, strict=True)], n_repaired


def encode_tags(entities: Iterable[Entity], spans: Sequence[SpanT], scheme: str) -> list[str]:
    """Encode entities as tags: the inverse of `decode_tags`.

    entities (Iterable[Entity]): Entities with character offsets that are token borders, without overlaps.
    spans (Sequence[tuple[int, int]]): Start and end of each token in characters.
    scheme (str): "bio" (IOB2) or "bioes".
    RETURNS (list[str]): One tag per token.
    """
    first = {start: i for i, (start, _) in enumerate(spans)}
    last = {end: i for i, (_, end) in enumerate(spans)}
    tags = ["O"] * len(spans)
    for start, end, label in entities:
        begin, close = first[start], last[end]
        tags[begin : close + 1] = [f"B-{label}", *[f"I-{label}"] * (close - begin)]
        if scheme == "bioes":
            tags[close] = f"{'S' if begin == close else 'E'}-{label}"
    return tags


def is_iob1(sentences: Iterable[Sequence[str]]) -> bool:
    """Return whether tags are IOB1: entities begin with I-, and B- only separates adjacent entities of one label.

    sentences (Iterable[Sequence[str]]): The tags of each sentence.
    RETURNS (bool): True if the tags are IOB1 and cannot be IOB2.
    """
    n_begun_inside = 0
    for tags in sentences:
        before = "O"
        for tag in tags:
            kind, _, label = tag.partition("-")
            continues = before.partition("-")[2] == label and before != "O"
            if kind not in "IBO" or (kind == "B" and not continues):
                return False
            n_begun_inside += kind == "I" and not continues
            before = tag
    return n_begun_inside > 0


def find_tokens(tokens: Iterable[str], text: str) -> list[SpanT]:
    """Find the positions of tokens in a text. Only white space is allowed between two tokens.

    tokens (Iterable[str]): The tokens, in text order.
    text (str): The text.
    RETURNS (list[tuple[int, int]]): Start and end of each token in characters. If a token does not follow the token
        before it in the text, the list ends before it, so it is shorter than `tokens`.
    """
    spans: list[SpanT] = []
    position = 0
    for token in tokens:
        start = text.find(token, position)
        if start < 0 or text[position:start].strip():
            break
        position = start + len(token)
        spans.append((start, position))
    return spans


def join_tokens(tokens: Sequence[str], blanks: Sequence[bool | None] = ()) -> tuple[str, list[SpanT]]:
    """Join tokens to a text: without spaces between Chinese characters, with spaces between Latin words.

    tokens (Sequence[str]): The tokens of one sentence.
    blanks (Sequence[Optional[bool]]): For each token, True if a space precedes it, False if not, and None to decide by
        script; an empty sequence decides all by script.
    RETURNS (tuple[str, list[tuple[int, int]]]): The text, and start and end of each token in characters.
    """
    text = "".join(tokens)
    if len(text) == len(tokens) and all(tokens) and not any(blanks):
        return text, list(zip(range(len(text)), range(1, len(text) + 1), strict=True))
    by_script = blanks_before(tokens)
    parts: list[str] = []
    spans, position = [], 0
    for i, token in enumerate(tokens):
        known = blanks[i] if blanks else None
        if known or (known is None and by_script[i]):
            parts.append(" ")
            position += 1
        spans.append((position, position + len(token)))
        position += len(token)
        parts.append(token)
    return "".join(parts), spans


def blanks_before(tokens: Sequence[str]) -> list[bool]:
    """Decide which tokens of a sentence need a space before them: words in Latin, Cyrillic, Greek and similar scripts.

    If all tokens are single letters, the sentence was split into characters, so no token gets a space.

    tokens (Sequence[str]): The tokens of one sentence.
    RETURNS (list[bool]): For each token, True if a space precedes it; False for the first.
    """
    if not any(map(HAS_WORD.search, tokens)):
        return [False] * len(tokens)
    words = [HAS_LETTER.search(token) is not None for token in tokens]
    return [i > 0 and words[i] and words[i - 1] and _are_words(tokens[i - 1], tokens[i]) for i in range(len(tokens))]


def _are_words(left: str, right: str) -> bool:
    return bool(ENDS_WORD.search(left) and BEGINS_WORD.match(right)) and CLITIC.fullmatch(right) is None
