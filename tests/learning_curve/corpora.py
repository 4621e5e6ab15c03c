"""Corpus of a few dozen different sentences, and results of runs with given counts."""

from collections.abc import Sequence
from pathlib import Path

from spacy_zh_tw_ner.corpora.formats.docbin_writer import SpacyWriter
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.learning_curve.runs import RunResult

PERSONS, PLACES = ("蔡英文", "林佳龍", "陳建仁", "郭台銘"), ("臺北市", "新竹市", "台中市", "南港區", "土城區")


def sentence(i: int) -> Record:
    person, place = PERSONS[i % len(PERSONS)], PLACES[i // len(PERSONS) % len(PLACES)]
    text = f"{person}第{i}次到{place}。"
    start = text.index(place)
    return Record(text, [Entity(0, 3, "PERSON"), Entity(start, start + 3, "GPE")], f"corpus.txt:{i}")


def write(path: Path, records: Sequence[Record]) -> Path:
    writer = SpacyWriter(path.with_suffix(".parts"))
    for record in records:
        writer.add(record)
    writer.close().rename(path)
    path.with_suffix(".parts").rmdir()
    return path


def make_corpus(folder: Path, n: int = 40) -> Path:
    folder.mkdir()
    write(folder / "train.spacy", [sentence(i) for i in range(n)])
    write(folder / "dev.spacy", [sentence(i) for i in range(100, 106)])
    write(folder / "test.spacy", [sentence(i) for i in range(200, 208)])
    return folder


def result(percent: float, seed: int, right: int, *, documents: int = 20, of: int = 10) -> RunResult:
    """Return a run that finds `right` of `of` entities in each document, and as many wrong ones as it misses."""
    counts = [(i, "GPE", right, of - right, of - right) for i in range(documents)]
    return RunResult(percent, seed, round(14 * percent), round(38 * percent), 100, 9.0, documents, counts)
