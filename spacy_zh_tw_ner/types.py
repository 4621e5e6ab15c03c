"""The arrows of the flow, in order, each with its shape."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from .entities import Entity

HiddenT: TypeAlias = list[Floats2d]  # docs → (n_tokens, width) each
EmissionsT: TypeAlias = list[Floats2d]  # docs → (n_tokens, n_tags) each
Tok2VecT: TypeAlias = Model[list[Doc], HiddenT]
TaggerT: TypeAlias = Model[list[Doc], EmissionsT]
BoolsT: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Prediction:
    """What the head says of one document: its entities and, beside them, how probable each is."""

    ents: tuple[Entity, ...]
    scores: tuple[float, ...]
