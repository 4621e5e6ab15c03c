"""Report of `validate`."""

from dataclasses import asdict, dataclass, field

from .annotation_consistency import Unevenness
from .edges import Edge
from .repeated import Repeated

WINDOW = 254  # characters; clause_windows of the configs has as many pieces, and a character is a piece


@dataclass
class SplitReport:
    """Counts of one split; `lengths` are percentiles in characters, `simplified` is a share of them."""

    sentences: int = 0
    characters: int = 0
    lengths: dict[str, int] = field(default_factory=dict)
    over_window: int = 0
    without_entities: int = 0
    simplified: float = 0.0
    labels: dict[str, int] = field(default_factory=dict)


@dataclass
class Report:
    """What `validate` found: `errors` make training useless or its scores wrong, `warnings` are worth a look.

    left_out (dict[str, Unevenness]): By split, names that train annotates and the split does not. That of train are
        its fifths, each against the other four.
    only_here (dict[str, Unevenness]): By split, names that it annotates and train does not.
    """

    window: int = WINDOW
    splits: dict[str, SplitReport] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    repeated: list[Repeated] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    left_out: dict[str, Unevenness] = field(default_factory=dict)
    only_here: dict[str, Unevenness] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """As plain objects."""
        return {
            "window": self.window,
            "splits": {split: asdict(counts) for split, counts in self.splits.items()},
            "errors": self.errors,
            "warnings": self.warnings,
            "repeated": [{"how": one.how, "places": [p._asdict() for p in one.places]} for one in self.repeated],
            "edges": [edge._asdict() for edge in self.edges],
            "left_out": {split: found.to_json() for split, found in self.left_out.items()},
            "only_here": {split: found.to_json() for split, found in self.only_here.items()},
        }
