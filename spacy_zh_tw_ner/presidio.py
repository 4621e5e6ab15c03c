"""Adapter for Presidio: a recognizer of Taiwanese personal data for its analyzer, and masking for its anonymizer.

analyzer = AnalyzerEngine(registry=…, nlp_engine=…, supported_languages=["zh"])
analyzer.registry.add_recognizer(TaiwanRecognizer())

anonymizer = AnonymizerEngine()
anonymizer.add_anonymizer(MaskingOperator)
anonymizer.anonymize(text, analyzer.analyze(text, "zh"), masking_operators())
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .entities import Found
from .errors import Errors, SettingError, UsageError
from .extras import import_extra
from .masking import Masked, Masker, MaskingPolicy
from .masking.labels import REPLACE
from .masking.replacer import Replacer
from .taiwan import LABELS, scan
from .taiwan.scanner import DEFAULT_MIN_SCORE

if TYPE_CHECKING:
    from presidio_analyzer import AnalysisExplanation, EntityRecognizer, RecognizerResult
    from presidio_anonymizer.entities import OperatorConfig
    from presidio_anonymizer.operators import Operator, OperatorType
    from spacy.language import Language
    from spacy.tokens import Doc
else:
    for _module in ("presidio_analyzer", "presidio_anonymizer"):
        import_extra(_module, "presidio", needed_by=__name__)
    from presidio_analyzer import AnalysisExplanation, EntityRecognizer, RecognizerResult
    from presidio_anonymizer.entities import OperatorConfig
    from presidio_anonymizer.operators import Operator, OperatorType

# Labels that Presidio has other names for; all others keep their name.
NAMES: Final = {
    "PHONE": "PHONE_NUMBER",
    "EMAIL": "EMAIL_ADDRESS",
    "IP": "IP_ADDRESS",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
    "ORG": "ORGANIZATION",
    "NORP": "NRP",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
}
# The label by which a policy of masking treats an entity of Presidio
_LABELS: Final = {
    "PHONE_NUMBER": "PHONE",
    "EMAIL_ADDRESS": "EMAIL",
    "IP_ADDRESS": "IP",
    "DATE_TIME": "DATE",
    "ORGANIZATION": "ORG",
    "NRP": "NORP",
    "LOCATION": "LOC",
}
UNSCORED = 0.85  # what Presidio gives to entities of spaCy's own `ner`, which have no score
REPLACER = "replacer"


class _Hit(NamedTuple):
    """An entity, its score, and the rule that has found it, if any."""

    start: int
    end: int
    label: str
    score: float
    rule: str | None


class TaiwanRecognizer(EntityRecognizer):  # type: ignore[misc]  # mypy does not follow Presidio
    """Recognizer of Presidio that finds personal data of Taiwan by the rules of `zh_tw_pii`.

    supported_entities (Optional[list[str]]): Presidio's names of the entities to report, see `NAMES`; default: all.
    name (str): Name of this recognizer, which results have in their metadata.
    supported_language (str): Language that it is registered for; the rules read texts of any language.
    pipeline (Language | str | None): A spaCy pipeline, or its folder or package, whose entities, such as persons, are
        reported as well. If the pipeline has no component `zh_tw_pii`, one is applied to its documents. That component
        decides between overlapping entities of the pipeline and the rules.
    min_score (float): Entities found by the rules with a lower score are left out.
    settings (Any): Further arguments of Presidio's `EntityRecognizer`, such as `score_thresholds`.
    RAISES (SettingError): For an unknown name in `supported_entities`, or a `min_score` outside of 0 to 1.
    """

    def __init__(
        self,
        supported_entities: list[str] | None = None,
        name: str = "TaiwanRecognizer",
        supported_language: str = "zh",
        *,
        pipeline: "Language | str | None" = None,
        min_score: float = DEFAULT_MIN_SCORE,
        **settings: Any,
    ) -> None:
        if not 0.0 <= min_score <= 1.0:
            raise SettingError(Errors.ZT106.format(value=min_score))
        self.min_score = min_score
        self._nlp: Language | None = None
        self._finder: Callable[[Doc], Doc] | None = None
        if pipeline is not None:
            self._nlp, self._finder = _with_rules(pipeline, min_score)
        names = dict.fromkeys(NAMES.get(label, label) for label in (*LABELS, *_labels_of(self._nlp)))
        unknown = [wanted for wanted in supported_entities or () if wanted not in names]
        if unknown:
            raise SettingError(Errors.ZT884.format(name=unknown[0], names=", ".join(names)))
        super().__init__(supported_entities or list(names), name, supported_language, **settings)

    def load(self) -> None:
        """Do nothing: the rules are code, and a pipeline is loaded by the constructor."""

    def analyze(self, text: str, entities: Sequence[str] | None, nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """Find personal data.

        text (str): The text.
        entities (Optional[Sequence[str]]): Names to report; default: all supported ones.
        nlp_artifacts (Any): Not used: the rules need no tokens, and `pipeline` makes its own.
        RETURNS (list[RecognizerResult]): In order, without overlaps. The explanation of each has the name of its rule.
        """
        wanted = set(self.supported_entities).intersection(entities or self.supported_entities)
        hits = ((NAMES.get(hit.label, hit.label), hit) for hit in self._hits(text))
        return [self._result(name, hit) for name, hit in hits if name in wanted]

    def _hits(self, text: str) -> Iterator[_Hit]:
        if self._nlp is None or self._finder is None:
            yield from (_Hit(*finding) for finding in scan(text, min_score=self.min_score))
            return
        from .components.pii import get_rule
        from .components.span_annotations import get_score

        for ent in self._finder(self._nlp(text)).ents:
            score = get_score(ent)
            yield _Hit(ent.start_char, ent.end_char, ent.label_, UNSCORED if score is None else score, get_rule(ent))

    def _result(self, name: str, hit: _Hit) -> RecognizerResult:
        explanation = AnalysisExplanation(self.name, hit.score, pattern_name=hit.rule)
        metadata = {
            RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
        }
        return RecognizerResult(name, hit.start, hit.end, hit.score, explanation, metadata)


def _with_rules(pipeline: "Language | str", min_score: float) -> "tuple[Language, Callable[[Doc], Doc]]":
    """Return the loaded pipeline, and a function that adds the entities found by the rules to a document.

    The function does nothing if the pipeline itself applies the rules.
    """
    from .components.pii import PiiFinder
    from .recognizers.pipelines import load_pipeline

    nlp = load_pipeline(pipeline) if isinstance(pipeline, str) else pipeline
    has_rules = any(isinstance(component, PiiFinder) for _, component in nlp.pipeline)
    return nlp, (lambda doc: doc) if has_rules else PiiFinder(min_score=min_score)


def _labels_of(nlp: "Language | None") -> tuple[str, ...]:
    if nlp is None:
        return ()
    from .recognizers.spacy_recognizer import SpacyRecognizer

    return SpacyRecognizer(nlp).labels


class MaskingOperator(Operator):  # type: ignore[misc]  # mypy does not follow Presidio
    """Operator of Presidio's anonymizer that applies the actions of a masking policy; see `masking_operators`."""

    def operate(self, text: str, params: Mapping[str, Any]) -> str:
        """Return the text that replaces an entity.

        text (str): The text of the entity.
        params (Mapping[str, Any]): `replacer`, from `masking_operators`, and `entity_type`, which Presidio adds.
        """
        replacer: Replacer = params[REPLACER]
        return replacer(_label_of(params["entity_type"]), text)[1]

    def validate(self, params: Mapping[str, Any]) -> None:
        """Raise a UsageError if the parameters are not those of `masking_operators`."""
        if not isinstance(params.get(REPLACER), Replacer):
            raise UsageError(Errors.ZT885.format(name=self.operator_name()))

    def operator_name(self) -> str:
        """Return the name of this operator, which an `OperatorConfig` has."""
        return "zh_tw_mask"

    def operator_type(self) -> OperatorType:
        """Return `OperatorType.Anonymize`: this operator replaces text, and does not restore it."""
        return OperatorType.Anonymize


def masking_operators(policy: MaskingPolicy | None = None, *, key: bytes | None = None) -> dict[str, OperatorConfig]:
    """Return the operators for `AnonymizerEngine.anonymize`, to which `MaskingOperator` was added.

    The engine replaces the entities of a text from the last to the first, and placeholders are numbered in this order.
    If the same operators are used for several texts, the numbers continue, and the same entity gets the same
    replacement. Repetitions of an entity that the analyzer has not reported are not masked; `mask_results` masks them.

    policy (Optional[MaskingPolicy]): Actions by label. Without a `default`, all other labels that the analyzer reports
        are replaced by placeholders, as Presidio replaces them.
    key (Optional[bytes]): Secret that determines hashes and pseudonyms.
    RETURNS (dict[str, OperatorConfig]): One operator for all entities.
    RAISES (UsageError): If the policy has the action "hash" and there is no key.
    """
    replacer = _masker(policy, key).replacer()
    return {"DEFAULT": OperatorConfig(MaskingOperator().operator_name(), {REPLACER: replacer})}


def mask_results(
    text: str, results: Iterable[RecognizerResult], policy: MaskingPolicy | None = None, *, key: bytes | None = None
) -> Masked:
    """Mask the results of Presidio's analyzer without its anonymizer.

    Other occurrences of the same texts are also masked. The result has a map for `unmask`.

    text (str): The text.
    results (Iterable[RecognizerResult]): Results of any recognizers.
    policy (Optional[MaskingPolicy]), key (Optional[bytes]): See `masking_operators`.
    RETURNS (Masked): The masked text, and the replacements.
    RAISES (UsageError): If the policy has the action "hash" and there is no key.
    """
    found = [Found(each.start, each.end, _label_of(each.entity_type), each.score) for each in results]
    return _masker(policy, key).mask_text(text, found)


def _masker(policy: MaskingPolicy | None, key: bytes | None) -> Masker:
    policy = policy or MaskingPolicy()
    return Masker(policy if policy.default is not None else replace(policy, default=REPLACE), key=key)


def _label_of(name: str) -> str:
    return _LABELS.get(name, name)
