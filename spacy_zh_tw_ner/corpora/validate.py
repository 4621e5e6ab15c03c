"""Check a converted corpus for problems that harm training or scores, and describe them in messages."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import sqrt
from pathlib import Path

import numpy as np

from ..errors import Errors
from ..interval_scheduling import keep_longest
from .annotation_consistency import Inconsistency, among_themselves, left_out, only_here
from .duplicates import Duplicate, find_duplicates
from .entity_edges import Edge, find_edges
from .formats.docbin import Sentence, read_sentences, require_key
from .script_conversion import simplified_test
from .splits import SPLITS

PERCENTILES = (50, 90, 99, 100)
WINDOW = 254  # characters; the windows of the configs have 254 wordpieces, about one per character

# Thresholds of the warnings.
FEW = 10  # examples of a label in train
LONG = 0.01  # share of sentences that are longer than the window
SIMPLIFIED = 0.001  # share of Simplified characters; a few occur in foreign names
UNEVEN = 0.05  # share of occurrences of names that are annotated inconsistently
SURE = 4.0  # standard errors; names occur in clusters, so smaller differences may be chance
MANY = 5  # most names listed in a message


@dataclass
class SplitReport:
    """Counts of one split.

    sentences (int): Number of sentences.
    characters (int): Number of characters.
    lengths (dict[str, int]): Percentile of sentence length ("50 %") → characters.
    over_window (int): Number of sentences that are longer than `ValidationReport.window`.
    without_entities (int): Number of sentences without entities.
    simplified (float): Share of Simplified characters, 0 to 1.
    labels (dict[str, int]): Label → number of entities.
    overlapping (int): Number of entities that overlap a longer one; 0 for `doc.ents`.
    """

    sentences: int = 0
    characters: int = 0
    lengths: dict[str, int] = field(default_factory=dict)
    over_window: int = 0
    without_entities: int = 0
    simplified: float = 0.0
    labels: dict[str, int] = field(default_factory=dict)
    overlapping: int = 0


@dataclass
class ValidationReport:
    """Findings of `validate`.

    window (int): Length that sentences should not exceed, in characters.
    splits (dict[str, SplitReport]): Counts of each split.
    errors (list[str]): Messages about problems that make training useless or scores wrong.
    warnings (list[str]): Messages about problems that may be intended.
    repeated (list[Duplicate]): Sentences that occur more than once.
    edges (list[Edge]): Entities with an unlikely first or last character.
    left_out (dict[str, Inconsistency]): Split → counts of names that are entities in train, but not annotated in the
        split. For "train", each fifth of train is compared with the other four fifths.
    only_here (dict[str, Inconsistency]): Split → counts of names that are entities in the split, but mostly not
        annotated in train. For "train", each fifth is compared with the other four.
    """

    window: int = WINDOW
    splits: dict[str, SplitReport] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    repeated: list[Duplicate] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    left_out: dict[str, Inconsistency] = field(default_factory=dict)
    only_here: dict[str, Inconsistency] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return the report as an object for `json.dumps`. Its keys are the names of the attributes."""
        return {
            "window": self.window,
            "splits": {split: asdict(counts) for split, counts in self.splits.items()},
            "errors": self.errors,
            "warnings": self.warnings,
            "repeated": [{"how": one.how, "places": [p._asdict() for p in one.places]} for one in self.repeated],
            "edges": [edge._asdict() for edge in self.edges],
            "left_out": {split: found.to_json() for split, found in self.left_out.items()},
            "only_here": {split: found.to_json() for split, found in self.only_here.items()},
        }


def validate(folder: Path, *, window: int = WINDOW, spans_key: str = "") -> ValidationReport:
    """Check the `.spacy` files of a converted corpus.

    folder (Path): Folder with train.spacy and dev.spacy; test.spacy is optional.
    window (int): Length that sentences should not exceed, in characters.
    spans_key (str): Key of the entities in `doc.spans`, which may overlap; empty for `doc.ents`.
    RETURNS (ValidationReport): Counts, errors and warnings.
    RAISES (CorpusError): If train.spacy or dev.spacy is missing, or a file is not a `.spacy` file.
    """
    require_key(spans_key)
    splits = {
        split: read_sentences(folder, split, spans_key=spans_key)
        for split in SPLITS
        if split != "test" or (folder / "test.spacy").exists()
    }
    report = ValidationReport(window, {split: _count(sentences, window) for split, sentences in splits.items()})
    report.edges = [edge for sentences in splits.values() for edge in find_edges(sentences)]
    report.repeated = find_duplicates(splits)
    train = splits["train"]
    report.left_out["train"], report.only_here["train"] = among_themselves(train)
    for split in list(splits)[1:]:
        report.left_out[split] = left_out(train, splits[split])
        report.only_here[split] = only_here(train, splits[split])
    for split, counts in report.splits.items():
        if not counts.labels:
            path = folder / f"{split}.spacy"
            report.errors.append(Errors.ZT204.format(path=path, n=counts.sentences, format=".spacy"))
    report.errors += _unknown_labels(splits) + _overlaps_of_one_label(splits)
    report.warnings += _warnings(report)
    return report


def _count(sentences: Sequence[Sentence], window: int) -> SplitReport:
    is_simplified = simplified_test()
    lengths = [len(sentence.text) for sentence in sentences] or [0]
    simplified = sum(is_simplified(char) for sentence in sentences for char in sentence.text)
    labels = Counter(entity.label for sentence in sentences for entity in sentence.entities)
    return SplitReport(
        sentences=len(sentences),
        characters=sum(lengths),
        lengths={f"{q} %": int(np.percentile(lengths, q)) for q in PERCENTILES},
        over_window=sum(length > window for length in lengths),
        without_entities=sum(not sentence.entities for sentence in sentences),
        simplified=round(simplified / max(1, sum(lengths)), 6),
        labels=dict(sorted(labels.items())),
        overlapping=sum(len(keep_longest(sentence.entities)[1]) for sentence in sentences),
    )


def _unknown_labels(splits: Mapping[str, Sequence[Sentence]]) -> list[str]:
    known = {entity.label for sentence in splits["train"] for entity in sentence.entities}
    first: dict[tuple[str, str], str] = {}
    for split, sentences in splits.items():
        for sentence in sentences:
            for entity in sentence.entities:
                if entity.label not in known:
                    first.setdefault((split, entity.label), sentence.origin)
    return [Errors.ZT209.format(origin=origin, label=label, split=split) for (split, label), origin in first.items()]


def _overlaps_of_one_label(splits: Mapping[str, Sequence[Sentence]]) -> list[str]:
    """Return a message for each split and label with entities that overlap others of the same label.

    No pipeline of this package can predict such entities.

    splits (Mapping[str, Sequence[Sentence]]): Split → its sentences.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for split, sentences in splits.items():
        for sentence in sentences:
            for label in {entity.label for entity in sentence.entities}:
                _, dropped = keep_longest(entity for entity in sentence.entities if entity.label == label)
                found.setdefault((split, label), []).extend(sentence.origin for _ in dropped)
    return [
        Errors.ZT804.format(n=len(origins), split=split, label=label, first=origins[0])
        for (split, label), origins in found.items()
        if origins
    ]


def _warnings(report: ValidationReport) -> list[str]:
    messages = [
        f"train has only {n} examples of {label}, so models will often miss it. Add more examples."
        for label, n in report.splits["train"].labels.items()
        if n < FEW
    ]
    messages += [*_edge_messages(report.edges), *_duplicate_messages(report.repeated)]
    messages += [
        f"{counts.over_window} sentences of {split} are longer than {report.window} characters, the longest "
        f"{counts.lengths['100 %']}. They are encoded in several windows. Set a larger window, or split them."
        for split, counts in report.splits.items()
        if counts.over_window > LONG * counts.sentences
    ]
    messages += [
        f"{100 * counts.simplified:.1f} % of the characters of {split} are Simplified. "
        "Convert them: `python -m spacy zh-tw-ner convert … --script s2tw`."
        for split, counts in report.splits.items()
        if counts.simplified > SIMPLIFIED
    ]
    messages += [
        f"{split} leaves names unannotated: of {found.found} occurrences of names that "
        f"{'the rest of train' if split == 'train' else 'train'} annotates, {found.differing} "
        f"({100 * found.share:.1f} %) are not annotated: {_first_names(found)}."
        for split, found in report.left_out.items()
        if found.share > UNEVEN
    ]
    return messages + _only_here_messages(report.only_here)


def _edge_messages(edges: Iterable[Edge]) -> list[str]:
    by_kind: dict[str, list[Edge]] = {}
    for edge in edges:
        by_kind.setdefault(edge.kind, []).append(edge)
    problems = {
        "white space": "begin or end with white space",
        "punctuation": "begin or end with punctuation",
        "bracket": "begin or end with an unpaired bracket",
    }
    return [
        f"{len(found)} entities {problems[kind]}, the first at {found[0].origin}: {found[0].surface!r}."
        for kind, found in by_kind.items()
    ]


def _duplicate_messages(duplicates: Sequence[Duplicate]) -> list[str]:
    messages = []
    across = [one for one in duplicates if one.across]
    if across:
        places = across[0].places
        other = next(place for place in places if place.split != places[0].split)
        messages.append(
            f"{len(across)} sentences are in more than one split, which inflates the scores; "
            f"the first: {places[0].origin} and {other.origin}.{_other_forms(across)}"
        )
    within = [one for one in duplicates if not one.across]
    if within:
        first, second = within[0].places[:2]
        messages.append(
            f"{len(within)} sentences occur more than once in one split; "
            f"the first: {first.origin} and {second.origin}.{_other_forms(within)}"
        )
    return messages


def _other_forms(duplicates: Sequence[Duplicate]) -> str:
    counts = Counter(one.how for one in duplicates)
    forms = [f"{counts[how]} in another {how}" for how in ("width", "script") if counts[how]]
    return f" Of them {' and '.join(forms)}." if forms else ""


def _only_here_messages(only_here: Mapping[str, Inconsistency]) -> list[str]:
    usual = only_here["train"].share
    messages = []
    for split, found in only_here.items():
        error = sqrt(max(usual * (1 - usual), 1e-4) / max(1, found.found))
        if split != "train" and found.share > max(UNEVEN, usual + SURE * error):
            messages.append(
                f"{split} is annotated by other rules than train: {found.differing} of its {found.found} entities "
                f"({100 * found.share:.1f} %) whose text occurs in train are mostly not annotated there (within train: "
                f"{100 * usual:.1f} %): {_first_names(found)}. Scores on {split} are less reliable."
            )
    return messages


def _first_names(found: Inconsistency) -> str:
    names = "、".join(f"{surface} ({n})" for surface, n in list(found.surfaces.items())[:MANY])
    return f"{names}; the first at {found.first}"
