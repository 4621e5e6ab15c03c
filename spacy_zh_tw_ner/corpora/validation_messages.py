"""Findings in a corpus → sentences that say what is worth a look, and why."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt

from .annotation_consistency import Unevenness
from .edges import Edge
from .repeated import Repeated
from .validation_report import Report, SplitReport

FEW = 10  # a label with fewer examples than this in train is hardly learnt
LONG = 0.01  # share of sentences over the window from which it is told
SIMPLIFIED = 0.001  # share of Simplified characters from which it is told; foreign names have one now and then
UNEVEN = 0.05  # share of names from which it is told
SURE = 4.0  # standard errors; names come in clusters, so that fewer would be chance
MANY = 5  # names in a message


def messages(report: Report) -> list[str]:
    """Say what is worth a look.

    report (Report): With all findings.
    RETURNS (list[str]): The warnings.
    """
    return [
        *_few_examples(report.splits["train"]),
        *_edge_messages(report.edges),
        *_repeated_messages(report.repeated),
        *_length_messages(report),
        *_script_messages(report.splits),
        *_left_out_messages(report.left_out),
        *_only_here_messages(report.only_here),
    ]


def _few_examples(train: SplitReport) -> list[str]:
    return [
        f"train has only {n} examples of {label}: expect it to be missed."
        for label, n in train.labels.items()
        if n < FEW
    ]


def _edge_messages(edges: Iterable[Edge]) -> list[str]:
    by_kind: dict[str, list[Edge]] = {}
    for edge in edges:
        by_kind.setdefault(edge.kind, []).append(edge)
    what = {
        "white space": "begin or end with white space",
        "punctuation": "begin or end with punctuation",
        "bracket": "hold one of a pair of brackets at an edge",
    }
    return [
        f"{len(found)} entities {what[kind]}, the first at {found[0].origin}: {found[0].surface!r}."
        for kind, found in by_kind.items()
    ]


def _repeated_messages(repeated: Sequence[Repeated]) -> list[str]:
    messages = []
    across = [one for one in repeated if one.across]
    if across:
        places = across[0].places
        other = next(place for place in places if place.split != places[0].split)
        messages.append(
            f"{len(across)} sentences stand in more than one split, which flatters the scores; "
            f"the first: {places[0].origin} and {other.origin}.{_written_otherwise(across)}"
        )
    within = [one for one in repeated if not one.across]
    if within:
        first, second = within[0].places[:2]
        messages.append(
            f"{len(within)} sentences stand more than once in one split; "
            f"the first: {first.origin} and {second.origin}.{_written_otherwise(within)}"
        )
    return messages


def _written_otherwise(repeated: Sequence[Repeated]) -> str:
    counts = Counter(one.how for one in repeated)
    told = [f"{counts[how]} in another {how}" for how in ("width", "script") if counts[how]]
    return f" Of them {' and '.join(told)}." if told else ""


def _length_messages(report: Report) -> list[str]:
    return [
        f"{counts.over_window} sentences of {split} are longer than {report.window} characters, the longest "
        f"{counts.lengths['100 %']}: they are read in several windows. Set a larger window, or cut them."
        for split, counts in report.splits.items()
        if counts.over_window > LONG * counts.sentences
    ]


def _script_messages(splits: Mapping[str, SplitReport]) -> list[str]:
    return [
        f"{100 * counts.simplified:.1f} % of the characters of {split} are Simplified. "
        "Convert them: `python -m spacy zh-tw-ner convert … --script s2tw`."
        for split, counts in splits.items()
        if counts.simplified > SIMPLIFIED
    ]


def _left_out_messages(left_out: Mapping[str, Unevenness]) -> list[str]:
    return [
        f"{split} leaves names unannotated: {found.differing} of the {found.found} times ({100 * found.share:.1f} %) "
        f"that a name which {'the rest of train' if split == 'train' else 'train'} annotates stands in it, "
        f"{_first_names(found)}."
        for split, found in left_out.items()
        if found.share > UNEVEN
    ]


def _only_here_messages(only_here: Mapping[str, Unevenness]) -> list[str]:
    usual = only_here["train"].share
    told = []
    for split, found in only_here.items():
        error = sqrt(max(usual * (1 - usual), 1e-4) / max(1, found.found))
        if split != "train" and found.share > max(UNEVEN, usual + SURE * error):
            told.append(
                f"{split} is annotated by another rule than train: {found.differing} of its {found.found} entities "
                f"({100 * found.share:.1f} %) whose words stand in train are mostly not annotated there; among the "
                f"fifths of train it is {100 * usual:.1f} %. {_first_names(found)}. Scores on it say less."
            )
    return told


def _first_names(found: Unevenness) -> str:
    names = "、".join(f"{surface} ({n})" for surface, n in list(found.surfaces.items())[:MANY])
    return f"{names}; the first at {found.first}"
