"""Batches, legality and a float64 oracle for tests of the CRF."""

from itertools import product

import pytest
import torch

from spacy_zh_tw_ner._compat import has_numba
from spacy_zh_tw_ner.crf import Transitions, constrain

no_numba = pytest.mark.skipif(not has_numba(), reason="numba is not installed")
both_paths = pytest.mark.parametrize(
    "compiled", [pytest.param(False, id="torch"), pytest.param(True, id="numba", marks=no_numba)]
)


def bioes(n_labels: int) -> Transitions:
    """Legality of O, B, I, E, S …, written out here so that the oracle does not lean on the package."""
    kinds = ["O", *("BIES" * n_labels)]
    labels = [-1, *(i // 4 for i in range(4 * n_labels))]
    opens, inside = {"B", "I"}, {"I", "E"}
    n = len(kinds)
    matrix = torch.zeros(n, n, dtype=torch.bool)
    for i, j in product(range(n), range(n)):
        goes_on = kinds[i] in opens
        matrix[i, j] = (kinds[j] in inside) == goes_on and (not goes_on or labels[i] == labels[j])
    starts = torch.tensor([k not in inside for k in kinds])
    return Transitions(matrix, starts, torch.tensor([k not in opens for k in kinds]))


def random_transitions(n_tags: int, seed: int = 0) -> Transitions:
    g = torch.Generator().manual_seed(seed)
    return Transitions(*(torch.randn(shape, generator=g) for shape in ((n_tags, n_tags), (n_tags,), (n_tags,))))


def constrained(legal: Transitions, seed: int = 0) -> Transitions:
    return constrain(random_transitions(len(legal.start), seed), legal)


def legal_path(legal: Transitions, length: int, generator: torch.Generator) -> list[int]:
    """Some legal tags, by a walk that can always end: every state of BIOES is two steps from a legal end."""
    reach = [legal.end]
    for _ in range(length - 1):
        reach.append((legal.matrix & reach[-1]).any(1))
    path: list[int] = []
    for i in range(length):
        options = (legal.matrix[path[-1]] if path else legal.start) & reach[length - 1 - i]
        choices = options.nonzero()[:, 0]
        path.append(int(choices[torch.randint(len(choices), (1,), generator=generator)]))
    return path


def one_hot(tags: list[int] | torch.Tensor, n_tags: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.as_tensor(tags), n_tags).bool()


def log_space_loss(emissions, lengths, transitions, allowed):
    """−Σ log p(gold) in float64 log space, which autograd can differentiate."""
    total, row = torch.zeros((), dtype=torch.float64), 0
    for n in lengths:
        if n:
            rows = slice(row, row + n)
            masked = torch.where(allowed[rows], emissions[rows], -1e30)
            total = total + _log_z(emissions[rows], transitions) - _log_z(masked, transitions)
        row += n
    return total


def _log_z(emissions, transitions):
    alpha = transitions.start + emissions[0]
    for e in emissions[1:]:
        alpha = torch.logsumexp(alpha[:, None] + transitions.matrix, 0) + e
    return torch.logsumexp(alpha + transitions.end, 0)
