"""docs → hidden states: encoders that need no download, and the interface of all encoders.

An encoder or embedding is a thinc model. Besides `forward` and `init`, it can have optional functions in its `attrs`,
the hooks of `EncoderHooks`. Hooks are not saved with the model.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeAlias, TypedDict, cast

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

HiddenT: TypeAlias = list[Floats2d]  # hidden states: (n_tokens, width) per document
EmissionsT: TypeAlias = list[Floats2d]  # emissions: (n_tokens, n_tags) per document
Tok2VecT: TypeAlias = Model[list[Doc], HiddenT]
TaggerT: TypeAlias = Model[list[Doc], EmissionsT]


class Observe(Protocol):
    """Type of the hook `observe`, which reads the training corpus before training."""

    def __call__(self, model: Model[Any, Any], docs: Iterable[Doc], /) -> None:
        """Read the training corpus once before training, for example to count n-grams. The layer is changed in place.

        The `initialize` of a recognizer calls this hook of each layer, before it initializes the model.

        model (Model): The layer that has the hook.
        docs (Iterable[Doc]): All documents of the training corpus, without gold annotations. They can be read once.
        """


class Adopt(Protocol):
    """Type of the hook `adopt`, which copies the state of a trained layer other than its parameters."""

    def __call__(self, model: Model[Any, Any], trained: Model[Any, Any], /) -> None:
        """Copy state from a trained layer of the same kind into a new one, in place.

        `training.initialization.copy_encoder` calls this hook after it has copied the parameters and shims.

        model (Model): The new layer, which has the hook.
        trained (Model): The trained layer.
        """


class Reach(Protocol):
    """Type of the hook `reach` of an embedding layer, which returns on how much context a vector depends."""

    def __call__(self, model: Model[Any, Any], /) -> int | None:
        """Return the largest distance, in tokens, at which a token affects the vector of another.

        An encoder that encodes a long document in chunks embeds so many tokens more on each side of a chunk.

        model (Model): The embedding layer, which has the hook.
        RETURNS (Optional[int]): The distance; 0 if each vector depends on its own token only, and None if unknown.
        """


class EncodeChunks(Protocol):
    """Type of the hook `encode_chunks`, which encodes a long document in chunks."""

    def __call__(self, model: Model[Any, Any], doc: Doc, /) -> Iterator[Any] | None:
        """Encode a long document in chunks, so that not all hidden states are in memory.

        `long_documents.encode_chunks` calls this hook.

        model (Model): The encoder, which has the hook.
        doc (Doc): The document.
        RETURNS (Optional[Iterator]): Hidden states of each chunk in document order: (n, width), or `TransformerData`
            if the encoder returns that. The encoder chooses the number of tokens per chunk. None if it can only encode
            whole documents.
        """


class Check(Protocol):
    """Type of the hook `check` in the `attrs` of a layer: a function that validates the layer after it was loaded."""

    def __call__(self, model: Model[Any, Any], /) -> None:
        """Check settings and arrays of a layer that was loaded from a file. Nothing is returned.

        The `from_disk` and `from_bytes` of a recognizer call this hook of each layer of its encoder.

        model (Model): The loaded layer, which has the hook.
        RAISES (UnreadableFileError): If a setting is invalid, or an array has another shape than the settings require.
        """


class EncoderHooks(TypedDict, total=False):
    """Keys and types of the hooks: functions that the `attrs` of a layer may contain."""

    observe: Observe
    adopt: Adopt
    reach: Reach
    encode_chunks: EncodeChunks
    check: Check


def hooks_of(model: Model[Any, Any]) -> EncoderHooks:
    """Return the `attrs` of a layer, typed as the hooks that it may contain."""
    return cast(EncoderHooks, model.attrs)
