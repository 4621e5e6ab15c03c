"""Helpers of the CRF tests: the CRF on torch tensors, legal transitions of BIOES, and a loss for torch's autograd."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from spacy_zh_tw_ner import crf
from spacy_zh_tw_ner.crf import Transitions
from spacy_zh_tw_ner.extras import has_numba

no_numba = pytest.mark.skipif(not has_numba(), reason="numba is not installed")
both_paths = pytest.mark.parametrize(
    "compiled", [pytest.param(False, id="numpy"), pytest.param(True, id="numba", marks=no_numba)]
)


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """Convert a tensor to numpy; bfloat16, which numpy does not have, becomes float32."""
    return tensor.detach().float().numpy() if tensor.dtype == torch.bfloat16 else tensor.detach().numpy()


def as_arrays(transitions: Transitions) -> Transitions:
    return Transitions(*map(as_array, transitions))


def as_tensors(transitions: Transitions) -> Transitions:
    return Transitions(*map(torch.from_numpy, transitions))


def constrain(scores: Transitions, legal: Transitions) -> Transitions:
    return as_tensors(crf.constrain(as_arrays(scores), as_arrays(legal)))


def decode(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, compiled: bool | None = None
) -> torch.Tensor:
    return torch.from_numpy(crf.decode(as_array(emissions), lengths, as_arrays(transitions), compiled=compiled))


def log_likelihood(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, gold: torch.Tensor, **settings: Any
) -> crf.Likelihood:
    found = crf.log_likelihood(as_array(emissions), lengths, as_arrays(transitions), as_array(gold), **settings)
    values, gradient = (torch.from_numpy(array) for array in found[:2])
    return crf.Likelihood(values, gradient, as_tensors(found.transitions))


class TorchPosterior:
    """A wrapper of `crf.Posterior` that takes and returns tensors."""

    def __init__(self, posterior: crf.Posterior) -> None:
        self.posterior, self.lengths, self.exact = posterior, posterior.lengths, posterior.in_log_space
        self.marginals, self.log_z = torch.from_numpy(posterior.marginals), torch.from_numpy(posterior.log_z)

    def path_probabilities(self, tags: torch.Tensor, starts: Sequence[int], ends: Sequence[int]) -> torch.Tensor:
        return torch.from_numpy(self.posterior.path_probabilities(tags.numpy(), starts, ends))


def infer(
    emissions: torch.Tensor, lengths: Sequence[int], transitions: Transitions, compiled: bool | None = None
) -> TorchPosterior:
    return TorchPosterior(crf.infer(as_array(emissions), lengths, as_arrays(transitions), compiled=compiled))


def probable_segments(posterior: TorchPosterior, patterns: torch.Tensor, threshold: float) -> list[crf.Segment]:
    return crf.probable_segments(posterior.posterior, patterns.numpy(), threshold)


class LongSequence:
    """A wrapper of `crf.LongSequence` that takes and returns tensors; emissions may also be an array on disk."""

    def __init__(self, rows: Any, transitions: Transitions, **settings: Any) -> None:
        rows = as_array(rows) if isinstance(rows, torch.Tensor) else rows
        self.sequence = crf.LongSequence(rows, as_arrays(transitions), **settings)

    def decode(self) -> torch.Tensor:
        return torch.from_numpy(self.sequence.decode())

    def path_probabilities(self, tags: torch.Tensor, starts: Sequence[int], ends: Sequence[int]) -> torch.Tensor:
        return torch.from_numpy(self.sequence.path_probabilities(tags.numpy(), starts, ends))

    def probable_segments(self, patterns: torch.Tensor, threshold: float) -> list[crf.Segment]:
        return self.sequence.probable_segments(patterns.numpy(), threshold)


def bioes(n_labels: int) -> Transitions:
    """Return the legal transitions of O, B, I, E, S …, computed independently of the package."""
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
    """Draw a random legal path of this length: each step keeps a legal end within reach."""
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
    """Return −Σ log p(gold), computed in float64 log space, so that autograd can differentiate it."""
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
