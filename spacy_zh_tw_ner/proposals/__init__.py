"""Weak supervision: sources that propose entities, and their combination into partial annotations."""

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
