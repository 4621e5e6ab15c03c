"""Warm-up: trigger lazy loading and compilation before the first request."""

import numpy as np
from spacy.attrs import NORM  # type: ignore[import-not-found]
from spacy.language import Language

from ..export.quantize import backbone_shims

ASCII, LEAD, TRAIL = range(33, 127), range(0xA1, 0xFA), (*range(0x40, 0x7F), *range(0xA1, 0xFF))


def big5() -> list[str]:
    """All characters that Taiwan has long written: those of Big5, and of ASCII."""
    pairs = (bytes((lead, trail)).decode("big5", "replace") for lead in LEAD for trail in TRAIL)
    return list(dict.fromkeys([*map(chr, ASCII), *(char for char in pairs if len(char) == 1 and char.isprintable())]))


def learn_characters(nlp: Language) -> None:
    """Put the usual characters into the vocabulary, and their pieces into the tables, for good.

    A text is read in a memory zone, which forgets at its end what was not known before; and so each text would pay
    again for each of its characters: a fifth of the time of a short one. It takes about half a second and a few MiB.

    nlp (Language): The pipeline.
    """
    doc = nlp.make_doc("".join(big5())[: nlp.max_length])
    for shim in backbone_shims(nlp):
        shim.table(np.asarray(doc.to_array(NORM), dtype=np.uint64), nlp.vocab.strings)
