"""Reduce a tokenizer to some of its wordpieces, numbered anew.

A wordpiece that is left out can no longer be chosen; all others are chosen as before, because each kind of model takes
the best of several candidates, and the best ones stay:

    WordPiece, WordLevel   the longest match stays the longest
    Unigram                the best path stays the best; the score of an unknown character depends on the lowest score
                           of all wordpieces, so that the lowest one is kept, too
    BPE                    pairs are merged in the same order, if the results of all merges on the way are kept, too
"""

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from ..errors import BaseModelError, Errors
from .kept_characters import ALL, CHARACTERS_KEY, MaskT, character_ranges, kept_characters
from .saved_parts import packed_tokenizer, tokenizer_files

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IdsT: TypeAlias = npt.NDArray[np.int32]
# All other files of a tokenizer hold its vocabulary in the form of slow tokenizers.
FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


def trim_tokenizer(
    tokenizer: "PreTrainedTokenizerBase", kept: IdsT, characters: MaskT | None = None
) -> "PreTrainedTokenizerBase":
    """Return a copy of a tokenizer without the wordpieces that are not in `kept`.

    The wordpiece with the id `kept[i]` gets the id i.

    tokenizer (PreTrainedTokenizerBase): A fast tokenizer.
    kept (IdsT): (n_wordpieces,) ids of the wordpieces to keep, in ascending order.
    characters (Optional[MaskT]): (0x110000,) whether `kept` has the wordpieces of each code point; None if it has those
        of all.
    RETURNS (PreTrainedTokenizerBase): The copy. `characters` is stored in its tokenizer_config.json.
    RAISES (BaseModelError): If the tokenizer's model is not WordPiece, WordLevel, Unigram, or BPE without affixes.
    """
    files = {name: data for name, data in tokenizer_files(tokenizer).items() if name in FILES}
    new_ids = {old: new for new, old in enumerate(kept.tolist())}
    backend = json.loads(files["tokenizer.json"])
    backend["model"] = _trimmed_model(backend["model"], new_ids, type(tokenizer).__name__)
    backend["added_tokens"] = [
        {**token, "id": new_ids[token["id"]]} for token in backend["added_tokens"] if token["id"] in new_ids
    ]
    backend["post_processor"] = _renumbered(backend["post_processor"], new_ids)
    backend["padding"] = backend["truncation"] = None
    settings = json.loads(files["tokenizer_config.json"])
    added = settings.get("added_tokens_decoder", {}).items()
    settings["added_tokens_decoder"] = {str(new_ids[int(old)]): token for old, token in added if int(old) in new_ids}
    before = kept_characters(tokenizer)
    settings[CHARACTERS_KEY] = character_ranges(
        (ALL if characters is None else characters) & (ALL if before is None else before)
    )
    files |= {"tokenizer.json": _encode(backend), "tokenizer_config.json": _encode(settings)}
    return packed_tokenizer(files)


def merged_from(piece: str, ranks: Mapping[tuple[str, str], int]) -> set[str]:
    """Return all wordpieces that occur while BPE builds one: its characters, and the result of each merge.

    piece (str): The wordpiece that is built.
    ranks (Mapping[tuple[str, str], int]): Pair of wordpieces → rank of its merge; the lowest rank is merged first.
    RETURNS (set[str]): The wordpieces. `piece` itself is one of them if merges lead to it.
    """
    symbols = list(piece)
    found = set(symbols)
    while len(symbols) > 1:
        pairs = [(ranks[pair], i) for i, pair in enumerate(pairwise(symbols)) if pair in ranks]
        if not pairs:
            break
        _, i = min(pairs)
        symbols[i : i + 2] = ["".join(symbols[i : i + 2])]
        found.add(symbols[i])
    return found


def merges_of(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the merges of a BPE model in the order of their ranks.

    model (Mapping[str, Any]): The settings of the model in tokenizer.json.
    """
    return [tuple(pair.split(" ") if isinstance(pair, str) else pair) for pair in model["merges"]]


def ids_around(node: Any) -> Iterator[int]:
    """Yield the ids of the special wordpieces that a post-processor puts around a text.

    node (Any): The settings of the post-processor in tokenizer.json, or a part of them.
    """
    if isinstance(node, list) and len(node) == 2 and isinstance(node[0], str) and isinstance(node[1], int):
        yield node[1]  # ["[SEP]", 102] of BERT and RoBERTa
    elif isinstance(node, list):
        for part in node:
            yield from ids_around(part)
    elif isinstance(node, dict):
        yield from node["ids"] if "tokens" in node and "ids" in node else ()  # of a template
        for part in node.values():
            yield from ids_around(part)


def _trimmed_model(model: dict[str, Any], new_ids: Mapping[int, int], tokenizer: str) -> dict[str, Any]:
    kind = model.get("type")
    if kind == "Unigram":
        vocabulary = [pair for i, pair in enumerate(model["vocab"]) if i in new_ids]
        return {**model, "vocab": vocabulary, "unk_id": new_ids.get(cast(int, model.get("unk_id")))}
    affixes = [model.get(name) for name in ("continuing_subword_prefix", "end_of_word_suffix")]
    if kind not in ("WordPiece", "WordLevel", "BPE") or (kind == "BPE" and any(affixes)):
        reason = f"a model of the type {kind}"
        raise BaseModelError(Errors.ZT249.format(tokenizer=tokenizer, reason=reason))
    pieces = {piece: new_ids[id_] for piece, id_ in model["vocab"].items() if id_ in new_ids}
    if kind != "BPE":
        return {**model, "vocab": pieces}
    kept = [[a, b] for a, b in merges_of(model) if a in pieces and b in pieces and a + b in pieces]
    return {**model, "vocab": pieces, "merges": kept}


def _renumbered(node: Any, new_ids: Mapping[int, int]) -> Any:
    """Return the settings of a post-processor with new ids for its special wordpieces.

    node (Any): The settings of the post-processor in tokenizer.json, or a part of them.
    new_ids (Mapping[int, int]): Old id → new id.
    """
    if isinstance(node, list) and len(node) == 2 and isinstance(node[0], str) and isinstance(node[1], int):
        return [node[0], new_ids[node[1]]]
    if isinstance(node, list):
        return [_renumbered(part, new_ids) for part in node]
    if isinstance(node, dict) and "tokens" in node and "ids" in node:
        return {**node, "ids": [new_ids[id_] for id_ in node["ids"]]}
    return {key: _renumbered(value, new_ids) for key, value in node.items()} if isinstance(node, dict) else node


def _encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
