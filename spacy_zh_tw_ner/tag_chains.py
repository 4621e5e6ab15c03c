"""Tags of several independent CRF chains, whose entities may overlap each other.

A chain has the tags of a group of labels, and its entities do not overlap. Entities of different chains are independent
of each other, so they may overlap or be nested. All chains share one array of emissions; each has columns of its own:

    labels = [GPE, ORG, PERSON], groups = [[GPE, PERSON]]

    column   0  1–4    5  6–9    10–13
    tag      O  GPE    O  ORG    PERSON
    chain    └─ 0 ─┘   └─ 1 ─┘   └ 0 ┘
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .entities import Entity
from .tag_scheme import KINDS, TagScheme


class TagChains:
    """Tags of several CRFs ("chains") for different groups of labels, and the column of each tag in shared emissions.

    Entities of one chain cannot overlap; those of different chains can. A new label adds columns at the end.

    labels (Sequence[str]): Labels; their order determines the columns.
    groups (Sequence[Sequence[str]]): Groups of labels that cannot overlap. Labels in no group are groups of their own.

    Attributes: schemes, the tag scheme of each chain; columns, the columns of each chain in the order of its tags.
    """

    def __init__(self, labels: Sequence[str], groups: Sequence[Sequence[str]] = ()) -> None:
        self.labels = tuple(labels)
        group_of = {label: index for index, group in enumerate(groups) for label in group}
        members: dict[int | str, list[str]] = {}
        columns: dict[int | str, list[int]] = {}
        self._n_columns = 0
        for label in labels:
            group = group_of.get(label, label)
            is_new = group not in members
            members.setdefault(group, []).append(label)
            columns.setdefault(group, []).extend(self._n_columns + i for i in range(is_new + len(KINDS)))
            self._n_columns += is_new + len(KINDS)
        self.schemes = tuple(TagScheme(chain) for chain in members.values())
        self.columns: tuple[npt.NDArray[np.intp], ...] = tuple(map(np.array, columns.values()))

    def __len__(self) -> int:
        """Return the number of columns of all chains."""
        return self._n_columns

    @cached_property
    def chain_of(self) -> dict[str, int]:
        """Label → index of its chain in `schemes` and `columns`."""
        return {label: i for i, scheme in enumerate(self.schemes) for label in scheme.labels}

    @property
    def partition(self) -> frozenset[frozenset[str]]:
        """The labels of each chain. Two objects with the same labels and partition have the same columns."""
        return frozenset(frozenset(scheme.labels) for scheme in self.schemes)

    def path(self, entity: Entity) -> list[int]:
        """Return, for each token of an entity, the column of its tag (S, or B, I and E) in the emissions."""
        chain = self.chain_of[entity.label]
        columns: list[int] = self.columns[chain][self.schemes[chain].path(entity)].tolist()
        return columns

    def by_chain(self, entities: Iterable[Entity]) -> list[list[Entity]]:
        """Return the entities of each chain, one list per chain. Entities whose label no chain has are left out."""
        divided: list[list[Entity]] = [[] for _ in self.schemes]
        for entity in entities:
            if entity.label in self.chain_of:
                divided[self.chain_of[entity.label]].append(entity)
        return divided
