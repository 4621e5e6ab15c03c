"""Linear-chain conditional random field in numpy: emissions → tags.

It works only on tag indices and arrays; labels and documents are in `tag_scheme` and `components`. A batch is one
array of emissions, (n_rows, n_tags), with the sequences concatenated and without padding, and a list of their lengths.

Read in this order: `reference` has the equations for one sequence; `forward_backward` and `viterbi` compute them for
batches in numpy; `kernels` has the same loops compiled by numba, which are used if it is installed.

Everything runs on the CPU, in float32, even if the encoder runs on a GPU: each batch of emissions is copied to the CPU,
and its gradient is copied back. The recursions are long chains of small steps, and a GPU would spend most of the time
on kernel launches.
"""

from .calibration import Reliability, chance_error, fit_temperature, reliability
from .gold import SoftGold, expect
from .likelihood import Likelihood, log_likelihood
from .long_sequences import DiskArray, LongSequence, RowsT
from .posterior import Posterior, infer
from .probable_spans import Segment, choose, probable_segments
from .transitions import PENALTY, Transitions, at_temperature, constrain, constrain_emissions
from .viterbi import decode

__all__ = [
    "PENALTY",
    "DiskArray",
    "Likelihood",
    "LongSequence",
    "Posterior",
    "Reliability",
    "RowsT",
    "Segment",
    "SoftGold",
    "Transitions",
    "at_temperature",
    "chance_error",
    "choose",
    "constrain",
    "constrain_emissions",
    "decode",
    "expect",
    "fit_temperature",
    "infer",
    "log_likelihood",
    "probable_segments",
    "reliability",
]
