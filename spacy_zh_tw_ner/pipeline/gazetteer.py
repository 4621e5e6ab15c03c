"""Deprecated import path of `Gazetteer`, which is in `components.gazetteer`."""

from ..components import gazetteer
from ..components.gazetteer import Gazetteer
from . import warn_moved

__all__ = ["Gazetteer"]
warn_moved(__name__, gazetteer.__name__)
