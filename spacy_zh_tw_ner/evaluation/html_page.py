"""Gold and predicted documents → one HTML page that needs nothing else, and runs nothing."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files

from spacy.tokens import Doc, Span

from ..entities import Entity
from .bootstrap import Scores, summarize
from .entity_counts import tabulate
from .mistakes import KINDS, Confusion, Mistake, confusion, find_mistakes
from .predictions import Compared, compare

# Hues spread by the golden angle lie far apart for any number of labels.
GOLDEN_ANGLE = 137.508


def render_page(pairs: Sequence[tuple[Doc, Doc]], *, title: str) -> str:
    """Render a page.

    Every sentence shows what was predicted. Where it differs from the gold, the gold follows below, and what is wrong
    or missed is marked. Sentences can be chosen by the kind of their mistakes and by label. Above stand the scores and
    the matrix of labels. All text is escaped, labels included.

    pairs (Sequence[tuple[Doc, Doc]]): Gold and predicted documents.
    title (str): The page's title.
    RETURNS (str): HTML.
    """
    labels = sorted({ent.label_ for pair in pairs for doc in pair for ent in doc.ents})
    hues = {label: round(i * GOLDEN_ANGLE) % 360 for i, label in enumerate(labels)}
    places = {label: i for i, label in enumerate(labels)}
    documents = compare(pairs)
    summary = summarize(tabulate(documents))
    counts = Counter(mistake.kind for document in documents for mistake in find_mistakes(document))
    n_wrong = sum(not document.is_right for document in documents)
    rows = [(f'<mark style="--h:{hues[label]}">{escape(label)}</mark>', s) for label, s in summary.groups.items()]
    body = (
        _sentence(gold, predicted, document, hues, places)
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
        "controls": filter_controls(labels, counts, len(pairs), n_wrong),
        "body": "\n".join(body),
    }
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    # One pass, so that a text that looks like a placeholder stays a text.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def _row(name: str, scores: Scores) -> str:
    shares = "".join(f"<td>{100 * estimate.value:.1f}</td>" for estimate in scores[:3])
    return f"<tr><td>{name}</td>{shares}<td>{scores.gold}</td><td>{_interval(scores)}</td></tr>"


def _interval(scores: Scores) -> str:
    return f"{100 * scores.f.low:.1f}–{100 * scores.f.high:.1f}"


def _matrix(found: Confusion) -> str:
    """A row a gold label, a column what it became; the last row is spurious, the last column missed."""
    columns = (*map(escape, found.labels), "遺漏 missed")
    heads = "".join(f'<th scope="col">{name}</th>' for name in columns)
    rows = [f"<thead><tr><th>標準 gold ＼ 預測 predicted</th>{heads}</tr></thead><tbody>"]
    totals = (found.exact + found.inexact).sum(axis=1).tolist()
    for i, name in enumerate([*map(escape, found.labels), "多出 spurious"]):
        cells = []
        for j in range(len(columns)):
            exact, inexact = int(found.exact[i, j]), int(found.inexact[i, j])
            more = f" <small>+{inexact}</small>" if inexact else ""
            kind = ' class="same"' if i == j else ""
            share = (exact + inexact) / max(1, totals[i])
            cells.append(f'<td{kind} style="--s:{share:.3f}">{exact or (0 if more else "")}{more}</td>')
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    return "".join([*rows, "</tbody>"])


def _sentence(gold: Doc, predicted: Doc, document: Compared, hues: dict[str, int], places: dict[str, int]) -> str:
    mistakes = find_mistakes(document)
    present = {ent.label_ for doc in (gold, predicted) for ent in doc.ents}
    rows = [f'<p class="said">{_marked(predicted, hues, document.found - document.expected, "wrong")}</p>']
    if mistakes:
        kinds = [name for kind, name in KIND_NAMES.items() if any(mistake.kind == kind for mistake in mistakes)]
        marked = _marked(gold, hues, document.expected - document.found, "missed")
        rows.append(f'<p class="gold"><span class="tag">標準 gold</span>{marked}</p>')
        rows.append(f'<p class="kinds">{" · ".join(kinds)}</p>')
    return f'<article class="{filter_classes(mistakes, present, places)}">{"".join(rows)}</article>'


def _marked(doc: Doc, hues: dict[str, int], marked: frozenset[Entity], kind: str) -> str:
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


KIND_NAMES = {
    "missed": "遺漏 missed",
    "spurious": "多出 spurious",
    "boundary": "邊界 boundary",
    "type": "類別 type",
    "both": "邊界與類別 both",
}


def filter_controls(labels: Sequence[str], counts: Mapping[str, int], n: int, n_wrong: int) -> str:
    """The radio buttons and the list to choose with.

    labels (Sequence[str]): All labels, in order.
    counts (Mapping[str, int]): How many mistakes there are of each kind.
    n (int): Number of sentences.
    n_wrong (int): Number of those with a mistake.
    RETURNS (str): HTML.
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
    """What hides the sentences that were not chosen.

    n_labels (int): How many labels there are.
    RETURNS (str): CSS.
    """
    rules = [f"body:has(#{kind}:checked) article:not(.{kind})" for kind in ("errors", *KINDS)]
    for i in range(n_labels):
        chosen = f'body:has(#label > [value="{i}"]:checked)'
        rules.append(f"{chosen} article:not(.all-{i})")
        rules += [f"{chosen}:has(#{kind}:checked) article:not(.{kind}-{i})" for kind in ("errors", *KINDS)]
    return ",\n".join(rules) + " { display: none; }"


def filter_classes(mistakes: Iterable[Mistake], present: Iterable[str], places: Mapping[str, int]) -> str:
    """The classes of a sentence, by which the rules find it.

    mistakes (Iterable[Mistake]): Of the sentence.
    present (Iterable[str]): The labels of its entities.
    places (Mapping[str, int]): Label → its number.
    RETURNS (str): "right" or "errors", the kinds of mistakes, and each of them by label.
    """
    classes = {f"all-{places[label]}" for label in present}
    kinds: set[str] = set()
    for mistake in mistakes:
        kinds |= {"errors", mistake.kind}
        for label in mistake.labels:
            classes |= {f"errors-{places[label]}", f"{mistake.kind}-{places[label]}"}
    return " ".join([*sorted(kinds or {"right"}), *sorted(classes)])
