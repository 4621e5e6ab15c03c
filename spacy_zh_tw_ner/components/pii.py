"""The component `zh_tw_pii`, which finds personal data by rules and check digits and adds it to `doc.ents`."""

import math
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from spacy.training import Example

from ..entities import Entity, Prediction
from ..errors import Errors, SettingError, Warnings
from ..interval_scheduling import Segment, choose
from ..language.span_groups import CharacterSpans
from ..taiwan.findings import LABELS
from ..taiwan.names import NAME_LABELS, find_names
from ..taiwan.scanner import DEFAULT_MIN_SCORE, find_candidates
from ..tokenization.char_tokenizer import text_of
from ..untrusted import origin, parse_json, reading, require, require_type
from .span_annotations import group_with_values, read_scores, register_extension, starting_at, write_scores

PII_KEY, RULES, SCORES = "pii", "rules", "scores"
EXTENSION = "rule"
DEFAULT_PRIORITY = 0.5


@Language.factory(
    "zh_tw_pii",
    assigns=["doc.ents", "doc.spans", "span._.score", "span._.rule"],
    default_config={
        "labels": None,
        "min_score": DEFAULT_MIN_SCORE,
        "priority": DEFAULT_PRIORITY,
        "overwrite": False,
        "names": False,
    },
)
def make_pii_finder(
    nlp: Language,
    name: str,
    labels: list[str] | None,
    min_score: float,
    priority: float,
    overwrite: bool,
    names: bool,
) -> "PiiFinder":
    """Build the component `zh_tw_pii`; the settings are those of PiiFinder.

    They select findings by label and score, and decide which is kept of a finding and an entity that overlap.
    """
    return PiiFinder(labels=labels, min_score=min_score, priority=priority, overwrite=overwrite, names=names, name=name)


class PiiFinder(Pipe):
    """Finds identifiers, telephone numbers, addresses, accounts and other personal data by rules.

    If the component comes after `zh_tw_crf_ner`, its findings may overlap entities of the recognizer. Weighted interval
    scheduling then chooses entities and findings that do not overlap, so that the sum of score × tokens is largest.
    Before that, `priority` is added to the scores of findings. If the component comes before `zh_tw_crf_ner`, all
    findings are kept, because the recognizer keeps earlier entities. In both cases, entities without a score, such as
    those set by the user, are kept.

    `span._.score` is the score of the rule, and `span._.rule` its name. Both are also in `doc.spans["pii"].attrs`,
    under "scores" and "rules"; a DocBin stores these.

    labels (Optional[Collection[str]]): Labels to find; default: all of `spacy_zh_tw_ner.taiwan.LABELS`.
    min_score (float): From 0 to 1. Findings with a lower score are left out. With a low value, more personal data is
        found, and more findings are wrong: at 0.3, every number of eight digits with a valid check digit is a
        COMPANY_ID.
    priority (float): Added to the score of a finding when it is compared with overlapping entities of a recognizer.
        A recognizer without labels for identifiers labels them as CARDINAL or DATE, with high probability.
    overwrite (bool): Also replace an entity without a score if a finding overlaps it.
    names (bool): Also find PERSON and ORG by their context, such as a title after a name, the field name 姓名：
        before it, or the header of its column in a table. This is meant for masking: fewer names are missed, and more
        words are taken for names.
    name (str): Name of this instance.
    RAISES (SettingError): For an unknown label, a min_score outside of 0 to 1, or a negative priority.
    """

    def __init__(
        self,
        *,
        labels: Collection[str] | None = None,
        min_score: float = DEFAULT_MIN_SCORE,
        priority: float = DEFAULT_PRIORITY,
        overwrite: bool = False,
        names: bool = False,
        name: str = "pii",
    ) -> None:
        self.name = name
        self._configure(labels, min_score, priority, overwrite, names)
        register_extension()
        register_rule_extension()

    def _configure(
        self, labels: Collection[str] | None, min_score: float, priority: float, overwrite: bool, names: bool
    ) -> None:
        """Check the settings, which the class describes, and set them as attributes.

        RAISES (SettingError): For an unknown label, a min_score outside of 0 to 1, or a negative priority.
        """
        unknown = sorted(set(labels or ()).difference(LABELS))
        if unknown:
            raise SettingError(Errors.ZT850.format(label=unknown[0], labels=", ".join(LABELS)))
        if not 0.0 <= min_score <= 1.0:
            raise SettingError(Errors.ZT106.format(value=min_score))
        if not 0.0 <= priority < math.inf:
            raise SettingError(Errors.ZT851.format(value=priority))
        self._labels = None if labels is None else tuple(label for label in LABELS if label in labels)
        self.min_score, self.priority, self.overwrite, self.names = min_score, priority, overwrite, names

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that this component finds, in the order of `LABELS`; then PERSON and ORG, if `names` is set."""
        return (LABELS if self._labels is None else self._labels) + (NAME_LABELS if self.names else ())

    def __call__(self, doc: Doc) -> Doc:
        """Find the personal data of a document, add it to `doc.ents`, and return the same document.

        Scores and rules of the findings replace those in `doc.spans["pii"]`.
        """
        found = self._find(doc)
        if found:
            self._add_entities(doc, found)
        else:
            _write_rules(doc, {})
        return doc

    def find(self, doc: Doc) -> dict[Span, tuple[float, str]]:
        """Find personal data without changing the document; findings may overlap.

        doc (Doc): The document.
        RETURNS (dict[Span, tuple[float, str]]): The findings, with their score and the name of their rule. A finding
            that begins or ends inside a token is expanded to whole tokens, so that all of it is covered.
        """
        return {Span(doc, *entity): value for entity, value in self._find(doc).items()}

    def _find(self, doc: Doc) -> dict[Entity, tuple[float, str]]:
        """Find personal data without changing the document; findings may overlap.

        RETURNS (dict[Entity, tuple[float, str]]): Finding, with token offsets → its score and the name of its rule.
            Findings are `Entity` tuples, because these are hashed faster than spans.
        """
        found: dict[Entity, tuple[float, str]] = {}
        text = text_of(doc)
        # Without spaces, each token is a character if `CharTokenizer` has made the document.
        starts = range(len(text)) if len(text) == len(doc) else doc.to_array("IDX").tolist()
        candidates = [*find_candidates(text, labels=self._labels), *(find_names(text) if self.names else ())]
        for start, end, label, score, rule in candidates:
            if score < self.min_score:
                continue
            entity = Entity(bisect_right(starts, start) - 1, bisect_left(starts, end), label)
            if entity not in found or found[entity][0] < score:
                found[entity] = score, rule
        return found

    def _add_entities(self, doc: Doc, found: dict[Entity, tuple[float, str]]) -> None:
        """Choose findings and entities that do not overlap, and write them to `doc.ents`.

        All scores are written to `doc.spans["ner"]`, those of the findings and their rules also to `doc.spans["pii"]`.
        Entities without a score are kept, unless `overwrite` is set. Findings compete with entities that have a score.

        found (dict[Entity, tuple[float, str]]): Finding, with token offsets → its score and the name of its rule.
        """
        scores, earlier = read_scores(doc), {_entity(ent): ent for ent in doc.ents}
        unscored = [entity for entity in earlier if entity not in scores]
        taken = set() if self.overwrite else _tokens(unscored)
        rivals = [entity for entity in earlier if entity in scores]
        findings = [entity for entity in found if taken.isdisjoint(range(entity.start, entity.end))]
        weights = [scores[entity] for entity in rivals] + [found[entity][0] + self.priority for entity in findings]
        segments = [
            # `choose` drops segments of weight 0, but an entity that overlaps no other one is kept at any score.
            Segment(entity.start, entity.end, index, max(weight, 1e-9) * (entity.end - entity.start))
            for index, (entity, weight) in enumerate(zip([*rivals, *findings], weights, strict=True))
        ]
        kept = [segment.kind for segment in choose(segments, 0.0)]
        chosen = [findings[index - len(rivals)] for index in kept if index >= len(rivals)]
        kept_rivals = [rivals[index] for index in kept if index < len(rivals)]
        covered = _tokens([*kept_rivals, *chosen]) if unscored else set()
        others = [entity for entity in unscored if covered.isdisjoint(range(entity.start, entity.end))]
        spans = [earlier[entity] for entity in (*others, *kept_rivals)] + [Span(doc, *entity) for entity in chosen]
        doc.set_ents(spans)
        scored = {entity: scores[entity] for entity in kept_rivals} | {entity: found[entity][0] for entity in chosen}
        entities = sorted(scored)
        write_scores(doc, Prediction(tuple(entities), tuple(scored[entity] for entity in entities)))
        _write_rules(doc, {entity: found[entity] for entity in chosen})

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]] | None = None,
        *,
        nlp: Language | None = None,
    ) -> None:
        """Do nothing: rules need no training. spaCy calls this method of all components.

        get_examples (Optional[Callable]), nlp (Optional[Language]): Not used.
        """

    def _settings(self) -> dict[str, Any]:
        """Return the arguments of the constructor, except `name`, as a dictionary that can be serialized as JSON."""
        labels = None if self._labels is None else list(self._labels)
        numbers = {"min_score": self.min_score, "priority": self.priority}
        return {"labels": labels, **numbers, "overwrite": self.overwrite, "names": self.names}

    def _load(self, data: bytes) -> None:
        """Parse and check settings in JSON, and set them.

        Call it in the context manager `reading`, which turns errors into an UnreadableFileError with the file name.

        data (bytes): JSON in UTF-8, from `to_bytes` or a file of `to_disk`.
        """
        settings = require_type("the settings", parse_json(data), dict)
        labels = settings.get("labels")
        require(labels is None or isinstance(labels, list), "labels", labels, "a list, or null")
        names = None if labels is None else [require_type("labels", label, str) for label in labels]
        min_score, priority = (_number(settings, key) for key in ("min_score", "priority"))
        overwrite, with_names = (require_type(key, settings.get(key, False), bool) for key in ("overwrite", "names"))
        self._configure(names, min_score, priority, overwrite, with_names)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Return the settings as JSON in UTF-8. `exclude` is not used."""
        text: str = srsly.json_dumps(self._settings())
        return text.encode("utf-8")

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "PiiFinder":
        """Set the settings that `to_bytes` has returned, and return this component. `exclude` is not used."""
        with reading(origin()):
            self._load(data)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the settings to a JSON file. `exclude` is not used."""
        srsly.write_json(Path(path), self._settings())

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "PiiFinder":
        """Set the settings that `to_disk` has written, and return this component. `exclude` is not used."""
        with reading(path):
            self._load(Path(path).read_bytes())
        return self


def get_rule(span: Span) -> str | None:
    """Return the name of the rule that has found an entity. This is the getter of `span._.rule`.

    span (Span): A span of any document.
    RETURNS (Optional[str]): The name, such as "national_id_checksum". None if no rule has found an entity with the
        start, end and label of the span.
    """
    group = group_with_values(span.doc, PII_KEY, RULES)
    if group is None:
        return None
    for index in starting_at(group, span.start):
        if (group[index].end, group[index].label) == (span.end, span.label):
            return str(group.attrs[RULES][index])
    return None


def register_rule_extension() -> None:
    """Define `Span._.rule` if it is not defined; warn if another package has defined it."""
    if not Span.has_extension(EXTENSION):
        Span.set_extension(EXTENSION, getter=get_rule)
    elif Span.get_extension(EXTENSION)[2] is not get_rule:
        warnings.warn(Warnings.ZT858.format(key=PII_KEY), stacklevel=2)


def _number(settings: dict[str, Any], key: str) -> float:
    """Return the setting `key` as a float; raise an UnreadableFileError if it is missing or not a number."""
    value = settings.get(key)
    require(isinstance(value, int | float) and not isinstance(value, bool), key, value, "a number")
    return float(settings[key])


def _entity(span: Span) -> Entity:
    """Return the token offsets and the label of a span."""
    return Entity(span.start, span.end, span.label_)


def _tokens(entities: Iterable[Entity]) -> set[int]:
    """Return the indices of all tokens that the entities cover."""
    return {index for entity in entities for index in range(entity.start, entity.end)}


def _write_rules(doc: Doc, found: dict[Entity, tuple[float, str]]) -> None:
    """Replace the span group `doc.spans["pii"]` by findings, and store their scores and rules in its `attrs`.

    found (dict[Entity, tuple[float, str]]): Finding, with token offsets → its score and the name of its rule. They are
        sorted by their start.
    """
    spans = [Span(doc, start, end, label=label) for start, end, label in found]
    attrs = {SCORES: [score for score, _ in found.values()], RULES: [rule for _, rule in found.values()]}
    doc.spans[PII_KEY] = CharacterSpans(doc, name=PII_KEY, spans=spans, attrs=attrs)
