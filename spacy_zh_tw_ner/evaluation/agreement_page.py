"""Render texts that annotators have annotated differently as one self-contained HTML page, without scripts."""

from collections.abc import Mapping
from html import escape
from importlib.resources import files

from ..corpora.annotators import SharedText
from .agreement import AgreementReport
from .html_page import fill_template, label_hues, mark_entities


def render_agreement(report: AgreementReport) -> str:
    """Render texts that annotators have annotated differently as an HTML page, with all annotations side by side.

    Entities that some, but not all, annotators of a text have annotated are outlined. All text is escaped, labels and
    names included.

    report (AgreementReport): The agreement.
    RETURNS (str): The page as HTML.
    """
    labels = sorted({label for counts in report.annotators.values() for label in counts})
    hues = label_hues(labels)
    mean = "–" if report.mean is None else f"{report.mean:.1f}"
    values = {
        "title": f"標註一致性 · Agreement between annotators: mean F {mean}",
        "n": str(len(report.differing)),
        "shared": str(report.shared),
        "table": _table(report),
        "body": "\n".join(_article(one, hues) for one in report.differing),
    }
    return fill_template(files(__package__).joinpath("agreement.html").read_text(encoding="utf-8"), values)


def _table(report: AgreementReport) -> str:
    """Render a table of F in percent, as HTML.

    The first row, "micro", is over all labels; each further row is for one label. The first column is the mean over all
    pairs of annotators; each further column is for one pair. A dash means that the pair has not used the label.
    """
    names = ["", "mean", *(f"{pair.first}, {pair.second}" for pair in report.pairs)]
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows: list[tuple[str, list[float | None]]] = [("micro", [report.mean, *(pair.f for pair in report.pairs)])]
    for label, mean in report.means_by_label().items():
        groups = [pair.scores.groups.get(label) for pair in report.pairs]
        rows.append((label, [mean, *(None if found is None else 100 * found.f.value for found in groups)]))
    body = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join(f"<td>{'–' if value is None else f'{value:.1f}'}</td>" for value in values)
        + "</tr>"
        for label, values in rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _article(one: SharedText, hues: Mapping[str, int]) -> str:
    """Render a text as HTML, once for each of its annotators, with the entities of this annotator.

    one (SharedText): The text, and the entities of each annotator.
    hues (Mapping[str, int]): Label → hue in degrees.
    """
    readings = list(one.readings.values())
    agreed = readings[0].intersection(*readings[1:])
    columns = []
    for name, entities in one.readings.items():
        marked = mark_entities(one.text, list(entities), [None] * len(entities), hues, entities - agreed, "wrong")
        columns.append(f"<p><b>{escape(name)}</b>{marked}</p>")
    return (
        f'<article><p class="origin">{escape(one.origin)}</p><div class="readings">{"".join(columns)}</div></article>'
    )
