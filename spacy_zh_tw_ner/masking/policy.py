"""Read the policy of masking, which gives each label an action, from TOML."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import Errors, UsageError
from ..extras import import_toml
from .labels import ACTIONS, GENERALISABLE, KEEP, PERSONAL, PLACEHOLDERS, REPLACE

MAX_BYTES = 2**20  # of a policy
MAX_PLACEHOLDER = 40  # characters; it is repeated for each entity
KEYS = ("default", "labels", "placeholders", "custom_labels")


@dataclass(frozen=True)
class MaskingPolicy:
    """The action of each label: replace, redact, pseudonym, hash, keep or generalise.

    labels (Mapping[str, str]): Actions by label.
    default (Optional[str]): Action of all other labels. Without one, other labels of personal data (see
        `labels.PERSONAL`) are replaced, and the rest is kept.
    placeholders (Mapping[str, str]): Names for placeholders by label, such as 姓名 in 〔姓名1〕, in place of the usual.
    custom_labels (tuple[str, ...]): Labels of your own pipeline, which `labels` may name.
    origin (str): Name of the policy in messages.
    RAISES (UsageError): For an unknown action or label, and for an action that is not possible for a label.
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
        # Copies that cannot be changed: the checks above stay valid.
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))
        object.__setattr__(self, "placeholders", MappingProxyType(dict(self.placeholders)))

    def __reduce__(self) -> tuple[Any, ...]:
        values = (dict(self.labels), self.default, dict(self.placeholders), self.custom_labels, self.origin)
        return MaskingPolicy, values

    def action(self, label: str) -> str:
        """Return the action for entities of a label."""
        found = self.labels.get(label, self.default)
        return found if found is not None else REPLACE if label in PERSONAL else KEEP

    def placeholder(self, label: str) -> str:
        """Return the name that stands for a label in placeholders."""
        return self.placeholders.get(label) or PLACEHOLDERS.get(label, label)

    def uses(self, action: str) -> bool:
        """Return whether any label has an action."""
        return action in (self.default, *self.labels.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON types, for instance to compare two policies."""
        labels, names = dict(sorted(self.labels.items())), dict(sorted(self.placeholders.items()))
        return {"labels": labels, "default": self.default, "placeholders": names}

    def _check(self, name: str, action: str) -> None:
        self._check_label(name)
        self._check_action(name, action)
        if action == "generalise" and name not in GENERALISABLE:
            self._refuse_generalising(name)

    def _check_label(self, name: str) -> None:
        if name not in PLACEHOLDERS and name not in self.custom_labels:
            near = get_close_matches(name.upper(), PLACEHOLDERS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(Errors.ZT872.format(origin=self.origin, label=name[:80], hint=hint))

    def _check_action(self, name: str, action: str) -> None:
        if action not in ACTIONS:
            seen = str(action)[:80]
            raise UsageError(
                Errors.ZT871.format(origin=self.origin, label=name, action=seen, choices=", ".join(ACTIONS))
            )

    def _refuse_generalising(self, name: str) -> None:
        raise UsageError(Errors.ZT874.format(origin=self.origin, label=name, choices=", ".join(GENERALISABLE)))


def read_policy(path: Path) -> MaskingPolicy:
    """Read a policy from a TOML file.

    RAISES (UsageError): If it is not valid TOML, or has an unknown key, action or label. OSError, if it is missing.
    """
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UsageError(Errors.ZT870.format(path=path, reason=f"it is longer than {MAX_BYTES:,} bytes"))
    toml = import_toml()
    try:
        found = toml.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        reason = str(error)[:160].strip() or "nested too deeply"
        raise UsageError(Errors.ZT870.format(path=path, reason=reason)) from error
    return make_policy(found, origin=str(path))


def make_policy(settings: Mapping[str, Any], *, origin: str = "The policy") -> MaskingPolicy:
    """Make a policy of plain dictionaries, as TOML and JSON have them, and check their types.

    settings (Mapping[str, Any]): The keys of `MaskingPolicy`, except `origin`.
    origin (str): Name of the policy in messages.
    RETURNS (MaskingPolicy): The policy.
    RAISES (UsageError): For an unknown key, action or label, or a value of another type.
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
    return UsageError(Errors.ZT873.format(origin=origin, key=key, expected=expected, seen=repr(seen)[:80]))
