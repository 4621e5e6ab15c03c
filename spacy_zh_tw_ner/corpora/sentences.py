"""`.spacy` files → annotated sentences as plain data, which every check of a corpus walks through."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import spacy
from spacy.tokens import Doc, DocBin

from ..errors import CorpusError, Errors
from ..types import Entity
from .docbin import ORIGIN

OUTSIDE = 2  # spaCy's ENT_IOB of a token that is known to be in no entity


class Sentence(NamedTuple):
    """One document of a corpus.

    text: Its text.
    entities: By character, in order.
    outside: For each character, whether it is known to be in no entity.
    origin: File and line, or how the text begins.
    """

    text: str
    entities: tuple[Entity, ...]
    outside: tuple[bool, ...]
    origin: str

    def surface(self, entity: Entity) -> str:
        """The characters of an entity."""
        return self.text[entity.start : entity.end]


def read_sentences(folder: Path, split: str) -> list[Sentence]:
    """Read one split of a folder.

    folder (Path): Holds `.spacy` files.
    split (str): Its name.
    RETURNS (list[Sentence]): The sentences, in order.
    RAISES (CorpusError): Where the file is not there, or holds something else.
    """
    path = folder / f"{split}.spacy"
    if not path.is_file():
        raise CorpusError(Errors.ZT212.format(path=folder, split=split))
    return [to_sentence(doc) for doc in _read(path)]


def to_sentence(doc: Doc) -> Sentence:
    """Bring a document to plain data."""
    outside = [False] * len(doc.text)
    for token in doc:
        if token.ent_iob == OUTSIDE:
            end = token.idx + len(token)
            outside[token.idx : end] = [True] * len(token)
    return Sentence(
        doc.text,
        tuple(sorted(Entity(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents)),
        tuple(outside),
        str(doc.user_data.get(ORIGIN, repr(doc.text[:20]))),
    )


def _read(path: Path) -> Iterator[Doc]:
    try:
        return DocBin().from_disk(path).get_docs(spacy.blank("zh_tw").vocab)
    except Exception as error:
        raise CorpusError(Errors.ZT210.format(path=path, reason=type(error).__name__)) from error
