"""Filters of an HTML page, by kind of mistake and label, in CSS alone: the page contains no script."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from .mistakes import KINDS, Mistake

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
