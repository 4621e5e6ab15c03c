"""Check a corpus for mistakes before training."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import Errors
from .annotation_consistency import among_themselves, left_out, only_here
from .edges import find_edges
from .repeated import find_repeated
from .sentences import Sentence, read_sentences
from .simplified import simplified_test
from .splits import SPLITS
from .validation_messages import messages
from .validation_report import WINDOW, Report, SplitReport

PERCENTILES = (50, 90, 99, 100)


def validate(folder: Path, *, window: int = WINDOW) -> Report:
    """Check the `.spacy` files of a folder.

    folder (Path): Holds train.spacy and dev.spacy, and perhaps test.spacy.
    window (int): The length that sentences should not exceed, in characters.
    RETURNS (Report): Counts, errors and warnings.
    RAISES (CorpusError): Where train or dev is not there.
    """
    splits = {
        split: read_sentences(folder, split) for split in SPLITS if split != "test" or (folder / "test.spacy").exists()
    }
    report = Report(window, {split: _count(sentences, window) for split, sentences in splits.items()})
    report.edges = [edge for sentences in splits.values() for edge in find_edges(sentences)]
    report.repeated = find_repeated(splits)
    train = splits["train"]
    report.left_out["train"], report.only_here["train"] = among_themselves(train)
    for split in list(splits)[1:]:
        report.left_out[split] = left_out(train, splits[split])
        report.only_here[split] = only_here(train, splits[split])
    for split, counts in report.splits.items():
        if not sum(counts.labels.values()):
            path = folder / f"{split}.spacy"
            report.errors.append(Errors.ZT204.format(path=path, n=counts.sentences, format=".spacy"))
    report.errors += _unknown_labels(splits)
    report.warnings += messages(report)
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
