"""Cut the vocabulary of a base model to the wordpieces of single characters.

Pipelines split texts into characters, so they never use the longer wordpieces of a multilingual encoder, nor their
embeddings. Without these, hidden states and gradients are the same, bit for bit. Trimming multilingual-e5-small keeps
14,281 of 250,002 wordpieces, and 27 of 117 million weights.

    tokenizer ──trim_vocabulary──▶ tokenizer with fewer wordpieces, numbered from 0
                              └──▶ former ids ──trim_embeddings──▶ model with as many embeddings
"""

import json
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ..errors import BaseModelError, Errors
from ..untrusted import reading
from .base_model import NUMBERED_FROM_PADDING, Base, has_classifier
from .kept_characters import MaskT
from .settings import LOOKUP, LOOKUP_OF_WORDS
from .trimmed_tokenizer import ids_around, merged_from, merges_of, trim_tokenizer
from .wordpieces import RANGES, SURROGATES, IdsT, WordpieceTable

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

CHUNK = 16_384  # characters that are split at once
# Lead bytes of UTF-8, by the number of bytes that follow them
LEADS = {0: range(0x00, 0x80), 1: range(0xC2, 0xE0), 2: range(0xE0, 0xF0), 3: range(0xF0, 0xF5)}
CONTINUATION = range(0x80, 0xC0)


def trim_vocabulary(
    tokenizer: "PreTrainedTokenizerBase", config: "PretrainedConfig", characters: MaskT | None = None
) -> tuple["PreTrainedTokenizerBase", IdsT]:
    """Trim a copy of a tokenizer, and check that every kept character has the same wordpieces as before.

    tokenizer (PreTrainedTokenizerBase): A fast tokenizer. It is not changed.
    config (PretrainedConfig): Config of the model. The special wordpieces that it names are kept.
    characters (Optional[MaskT]): (0x110000,) the code points to keep; None for all.
    RETURNS (tuple[PreTrainedTokenizerBase, IdsT]): The new tokenizer, and the former id of each of its wordpieces.
    RAISES (BaseModelError): If the tokenizer cannot be trimmed.
    """
    wanted = _characters(characters)
    with reading(f"The tokenizer of {tokenizer.name_or_path}"):  # its files may have any ids
        split = _split_by_lookup(tokenizer, config, wanted)
        kept = _find_kept(tokenizer, config, split, keeps_all=characters is None)
        trimmed = trim_tokenizer(tokenizer, kept, characters)
    new_ids = {old: new for new, old in enumerate(kept.tolist())}
    named = {piece: new_ids[old] for piece, old in tokenizer.get_vocab().items() if old in new_ids}
    if trimmed.get_vocab() != named:
        raise BaseModelError(Errors.ZT249.format(tokenizer=type(tokenizer).__name__, reason="ids of added wordpieces"))
    for lookup, new_split in _split_by_lookup(trimmed, config, wanted).items():
        for char, old, new in zip(wanted, split[lookup], new_split, strict=True):
            if kept[new].tolist() != old:
                kind = type(tokenizer).__name__
                raise BaseModelError(Errors.ZT250.format(tokenizer=kind, char=char, code=ord(char)))
    return trimmed, kept


def count_kept(tokenizer: "PreTrainedTokenizerBase", config: "PretrainedConfig") -> int:
    """Return the number of wordpieces that `trim_vocabulary` would keep if it kept all characters."""
    with reading(f"The tokenizer of {tokenizer.name_or_path}"):
        split = _split_by_lookup(tokenizer, config, _characters(None))
        return len(_find_kept(tokenizer, config, split, keeps_all=True))


def trim_embeddings(model: Base, kept: IdsT) -> None:
    """Remove all rows of a model's word embeddings except `kept`, in place. Row `kept[i]` becomes row i.

    model (Base): A model without a head, or with one for token classification.
    kept (IdsT): (n_wordpieces,) ids of the rows to keep, in ascending order.
    RAISES (BaseModelError): If an id has no row, or the model has a head with weights for each wordpiece.
    """
    embedding = model.get_input_embeddings()
    family = model.config.model_type
    if getattr(model, "get_output_embeddings", lambda: None)() is not None:
        raise BaseModelError(Errors.ZT255.format(family=family, kind=type(model).__name__))
    if kept[-1] >= embedding.num_embeddings:
        wordpieces, rows = int(kept[-1]) + 1, embedding.num_embeddings
        raise BaseModelError(Errors.ZT340.format(name=model.config._name_or_path, pieces=wordpieces, rows=rows))
    places = torch.from_numpy(kept.astype(np.int64)).to(embedding.weight.device)
    weight = embedding.weight.detach()[places].clone()
    embedding.weight = nn.Parameter(weight, requires_grad=embedding.weight.requires_grad)
    embedding.num_embeddings = model.config.vocab_size = len(kept)
    new_ids = {old: new for new, old in enumerate(kept.tolist())}
    if embedding.padding_idx is not None:
        embedding.padding_idx = new_ids.get(embedding.padding_idx)
    for name, ids in special_ids(model.config).items():
        new = [new_ids[id_] for id_ in ids if id_ in new_ids]
        setattr(model.config, name, new if isinstance(getattr(model.config, name), list) else next(iter(new), None))


def special_ids(config: "PretrainedConfig") -> dict[str, list[int]]:
    """Return name → ids of the special wordpieces that a config names, such as {"pad_token_id": [0]}."""
    found = {}
    for name, value in config.to_dict().items():
        ids = value if isinstance(value, list) else [value]
        if name.endswith("_token_id") and all(isinstance(id_, int) and id_ >= 0 for id_ in ids):
            found[name] = ids
    return found


def _characters(wanted: MaskT | None) -> list[str]:
    """Return the characters of a mask, without surrogates.

    wanted (Optional[MaskT]): (0x110000,) True for each code point to return. None for all code points in RANGES: the
        planes of writing systems, and variation selectors.
    """
    codes = (
        chain.from_iterable(range(*bounds) for bounds in RANGES) if wanted is None else np.flatnonzero(wanted).tolist()
    )
    return [chr(code) for code in codes if code not in SURROGATES]


def _split_by_lookup(
    tokenizer: "PreTrainedTokenizerBase", config: "PretrainedConfig", characters: list[str]
) -> dict[int, list[list[int]]]:
    """Split characters into wordpieces, by all rules that a pipeline with this base model may use.

    Most pipelines split tokens as in running text (LOOKUP). A pipeline with the classifier of a checkpoint may split
    each token as a separate word (LOOKUP_OF_WORDS), if the checkpoint was trained so.

    tokenizer (PreTrainedTokenizerBase): The tokenizer.
    config (PretrainedConfig): Config of the model, which says whether it has a classifier.
    characters (list[str]): The characters to split.
    RETURNS (dict[int, list[list[int]]]): Number of the rules, such as LOOKUP → wordpiece ids of each character.
    """
    chunks = [characters[first : first + CHUNK] for first in range(0, len(characters), CHUNK)]
    tables = {
        lookup: WordpieceTable(tokenizer, lookup=lookup)
        for lookup in ((LOOKUP, LOOKUP_OF_WORDS) if has_classifier(config) else (LOOKUP,))
    }
    return {lookup: [ids for chunk in chunks for ids in table.split(chunk, chunk)] for lookup, table in tables.items()}


def _find_kept(
    tokenizer: "PreTrainedTokenizerBase",
    config: "PretrainedConfig",
    split: dict[int, list[list[int]]],
    *,
    keeps_all: bool,
) -> IdsT:
    """Return the ids of the wordpieces that a trimmed vocabulary keeps, in ascending order.

    tokenizer (PreTrainedTokenizerBase): The tokenizer before it is trimmed.
    config (PretrainedConfig): Config of the model.
    split (dict[int, list[list[int]]]): Version of the rules by which tokens are split → wordpiece ids of each character
        that is kept.
    keeps_all (bool): Whether all characters are kept, and not only some. If so, a byte-level vocabulary also keeps the
        wordpieces of several bytes that rare characters are split into.
    """
    table = WordpieceTable(tokenizer)
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    special = [*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder, *table.prefix, *table.suffix]
    special += [table.pad_id, table.unknown_id, *ids_around(backend["post_processor"])]
    special += chain.from_iterable(special_ids(config).values())
    if config.model_type in NUMBERED_FROM_PADDING:
        # Positions are numbered from the id of the padding, which a damaged config may set to any number.
        special += range(min(config.pad_token_id or 0, len(tokenizer)) + 1)
    kept = {*special, *(id_ for characters in split.values() for ids in characters for id_ in ids)}
    model = backend["model"]
    if model["type"] == "Unigram":
        kept.add(min(range(len(model["vocab"])), key=lambda i: model["vocab"][i][1]))
    elif model["type"] == "BPE":
        vocabulary: dict[str, int] = model["vocab"]
        pieces = {id_: piece for piece, id_ in vocabulary.items()}
        ranks = {pair: rank for rank, pair in enumerate(merges_of(model))}
        for id_ in sorted(kept & pieces.keys()):
            kept.update(vocabulary[part] for part in merged_from(pieces[id_], ranks) if part in vocabulary)
        if "ByteLevel" in _types({**backend, "model": None}):
            kept.update(_byte_sequences(vocabulary, keeps_all=keeps_all))
    if model.get("byte_fallback"):
        names = [f"<0x{byte:02X}>" for byte in range(256)]
        kept.update(id_ for id_ in map(tokenizer.backend_tokenizer.token_to_id, names) if id_ is not None)
    return np.array(sorted(kept & set(tokenizer.get_vocab().values())), dtype=np.int32)


def _types(node: Any) -> set[str]:
    """Return the "type" of every part in the settings of a tokenizer (tokenizer.json), such as "ByteLevel"."""
    if isinstance(node, list):
        return set(chain.from_iterable(map(_types, node)))
    if not isinstance(node, dict):
        return set()
    return {str(node.get("type")), *chain.from_iterable(map(_types, node.values()))}


def _byte_sequences(vocabulary: dict[str, int], *, keeps_all: bool) -> Iterator[int]:
    """Yield the ids of wordpieces that are single bytes or, with `keeps_all`, several bytes of one character.

    Characters outside of RANGES (the planes of writing systems, and variation selectors) are split into these
    wordpieces, such as the characters of private use in planes 15 and 16.

    vocabulary (dict[str, int]): Wordpiece → id, of a byte-level BPE model.
    keeps_all (bool): Whether the trimmed vocabulary keeps all characters.
    """
    from transformers.models.gpt2.tokenization_gpt2 import bytes_to_unicode

    byte_of = {char: byte for byte, char in bytes_to_unicode().items()}
    for piece, id_ in vocabulary.items():
        sequence = [byte_of.get(char, -1) for char in piece[:5]]
        if len(sequence) == 1 or (keeps_all and _is_within_character(sequence)):
            yield id_


def _is_within_character(sequence: list[int]) -> bool:
    """Return whether a sequence of bytes can occur within the UTF-8 encoding of a single character."""
    followers = next((n for n, leads in LEADS.items() if sequence[0] in leads), None)
    if followers is None:
        return len(sequence) <= max(LEADS) and all(byte in CONTINUATION for byte in sequence)
    return len(sequence) <= followers + 1 and all(byte in CONTINUATION for byte in sequence[1:])
