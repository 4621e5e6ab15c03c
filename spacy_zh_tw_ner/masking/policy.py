"""Masking policies, which assign an action to each label, and their TOML files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import Errors, UsageError
from ..extras import read_toml
from .labels import ACTIONS, GENERALISABLE, KEEP, PERSONAL, PLACEHOLDERS, REPLACE

MAX_PLACEHOLDER = 40  # characters of a name in placeholders, which are written for each entity
KEYS = ("default", "labels", "placeholders", "custom_labels")


@dataclass(frozen=True)
class MaskingPolicy:
    """The action for each label.

    The actions "replace" (numbered placeholder), "pseudonym" (invented value of the same kind) and "generalise" (only
    the year of a date, or the county of a place) can be undone with the map of the text. "redact" (███) and "hash" (of
    the text and a secret key) cannot. "keep" does not mask.

    labels (Mapping[str, str]): Label → action.
    default (Optional[str]): Action for labels that are not keys of `labels`. None replaces the labels of personal data
        (`labels.PERSONAL`) and keeps all others.
    placeholders (Mapping[str, str]): Label → name in placeholders (姓名 in 〔姓名1〕), in place of the usual name.
    custom_labels (tuple[str, ...]): Labels of a pipeline that this package does not have. They may be keys of `labels`
        and `placeholders`, in which any other unknown label is an error.
    origin (str): Name of the policy in error messages.
    RAISES (UsageError): For an unknown action or label, a label that cannot be generalised, and a placeholder that is
        too long or not printable.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None
    placeholders: Mapping[str, str] = field(default_factory=dict)
    custom_labels: tuple[str, ...] = ()
    origin: str = field(default="The policy", compare=False)

    def __post_init__(self) -> None:
        for name, action in self.labels.items():
            self._check(name, action)
        if self.default is not None:
            self._check_action("other labels", self.default)
            if self.default == "generalise":
                self._refuse_generalising("other labels")
        for name, placeholder in self.placeholders.items():
            self._check_label(name)
            if not placeholder.isprintable() or len(placeholder) > MAX_PLACEHOLDER:
                expected = f"at most {MAX_PLACEHOLDER} printable characters"
                raise _wrong(self.origin, f"the placeholder of {name}", expected, placeholder)
        # Read-only copies, so that nothing changes after the checks.
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))
        object.__setattr__(self, "placeholders", MappingProxyType(dict(self.placeholders)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the class and its arguments for `pickle`, because the read-only mappings cannot be pickled."""
        values = (dict(self.labels), self.default, dict(self.placeholders), self.custom_labels, self.origin)
        return MaskingPolicy, values

    def action(self, label: str) -> str:
        """Return the action for the entities of a label: that of `labels`, or else `default`.

        If there is neither, it is "replace" for labels of personal data (`labels.PERSONAL`), and "keep" for all others.
        """
        found = self.labels.get(label, self.default)
        return found if found is not None else REPLACE if label in PERSONAL else KEEP

    def placeholder(self, label: str) -> str:
        """Return the name of a label in placeholders, such as 姓名 for PERSON; the label itself if it has no name."""
        return self.placeholders.get(label) or PLACEHOLDERS.get(label, label)

    def uses(self, action: str) -> bool:
        """Return whether `labels` or `default` has an action, such as "hash".

        If `default` is None, the actions "replace" and "keep" of the labels that are not in `labels` do not count.
        """
        return action in (self.default, *self.labels.values())

    def to_dict(self) -> dict[str, Any]:
        """Return `labels`, `default` and `placeholders` as a dictionary for JSON, with sorted labels."""
        labels, names = dict(sorted(self.labels.items())), dict(sorted(self.placeholders.items()))
        return {"labels": labels, "default": self.default, "placeholders": names}

    def _check(self, name: str, action: str) -> None:
        """Raise a UsageError for an unknown label or action, or if the label cannot have the action."""
        self._check_label(name)
        self._check_action(name, action)
        if action == "generalise" and name not in GENERALISABLE:
            self._refuse_generalising(name)

    def _check_label(self, name: str) -> None:
        """Raise a UsageError for an unknown label."""
        if name not in PLACEHOLDERS and name not in self.custom_labels:
            near = get_close_matches(name.upper(), PLACEHOLDERS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(Errors.ZT872.format(origin=self.origin, label=name[:80], hint=hint))

    def _check_action(self, name: str, action: str) -> None:
        """Raise a UsageError if `action`, the action for the label `name`, is unknown."""
        if action not in ACTIONS:
            seen = str(action)[:80]
            raise UsageError(
                Errors.ZT871.format(origin=self.origin, label=name, action=seen, choices=", ".join(ACTIONS))
            )

    def _refuse_generalising(self, name: str) -> None:
        """Raise the UsageError for the action "generalise" of a label that cannot be generalised."""
        raise UsageError(Errors.ZT874.format(origin=self.origin, label=name, choices=", ".join(GENERALISABLE)))


def read_policy(path: Path) -> MaskingPolicy:
    """Read a policy from a TOML file.

    path (Path): The file.
    RETURNS (MaskingPolicy): The policy.
    RAISES (UsageError): If the file is too long, is not valid TOML, or has an unknown key, action or label.
    RAISES (OSError): If the file cannot be read.
    """
    return make_policy(read_toml(path, Errors.ZT870), origin=str(path))


def make_policy(settings: Mapping[str, Any], *, origin: str = "The policy") -> MaskingPolicy:
    """Make a policy from the dictionary of a TOML file or JSON object, and check its types.

    settings (Mapping[str, Any]): The keys of `MaskingPolicy`, except `origin`.
    origin (str): Name of the policy in error messages.
    RETURNS (MaskingPolicy): The policy.
    RAISES (UsageError): For an unknown key, action or label, or a value of the wrong type.
    """
    for key in settings:
        if key not in KEYS:
            raise _wrong(origin, "each key", f"one of {', '.join(KEYS)}", key)
    default, custom = settings.get("default"), settings.get("custom_labels", [])
    if default is not None and not isinstance(default, str):
        raise _wrong(origin, "`default`", "an action", default)
    if not isinstance(custom, list) or not _are_strings(custom):
        raise _wrong(origin, "`custom_labels`", "a list of labels", custom)
    tables = {name: settings.get(name, {}) for name in ("labels", "placeholders")}
    for name, table in tables.items():
        if not isinstance(table, dict) or not _are_strings(table.values()):
            raise _wrong(origin, f"`[{name}]`", "a table of strings", table)
    return MaskingPolicy(**tables, default=default, custom_labels=tuple(custom), origin=origin)


def _are_strings(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) and value for value in values)


def _wrong(origin: str, key: str, expected: str, seen: object) -> UsageError:
    """Return (not raise) the error for a value of a policy that is not as expected.

    origin (str), key (str): Name of the policy, and the key with the value.
    expected (str), seen (object): What is expected, such as "a list of labels"; and the value.
    """
    return UsageError(Errors.ZT873.format(origin=origin, key=key, expected=expected, seen=repr(seen)[:80]))
