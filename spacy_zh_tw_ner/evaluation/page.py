"""Gold and predicted documents → one HTML page that needs nothing else."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from spacy.tokens import Doc, Span

from ..types import Entity
from .exact import count_exact, doc_entities, micro

# Hues spread by the golden angle lie far apart for any number of labels.
GOLDEN_ANGLE = 137.508


def render_page(pairs: Sequence[tuple[Doc, Doc]], *, title: str) -> str:
    """Render a page.

    Every sentence shows what was predicted. Where it differs from the gold, the gold follows below, and what is wrong
    or missed is marked. All text is escaped, labels included.

    pairs (Sequence[tuple[Doc, Doc]]): Gold and predicted documents.
    title (str): The page's title.
    RETURNS (str): HTML.
    """
    labels = sorted({ent.label_ for pair in pairs for doc in pair for ent in doc.ents})
    hues = {label: round(i * GOLDEN_ANGLE) % 360 for i, label in enumerate(labels)}
    by_label = count_exact(pairs)
    scores = micro(by_label).to_json()
    legend = "".join(
        f'<tr><td><mark style="--h:{hues[label]}">{escape(label)}</mark></td>'
        + "".join(f"<td>{c[key]:.1f}</td>" for key in ("p", "r", "f"))
        + f"<td>{c['gold']}</td></tr>"
        for label, c in ((label, by_label[label].to_json()) for label in by_label)
    )
    body = "\n".join(_sentence(gold, predicted, hues) for gold, predicted in pairs)
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    values = {
        "title": escape(title),
        "n": str(len(pairs)),
        "n_wrong": str(sum(doc_entities(g) != doc_entities(p) for g, p in pairs)),
        **{key: f"{scores[key]:.1f}" for key in ("p", "r", "f")},
        "legend": legend,
        "body": body,
    }
    # One pass, so that a text that looks like a placeholder stays a text.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def _sentence(gold: Doc, predicted: Doc, hues: dict[str, int]) -> str:
    expected, found = doc_entities(gold), doc_entities(predicted)
    right = expected == found
    rows = [f'<p class="said">{_marked(predicted, hues, found - expected, "wrong")}</p>']
    if not right:
        marked = _marked(gold, hues, expected - found, "missed")
        rows.append(f'<p class="gold"><span class="tag">標準 gold</span>{marked}</p>')
    return f'<article class="{"right" if right else "error"}">{"".join(rows)}</article>'


def _marked(doc: Doc, hues: dict[str, int], marked: set[Entity], kind: str) -> str:
    parts, position = [], 0
    for ent in _in_order(doc.ents):
        flag = f' class="{kind}"' if Entity(ent.start_char, ent.end_char, ent.label_) in marked else ""
        score = ent._.score if ent.has_extension("score") else None
        hint = f' title="{score:.3f}"' if score is not None else ""
        label = escape(ent.label_)
        parts.append(escape(doc.text[position : ent.start_char]))
        parts.append(f'<mark{flag}{hint} style="--h:{hues[ent.label_]}">{escape(ent.text)}<b>{label}</b></mark>')
        position = ent.end_char
    return "".join([*parts, escape(doc.text[position:])])


def _in_order(ents: Iterable[Span]) -> list[Span]:
    return sorted(ents, key=lambda ent: ent.start)
