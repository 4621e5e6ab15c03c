"""docs → emissions, where a document may be too long for its hidden states to be held at once."""

from spacy.tokens import Doc
from thinc.types import Floats2d

from ..types import EmissionsT, TaggerT

LISTENER = "transformer-listener"


def predict_emissions(model: TaggerT, docs: list[Doc]) -> EmissionsT:
    """Compute emissions.

    A listener reads what the transformer has left on a document. Of a long one that is not its hidden states but how to
    have them (`LongData`), and the listener is shown one stretch after the other.

    model (Model[list[Doc], list[Floats2d]]): The head's.
    docs (list[Doc]): Any.
    RETURNS (list[Floats2d]): (n_tokens, n_tags) each.
    """
    listens = any(layer.name == LISTENER for layer in model.walk())
    if not listens or not any(map(is_long, docs)):
        return model.predict(docs)
    short = [doc for doc in docs if len(doc) and not is_long(doc)]
    found = dict(zip(map(id, short), model.predict(short) if short else [], strict=True))
    empty = model.ops.alloc2f(0, model.get_dim("nO"))
    return [_in_stretches(model, doc) if is_long(doc) else found.get(id(doc), empty) for doc in docs]


def is_long(doc: Doc) -> bool:
    """Whether its data are those of a long document."""
    return Doc.has_extension("trf_data") and hasattr(doc._.trf_data, "stretches")


def _in_stretches(model: TaggerT, doc: Doc) -> Floats2d:
    whole, first = None, 0
    long = doc._.trf_data
    try:
        for doc._.trf_data in long.stretches():
            (rows,) = model.predict([doc])
            if whole is None:
                whole = model.ops.alloc2f(len(doc), rows.shape[1], zeros=False)
            whole[first : first + len(rows)] = rows
            first += len(rows)
    finally:
        doc._.trf_data = long
    assert whole is not None
    assert first == len(doc)
    return whole
