"""Render gold and predicted documents as one self-contained HTML page; its filters use CSS and no scripts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Protocol

from spacy.tokens import Doc

from ..components.chain_gold import gold_spans
from ..entities import Entity
from .bootstrap import Scores, summarize
from .entity_counts import count_entities
from .mistakes import KINDS, Confusion, confusion, count_mistakes, find_mistakes
from .predictions import ComparedDoc, compare, entity_of
from .span_layers import render_layers

# Degrees. Hues at multiples of the golden angle are well separated for any number of labels.
GOLDEN_ANGLE = 137.508
KIND_NAMES = {
    "missed": "遺漏 missed",
    "spurious": "多出 spurious",
    "boundary": "邊界 boundary",
    "type": "類別 type",
    "both": "邊界與類別 both",
}


def render_page(pairs: Sequence[tuple[Doc, Doc]], *, title: str, spans_key: str = "") -> str:
    """Render gold and predicted documents as an HTML page.

    Every document is shown with its predicted entities. If they differ from the gold entities, the gold entities are
    shown below the document, and wrong and missed entities are marked. Documents can be filtered by kind of mistake and
    by label. The head of the page has the scores and the confusion matrix. All text is escaped, labels included.

    pairs (Sequence[tuple[Doc, Doc]]): Gold and predicted documents.
    title (str): Title of the page.
    spans_key (str): Key of the entities in `doc.spans`, which may overlap and are shown as stripes below the text;
        empty for `doc.ents`.
    RETURNS (str): The page as HTML.
    """
    labels = sorted({ent.label_ for pair in pairs for doc in pair for ent in gold_spans(doc, spans_key)})
    hues = label_hues(labels)
    places = {label: i for i, label in enumerate(labels)}
    documents = compare(pairs, spans_key)
    summary = summarize(count_entities(documents))
    n_wrong = sum(not document.is_right for document in documents)
    rows = [(f'<mark style="--h:{hues[label]}">{escape(label)}</mark>', s) for label, s in summary.groups.items()]
    body = (
        _sentence(gold, predicted, document, hues, places, spans_key)
        for (gold, predicted), document in zip(pairs, documents, strict=True)
    )
    values = {
        "title": escape(title),
        "n": str(len(pairs)),
        "n_wrong": str(n_wrong),
        **{key: f"{100 * estimate.value:.1f}" for key, estimate in zip("prf", summary.micro[:3], strict=True)},
        "interval": _interval(summary.micro),
        "scores": "".join(_row(*row) for row in (*rows, ("micro", summary.micro), ("macro", summary.macro))),
        "matrix": _matrix(confusion(documents)),
        "rules": filter_rules(len(labels)),
        "controls": filter_controls(labels, count_mistakes(documents), len(pairs), n_wrong),
        "body": "\n".join(body),
    }
    return fill_template(_read("page.html"), values)


def fill_template(template: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders of a page template, such as {{title}}, by values.

    template (str): The HTML with placeholders.
    values (Mapping[str, str]): Name of a placeholder → HTML that replaces it. {{head}} is replaced by the beginning of
        every page: its title and the style sheet that all pages share, followed by the CSS rules in `values["rules"]`,
        if present. The template has to close the HTML element <head>.
    RETURNS (str): The page as HTML.
    """
    style = _read("page.css") + values.get("rules", "")
    head = _replace(_read("page_head.html"), {"title": values["title"], "style": style})
    return _replace(template, {**values, "head": head.rstrip("\n")})


def _replace(template: str, values: Mapping[str, str]) -> str:
    # A single pass, so that inserted text that looks like a placeholder is not replaced.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def label_hues(labels: Iterable[str]) -> dict[str, int]:
    """Return label → hue of its colour in degrees. Labels that follow one another get clearly different hues."""
    return {label: round(i * GOLDEN_ANGLE) % 360 for i, label in enumerate(labels)}


def _row(name: str, scores: Scores) -> str:
    """Render a row of the table of scores as HTML.

    Its cells are the name, precision, recall and F in percent, the number of gold entities, and the confidence interval
    of F.

    name (str): Name of the row as HTML, such as a label.
    scores (Scores): Precision, recall and F from 0 to 1, each with an interval; and the number of gold entities.
    """
    shares = "".join(f"<td>{100 * estimate.value:.1f}</td>" for estimate in scores[:3])
    return f"<tr><td>{name}</td>{shares}<td>{scores.gold}</td><td>{_interval(scores)}</td></tr>"


def _interval(scores: Scores) -> str:
    """Return the confidence interval of F in percent, such as "81.2–84.0"."""
    return f"{100 * scores.f.low:.1f}–{100 * scores.f.high:.1f}"


def _matrix(found: Confusion) -> str:
    """Render the rows of the confusion matrix as HTML: one row per gold label, one column per predicted label.

    An additional last row has the spurious entities, and an additional last column the missed entities. A cell has the
    number of pairs with equal boundaries, and "+n" for n pairs that overlap and have other boundaries.
    """
    columns = (*map(escape, found.labels), "遺漏 missed")
    heads = "".join(f'<th scope="col">{name}</th>' for name in columns)
    rows = [f"<thead><tr><th>標準 gold ＼ 預測 predicted</th>{heads}</tr></thead><tbody>"]
    shares = found.row_shares()
    for i, name in enumerate([*map(escape, found.labels), "多出 spurious"]):
        cells = []
        for j in range(len(columns)):
            exact, inexact = int(found.exact[i, j]), int(found.inexact[i, j])
            more = f" <small>+{inexact}</small>" if inexact else ""
            kind = ' class="same"' if i == j else ""
            cells.append(f'<td{kind} style="--s:{shares[i, j]:.3f}">{exact or (0 if more else "")}{more}</td>')
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    return "".join([*rows, "</tbody>"])


def _sentence(
    gold: Doc, predicted: Doc, document: ComparedDoc, hues: Mapping[str, int], places: Mapping[str, int], spans_key: str
) -> str:
    """Render a document with its predicted entities and, if it has mistakes, its gold entities and the mistakes' kinds.

    gold (Doc), predicted (Doc): The document with its gold entities, and with its predicted entities.
    document (ComparedDoc): The text, and the gold and the predicted entities, from which the mistakes are found.
    hues (Mapping[str, int]): Label → hue in degrees.
    places (Mapping[str, int]): Label → its index, which is the last part of its CSS classes.
    spans_key (str): Key of the entities in `doc.spans`; empty for `doc.ents`.
    """
    mistakes = find_mistakes(document)
    present = {ent.label_ for doc in (gold, predicted) for ent in gold_spans(doc, spans_key)}
    rows = [f'<p class="said">{_marked(predicted, hues, document.found - document.expected, "wrong", spans_key)}</p>']
    if mistakes:
        kinds = [name for kind, name in KIND_NAMES.items() if any(mistake.kind == kind for mistake in mistakes)]
        marked = _marked(gold, hues, document.expected - document.found, "missed", spans_key)
        rows.append(f'<p class="gold"><span class="tag">標準 gold</span>{marked}</p>')
        rows.append(f'<p class="kinds">{" · ".join(kinds)}</p>')
    return f'<article class="{filter_classes(mistakes, present, places)}">{"".join(rows)}</article>'


def _marked(doc: Doc, hues: Mapping[str, int], marked: frozenset[Entity], kind: str, spans_key: str) -> str:
    """Render a document with its entities highlighted.

    hues (Mapping[str, int]): Label → hue in degrees.
    marked (frozenset[Entity]), kind (str): Entities that are mistakes, and the CSS class that they get: "wrong" for
        predicted entities, or "missed" for gold entities.
    spans_key (str): Key of the entities in `doc.spans`; empty for `doc.ents`.
    """
    if spans_key:
        scored = {entity_of(span): span._.score for span in gold_spans(doc, spans_key)}
        return render_layers(doc.text, scored, hues, marked, kind)
    scores = [ent._.score if ent.has_extension("score") else None for ent in doc.ents]
    return mark_entities(doc.text, list(map(entity_of, doc.ents)), scores, hues, marked, kind)


def mark_entities(
    text: str,
    entities: Sequence[Entity],
    scores: Sequence[float | None],
    hues: Mapping[str, int],
    marked: frozenset[Entity],
    kind: str,
) -> str:
    """Render a text with its entities highlighted.

    entities (Sequence[Entity]): The entities, with offsets in characters.
    scores (Sequence[Optional[float]]): The score of each, which is shown when the pointer is on it.
    hues (Mapping[str, int]): Label → hue in degrees.
    marked (frozenset[Entity]): Entities that get the CSS class `kind`.
    """
    parts, position = [], 0
    for entity, score in sorted(zip(entities, scores, strict=True)):
        flag = f' class="{kind}"' if entity in marked else ""
        hint = f' title="{score:.3f}"' if score is not None else ""
        surface, label = escape(text[entity.start : entity.end]), escape(entity.label)
        parts.append(escape(text[position : entity.start]))
        parts.append(f'<mark{flag}{hint} style="--h:{hues[entity.label]}">{surface}<b>{label}</b></mark>')
        position = entity.end
    return "".join([*parts, escape(text[position:])])


def filter_controls(labels: Sequence[str], counts: Mapping[str, int], n: int, n_wrong: int) -> str:
    """Render the filters as HTML: radio buttons to choose the sentences, and a list of labels.

    There is a button for all sentences, for all sentences with a mistake, and for each kind of mistake, with a count.

    labels (Sequence[str]): All labels, sorted.
    counts (Mapping[str, int]): Kind of mistake (`HasKind.kind`) → number of mistakes: a `Counter`, or all kinds.
    n (int): Number of sentences.
    n_wrong (int): Number of sentences with a mistake.
    """
    choices = {"all": f"全部 all {n}", "errors": f"錯誤 errors {n_wrong}"}
    choices |= {kind: f"{name} {counts[kind]}" for kind, name in KIND_NAMES.items()}
    radios = "".join(
        f'<label><input type="radio" name="kind" id="{kind}"{" checked" if kind == "all" else ""}> {name}</label>'
        for kind, name in choices.items()
    )
    options = "".join(f'<option value="{i}">{escape(label)}</option>' for i, label in enumerate(labels))
    return (
        f"<fieldset><legend>句子 sentences</legend>{radios}</fieldset> <label>類別 label "
        f'<select id="label"><option value="">全部 all</option>{options}</select></label>'
    )


def filter_rules(n_labels: int) -> str:
    """Return CSS rules that hide the sentences that the selected kind of mistake and the selected label exclude.

    n_labels (int): Number of labels. The rules use the CSS classes that `filter_classes` returns.
    """
    rules = [f"body:has(#{kind}:checked) article:not(.{kind})" for kind in ("errors", *KINDS)]
    for i in range(n_labels):
        chosen = f'body:has(#label > [value="{i}"]:checked)'
        rules.append(f"{chosen} article:not(.all-{i})")
        rules += [f"{chosen}:has(#{kind}:checked) article:not(.{kind}-{i})" for kind in ("errors", *KINDS)]
    return ",\n".join(rules) + " { display: none; }"


class HasKind(Protocol):
    """Protocol of objects that the filters of a page select: mistakes of a pipeline, and suspicious annotations."""

    @property
    def kind(self) -> str:
        """The kind: "missed", "spurious", "boundary", "type", or "both" for a wrong boundary and a wrong label."""

    @property
    def labels(self) -> set[str]:
        """The labels of its entities. If a user selects one of them, the sentence is shown."""


def filter_classes(mistakes: Iterable[HasKind], present: Iterable[str], places: Mapping[str, int]) -> str:
    """Return the CSS classes of a sentence, which the rules of `filter_rules` use.

    A sentence without mistakes has the class "right". Any other sentence has the class "errors", and one class for each
    kind of its mistakes. If a mistake involves the label with index i, the classes "errors-i" and "<kind>-i" are added.
    For each label of an entity in the sentence, "all-i" is added.

    mistakes (Iterable[HasKind]): The mistakes of the sentence.
    present (Iterable[str]): The labels of its gold and predicted entities.
    places (Mapping[str, int]): Label → its index i.
    """
    classes = {f"all-{places[label]}" for label in present}
    kinds: set[str] = set()
    for mistake in mistakes:
        kinds |= {"errors", mistake.kind}
        for label in mistake.labels:
            classes |= {f"errors-{places[label]}", f"{mistake.kind}-{places[label]}"}
    return " ".join([*sorted(kinds or {"right"}), *sorted(classes)])
