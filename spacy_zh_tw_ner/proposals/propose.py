"""Annotate texts partially with the proposals of several sources; write a `.spacy` file for training, and a report."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import spacy
from spacy.tokens import Doc, Span
from spacy.util import minibatch

from ..atomic_writes import put_in_place, resolve, staged, write_whole
from ..components.partial_annotations import INSIDE_LABEL, OUTSIDE_LABEL, write_partial
from ..corpora.annotation_checks import trim
from ..corpora.export import read_gold, read_texts
from ..corpora.formats.detection import guess_format
from ..corpora.formats.docbin import DOC_ID, ORIGIN
from ..corpora.formats.docbin_writer import SpacyWriter
from ..corpora.records import LONGEST_SEEN, SILENT, NotifyT, Reading, Record
from ..entities import Entity, Found
from ..errors import CorpusError, Errors, OutputError, UnknownFormatError
from ..outputs import require_apart, require_new, require_report
from .combination import Suggestion, combine
from .loading import load_source
from .report import ProposalReport, SourceTally
from .settings import NOT_USED, ProposalSettings, SourceSettings
from .sources import ProposalSource

BATCH = 64  # texts that a source receives at once


def propose(
    source: Path,
    target: Path,
    settings: ProposalSettings,
    *,
    report: Path | None = None,
    force: bool = False,
    notify: NotifyT = print,
    advance: Callable[[float], object] = SILENT.advance,
) -> ProposalReport:
    """Annotate texts partially, and write them to a `.spacy` file for training.

    Texts that already have entities keep them, and no source annotates them: their other tokens are O. Proposals that
    cannot be used are written to a file with the name of the target and the ending `.rejects.jsonl`.

    source (Path): Texts: a plain text file with one text per line, or a file that `convert` reads.
    target (Path): The `.spacy` file to write.
    settings (ProposalSettings): The sources, and how their proposals are combined.
    report (Optional[Path]): JSON file for the report; by default the target with the ending .json.
    force (bool): Replace the target if it exists.
    notify (Callable[[str], object]): Receives messages to the user.
    advance (Callable[[float], object]): Receives the number of bytes read since the last call.
    RETURNS (ProposalReport): Counts of the proposals.
    RAISES (ZhTwNerError): If the texts or a source cannot be read, or if no text gets or has an entity. No file is
        written in these cases.
    """
    report = report or target.with_suffix(".json")
    rejects = target.with_suffix(".rejects.jsonl")
    if target.suffix != ".spacy":
        raise OutputError(Errors.ZT787.format(path=target))
    require_new(target, force=force, inputs=[source])
    require_report(report, "a report of `propose`", inputs=[source])
    require_report(rejects, "a list of rejects", inputs=[source])
    require_apart(report, [target])
    records = list(_read(source, Reading(notify=notify, advance=advance)))
    if not records:
        raise CorpusError(Errors.ZT203.format(path=source))
    texts = {record.text for record in records if not record.entities}
    result = ProposalReport()
    rejected: list[dict[str, object]] = []
    sources: list[tuple[SourceSettings, ProposalSource]] = []
    for each in settings.sources:
        tally = result.sources[each.name] = SourceTally()
        reject = _Rejects(each.name, tally, rejected)
        sources.append((each, load_source(each, settings, texts, reject)))
    target.parent.mkdir(parents=True, exist_ok=True)
    with staged(resolve(target)) as folder:
        writer = SpacyWriter(folder / "written")
        for doc in annotate_partially(records, sources, settings, result, rejected):
            writer.add_doc(doc)
        if not result.annotated and not result.already_annotated:
            names = ", ".join(result.sources)
            raise CorpusError(Errors.ZT788.format(n=len(records), path=source, names=names))
        result.rejects = len(rejected)
        if rejected:
            lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rejected)
            write_whole(rejects, lines.encode("utf-8", "backslashreplace"))
        elif rejects.is_file():
            rejects.unlink()
        put_in_place(writer.close(), resolve(target))
    write_whole(report, json.dumps(result.to_json(), ensure_ascii=False, indent=2).encode())
    return result


class _Rejects:
    """Callback that counts and collects the answers of a language model that cannot be used.

    `read_answers` calls it for each such answer, with file and line, the reason and the text of the answer.

    name (str): Name of the source.
    tally (SourceTally): Counts of the source; the answers are counted by reason in `rejected`.
    rejected (list[dict[str, object]]): Receives one object per answer, which becomes a line of the file of rejects. Its
        keys are "origin" (file and line), "source", "text" and "reason".
    """

    def __init__(self, name: str, tally: SourceTally, rejected: list[dict[str, object]]) -> None:
        self.name, self.tally, self.rejected = name, tally, rejected

    def __call__(self, origin: str, reason: str, text: str) -> None:
        self.tally.rejected[reason.partition(":")[0]] += 1
        self.rejected.append({"origin": origin, "source": self.name, "text": text, "reason": reason})


def _read(source: Path, reading: Reading) -> Iterator[Record]:
    """Yield the texts of a file as records, with the entities of those that are annotated.

    Texts that are only white space are left out, and the user is notified of their number.

    source (Path): A file that `convert` reads, or plain text with one text per line.
    reading (Reading): Callbacks for messages to the user and for progress in bytes.
    """
    if not source.exists():
        raise CorpusError(Errors.ZT202.format(path=source, remedy="Check the path."))
    try:
        guess_format(source)
        records: Iterator[Record] = (proposal.record for proposal in read_gold(source, reading))
    except UnknownFormatError:
        records = read_texts(source, reading)
    n_empty = 0
    for record in records:
        n_empty += not record.text.strip()
        if record.text.strip():
            yield record
    if n_empty:
        reading.notify(f"{source}: {n_empty} texts without characters are left out.")


def annotate_partially(
    records: Iterable[Record],
    sources: list[tuple[SourceSettings, ProposalSource]],
    settings: ProposalSettings,
    report: ProposalReport,
    rejected: list[dict[str, object]],
) -> Iterator[Doc]:
    """Annotate texts partially with sources that `load_source` has loaded.

    records (Iterable[Record]): The texts. Texts with entities keep them, their other tokens are O, and no source
        annotates them.
    sources (list[tuple[SourceSettings, ProposalSource]]): Settings and function of each source.
    settings (ProposalSettings): Settings of all sources.
    report (ProposalReport): The counts of the proposals are added to it.
    rejected (list[dict]): One object is appended for each proposal that cannot be used, with the keys "origin" (place
        of the text in its file), "source", "start", "end", "label", "text" and "reason".
    YIELDS (Doc): A document with character tokens for each text, in order.
    """
    nlp = spacy.blank("zh_tw")
    for batch in minibatch(records, BATCH):  # type: ignore[no-untyped-call]
        asked = [record for record in batch if not record.entities]
        texts = [record.text for record in asked]
        found = [source(texts) if texts else [] for _, source in sources]
        proposed = iter(zip(asked, *found, strict=True))
        for record in batch:
            doc = nlp.make_doc(record.text)
            report.texts += 1
            if record.entities:
                report.already_annotated += 1
                spans = [doc.char_span(start, end, label=label) for start, end, label in record.entities]
                doc.set_ents([span for span in spans if span is not None], default="outside")
            else:
                suggestions: list[Suggestion] = []
                for (each, _), of_source in zip(sources, next(proposed)[1:], strict=True):
                    tally = report.sources[each.name]
                    suggestions += _suggestions(record, of_source, each, settings, tally, rejected)
                annotation = combine(suggestions, accept=settings.accept, consider=settings.consider)
                report.add(record.text, annotation, suggestions)
                write_partial(
                    doc,
                    _spans(doc, annotation.entities),
                    _spans(doc, annotation.alternatives),
                    _spans(doc, annotation.outside),
                    outside_weight=settings.outside_weight,
                )
            doc.user_data |= {ORIGIN: record.origin, DOC_ID: record.doc_id}
            yield doc


def _spans(doc: Doc, entities: Iterable[Entity]) -> list[Span]:
    """Convert entities with character offsets to spans of a document with character tokens.

    A single space after a character is not a token. So an entity that begins or ends with such a space gets a shorter
    span, and one that is only such a space is left out.
    """
    spans = (doc.char_span(e.start, e.end, label=e.label, alignment_mode="contract") for e in entities)
    return [span for span in spans if span is not None and len(span)]


def _suggestions(
    record: Record,
    found: Iterable[Found],
    source: SourceSettings,
    settings: ProposalSettings,
    tally: SourceTally,
    rejected: list[dict[str, object]],
) -> Iterator[Suggestion]:
    """Check the proposals of one source for one text, map their labels, and yield them as suggestions.

    A proposal is ignored if its label is mapped to "" or its score is below `min_score`. It is rejected if its label is
    unknown, its offsets are not in the text, or it has only white space. White space at its edges is trimmed.

    record (Record): The text.
    found (Iterable[Found]): The proposals.
    source (SourceSettings), settings (ProposalSettings): Settings of this source, and of all sources.
    tally (SourceTally): The counts of the source, which are increased.
    rejected (list[dict[str, object]]): One object is appended for each rejected proposal, with the keys "origin",
        "source", "start", "end", "label", "text" and "reason".
    YIELDS (Suggestion): Span and mapped label, name of the source, and the precision of the source for the label.
    """
    text, any_found = record.text, False
    for proposal in found:
        label = source.label_of(proposal.label)
        if label == NOT_USED or (proposal.score is not None and proposal.score < source.min_score):
            tally.ignored += 1
            continue
        entity = Entity(proposal.start, proposal.end, label)
        reason = ""
        if label not in (*settings.labels, OUTSIDE_LABEL, INSIDE_LABEL):
            reason = f"unknown label {proposal.label!r}"
        elif not 0 <= entity.start < entity.end <= len(text):
            reason = "offsets outside of the text"
        else:
            entity = trim(entity, text)
            if entity.start == entity.end:
                reason = "nothing but white space"
        if reason:
            tally.rejected[reason] += 1
            place = {"start": proposal.start, "end": proposal.end, "label": proposal.label}
            seen = {"text": text[:LONGEST_SEEN], "reason": reason}  # thousands may be of the same long text
            rejected.append({"origin": record.origin, "source": source.name, **place, **seen})
            continue
        any_found = True
        if label == OUTSIDE_LABEL:
            tally.outside += 1
        else:
            tally.proposals += 1
            tally.labels[label] += 1
        yield Suggestion(entity, source.name, source.precision_of(proposal.label))
    tally.texts += any_found
