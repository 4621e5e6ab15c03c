"""Sequences one behind the other ⇄ steps one behind the other.

The recursions take one step of every sequence at a time. With the sequences sorted by length, longest first, those
that still run at a step are always the first ones: a step is one slice of the walk, and nothing is ever padded.
"""

from collections.abc import Sequence

import torch

from ..errors import Errors


class Layout:
    """The walk of the recursions over a ragged batch.

    lengths (Sequence[int]): Tokens of each sequence; zeros are allowed.
    device (torch.device): Where the emissions lie.
    """

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        self.lengths = torch.as_tensor(lengths, dtype=torch.long, device=device)
        self.n_rows = int(self.lengths.sum())
        # shape: (batch_size,) sequences, longest first
        self.order = torch.argsort(self.lengths, descending=True, stable=True)
        n_steps = max(lengths, default=0)
        steps = torch.arange(n_steps, device=device)[:, None]
        sorted_lengths = self.lengths[self.order]
        firsts = (torch.cumsum(self.lengths, 0) - self.lengths)[self.order]
        # shape: (n_steps, batch_size)
        runs = sorted_lengths > steps
        # shape: (n_rows,) the row of the batch at each place of the walk
        self.rows = (firsts + steps)[runs]
        # shape: (n_rows,) the sequence at each place of the walk
        self.sequences = self.order.expand(n_steps, -1)[runs]
        # sequences running at each step
        self.active: list[int] = runs.sum(1).tolist()
        ends = [0]
        for n in self.active:
            ends.append(ends[-1] + n)
        self.steps = [slice(start, end) for start, end in zip(ends, ends[1:], strict=False)]
        # shape: (batch_size,) whether a sequence has any token, longest first
        self.n_begun = self.active[0] if self.active else 0

    def to_batch(self, walked: torch.Tensor) -> torch.Tensor:
        """Put rows of the walk in the order of the batch."""
        out = torch.empty_like(walked)
        out[self.rows] = walked
        return out

    def rows_of(self, sequence: int) -> slice:
        """Rows of the batch that belong to one sequence."""
        start = int(self.lengths[:sequence].sum())
        return slice(start, start + int(self.lengths[sequence]))


def check(emissions: torch.Tensor, lengths: Sequence[int], n_tags: int) -> None:
    """Refuse what would give a wrong number.

    RAISES (ValueError): Where shapes do not fit, or an emission is not finite.
    """
    if emissions.ndim != 2 or emissions.shape[1] != n_tags:
        raise ValueError(Errors.ZT104.format(seen=tuple(emissions.shape)[1:], expected=n_tags))
    if sum(lengths) != len(emissions):
        raise ValueError(Errors.ZT103.format(total=sum(lengths), rows=len(emissions)))
    finite = torch.isfinite(emissions)
    if not bool(finite.all()):
        row = int((~finite).any(1).nonzero()[0])
        raise ValueError(Errors.ZT102.format(count=int((~finite).sum()), row=row))
