"""emissions → tags: a linear-chain conditional random field on plain arrays.

It knows no labels and no documents. A batch is one array of emissions, (n_tokens, n_tags), in which the sequences
stand one behind the other, and their lengths; there is no padding. `chains` explains the recursions, in numpy or torch;
`kernels` are the same, compiled by numba, and run wherever numba is installed and the emissions lie on the CPU.

The equations are those of Lafferty, McCallum and Pereira (2001), "Conditional Random Fields", and, for scaling the
recursions step by step, of Rabiner (1989), "A Tutorial on Hidden Markov Models", section V.A.
"""

from ..choice import Segment, choose
from .calibration import (
    Reliability,
    Stretches,
    at_temperature,
    chance_error,
    fit_temperature,
    fit_temperature_to_scores,
    reliability,
)
from .k_best import KBest, decode_k_best
from .likelihood import Likelihood, log_likelihood
from .long_sequences import LongSequence, Rows
from .posterior import Posterior, infer
from .rows_on_disk import RowsOnDisk
from .segments import probable_segments
from .transitions import PENALTY, Transitions, constrain, constrain_emissions
from .viterbi import decode

__all__ = [
    "PENALTY",
    "KBest",
    "Likelihood",
    "LongSequence",
    "Posterior",
    "Reliability",
    "Rows",
    "RowsOnDisk",
    "Segment",
    "Stretches",
    "Transitions",
    "at_temperature",
    "chance_error",
    "choose",
    "constrain",
    "constrain_emissions",
    "decode",
    "decode_k_best",
    "fit_temperature",
    "fit_temperature_to_scores",
    "infer",
    "log_likelihood",
    "probable_segments",
    "reliability",
]
