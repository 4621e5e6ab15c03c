"""Weak supervision: sources propose entities of unannotated texts, which are combined to partial annotations.

A proposal is an entity that a source has found, with a label of this source. A usable proposal becomes a `Suggestion`:
its label is mapped to a label of the corpus, and it gets the precision of its source. `combine` converts the
suggestions of all sources to a `PartialAnnotation`. In this annotation, some tokens have a tag, some have several
allowed tags, and the others have no annotation.
"""

from .combination import PartialAnnotation, Suggestion, combine
from .propose import propose
from .report import ProposalReport
from .settings import ProposalSettings, SourceSettings, make_settings, read_settings

__all__ = [
    "PartialAnnotation",
    "ProposalReport",
    "ProposalSettings",
    "SourceSettings",
    "Suggestion",
    "combine",
    "make_settings",
    "propose",
    "read_settings",
]
