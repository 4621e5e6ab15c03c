"""emissions → tags: a linear-chain conditional random field in plain torch.

It knows no labels and no documents. A batch is one array of emissions, (n_tokens, n_tags), in which the sequences
stand one behind the other, and their lengths; there is no padding.

The equations are those of Lafferty, McCallum and Pereira (2001), "Conditional Random Fields", and, for scaling the
recursions step by step, of Rabiner (1989), "A Tutorial on Hidden Markov Models", section V.A.
"""

from .likelihood import Likelihood, log_likelihood
from .posterior import Posterior, infer
from .transitions import PENALTY, Transitions, constrain
from .viterbi import decode

__all__ = ["PENALTY", "Likelihood", "Posterior", "Transitions", "constrain", "decode", "infer", "log_likelihood"]
