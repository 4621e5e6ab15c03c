"""tokens → vectors: another embedding, concatenated with features of word-list matches."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from ..types import HiddenT, Tok2VecT
from ..untrusted.thinc_models import require_param
from .lexicon import N_CLASSES, Lexicon, read_words
from .masked_characters import unmasked
from .ragged import flatten, unflatten


def build_lexicon_embed_v1(embed: Tok2VecT, lists: Sequence[str], width: int = 48) -> Tok2VecT:
    """Registered as `spacy-zh-tw-ner.LexiconEmbed.v1`.

    embed (Model[list[Doc], list[Floats2d]]): Another embedding, of known width, such as `CharNgramEmbed.v1`.
    lists (Sequence[str]): Files with one word a line; what a token is in the words of one list is learnt apart from the
        others'. They are read when the model is initialized, and then kept in it: a saved pipeline needs no files.
    width (int): Width of the vector that is added.
    RETURNS (Model[list[Doc], list[Floats2d]]): One vector a token, `width` wider than embed's.
    RAISES (ValueError): Without lists, for a width below 1, or an embedding of unknown width.
    """
    if isinstance(lists, str) or not lists or width < 1 or not embed.has_dim("nO"):
        known = bool(embed.has_dim("nO"))
        raise ValueError(Errors.ZT559.format(lists=lists, width=width, embed=embed.name, known=known))
    model: Tok2VecT = Model(
        "lexicon_embed",
        forward,
        init=init,
        layers=[embed],
        dims={"nO": embed.get_dim("nO") + width},
        params={"W": None},
        attrs={"lists": list(lists), "width": width, "lexicon": Lexicon(), "reach": reach, "check": check},
    )
    return model


def init(model: Tok2VecT, X: list[Doc] | None = None, Y: HiddenT | None = None) -> None:
    """Read the lists, as the vocabulary of the documents reads characters, and draw the vectors of the classes."""
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
    """Tokens on either side of a token that its vector depends on, or None where the other embedding does not say."""
    embed = model.layers[0]
    if "reach" not in embed.attrs:
        return None
    of_embed: int | None = embed.attrs["reach"](embed)
    return None if of_embed is None else max(of_embed, model.attrs["lexicon"].longest - 1)


def check(model: Tok2VecT) -> None:
    """Check the vectors that were loaded.

    RAISES (UnreadableFileError): If they are not those of the lists that were loaded with them.
    """
    lexicon: Lexicon = model.attrs["lexicon"]
    require_param(model, "W", (N_CLASSES * len(lexicon.lists), model.attrs["width"]))


def forward(model: Tok2VecT, docs: list[Doc], is_train: bool) -> tuple[HiddenT, Callable[[HiddenT], list[Doc]]]:
    """Add up the vectors of all classes that a token has.

    Of hidden characters (`MaskedCharacters.v1`) the words are those of the text itself: were they gone, too, the model
    would learn from texts in which hardly a word is known.
    """
    vectors, backprop_embed = cast(Tok2VecT, model.layers[0])(docs, is_train)
    embedded, lengths = flatten(model.ops, vectors)
    lexicon: Lexicon = model.attrs["lexicon"]
    weights = cast(Floats2d, model.get_param("W"))
    places = [lexicon.places([token.norm_ for token in unmasked(doc)]) for doc in docs]
    known = model.ops.asarray2f(cast(Floats2d, np.vstack([np.empty((0, len(weights)), dtype=np.float32), *places])))
    added = model.ops.gemm(known, weights)

    def backprop(gradients: HiddenT) -> list[Doc]:
        flat, _ = flatten(model.ops, gradients)
        n_embedded = embedded.shape[1]
        model.inc_grad("W", model.ops.gemm(known, model.ops.as_contig(flat[:, n_embedded:]), trans1=True))
        inner = model.ops.as_contig(flat[:, :n_embedded])
        no_gradient: list[Doc] = backprop_embed(unflatten(model.ops, inner, lengths))
        return no_gradient

    return unflatten(model.ops, model.ops.xp.hstack([embedded, added]), lengths), backprop
