"""Soft targets of knowledge distillation: a teacher's distribution over tag paths, and the loss of batches with them.

An unlabelled text is an `Example` whose reference document holds a `SoftTarget` in `user_data`. A batch may mix such
examples with gold annotation:

    loss = Σ −log p(gold)  +  weight · T² · Σ H(teacher at temperature T, student at temperature T)
            annotated texts                  unlabelled texts

H is the cross entropy of two distributions over tag paths, see `crf.gold`. Both are softened: their scores are divided
by the temperature T. The factor T² keeps the size of the gradients (Hinton, Vinyals and Dean 2015, "Distilling the
Knowledge in a Neural Network", section 2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ..crf import Likelihood, SoftGold, Transitions, at_temperature, log_likelihood
from ..crf.transitions import FloatsT
from ..errors import Errors, PipelineMismatchError
from ..tag_scheme import TagScheme

KEY = "zh_tw_ner_soft_target"  # in `doc.user_data`


@dataclass(frozen=True)
class SoftTarget:
    """A teacher's distribution over the tag paths of one text, as marginal probabilities and expected counts.

    labels: Labels of the teacher, whose order determines its tags.
    marginals: (n_tokens, n_tags) marginal probabilities of the tags.
    counts: (n_legal,) for each legal transition, how often it is expected to occur in the text. The order is the
        row-major order of the matrix (from tag, to tag).
    temperature: T. The scores of the teacher were divided by it, and those of the student will be.
    weight: Weight of this text in the loss; an annotated text has the weight 1.
    """

    labels: tuple[str, ...]
    marginals: FloatsT
    counts: FloatsT
    temperature: float = 1.0
    weight: float = 1.0

    def put_into(self, doc: Doc) -> None:
        """Store the target in the `user_data` of a document, from which `target_of` reads it.

        doc (Doc): The unlabelled document, which becomes the reference of an `Example`; changed in place.
        """
        doc.user_data[KEY] = self

    def arrays_for(self, scheme: TagScheme) -> tuple[FloatsT, FloatsT]:
        """Return the target as arrays in the tag order of the student.

        scheme (TagScheme): Tag scheme of the student.
        RETURNS (tuple[np.ndarray, np.ndarray]): (n_tokens, n_tags) marginal probabilities, and (n_tags, n_tags)
            expected counts of transitions, float32.
        RAISES (PipelineMismatchError): If student and teacher have different labels.
        """
        own = _scheme_of(self.labels)
        counts = np.zeros((len(own), len(own)), np.float32)
        counts[own.legal_transitions.matrix] = self.counts
        marginals = self.marginals.astype(np.float32)
        marginals /= marginals.sum(1, keepdims=True)  # float16 rounds each probability
        if own.labels == scheme.labels:
            return marginals, counts
        require_equal_labels(scheme.labels, self.labels)
        order = [own.tags.index(tag) for tag in scheme.tags]
        return marginals[:, order], counts[order][:, order]


def require_equal_labels(student: Sequence[str], teacher: Sequence[str]) -> None:
    """Check that student and teacher have the same labels, in any order.

    RAISES (PipelineMismatchError): If a label is missing in one of the two.
    """
    ours, theirs = set(student), set(teacher)
    if ours != theirs:
        only = [", ".join(sorted(labels)) or "none" for labels in (ours - theirs, theirs - ours)]
        raise PipelineMismatchError(Errors.ZT278.format(student=only[0], teacher=only[1]))


def target_of(example: Example) -> SoftTarget | None:
    """Return the soft target of an example, or None if it has gold annotation."""
    target: SoftTarget | None = example.reference.user_data.get(KEY)
    return target


def compare(
    rows: FloatsT,
    lengths: Sequence[int],
    transitions: Transitions,
    targets: Sequence[SoftTarget | None],
    scheme: TagScheme,
    compare_gold: Callable[[FloatsT, list[int]], Likelihood],
) -> Likelihood:
    """Compute the loss of a batch in which some texts have soft targets, and its gradients.

    The loss of a text with a target is weight · T² · the cross entropy of teacher and student at the temperature T.

    rows (np.ndarray): (n_rows, n_tags) emissions of all texts.
    lengths (Sequence[int]): Number of rows of each text.
    transitions (Transitions): Transition scores, with PENALTY for illegal transitions.
    targets (Sequence[Optional[SoftTarget]]): The target of each text; None for gold annotation.
    scheme (TagScheme): Tag scheme of the student.
    compare_gold (Callable): Takes the emissions and lengths of the texts without target; returns their `Likelihood`.
    RETURNS (Likelihood): `log_likelihood` has the negated loss of each text. `emissions` has the gradient of the
        summed loss by the emissions, (n_rows, n_tags), and `transitions` that by the transition scores.
    RAISES (PipelineMismatchError): If a target has other labels than the scheme.
    """
    n_rows = np.asarray(lengths, dtype=np.int64)
    values, gradient = np.zeros(len(targets), np.float32), np.zeros(rows.shape, np.float32)
    totals = Transitions(*(np.zeros(scores.shape, np.float32) for scores in transitions))
    settings = [None if target is None else (target.temperature, target.weight) for target in targets]
    for setting in dict.fromkeys(settings):
        texts = np.array([each == setting for each in settings])
        inside = np.repeat(texts, n_rows)
        here, sizes = rows[inside], n_rows[texts].tolist()
        scale, factor = 1.0, 1.0  # of the values, and of the gradients by the undivided scores
        if setting is None:
            found = compare_gold(here, sizes)
        else:
            temperature, weight = setting
            scale, factor = weight * temperature**2, weight * temperature
            chosen = (target for target, each in zip(targets, settings, strict=True) if each == setting)
            marginals, counts = zip(*(target.arrays_for(scheme) for target in chosen if target), strict=True)
            cooled, steps = at_temperature(here, transitions, temperature)
            found = log_likelihood(cooled, sizes, steps, SoftGold(np.concatenate(marginals), np.stack(counts)))
        values[texts] = found.log_likelihood * scale
        gradient[inside] = found.emissions * factor
        totals = Transitions(
            *(total + part * np.float32(factor) for total, part in zip(totals, found.transitions, strict=True))
        )
    return Likelihood(values, gradient, totals)


@lru_cache(maxsize=16)
def _scheme_of(labels: tuple[str, ...]) -> TagScheme:
    """Return the tag scheme of some labels, from a cache: computing the masks of a scheme takes time."""
    return TagScheme(labels)
