"""Former location of the components. Its documented import paths still work, with a DeprecationWarning."""

import warnings

from ..errors import Warnings


def warn_moved(old: str, new: str) -> None:
    """Warn that a documented import path has changed.

    old (str): The former module, such as "spacy_zh_tw_ner.pipeline.gazetteer".
    new (str): The module to import from instead.
    """
    warnings.warn(Warnings.ZT970.format(old=old, new=new), DeprecationWarning, stacklevel=3)
