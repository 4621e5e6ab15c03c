"""Read gold annotations as the set of tags that each token may have, and warn of those that cannot be used."""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from spacy.attrs import ENT_IOB, ORTH  # type: ignore[import-not-found]
from spacy.training import Example

from ..entities import Entity
from ..errors import Warnings
from ..tag_scheme import BoolsT, TagScheme, trim_white_space, whole_entities
from .edge_mask import find_white_space

IOB_OUTSIDE = 2  # of token.ent_iob


@dataclass
class GoldProblems:
    """Gold entities that cannot be used as they are annotated.

    n_unusable, first_unusable: Annotations that fit no legal tag sequence, and the text of the first.
    n_trimmed, first_trimmed: Entities with white space at an edge, and the first of them.
    labels: Entities by label, of labels that are not in the tag scheme.
    """

    n_unusable: int = 0
    first_unusable: str = ""
    n_trimmed: int = 0
    first_trimmed: str = ""
    labels: Counter[str] = field(default_factory=Counter)


class GoldWarnings:
    """Warn once of entities with white space at the edges, and once of each unknown label."""

    def __init__(self) -> None:
        self._reported: set[str] = set()
        self._reported_white_space = False

    def warn(self, problems: GoldProblems, name: str, labels: Sequence[str]) -> None:
        """Warn of the problems of a batch.

        problems (GoldProblems): What was found.
        name (str), labels (Sequence[str]): Of the component.
        """
        messages = []
        if problems.n_unusable:
            messages.append(Warnings.ZT902.format(n=problems.n_unusable, text=problems.first_unusable))
        if problems.n_trimmed and not self._reported_white_space:
            self._reported_white_space = True
            messages.append(Warnings.ZT903.format(n=problems.n_trimmed, text=problems.first_trimmed))
        messages.append(self.unknown_labels(problems.labels, name, labels) or "")
        for message in filter(None, messages):
            warnings.warn(message, stacklevel=4)

    def unknown_labels(self, counts: Mapping[str, int], name: str, labels: Sequence[str]) -> str | None:
        """Return a warning about labels that a component does not have.

        counts (Mapping[str, int]): Gold entities by label.
        name (str), labels (Sequence[str]): Of the component.
        RETURNS (Optional[str]): The warning, the most frequent labels first; None if there is nothing new to report.
        """
        known = {"", *labels, *self._reported}
        unknown = Counter({label: n for label, n in counts.items() if label not in known})
        if not unknown:
            return None
        self._reported |= set(unknown)
        listed = ", ".join(f"{label} ({n:,})" for label, n in unknown.most_common())
        return Warnings.ZT904.format(
            name=name, n=f"{unknown.total():,}", labels=listed, known=", ".join(labels) or "none"
        )


def read_gold(examples: Iterable[Example], scheme: TagScheme) -> tuple[BoolsT, GoldProblems]:
    """Read the gold of documents.

    White space at the edges of an entity is taken off, since no legal path has it there.

    examples (Iterable[Example]): The documents; those that are predicted have the tokens.
    scheme (TagScheme): What the tags mean.
    RETURNS (tuple[np.ndarray, GoldProblems]): (n_rows, n_tags) bool, and what was not used as it is.
    """
    allowed, problems = [], GoldProblems()
    for example in examples:
        gold, n_unusable = example.reference, 0
        if np.array_equal(gold.to_array(ORTH), example.predicted.to_array(ORTH)):
            # The usual case: equal tokens. Computing spaCy's alignment would take a tenth of the training time.
            entities = [Entity(ent.start, ent.end, ent.label_) for ent in gold.ents]
            outside = gold.to_array(ENT_IOB) == IOB_OUTSIDE
        else:
            biluo = example.get_aligned_ner()
            entities, n_unusable = whole_entities(biluo)
            outside = np.array([tag == "O" for tag in biluo], dtype=bool)
        problems.labels.update(entity.label for entity in entities if entity.label not in scheme.labels)
        if entities:
            white_space = find_white_space([example.predicted])
            entities, outside, trimmed, n_left_out = trim_white_space(entities, outside, white_space)
            if trimmed and not problems.n_trimmed:
                problems.first_trimmed = example.predicted[trimmed[0].start : trimmed[0].end].text
            problems.n_trimmed += len(trimmed)
            n_unusable += n_left_out
        if n_unusable and not problems.n_unusable:
            problems.first_unusable = gold.text[:40]
        problems.n_unusable += n_unusable
        allowed.append(scheme.allowed_by(entities, outside))
    return np.concatenate(allowed), problems
