"""Adapter for Presidio: a recognizer of Taiwanese personal data, and an operator that masks entities.

analyzer = AnalyzerEngine(registry=…, nlp_engine=…, supported_languages=["zh"])
analyzer.registry.add_recognizer(TaiwanRecognizer())

anonymizer = AnonymizerEngine()
anonymizer.add_anonymizer(MaskingOperator)
anonymizer.anonymize(text, analyzer.analyze(text, "zh"), masking_operators())
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from .entities import Found
from .errors import Errors, SettingError, UsageError
from .extras import import_extra
from .masking import Masked, Masker, MaskingPolicy
from .masking.labels import REPLACE
from .masking.replacer import Replacer
from .taiwan import LABELS, Finding, scan
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

# Our labels with the entity names of Presidio. All other labels keep their name.
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
# Entity names of Presidio with the labels of masking policies. All other names are labels.
_LABELS: Final = {
    "PHONE_NUMBER": "PHONE",
    "EMAIL_ADDRESS": "EMAIL",
    "IP_ADDRESS": "IP",
    "DATE_TIME": "DATE",
    "ORGANIZATION": "ORG",
    "NRP": "NORP",
    "LOCATION": "LOC",
}
UNSCORED = 0.85  # Presidio's score for entities of spaCy's own `ner`, which has none
REPLACER = "replacer"


class TaiwanRecognizer(EntityRecognizer):  # type: ignore[misc]  # mypy does not follow Presidio
    """Presidio recognizer that finds personal data of Taiwan by the rules of `zh_tw_pii`.

    supported_entities (Optional[list[str]]): Entity types to report, by the names that Presidio uses, such as
        "PHONE_NUMBER"; default: all.
    name (str): Name of this recognizer; Presidio writes it into the metadata of each result.
    supported_language (str): Language for which Presidio registers the recognizer. The rules accept any text.
    pipeline (Language | str | None): A spaCy pipeline, or its folder or package. Its entities, such as persons, are
        reported in addition to those of the rules. If the pipeline has no component `zh_tw_pii`, one is created and
        called after the pipeline. This component decides between overlapping entities of the pipeline and the rules.
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
        """Do nothing. Presidio's constructor calls it to load files, but the rules need none."""

    def analyze(self, text: str, entities: Sequence[str] | None, nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """Find personal data in a text.

        text (str): The text.
        entities (Optional[Sequence[str]]): Entity types to report, by the names of Presidio; None for all.
        nlp_artifacts (Any): Not used: the rules need no tokens, and `pipeline` has its own tokenizer.
        RETURNS (list[RecognizerResult]): In the order of the text, without overlaps. The name of the rule is in
            `analysis_explanation.pattern_name`.
        """
        wanted = set(self.supported_entities).intersection(entities or self.supported_entities)
        hits = ((NAMES.get(hit.label, hit.label), hit) for hit in self._hits(text))
        return [self._result(name, hit) for name, hit in hits if name in wanted]

    def _hits(self, text: str) -> Iterator[Finding]:
        """Yield the entities that the rules find in a text and, if there is a pipeline, also those of the pipeline."""
        if self._nlp is None or self._finder is None:
            yield from scan(text, min_score=self.min_score)
            return
        from .components.pii import get_rule
        from .components.span_annotations import entity_score

        for ent in self._finder(self._nlp(text)).ents:
            score = entity_score(ent)
            yield Finding(
                ent.start_char, ent.end_char, ent.label_, UNSCORED if score is None else score, get_rule(ent) or ""
            )

    def _result(self, name: str, hit: Finding) -> RecognizerResult:
        """Convert a finding to a result of Presidio with the entity type `name`."""
        explanation = AnalysisExplanation(self.name, hit.score, pattern_name=hit.rule or None)
        metadata = {
            RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
        }
        return RecognizerResult(name, hit.start, hit.end, hit.score, explanation, metadata)


def _with_rules(pipeline: "Language | str", min_score: float) -> "tuple[Language, Callable[[Doc], Doc]]":
    """Load a pipeline, and create a function that applies the rules for personal data to its documents.

    pipeline (Language | str): The pipeline, or its folder or package.
    min_score (float): Entities found by the rules with a lower score are left out.
    RETURNS (tuple): The pipeline; and the function, which adds the entities found by the rules to a document. If the
        pipeline has a component `zh_tw_pii`, which does so already, the function does nothing.
    """
    from .components.pii import PiiFinder
    from .recognizers.pipelines import load_pipeline

    nlp = load_pipeline(pipeline) if isinstance(pipeline, str) else pipeline
    has_rules = any(isinstance(component, PiiFinder) for _, component in nlp.pipeline)
    return nlp, (lambda doc: doc) if has_rules else PiiFinder(min_score=min_score)


def _labels_of(nlp: "Language | None") -> tuple[str, ...]:
    """Return the labels of the entities that a pipeline sets; empty without a pipeline."""
    if nlp is None:
        return ()
    from .recognizers.spacy_recognizer import SpacyRecognizer

    return SpacyRecognizer(nlp).labels


class MaskingOperator(Operator):  # type: ignore[misc]  # mypy does not follow Presidio
    """Presidio operator that applies the actions of a masking policy. `masking_operators` configures it."""

    def operate(self, text: str, params: Mapping[str, Any]) -> str:
        """Return the text that replaces an entity.

        text (str): The text of the entity.
        params (Mapping[str, Any]): "replacer" → the object that applies the policy, from `masking_operators`;
            "entity_type" → Presidio's name of the type, such as "PHONE_NUMBER". Presidio's engine passes both.
        """
        replacer: Replacer = params[REPLACER]
        return replacer(_label_of(params["entity_type"]), text)[1]

    def validate(self, params: Mapping[str, Any]) -> None:
        """Raise a UsageError if `params` has no `replacer`, which `masking_operators` sets."""
        if not isinstance(params.get(REPLACER), Replacer):
            raise UsageError(Errors.ZT885.format(name=self.operator_name()))

    def operator_name(self) -> str:
        """Return the name by which an `OperatorConfig` refers to this operator."""
        return "zh_tw_mask"

    def operator_type(self) -> OperatorType:
        """Return `OperatorType.Anonymize`: this operator replaces text, and does not restore it."""
        return OperatorType.Anonymize


def masking_operators(policy: MaskingPolicy | None = None, *, key: bytes | None = None) -> dict[str, OperatorConfig]:
    """Return the operators for `AnonymizerEngine.anonymize`. Add `MaskingOperator` to the engine first.

    Presidio's engine replaces the entities of a text from the last to the first, so placeholders are numbered from the
    end of the text. If the same operators are used for several texts, the numbers continue, and equal entities get
    equal replacements. If the text of an entity occurs again where the analyzer has reported nothing, this occurrence
    is not masked. `mask_results` masks it.

    policy (Optional[MaskingPolicy]): Actions by label. If the policy has no `default`, all other labels are replaced by
        placeholders, because Presidio, too, replaces all entities by default.
    key (Optional[bytes]): Secret key of hashes and pseudonyms. It is required for hashes. None draws a random
        key for pseudonyms.
    RETURNS (dict[str, OperatorConfig]): The key "DEFAULT" with one operator, which Presidio uses for all entities.
    RAISES (UsageError): If the policy has the action "hash" and `key` is None.
    """
    replacer = _masker(policy, key).replacer()
    return {"DEFAULT": OperatorConfig(MaskingOperator().operator_name(), {REPLACER: replacer})}


def mask_results(
    text: str, results: Iterable[RecognizerResult], policy: MaskingPolicy | None = None, *, key: bytes | None = None
) -> Masked:
    """Mask the results of Presidio's analyzer without its anonymizer.

    All other occurrences of the text of an entity are also masked. The result contains the map that `unmask` needs.

    text (str): The text.
    results (Iterable[RecognizerResult]): Results of the analyzer for this text.
    policy (Optional[MaskingPolicy]): Actions by label. If the policy has no `default`, all other labels are replaced by
        placeholders.
    key (Optional[bytes]): Secret key of hashes and pseudonyms. It is required for hashes. None draws a random
        key for pseudonyms.
    RETURNS (Masked): The masked text, the replacements, and the map from replacements to original texts.
    RAISES (UsageError): If the policy has the action "hash" and `key` is None.
    """
    found = [Found(each.start, each.end, _label_of(each.entity_type), each.score) for each in results]
    return _masker(policy, key).mask_text(text, found)


def _masker(policy: MaskingPolicy | None, key: bytes | None) -> Masker:
    """Create an object that masks texts.

    policy (Optional[MaskingPolicy]): Actions by label. Entities of labels without an action get the action `default`
        of the policy. If there is no policy, or it has no `default`, they are replaced by placeholders.
    key (Optional[bytes]): Secret key of hashes and pseudonyms. It is required for hashes. None draws a random
        key for pseudonyms.
    """
    policy = policy or MaskingPolicy()
    return Masker(policy if policy.default is not None else replace(policy, default=REPLACE), key=key)


def _label_of(name: str) -> str:
    """Convert an entity type of Presidio, such as PHONE_NUMBER, to the label of this package, such as PHONE.

    A type that this package does not know is returned unchanged.
    """
    return _LABELS.get(name, name)
