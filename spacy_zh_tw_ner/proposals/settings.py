"""Settings of `propose`, which are read from a TOML file such as this one:

labels = ["PER", "ORG", "LOC"]
outside_weight = 0.3

[[source]]
name = "places"
type = "gazetteer"
precision = 0.9
words = { LOC = ["places.txt"], O = ["nouns.txt"] }

[[source]]
name = "ckip"
type = "checkpoint"
checkpoint = "ckiplab/bert-base-chinese-ner"
precision = { PERSON = 0.95, GPE = 0.9 }
labels = { PERSON = "PER", GPE = "LOC", ORG = "ORG", DATE = "" }
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..components.partial_annotations import INSIDE_LABEL, OUTSIDE_LABEL
from ..errors import Errors, UsageError
from ..extras import read_toml

DEFAULT_ACCEPT, DEFAULT_CONSIDER, DEFAULT_OUTSIDE_WEIGHT = 0.8, 0.2, 0.3
OTHERS = "*"  # key of a table for all labels that it does not have
NOT_USED = ""  # label to which a label map sends proposals that are not wanted
# Type of source → its own keys; the first is required.
OWN_KEYS: dict[str, tuple[str, ...]] = {
    "gazetteer": ("words",),
    "patterns": ("patterns", "lists", "exclude"),
    "taiwan": (),
    "pipeline": ("pipeline",),
    "checkpoint": ("checkpoint", "revision"),
    "gliner": ("model", "prompts"),
    "answers": ("file",),
}
TABLES = ("words", "patterns", "lists", "prompts", "labels")  # keys whose values are tables
COMMON_KEYS = ("name", "type", "precision", "labels", "min_score")
TOP_KEYS = ("labels", "accept", "consider", "outside_weight", "source")


@dataclass(frozen=True)
class SourceSettings:
    """Settings of one source.

    name (str): Name of the source in the report.
    type (str): "gazetteer", "patterns", "taiwan", "pipeline", "checkpoint", "gliner" or "answers".
    precision (float | Mapping[str, float]): Probability that a proposal of the source is right: one number, or label of
        the source → number. In a mapping, the key "*" stands for all labels that are not keys.
    labels (Mapping[str, str]): Label of the source → label of the corpus. Three other values are allowed: "O" says that
        the span has no entities, "*" says that each of its characters is in some entity, whose ends and label are
        unknown, and with "" the proposals are ignored. The key "*" stands for all labels that are not keys; without
        this key, these labels stay unchanged.
    min_score (float): Proposals with a lower score are ignored. Proposals without a score are kept.
    options (Mapping[str, Any]): The settings that only this type of source has: key → value. Paths are relative to the
        folder of the TOML file.
    """

    name: str
    type: str
    precision: float | Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)
    min_score: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)

    def precision_of(self, label: str) -> float:
        """Return the precision of proposals with this label of the source; 0 if the settings do not have it."""
        if isinstance(self.precision, float):
            return self.precision
        return self.precision.get(label, self.precision.get(OTHERS, 0.0))

    def label_of(self, label: str) -> str:
        """Map a label of the source to a label of the corpus, or to "O", "*" or ""."""
        return self.labels.get(label, self.labels.get(OTHERS, label))


@dataclass(frozen=True)
class ProposalSettings:
    """Settings of `propose`.

    labels (tuple[str, ...]): Labels of the corpus.
    sources (tuple[SourceSettings, ...]): The sources.
    accept (float): Lowest probability at which a proposal is annotated, if no other such proposal contradicts it.
    consider (float): Lowest probability at which a proposed entity is used at all. If its probability is below
        `accept`, it is not annotated, but training allows it, and also allows O on its characters.
    outside_weight (float): Weight w of O at characters without annotation. 0 leaves them unknown, and 1 makes them O.
        In the loss, a path is multiplied by 1 − w for each of these characters that it puts into an entity.
    folder (Path): Folder to which paths of the sources are relative.
    origin (str): Name of the settings file, for messages.
    """

    labels: tuple[str, ...]
    sources: tuple[SourceSettings, ...]
    accept: float = DEFAULT_ACCEPT
    consider: float = DEFAULT_CONSIDER
    outside_weight: float = DEFAULT_OUTSIDE_WEIGHT
    folder: Path = Path()
    origin: str = "The sources"


def read_settings(path: Path) -> ProposalSettings:
    """Read the settings of sources from a TOML file.

    path (Path): The file.
    RETURNS (ProposalSettings): The settings.
    RAISES (UsageError): If the file is not valid TOML, or a key, label or value is wrong.
    RAISES (OSError): If the file cannot be read.
    """
    return make_settings(read_toml(path, Errors.ZT778), folder=path.parent, origin=str(path))


def make_settings(content: Mapping[str, Any], *, folder: Path, origin: str = "The sources") -> ProposalSettings:
    """Check the content of a TOML file, and convert it to settings.

    content (Mapping[str, Any]): The parsed content of the file.
    folder (Path): Folder to which paths of the sources are relative.
    origin (str): Name of the settings file, for messages.
    RETURNS (ProposalSettings): The settings.
    RAISES (UsageError): If a key, label or value is wrong.
    """
    check = _Check(origin)
    check.keys("the file", content, TOP_KEYS)
    labels = content.get("labels")
    if not isinstance(labels, list) or not labels or not all(isinstance(each, str) and each for each in labels):
        raise check.wrong("`labels`", "a list of the labels of the corpus", labels)
    if {OUTSIDE_LABEL, INSIDE_LABEL} & set(labels):
        raise check.wrong("`labels`", "labels of entities, without O and *", labels)
    numbers = {
        key: check.share(f"`{key}`", content.get(key, default))
        for key, default in (
            ("accept", DEFAULT_ACCEPT),
            ("consider", DEFAULT_CONSIDER),
            ("outside_weight", DEFAULT_OUTSIDE_WEIGHT),
        )
    }
    tables = content.get("source")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise check.wrong("`[[source]]`", "one table or more", tables)
    sources = tuple(check.source(table, number, labels) for number, table in enumerate(tables, start=1))
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise check.wrong("`name`", "another for each source", name)
    return ProposalSettings(tuple(labels), sources, **numbers, folder=folder, origin=origin)


class _Check:
    """Checks the values of one settings file. The errors name the file and the key of the wrong value.

    origin (str): Name of the settings file.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def wrong(self, key: str, expected: str, seen: object) -> UsageError:
        """Return a UsageError which says that `key` is `seen` and must be `expected`, a phrase such as "a number"."""
        return UsageError(Errors.ZT779.format(origin=self.origin, key=key, expected=expected, seen=repr(seen)[:80]))

    def keys(self, where: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
        """Raise a UsageError if a table has a key that is not in `known`. The message suggests the most similar key."""
        for key in table:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                choices = ", ".join(known)
                raise UsageError(
                    Errors.ZT780.format(origin=self.origin, where=where, key=key, choices=choices, hint=hint)
                )

    def share(self, key: str, value: object) -> float:
        """Return the value as a float; raise a UsageError if it is not a number from 0 to 1."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
            raise self.wrong(key, "a number from 0 to 1", value)
        return float(value)

    def source(self, table: Mapping[str, Any], number: int, labels: list[str]) -> SourceSettings:
        """Check one table `[[source]]`, and convert it to settings.

        table (Mapping[str, Any]): The table.
        number (int): Number of the table in the file, from 1, for messages.
        labels (list[str]): Labels of the corpus.
        RETURNS (SourceSettings): The settings.
        RAISES (UsageError): If a key, label or value is wrong.
        """
        type_, name = table.get("type"), table.get("name", table.get("type"))
        if not isinstance(type_, str) or type_ not in OWN_KEYS:
            raise self.wrong(f"`type` of source {number}", f"one of {', '.join(OWN_KEYS)}", type_)
        if not isinstance(name, str) or not name.strip():
            raise self.wrong(f"`name` of source {number}", "a name", name)
        where, own = f"source {name!r}", OWN_KEYS[type_]
        self.keys(where, table, (*COMMON_KEYS, *own))
        if own and own[0] not in table:
            raise self.wrong(f"`{own[0]}` of {where}", "a value", None)
        options = {key: table[key] for key in own if key in table}
        self._options(where, options)
        label_map = table.get("labels", {})
        if not isinstance(label_map, dict) or not all(isinstance(to, str) for to in label_map.values()):
            raise self.wrong(f"`labels` of {where}", 'a table such as { GPE = "LOC", DATE = "" }', label_map)
        for label in (*label_map.values(), *_own_labels(options, label_map)):
            if label not in (*labels, OUTSIDE_LABEL, INSIDE_LABEL, NOT_USED):
                raise self._unknown_label(where, label, labels)
        precision = table.get("precision")
        if isinstance(precision, dict):
            precision = {label: self.share(f"`precision` of {where}", value) for label, value in precision.items()}
        else:
            precision = self.share(f"`precision` of {where}", precision)
        min_score = self.share(f"`min_score` of {where}", table.get("min_score", 0.0))
        return SourceSettings(name, type_, precision, label_map, min_score, options)

    def _options(self, where: str, options: Mapping[str, Any]) -> None:
        """Raise a UsageError if a value in `SourceSettings.options` has a wrong type.

        The values of "words", "patterns" and "prompts" must be non-empty tables, and those of "prompts" must have only
        non-empty strings. All other values must be non-empty strings.

        where (str): Name of the source in the message, such as "source 'places'".
        options (Mapping[str, Any]): The settings that only some types of sources have: key → value.
        """
        for key, value in options.items():
            if key in TABLES:
                if not isinstance(value, dict) or not value:
                    raise self.wrong(f"`{key}` of {where}", "a table of labels", value)
                if key == "prompts" and not all(isinstance(prompt, str) and prompt for prompt in value.values()):
                    raise self.wrong(f"`{key}` of {where}", 'a table such as { ORG = "organization" }', value)
            elif key != "exclude" and (not isinstance(value, str) or not value):
                raise self.wrong(f"`{key}` of {where}", "a string", value)

    def _unknown_label(self, where: str, label: str, labels: list[str]) -> UsageError:
        near = get_close_matches(label, labels, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        known = ", ".join(labels)
        return UsageError(Errors.ZT781.format(origin=self.origin, where=where, label=label, labels=known, hint=hint))


def _own_labels(options: Mapping[str, Any], label_map: Mapping[str, str]) -> list[str]:
    """Return the labels that are keys of `words`, `patterns` or `prompts` of a source, mapped to labels of the corpus.

    options (Mapping[str, Any]): The `SourceSettings.options` of the source.
    label_map (Mapping[str, str]): The setting `labels` of the source. Labels that are not keys stay unchanged.
    """
    tables = [options[key] for key in ("words", "patterns", "prompts") if key in options]
    return [label_map.get(label, label) for table in tables for label in table]
