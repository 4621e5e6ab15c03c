"""Type aliases of the data flow, in order, with shapes."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from .entities import Prediction

HiddenT: TypeAlias = list[Floats2d]  # docs → (n_tokens, width) each
EmissionsT: TypeAlias = list[Floats2d]  # docs → (n_tokens, n_tags) each
Tok2VecT: TypeAlias = Model[list[Doc], HiddenT]
TaggerT: TypeAlias = Model[list[Doc], EmissionsT]
BoolsT: TypeAlias = npt.NDArray[np.bool_]
__all__ = ["BoolsT", "EmissionsT", "HiddenT", "Prediction", "TaggerT", "Tok2VecT"]
