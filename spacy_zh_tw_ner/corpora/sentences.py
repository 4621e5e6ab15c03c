"""`.spacy` files → annotated sentences as plain data, which every check of a corpus walks through."""

from pathlib import Path
from typing import NamedTuple

import spacy
from spacy.tokens import Doc

from ..entities import Entity
from ..errors import CorpusError, Errors
from ..untrusted.docbins import spacy_files
from .docbin import ORIGIN, read_docbin

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
    if not path.exists():
        raise CorpusError(Errors.ZT212.format(path=folder, split=split))
    vocab = spacy.blank("zh_tw").vocab
    return [to_sentence(doc) for file in spacy_files(path) for doc in read_docbin(file).get_docs(vocab)]


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
