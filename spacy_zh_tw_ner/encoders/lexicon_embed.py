"""tokens → embeddings: another embedding, concatenated with features of word-list matches.

Chinese has no spaces between words, but entities begin and end at word boundaries. Matches of word lists show where
these boundaries may be. Each token has classes: it begins (B), continues (M) or ends (E) a word of some length, as in
Ma et al. 2020, "Simplify the Usage of Lexicon in Chinese NER" (https://aclanthology.org/2020.acl-main.528/).
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import srsly
from spacy.tokens import Doc
from thinc.api import Model, deserialize_attr, serialize_attr
from thinc.types import Floats2d

from ..errors import (
    CorpusError,
    Errors,
    SettingError,
)
from ..tokenization.word_list import WordIndex
from ..untrusted import parse_msgpack, require, require_type
from ..untrusted.thinc_models import require_param
from . import EncoderHooks, HiddenT, Tok2VecT, hooks_of
from .masked_characters import unmasked
from .torch_interop import flatten, unflatten

LONGEST = 5  # tokens; longer words have the classes of this length
N_LENGTHS = LONGEST - 1  # words of 2, 3, 4, and 5 tokens or more
N_CLASSES = 3 * N_LENGTHS  # a token may begin, continue or end a word
# Limit of the sum of squared word lengths, which bounds the time of a search; 350,000 words have 3 · 10**6.
MOST_CHARACTERS = 10**8
PlacesT: TypeAlias = npt.NDArray[np.float32]


def build_lexicon_embed_v1(embed: Tok2VecT, lists: Sequence[str], width: int = 48) -> Tok2VecT:
    """Registered as `spacy-zh-tw-ner.LexiconEmbed.v1`: vectors of another embedding, and of word-list matches.

    embed (Model[list[Doc], list[Floats2d]]): Another embedding of fixed width, such as `CharNgramEmbed.v1`.
    lists (Sequence[str]): Paths of files with one word per line. Each list has its own vectors. The files are read when
        the model is initialized, and their words are saved with it: a saved pipeline needs no files.
    width (int): Width of the vector that is concatenated to that of `embed`.
    RETURNS (Model[list[Doc], list[Floats2d]]): One vector per token, `width` wider than that of `embed`.
    RAISES (ZhTwNerError): For an empty `lists`, a width below 1, or an embedding without a fixed width.
    """
    if isinstance(lists, str) or not lists:
        raise SettingError(Errors.ZT559.format(lists=lists))
    if width < 1:
        raise SettingError(Errors.ZT553.format(width=width))
    if not embed.has_dim("nO"):
        raise SettingError(Errors.ZT554.format(embed=embed.name))
    hooks: EncoderHooks = {"reach": reach, "check": check}
    model: Tok2VecT = Model(
        "lexicon_embed",
        forward,
        init=init,
        layers=[embed],
        dims={"nO": embed.get_dim("nO") + width},
        params={"W": None},
        attrs={"lists": list(lists), "width": width, "lexicon": Lexicon(), **hooks},
    )
    return model


def init(model: Tok2VecT, X: list[Doc] | None = None, Y: HiddenT | None = None) -> None:
    """Read the word lists, and initialize the vectors of the classes with random numbers.

    X (Optional[list[Doc]]): Sample documents. Each character of a word is replaced by its norm in their vocabulary,
        because words are matched against norms. Without documents, the words are left as they are.
    Y (Optional[HiddenT]): Sample output, which is passed to the other embedding.
    """
    model.layers[0].initialize(X=X, Y=Y)
    words = [read_words(Path(path)) for path in model.attrs["lists"]]
    if X:
        vocab = X[0].vocab
        norm = {char: vocab[char].norm_ for char in {char for of_list in words for word in of_list for char in word}}
        words = [["".join(map(norm.__getitem__, word)) for word in of_list] for of_list in words]
    model.attrs["lexicon"] = Lexicon(words)
    drawn = np.random.normal(0.0, 0.1, (N_CLASSES * len(words), model.attrs["width"])).astype(np.float32)
    model.set_param("W", model.ops.asarray2f(cast(Floats2d, drawn)))


def reach(model: Tok2VecT) -> int | None:
    """Return the largest distance, in tokens, at which a token affects the vector of another token.

    This is the layer's hook `reach`: an encoder that encodes a long document in chunks calls it, and adds so many
    tokens on each side of a chunk. None if the distance is unknown for the other embedding.
    """
    embed = model.layers[0]
    hooks = hooks_of(embed)
    of_embed = hooks["reach"](embed) if "reach" in hooks else None
    return None if of_embed is None else max(of_embed, model.attrs["lexicon"].longest - 1)


def check(model: Tok2VecT) -> None:
    """Check the vectors of a layer that was loaded from a file.

    This is the layer's hook `check`, which the recognizers call when they are loaded.

    RAISES (UnreadableFileError): If there is not one vector for each class of the loaded lists.
    """
    lexicon: Lexicon = model.attrs["lexicon"]
    require_param(model, "W", (N_CLASSES * len(lexicon.lists), model.attrs["width"]))


def forward(model: Tok2VecT, docs: list[Doc], is_train: bool) -> tuple[HiddenT, Callable[[HiddenT], list[Doc]]]:
    """Concatenate the embedding of each token with the sum of the vectors of its classes.

    In training, the encoder `MaskedCharacters.v1` passes documents in which some characters are masked. Words are
    matched in their original text: in masked text hardly any word would match, and the model would train on features
    that differ from those of prediction.

    RETURNS (tuple): The vectors, (n_tokens, width) for each document, and thinc's function for the backward pass.
    """
    vectors, backprop_embed = cast(Tok2VecT, model.layers[0])(docs, is_train)
    embedded, lengths = flatten(model.ops, vectors)
    lexicon: Lexicon = model.attrs["lexicon"]
    weights = cast(Floats2d, model.get_param("W"))
    places = [lexicon.places([token.norm_ for token in unmasked(doc)]) for doc in docs]
    classes = model.ops.asarray2f(cast(Floats2d, np.vstack([np.empty((0, len(weights)), dtype=np.float32), *places])))
    added = model.ops.gemm(classes, weights)

    def backprop(gradients: HiddenT) -> list[Doc]:
        flat, _ = flatten(model.ops, gradients)
        n_embedded = embedded.shape[1]
        model.inc_grad("W", model.ops.gemm(classes, model.ops.as_contig(flat[:, n_embedded:]), trans1=True))
        inner = model.ops.as_contig(flat[:, :n_embedded])
        no_gradient: list[Doc] = backprop_embed(unflatten(model.ops, inner, lengths))
        return no_gradient

    return unflatten(model.ops, model.ops.xp.hstack([embedded, added]), lengths), backprop


class Lexicon:
    """Word lists that are matched against the norms of tokens.

    lists (Iterable[Iterable[str]]): The words of each list, written as norms: for example lower case, and 台 for 臺 if
        the tokenizer normalizes variants.
    """

    def __init__(self, lists: Iterable[Iterable[str]] = ()) -> None:
        self.lists = [sorted(set(words)) for words in lists]
        self._index: WordIndex[int] = WordIndex()  # word → bit mask of the lists that have it
        for index, words in enumerate(self.lists):
            for word in words:
                self._index[word] = (self._index.get(word) or 0) | 1 << index

    @property
    def longest(self) -> int:
        """Number of characters of the longest word, an upper bound of its number of tokens; 0 without words."""
        return max((len(word) for words in self.lists for word in words), default=0)

    def places(self, norms: Sequence[str]) -> PlacesT:
        """Return the classes of each token: whether it begins, continues or ends a word of each length and list.

        norms (Sequence[str]): (n_tokens,) norms of one text.
        RETURNS (PlacesT): (n_tokens, N_CLASSES * n_lists) float32, 1 or 0. The columns are ordered by list, then by
            position in the word (begins, continues, ends), then by length: 2, 3, 4, and 5 tokens or more.
        """
        places = np.zeros((len(norms), len(self.lists), 3, N_LENGTHS), dtype=np.float32)
        text = "".join(norms)
        # Character offset → token that begins at it; None if all tokens are single characters.
        tokens = None
        if len(text) != len(norms) or "" in norms:
            tokens = {place: token for token, place in enumerate(accumulate(map(len, norms), initial=0))}
        for start, end, lists in self._index.find(text):
            if tokens is not None:
                if start not in tokens or end not in tokens:
                    continue
                start, end = tokens[start], tokens[end]  # noqa: PLW2901
            if end - start < 2:
                continue
            length = min(end - start, LONGEST) - 2
            for index in range(len(self.lists)):
                if lists >> index & 1:
                    places[start, index, 0, length] = 1.0
                    places[start + 1 : end - 1, index, 1, length] = 1.0
                    places[end - 1, index, 2, length] = 1.0
        return places.reshape(len(norms), N_CLASSES * len(self.lists))


@serialize_attr.register(Lexicon)
def _to_bytes(_: Lexicon, value: Lexicon, name: str, model: Model) -> bytes:  # type: ignore[type-arg]
    """Serialize the lexicon in the `attrs` of a model. thinc calls this function when it saves the model."""
    data: bytes = srsly.msgpack_dumps(value.lists)
    return data


@deserialize_attr.register(Lexicon)
def _from_bytes(_: Lexicon, value: bytes, name: str, model: Model) -> Lexicon:  # type: ignore[type-arg]
    """Load a lexicon from the bytes of `_to_bytes`. thinc calls this function when it loads the model.

    RAISES (UnreadableFileError): If the bytes are damaged, or the words would take too long to search.
    """
    lists = require_type("lexicon", parse_msgpack(value), list)
    for words in lists:
        require_type("a list of the lexicon", words, list)
        for word in words:
            require_type("a word of the lexicon", word, str)
    n_characters = sum(len(word) ** 2 for words in lists for word in words)
    require(n_characters <= MOST_CHARACTERS, "lexicon", n_characters, "words of ordinary length")
    return Lexicon(lists)


def read_words(path: Path) -> list[str]:
    """Read a list of words, one per line. Spaces are removed, because single spaces between words are not tokens.

    path (Path): A text file in UTF-8, with or without a byte order mark.
    RETURNS (list[str]): The words that have two or more characters without spaces. Other lines are ignored.
    RAISES (ZhTwNerError): If the file cannot be read, is not UTF-8, or has no such word.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CorpusError(Errors.ZT556.format(path=path, reason=error.strerror)) from None
    except UnicodeDecodeError as error:
        raise CorpusError(Errors.ZT557.format(path=path, byte=error.object[error.start], at=error.start)) from None
    # Single spaces between words are not tokens, so `Taipei 101` and `Taipei101` have the same tokens.
    words = [word for line in text.splitlines() if len(word := line.strip().replace(" ", "")) > 1]
    if not words:
        raise CorpusError(Errors.ZT558.format(path=path, n_lines=len(text.splitlines())))
    return words
