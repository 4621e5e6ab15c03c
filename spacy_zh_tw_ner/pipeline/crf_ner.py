"""Deprecated import path of `CRFEntityRecognizer`, which is in `components.crf_ner`."""

from ..components import crf_ner
from ..components.crf_ner import CRFEntityRecognizer
from . import warn_moved

__all__ = ["CRFEntityRecognizer"]
warn_moved(__name__, crf_ner.__name__)
