"""Convert the corpora on which accuracy is measured, and fit temperatures on their dev files."""

import os
import random
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from benchmarks.peoples_daily import ARCHIVE, read_peoples_daily
from spacy_zh_tw_ner.atomic_writes import put_in_place, staged, write_whole
from spacy_zh_tw_ner.corpora.annotation_checks import Tally
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, read_records
from spacy_zh_tw_ner.corpora.formats.docbin import read_docbin
from spacy_zh_tw_ner.corpora.formats.docbin_writer import write_records
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.tokenization.conversion import ScriptConverter

HELD_OUT = 500
LONGEST = 250  # characters of a sentence of NEWS


class Corpus(NamedTuple):
    """Folder of a corpus, and its files of train, dev and test."""

    folder: str
    files: tuple[str, str, str]

    @property
    def has_test(self) -> bool:
        """Return whether the scored sentences are others than those of dev."""
        return self.files[1] != self.files[2]


UNER = Corpus("uner_zh_gsd", ("zh_gsd-ud-train.iob2", "zh_gsd-ud-dev.iob2", "zh_gsd-ud-test.iob2"))
# CLUENER's test labels are not public: its dev is scored, by custom.
CLUENER = Corpus("cluener2020", ("train.json", "dev.json", "dev.json"))
SIMPLIFIED = Path("uner_zh_gsdsimp", "zh_gsdsimp-ud-dev.iob2")  # UNER's dev in Simplified, annotated again
TAIWAN = Corpus("taiwan", ("train", "dev", "test"))
# A first corpus for an encoder, before another one. It has the labels of UNER, some of which a rule has found.
NEWS = Corpus("peoples_daily", (ARCHIVE, ARCHIVE, ARCHIVE))


def prepare(corpus: Corpus, work: Path) -> Path:
    """Return the folder of a corpus as `.spacy` files; it is converted first if necessary.

    RAISES (SystemExit): If the corpus is NEWS, and its archive is not in the folder `work`.
    """
    data = work / corpus.folder
    if not data.exists():
        with staged(data) as folder:
            target = folder / "converted"
            target.mkdir()
            if corpus == NEWS:
                convert_news(work / ARCHIVE, target)
            else:
                convert_corpus(corpus, target)
            put_in_place(target, data)
    return data


def convert_news(archive: Path, target: Path) -> None:
    """Write the sentences with names: train, and as dev and test the same 300."""
    records = [record for record in read_peoples_daily(archive) if record.entities and len(record.text) <= LONGEST]
    random.Random(0).shuffle(records)
    for split, part in (("dev", records[:300]), ("test", records[:300]), ("train", records[300:])):
        write_records(target / f"{split}.spacy", part)


def convert_corpus(corpus: Corpus, target: Path) -> None:
    """Write train, dev and test with every published sentence, and train also in two parts."""
    source = Path("assets") if corpus == TAIWAN else Path(os.environ["ZH_TW_NER_CORPORA"])
    for split, name in zip(("train", "dev", "test"), corpus.files, strict=True):
        path = source / corpus.folder / name
        files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
        records = list(read_records(files, ConvertSettings(), Tally()))
        write_records(target / f"{split}.spacy", records)
        if split == "train":
            order = list(range(len(records)))
            random.Random(1).shuffle(order)
            held_out = set(order[:HELD_OUT])
            for part, is_in in (("held_out", True), ("rest", False)):
                found = (record for i, record in enumerate(records) if (i in held_out) == is_in)
                write_records(target / f"{part}.spacy", found)


def texts_of(work: Path) -> Path:
    """Return a file with the texts of all train splits, without annotation; it is written first if necessary."""
    target = work / "texts.txt"
    if not target.exists():
        files = [prepare(corpus, work) / "train.spacy" for corpus in (UNER, CLUENER, TAIWAN, NEWS)]
        docs = chain.from_iterable(gold_of(spacy.blank("zh_tw"), file) for file in files)
        write_whole(target, "".join(f"{' '.join(doc.text.split())}\n" for doc in docs).encode())
    return target


def doubtful_sentences() -> tuple[list[Record], list[bool]]:
    """Return UNER's dev, and for each sentence whether its annotation differs from that of GSDSIMP."""
    folder = Path(os.environ["ZH_TW_NER_CORPORA"])
    paths = [folder / UNER.folder / UNER.files[1], folder / SIMPLIFIED]
    traditional, simplified = (list(read_records([path], ConvertSettings(script="none"), Tally())) for path in paths)
    to_simplified = ScriptConverter("t2s")
    differ = []
    for one, other in zip(traditional, simplified, strict=True):
        same = [a == b for a, b in zip(to_simplified(one.text), to_simplified(other.text), strict=True)]
        # A few characters are converted in several ways.
        if sum(same) < 0.8 * len(same):
            raise ValueError(f"not the same sentence: {one.text!r} and {other.text!r}")
        differ.append(set(one.entities) != set(other.entities))
    return traditional, differ


def agreed_sentences(work: Path) -> Path:
    """Return the file of the sentences of UNER's dev that are not doubtful; it is written first if necessary."""
    target = prepare(UNER, work) / "agreed.spacy"
    if not target.exists():
        records, differ = doubtful_sentences()
        write_records(target, [record for record, differs in zip(records, differ, strict=True) if not differs])
    return target


def gold_of(nlp: Language, path: Path) -> list[Doc]:
    """Return the annotated documents, with the vocabulary of a pipeline."""
    return list(read_docbin(path).get_docs(nlp.vocab))
