"""Render texts that annotators have annotated differently as one self-contained HTML page, without scripts."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape

from ..corpora.annotators import SharedText
from ..entities import Entity
from .agreement import AgreementReport

GOLDEN_ANGLE = 137.508  # degrees; hues at its multiples are well separated for any number of labels
STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #d4380d; --l: 88%; --ink: 22%; }
@media (prefers-color-scheme: dark) { :root { --l: 26%; --ink: 86%; --bad: #ff7a45; } }
body { font: 17px/2 "Noto Sans TC", "Noto Sans CJK TC", "PingFang TC", "Microsoft JhengHei", sans-serif;
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; }
table { border-collapse: collapse; line-height: 1.6; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .1rem .8rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; }
table { margin-bottom: 1rem; }
article { border-bottom: 1px solid var(--line); padding: .6rem 0; }
.origin { font-size: .75rem; opacity: .7; margin: 0; line-height: 1.4; overflow-wrap: anywhere; }
.readings { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: .4rem 1.5rem; }
.readings p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.readings p > b { display: block; font-size: .75rem; line-height: 1.6; opacity: .7; }
mark { background: hsl(var(--h) 75% var(--l)); color: inherit; padding: .12em .3em; border-radius: .3em; }
mark b { font-size: .6em; margin-left: .4em; color: hsl(var(--h) 60% var(--ink)); vertical-align: middle; }
mark.differs { outline: 2px dashed var(--bad); }
.wide { overflow-x: auto; }
"""


def render_agreement(report: AgreementReport) -> str:
    """Render texts that annotators have annotated differently as an HTML page, with all annotations side by side.

    Entities that some, but not all, annotators of a text have annotated are outlined. All text is escaped, labels and
    names included.

    report (AgreementReport): The agreement.
    RETURNS (str): The page as HTML.
    """
    labels = sorted({label for counts in report.annotators.values() for label in counts})
    hues = {label: round(i * GOLDEN_ANGLE) % 360 for i, label in enumerate(labels)}
    mean = "–" if report.mean is None else f"{report.mean:.1f}"
    title = f"標註一致性 · Agreement between annotators: mean F {mean}"
    n, shared = len(report.differing), report.shared
    counts = f"{shared} 句中有 {n} 句不同 · {n} of {shared} texts differ"
    articles = "\n".join(_article(one, hues) for one in report.differing)
    return (
        '<!DOCTYPE html>\n<html lang="zh-Hant-TW">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f'<p>{counts}</p>\n<div class="wide" tabindex="0">{_table(report)}</div>\n<main>\n{articles}\n</main>\n'
        "</body>\n</html>\n"
    )


def split_reading(text: str, entities: Iterable[Entity]) -> Iterator[tuple[str, Entity | None]]:
    """Split a text at its entities.

    text (str): The text.
    entities (Iterable[Entity]): Entities that do not overlap.
    YIELDS (tuple[str, Optional[Entity]]): A part of the text, and the entity that it is; None if it is no entity.
    """
    position = 0
    for entity in sorted(entities):
        yield text[position : entity.start], None
        yield text[entity.start : entity.end], entity
        position = entity.end
    yield text[position:], None


def _table(report: AgreementReport) -> str:
    """Render a table of F by label: one column for each pair of annotators, and one for the mean over the pairs."""
    names = ["", "mean", *(f"{pair.first}, {pair.second}" for pair in report.pairs)]
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = [("micro", report.mean or 0.0, [pair.f for pair in report.pairs])]
    for label, mean in report.means_by_label().items():
        groups = [pair.scores.groups.get(label) for pair in report.pairs]
        rows.append((label, mean, [-1.0 if found is None else 100 * found.f.value for found in groups]))
    body = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join(f"<td>{'–' if value < 0 else f'{value:.1f}'}</td>" for value in (mean, *values))
        + "</tr>"
        for label, mean, values in rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _article(one: SharedText, hues: Mapping[str, int]) -> str:
    """Render a text once for each of its annotators, with the entities of this annotator (hues: label → degrees)."""
    readings = list(one.readings.values())
    agreed = readings[0].intersection(*readings[1:])
    columns = []
    for name, entities in one.readings.items():
        parts = []
        for part, entity in split_reading(one.text, entities):
            if entity is None:
                parts.append(escape(part))
                continue
            flag = "" if entity in agreed else ' class="differs"'
            label = escape(entity.label)
            parts.append(f'<mark{flag} style="--h:{hues[entity.label]}">{escape(part)}<b>{label}</b></mark>')
        columns.append(f"<p><b>{escape(name)}</b>{''.join(parts)}</p>")
    return (
        f'<article><p class="origin">{escape(one.origin)}</p><div class="readings">{"".join(columns)}</div></article>'
    )
