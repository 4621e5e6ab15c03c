"""docs → hidden states: encoders that need no download, and the interface of all encoders.

An encoder or embedding is a thinc model. Besides `forward` and `init` it may offer the functions of `EncoderHooks` in
its `attrs`. None of them is saved.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeAlias, TypedDict, cast

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

HiddenT: TypeAlias = list[Floats2d]  # docs → (n_tokens, width) each
EmissionsT: TypeAlias = list[Floats2d]  # docs → (n_tokens, n_tags) each
Tok2VecT: TypeAlias = Model[list[Doc], HiddenT]
TaggerT: TypeAlias = Model[list[Doc], EmissionsT]


class Observe(Protocol):
    """The hook `observe`."""

    def __call__(self, model: Model[Any, Any], docs: Iterable[Doc], /) -> None:
        """Look at the training corpus once, before training, for example to count n-grams."""


class Adopt(Protocol):
    """The hook `adopt`."""

    def __call__(self, model: Model[Any, Any], trained: Model[Any, Any], /) -> None:
        """Copy the other state of a trained layer of the same kind; parameters and shims are copied by the caller."""


class Reach(Protocol):
    """The hook `reach`."""

    def __call__(self, model: Model[Any, Any], /) -> int | None:
        """Return how many tokens on either side of a token its vector depends on, or None if that is unknown."""


class EncodeChunks(Protocol):
    """The hook `encode_chunks`."""

    def __call__(self, model: Model[Any, Any], doc: Doc, /) -> Iterator[Any] | None:
        """Encode a long document a chunk at a time.

        Return the hidden states in order, with as many tokens per chunk as the encoder chooses, or None if this encoder
        can only encode whole documents.
        """


class Check(Protocol):
    """The hook `check`."""

    def __call__(self, model: Model[Any, Any], /) -> None:
        """Check settings and arrays that were loaded from a file; raise UnreadableFileError if they do not fit."""


class EncoderHooks(TypedDict, total=False):
    """Optional functions in the `attrs` of a layer, by their keys."""

    observe: Observe
    adopt: Adopt
    reach: Reach
    encode_chunks: EncodeChunks
    check: Check


def hooks_of(model: Model[Any, Any]) -> EncoderHooks:
    """Return the attributes of a layer, typed as the hooks that it may have."""
    return cast(EncoderHooks, model.attrs)
