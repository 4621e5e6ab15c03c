"""Compute emissions of long documents in slices, so that not all hidden states are in memory at once."""

from collections.abc import Iterator, Sequence

from spacy.tokens import Doc
from thinc.types import Floats2d

from ..crf.transitions import FloatsT
from ..encoders import EmissionsT, TaggerT, long_documents


def emissions_in_stretches(model: TaggerT, doc: Doc) -> Iterator[Floats2d] | None:
    """Compute the emissions of a long document.

    model (Model[list[Doc], list[Floats2d]]): The head's, whose layers behind the encoder see one token at a time.
    doc (Doc): Any.
    RETURNS (Optional[Iterator[Floats2d]]): (n, n_tags) each, in order, all at once where the encoder cannot do
        otherwise. None for a document that is not long.
    """
    if not long_documents.is_long(doc):
        return None
    return _emit(model, doc)


def _emit(model: TaggerT, doc: Doc) -> Iterator[Floats2d]:
    tok2vec, *others = model.layers
    hidden = long_documents.encode_chunks(tok2vec, doc)
    for rows in tok2vec.predict([doc]) if hidden is None else hidden:
        batch = [rows]
        for layer in others:
            batch = layer.predict(batch)
        yield batch[0]


def predict_emissions(model: TaggerT, docs: list[Doc]) -> EmissionsT:
    """Compute all emissions, those of long documents without all of their hidden states.

    model (Model[list[Doc], list[Floats2d]]): The head's.
    docs (list[Doc]): Any.
    RETURNS (list[Floats2d]): (n_tokens, n_tags) each.
    """
    long = [emissions_in_stretches(model, doc) for doc in docs]
    short = [doc for doc, parts in zip(docs, long, strict=True) if parts is None]
    found = iter(model.predict(short) if short else [])
    return [next(found) if parts is None else _whole(model, doc, parts) for doc, parts in zip(docs, long, strict=True)]


def _whole(model: TaggerT, doc: Doc, parts: Iterator[Floats2d]) -> Floats2d:
    whole, first = model.ops.alloc2f(len(doc), model.get_dim("nO"), zeros=False), 0
    for rows in parts:
        whole[first : first + len(rows)] = rows
        first += len(rows)
    assert first == len(doc)
    return whole


def side_by_side(emissions: Sequence[Iterator[FloatsT]]) -> Iterator[list[FloatsT]]:
    """Cut the stretches of several heads for one document at the same places.

    emissions (Sequence[Iterator[np.ndarray]]): Of each head, as many rows at a time as its encoder likes.
    YIELDS (list[np.ndarray]): As many rows of each.
    """
    parts = [next(of_head) for of_head in emissions]
    while any(map(len, parts)):
        n_rows = min(map(len, parts))
        yield [part[:n_rows] for part in parts]
        parts = [
            part[n_rows:] if len(part) > n_rows else next(of_head, part[:0])
            for part, of_head in zip(parts, emissions, strict=True)
        ]
