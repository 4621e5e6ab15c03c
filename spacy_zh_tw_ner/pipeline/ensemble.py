"""Deprecated import path of `CRFEnsemble`, which is in `components.ensemble`."""

from ..components import ensemble
from ..components.ensemble import CRFEnsemble
from . import warn_moved

__all__ = ["CRFEnsemble"]
warn_moved(__name__, ensemble.__name__)
