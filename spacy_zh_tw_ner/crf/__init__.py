"""emissions → tags: a linear-chain conditional random field in numpy.

It knows no labels and no documents. A batch is one array of emissions, (n_rows, n_tags), in which the sequences lie one
after the other without padding, and their lengths. `reference` has the equations of one sequence and is the place to
begin; `forward_backward` computes the same for batches; `kernels` are its loops compiled by numba, where that is
installed.

Everything runs on the CPU, in float32, wherever the encoder runs: the recursions are long chains of small steps, of
which a GPU would spend most of the time on starting kernels.
"""

from .calibration import Reliability, chance_error, fit_temperature, reliability
from .disk_array import DiskArray
from .interval_scheduling import Segment, choose
from .likelihood import Likelihood, log_likelihood
from .long_sequences import LongSequence, RowsT
from .posterior import Posterior, infer
from .probable_spans import probable_segments
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
    "Transitions",
    "at_temperature",
    "chance_error",
    "choose",
    "constrain",
    "constrain_emissions",
    "decode",
    "fit_temperature",
    "infer",
    "log_likelihood",
    "probable_segments",
    "reliability",
]
