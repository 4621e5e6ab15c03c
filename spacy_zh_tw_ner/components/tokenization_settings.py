"""Compare the tokenization settings of pipelines, which must be equal before one can replace another."""

from collections.abc import Mapping
from typing import Any

from spacy.language import Language


def tokenization_of(nlp: Language) -> dict[str, Any]:
    """What decides the tokens and their norms."""
    return {"lang": nlp.lang, **nlp.config.interpolate()["nlp"]["tokenizer"]}


def differences_of(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Settings that are not the same, in words."""
    pairs = {name: (one.get(name), other.get(name)) for name in [*one, *other]}
    return [f"{name} is {theirs!r} instead of {ours!r}" for name, (ours, theirs) in pairs.items() if ours != theirs]
