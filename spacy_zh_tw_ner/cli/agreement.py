"""Print and write the agreement between annotators, for `validate --agreement`."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .terminal import msg, print_table

if TYPE_CHECKING:
    from ..corpora.annotators import SharedText
    from ..entities import Entity
    from ..evaluation.agreement import AgreementReport

SHOWN = 10  # texts that are printed


def report_agreement(
    sources: Sequence[Path], *, output: Path | None, page: Path | None, text_field: str | None, offsets: str
) -> None:
    """Measure the agreement between the annotators of some files, print it, and write the report and the page.

    sources (Sequence[Path]): Files with annotated texts, such as exports of Label Studio. A file may name the annotator
        of each annotation; otherwise, the whole file is by one annotator.
    output (Optional[Path]): JSON file for the report; None for no file.
    page (Optional[Path]): HTML page of the texts whose annotations differ; None for no page.
    text_field (Optional[str]): Name of the field that has the text of a record; None to detect it.
    offsets (str): Unit of the offsets of entities, such as "codepoint" or "utf16"; "auto" to detect it for each file.
    RAISES (CorpusError): If a file cannot be read, or there are fewer than two annotators.
    RAISES (OutputError): If `output` or `page` would replace a file of another kind, or one of the sources.
    """
    from ..atomic_writes import write_whole
    from ..corpora.annotators import match_texts, read_annotators
    from ..corpora.records import FieldNames, Reading
    from ..evaluation.agreement import measure_agreement
    from ..evaluation.agreement_page import render_agreement
    from ..outputs import require_report

    for path, kind in ((output, "JSON"), (page, "HTML")):
        if path is not None:
            require_report(path, kind, inputs=sources)
    reading = Reading(offsets, msg.info, fields=FieldNames(text=text_field))
    annotators = read_annotators(sources, reading, msg.warn)
    report = measure_agreement(annotators, match_texts(annotators, msg.info))
    _print(report)
    if output is not None:
        write_whole(output, json.dumps(report.to_json(), ensure_ascii=False, indent=2).encode())
    if page is not None:
        write_whole(page, render_agreement(report).encode())
        msg.good(f"Wrote {page}: open it in a browser.")


def _print(report: "AgreementReport") -> None:
    """Print the agreement as two tables, then some texts, warnings and the mean F.

    The first table has a row for each pair of annotators: their F, and their number of differences of each kind. The
    second table has the F of each pair by label. The texts are those with the most differences, at most SHOWN of them.
    """
    kinds = list(dict.fromkeys(kind for pair in report.pairs for kind in pair.differences))
    rows = []
    for pair in report.pairs:
        low, high = pair.scores.micro.f.to_json()
        counts = (pair.differences[kind] for kind in kinds)
        scores = (f"{pair.texts:,}", f"{pair.f:.1f}", f"{low:.1f}–{high:.1f}", f"{pair.boundaries:.1f}")
        rows.append((pair.first, pair.second, *scores, *counts))
    if rows:
        header = ("first", "second", "texts", "F", "95 %", "F of boundaries", *kinds)
        print_table(rows, header=header, aligns="ll" + "r" * (len(header) - 2))
    names = [f"{pair.first}, {pair.second}" for pair in report.pairs]
    by_label: list[tuple[str, ...]] = []
    for label, mean in report.means_by_label().items():
        groups = [pair.scores.groups.get(label) for pair in report.pairs]
        by_label.append((label, f"{mean:.1f}", *("–" if s is None else f"{100 * s.f.value:.1f}" for s in groups)))
    if by_label:
        print_table(by_label, header=("F", "mean", *names), aligns="l" + "r" * (1 + len(names)))
    for one in report.differing[:SHOWN]:
        _print_text(one)
    for message in report.messages:
        msg.warn(message)
    shown = "undefined" if report.mean is None else f"{report.mean:.1f}"
    msg.good(f"Mean F of {len(report.pairs)} pairs: {shown}. {len(report.differing)} of {report.shared} texts differ.")


def _print_text(one: "SharedText") -> None:
    """Print the origin of a text, then the text once for each annotator, with this annotator's entities in brackets."""
    print(one.origin)
    for name, entities in one.readings.items():
        print(f"  {name}: {' '.join(in_brackets(one.text, entities).split())}")
    print()


def in_brackets(text: str, entities: "Iterable[Entity]") -> str:
    """Mark the entities of a text, which do not overlap, as in "[王小明](PERSON)住在[臺北](GPE)"; return the result."""
    parts, position = [], 0
    for start, end, label in sorted(entities):
        parts += [text[position:start], f"[{text[start:end]}]({label})"]
        position = end
    return "".join([*parts, text[position:]])
