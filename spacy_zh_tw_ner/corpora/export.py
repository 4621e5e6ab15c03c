"""Export annotations, or the predictions of a pipeline for correction, to the formats of annotation tools."""

import pickle
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

from spacy.language import Language

from ..entities import Entity
from ..errors import CorpusError, Errors
from .checks import Tally
from .convert import ConvertSettings, read_records
from .records import SILENT, NotifyT, Reading, Record
from .text_files import numbered_lines
from .writers import write_corpus

ORDERS = ("file", "uncertain")


class Proposal(NamedTuple):
    """A record, and how probable each of its entities is; no scores where people have annotated."""

    record: Record
    scores: list[float]


def export(
    source: Path,
    target: Path,
    format: str,
    *,
    nlp: Language | None = None,
    model: str = "",
    order: str = "file",
    force: bool = False,
    notify: NotifyT = print,
    advance: Callable[[float], object] = SILENT.advance,
) -> int:
    """Write a corpus for a labelling tool.

    source (Path): A `.spacy` file, or any other that `convert` reads; with a pipeline also plain text, one a line.
    target (Path): A file, or for brat a folder.
    format (str): A key of `writers.WRITERS`.
    nlp (Optional[Language]): Annotates the texts; without it, the annotations of the source are written.
    model (str): What the tool shall call the pipeline.
    order (str): "file", or "uncertain" for what the pipeline is least certain of first.
    force (bool): Replace a file that exists.
    notify (Callable[[str], object]): Is told what a user should know.
    advance (Callable[[float], object]): Is told how many more bytes have been read.
    RETURNS (int): Number of records.
    RAISES (CorpusError): For what cannot be read, or what the format cannot hold. Then nothing is written.
    """
    if order not in ORDERS or (order == "uncertain" and nlp is None):
        raise CorpusError(Errors.ZT231.format(value=order, choices=", ".join(ORDERS)))
    reading = Reading(notify=notify, advance=advance)
    if nlp is None:
        proposals: Iterator[Proposal] = read_gold(source, reading)
    else:
        proposals = propose(nlp, read_texts(source, reading))
    if order == "uncertain":
        proposals = most_uncertain_first(proposals)
    named = model if nlp is not None else None
    return write_corpus(proposals, target, format, model=named, force=force, inputs=[source])


def read_gold(path: Path, reading: Reading = SILENT) -> Iterator[Proposal]:
    """Read the annotations of a file.

    path (Path): In any known format.
    reading (Reading): Who is told.
    YIELDS (Proposal): Without scores.
    RAISES (CorpusError): For a file that cannot be read, or an annotation that cannot be used.
    """
    tally = Tally()
    for record in read_records([path], ConvertSettings(script="none"), tally, reading=reading):
        _refuse(tally)
        yield Proposal(record, [])
    _refuse(tally)


def _refuse(tally: Tally, *, records_only: bool = False) -> None:
    """Raise the error for the first reject, if any."""
    for reject in tally.rejects:
        if "label" not in reject:
            problem, seen = reject["reason"], reject["text"]
            raise CorpusError(Errors.ZT201.format(**reject, problem=problem, seen=seen))
        if not records_only and reject.get("is_annotation", True):
            raise CorpusError(Errors.ZT230.format(**reject))
    tally.rejects.clear()


def read_texts(path: Path, reading: Reading = SILENT) -> Iterator[Record]:
    """Read texts to annotate: those of a file in any known format, or the lines of any other.

    path (Path): The file.
    reading (Reading): Who is told.
    YIELDS (Record): Without entities.
    RAISES (CorpusError): For a file that is not there, or not UTF-8.
    """
    tally = Tally()
    records = read_records([path], ConvertSettings(script="none"), tally, reading=reading)
    try:
        first = list(islice(records, 1))
    except CorpusError as error:
        if "[ZT205]" not in str(error):
            raise
        reading.notify(f"{path} is in no format of annotations: each line is read as a text.")
        lines = numbered_lines(path, reading.advance)
        yield from (Record(line, [], f"{path}:{number}") for number, line in lines if line.strip())
        return
    for record in chain(first, records):
        _refuse(tally, records_only=True)
        yield Record(record.text, [], record.origin, record.doc_id)
    _refuse(tally, records_only=True)


def propose(nlp: Language, records: Iterable[Record]) -> Iterator[Proposal]:
    """Have a pipeline annotate.

    nlp (Language): Its entities may carry `_.score`.
    records (Iterable[Record]): Texts.
    YIELDS (Proposal): In the same order; white space at the edges of entities is cut off.
    """
    for doc, record in nlp.pipe(((record.text, record) for record in records), as_tuples=True):
        found: list[Entity] = []
        scores: list[float] = []
        for ent in doc.ents:
            start = ent.start_char + len(ent.text) - len(ent.text.lstrip())
            if ent.text.strip():
                found.append(Entity(start, start + len(ent.text.strip()), ent.label_))
                score = ent._.score if ent.has_extension("score") else None
                scores += [] if score is None else [score]
        proposed = Record(record.text, found, record.origin, record.doc_id)
        yield Proposal(proposed, scores if len(scores) == len(found) else [])


def most_uncertain_first(proposals: Iterable[Proposal]) -> Iterator[Proposal]:
    """Sort by the least certain entity of each text; texts without any come last, for want of a score.

    Only the scores are held in memory, the rest waits on disk.

    proposals (Iterable[Proposal]): In any order.
    YIELDS (Proposal): All of them.
    """
    with TemporaryFile() as waiting:
        places: list[tuple[float, int]] = []
        for proposal in proposals:
            places.append((min(proposal.scores, default=1.0), waiting.tell()))
            pickle.dump(proposal, waiting)
        for _, place in sorted(places):
            waiting.seek(place)
            yield pickle.load(waiting)
