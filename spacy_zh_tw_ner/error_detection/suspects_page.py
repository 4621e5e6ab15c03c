"""Render suspicious annotations as one self-contained HTML page.

For each sentence, the gold annotation and the best reading (the most probable annotation) are shown side by side.
"""

from collections import Counter
from collections.abc import Mapping
from html import escape
from importlib.resources import files

from ..evaluation.html_page import (
    KIND_NAMES,
    fill_template,
    filter_classes,
    filter_controls,
    filter_rules,
    label_hues,
    mark_entities,
)
from .report import ErrorReport, JudgedSentence, SuspectSurface

MOST_SENTENCES = 1000  # on a page; larger pages are slow to open
MOST_SURFACES = 200


def render_suspects(report: ErrorReport, *, title: str) -> str:
    """Render a report as an HTML page, in the order of suspicion, with filters by kind and by label.

    All text is escaped, labels included. At most 1,000 sentences are shown: the most suspicious ones.

    report (ErrorReport): The report.
    title (str): Title of the page.
    RETURNS (str): The page as HTML.
    """
    shown = report.sentences[:MOST_SENTENCES]
    labels = sorted({entity.label for one in shown for entity in (*one.record.entities, *one.reading)})
    hues, places = label_hues(labels), {label: i for i, label in enumerate(labels)}
    counts = Counter(suspect.kind for one in shown for suspect in one.suspects)
    n_different = sum(bool(one.suspects) for one in shown)
    left_out = len(report.sentences) - len(shown)
    values = {
        "title": escape(title),
        "n": f"{len(report.sentences):,}",
        "n_likely": f"{report.n_likely:,}",
        "expected": f"{report.expected:.0f}",
        "cut": f"<br>只列出前 {len(shown):,} 句 · the first {len(shown):,} are shown" if left_out else "",
        "surfaces": "".join(map(_row, report.surfaces[:MOST_SURFACES])),
        "rules": filter_rules(len(labels)),
        "controls": filter_controls(labels, counts, len(shown), n_different),
        "body": "\n".join(_sentence(one, hues, places) for one in shown),
    }
    return fill_template(files(__package__).joinpath("page.html").read_text(encoding="utf-8"), values)


def _row(one: SuspectSurface) -> str:
    """Render a row of the HTML table that lists the texts of suspicious annotations.

    one (SuspectSurface): A text. Its row has the text, the number of its occurrences in the corpus by label and without
        annotation, the number of suspicious annotations with this text, and the sum of their scores.
    """
    labels = ", ".join(f"{escape(label)} {n}" for label, n in one.labels.items())
    cells = (labels or "0", str(one.unannotated), str(one.suspects), f"{one.score:.1f}")
    return f"<tr><td>{escape(one.surface)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _sentence(one: JudgedSentence, hues: Mapping[str, int], places: Mapping[str, int]) -> str:
    """Render one sentence as HTML: score, gold annotation, best reading, and the differences between the two.

    The tooltip of the score has −log p of the gold annotation and of the best reading.

    one (JudgedSentence): The sentence.
    hues (Mapping[str, int]): Label → hue in degrees.
    places (Mapping[str, int]): Label → its index, which is the last part of its CSS classes.
    """
    gold, reading, text = frozenset(one.record.entities), frozenset(one.reading), one.record.text
    left = mark_entities(text, one.record.entities, one.gold_scores, hues, gold - reading, "wrong")
    right = mark_entities(text, one.reading, one.scores, hues, reading - gold, "wrong")
    present = {entity.label for entity in (*gold, *reading)}
    suspects = " · ".join(
        f"{KIND_NAMES[suspect.kind]} {escape(suspect.surface(text))} {100 * suspect.score:.0f} %"
        for suspect in one.suspects
    )
    hint = f"{escape(one.record.origin)}, −log p {one.cost:.1f} / {one.best_cost:.1f}"
    return (
        f'<article class="pair {filter_classes(one.suspects, present, places)}">'
        f'<div class="score" title="{hint}">{100 * one.score:.1f} %</div>'
        f'<p class="said"><span class="side">標註 gold</span>{left}</p>'
        f'<p class="said"><span class="side">最佳解讀 best reading</span>{right}</p>'
        f'<p class="kinds">{suspects}</p></article>'
    )
