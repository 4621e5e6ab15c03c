"""The adapter for Presidio, with Presidio's own analyzer and anonymizer."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.pipeline import EntityRuler

pytest.importorskip("presidio_analyzer")
pytest.importorskip("presidio_anonymizer")

from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_analyzer.predefined_recognizers import PhoneRecognizer
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import OperatorConfig

from spacy_zh_tw_ner.errors import SettingError, UsageError
from spacy_zh_tw_ner.masking import MaskingPolicy, unmask
from spacy_zh_tw_ner.presidio import MaskingOperator, TaiwanRecognizer, mask_results, masking_operators

ROOT = Path(__file__).parents[1]
KEY = b"a key of 16 bytes or more"
TEXT = "王小明（身分證A123456789）住臺北市大安區泰順街5號，手機0912-345-678，信箱ming@mail.tw。"
FOUND = [
    ("A123456789", "NATIONAL_ID", 0.99),
    ("臺北市大安區泰順街5號", "ADDRESS", 0.97),
    ("0912-345-678", "PHONE_NUMBER", 0.98),
    ("ming@mail.tw", "EMAIL_ADDRESS", 0.99),
]


def make_analyzer(*recognizers: Any) -> AnalyzerEngine:
    return AnalyzerEngine(
        registry=RecognizerRegistry([*recognizers], supported_languages=["zh"]),
        nlp_engine=NoOpNlpEngine([{"lang_code": "zh", "model_name": ""}]),
        supported_languages=["zh"],
    )


def make_pipeline(*, rules: bool = False) -> Language:
    """Make a pipeline that finds a name and, wrongly, a number."""
    nlp = spacy.blank("zh_tw")
    ruler = nlp.add_pipe("entity_ruler")
    assert isinstance(ruler, EntityRuler)
    for label, surface in (("PERSON", "王小明"), ("ORG", "王小明診所"), ("GPE", "花蓮縣")):
        ruler.add_patterns([{"label": label, "pattern": surface}])
    if rules:
        nlp.add_pipe("zh_tw_pii", config={"labels": ["PHONE"]})
    return nlp


def analyze(recognizer: TaiwanRecognizer, text: str = TEXT, **settings: Any) -> list[tuple[str, str, float]]:
    results = make_analyzer(recognizer).analyze(text, "zh", **settings)
    results.sort(key=lambda result: result.start)
    return [(text[each.start : each.end], each.entity_type, each.score) for each in results]


def anonymize(text: str, results: list[RecognizerResult], operators: dict[str, OperatorConfig]) -> str:
    engine = AnonymizerEngine()
    engine.add_anonymizer(MaskingOperator)
    return str(engine.anonymize(text, results, operators).text)


def result(text: str, surface: str, name: str) -> RecognizerResult:
    start = text.index(surface)
    return RecognizerResult(name, start, start + len(surface), 0.9)


def test_the_analyzer_gets_the_findings_of_the_rules() -> None:
    assert analyze(TaiwanRecognizer()) == FOUND


def test_it_takes_part_with_recognizers_of_presidio() -> None:
    others = PhoneRecognizer(supported_language="zh", supported_regions=["TW"])
    results = make_analyzer(TaiwanRecognizer(), others).analyze("電話0912-345-678", "zh")
    assert {(each.start, each.end, each.entity_type) for each in results} == {(2, 14, "PHONE_NUMBER")}
    assert max(each.score for each in results) == 0.98


def test_entities_and_thresholds_are_those_of_the_analyzer() -> None:
    assert analyze(TaiwanRecognizer(), entities=["PHONE_NUMBER"]) == FOUND[2:3]
    assert analyze(TaiwanRecognizer(), score_threshold=0.985) == [FOUND[0], FOUND[3]]
    assert analyze(TaiwanRecognizer(["ADDRESS"])) == FOUND[1:2]


def test_a_lower_score_finds_more() -> None:
    assert analyze(TaiwanRecognizer(), "12345675") == []
    assert analyze(TaiwanRecognizer(min_score=0.3), "12345675") == [("12345675", "COMPANY_ID", 0.3)]


def test_results_name_their_rule() -> None:
    found = make_analyzer(TaiwanRecognizer()).analyze(TEXT, "zh", return_decision_process=True)
    rules = {each.analysis_explanation.pattern_name for each in found}
    assert {"national_id_checksum", "address_in_district"} <= rules


def test_a_pipeline_adds_its_entities() -> None:
    recognizer = TaiwanRecognizer(pipeline=make_pipeline())
    assert {"PERSON", "ORGANIZATION", "LOCATION", "NATIONAL_ID"} <= set(recognizer.get_supported_entities())
    assert analyze(recognizer) == [("王小明", "PERSON", 0.85), *FOUND]
    assert analyze(recognizer, "在花蓮縣的王小明診所") == [
        ("花蓮縣", "LOCATION", 0.85),
        ("王小明診所", "ORGANIZATION", 0.85),
    ]


def test_a_pipeline_with_rules_of_its_own_keeps_their_settings(tmp_path: Path) -> None:
    assert analyze(TaiwanRecognizer(pipeline=make_pipeline(rules=True))) == [("王小明", "PERSON", 0.85), FOUND[2]]
    make_pipeline(rules=True).to_disk(tmp_path)
    assert analyze(TaiwanRecognizer(pipeline=str(tmp_path))) == [("王小明", "PERSON", 0.85), FOUND[2]]


def test_it_is_described_and_made_again_as_presidio_does() -> None:
    recognizer = TaiwanRecognizer(["PHONE_NUMBER"], score_thresholds={"default": 0.9})
    again = TaiwanRecognizer.from_dict(recognizer.to_dict())
    assert (again.name, again.supported_language) == ("TaiwanRecognizer", "zh")
    assert analyze(again) == FOUND[2:3]


@pytest.mark.parametrize(("text", "entities"), [("", None), ("沒有", None), (TEXT, [])])
def test_texts_without_findings_and_calls_without_names(text: str, entities: list[str] | None) -> None:
    assert len(TaiwanRecognizer().analyze(text, entities)) == (len(FOUND) if text == TEXT else 0)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(SettingError, match=r"ZT884.*'PHONE'.*PHONE_NUMBER"):
        TaiwanRecognizer(["PHONE"])
    with pytest.raises(SettingError, match="ZT106"):
        TaiwanRecognizer(min_score=1.5)


def test_the_anonymizer_applies_the_default_policy_to_all_that_was_found() -> None:
    results = make_analyzer(TaiwanRecognizer(pipeline=make_pipeline())).analyze(TEXT, "zh")
    assert anonymize(TEXT, results, masking_operators()) == (
        "〔姓名1〕（身分證〔身分證字號1〕）住〔地址1〕，手機〔電話1〕，信箱〔電子郵件1〕。"
    )
    text = "US 123-45-6789於王小明診所"
    found = [result(text, "123-45-6789", "US_SSN"), result(text, "王小明診所", "ORGANIZATION")]
    assert anonymize(text, found, masking_operators()) == "US 〔US_SSN1〕於〔組織1〕"


def test_an_entity_has_one_placeholder_and_one_pseudonym() -> None:
    text = "0912345678、0987654321、0912-345-678"
    results = make_analyzer(TaiwanRecognizer()).analyze(text, "zh")
    assert anonymize(text, results, masking_operators()) == "〔電話1〕、〔電話2〕、〔電話1〕"
    policy = MaskingPolicy({"PHONE": "pseudonym"})
    made = anonymize(text, results, masking_operators(policy, key=KEY)).replace("-", "").split("、")
    assert made[0] == made[2] != made[1]
    other = [result("電話0912345678", "0912345678", "PHONE_NUMBER")]
    assert anonymize("電話0912345678", other, masking_operators(policy, key=KEY)) == f"電話{made[0]}"


def test_policies_keep_redact_hash_and_generalise() -> None:
    policy = MaskingPolicy(
        {"NATIONAL_ID": "redact", "PHONE": "keep", "EMAIL": "hash", "ADDRESS": "generalise"}, default="keep"
    )
    results = make_analyzer(TaiwanRecognizer()).analyze(TEXT, "zh")
    text = anonymize(TEXT, results, masking_operators(policy, key=KEY))
    assert text.startswith("王小明（身分證███）住臺北市，手機0912-345-678，信箱〔電子郵件#")
    with pytest.raises(UsageError, match="ZT877"):
        masking_operators(policy)


def test_it_stands_beside_operators_of_presidio() -> None:
    results = make_analyzer(TaiwanRecognizer()).analyze(TEXT, "zh")
    operators = {**masking_operators(), "PHONE_NUMBER": OperatorConfig("redact")}
    assert "手機，信箱〔電子郵件1〕" in anonymize(TEXT, results, operators)


def test_an_operator_without_its_replacer_is_refused() -> None:
    results = make_analyzer(TaiwanRecognizer()).analyze(TEXT, "zh")
    with pytest.raises(UsageError, match=r"ZT885.*masking_operators"):
        anonymize(TEXT, results, {"DEFAULT": OperatorConfig("zh_tw_mask")})


def test_results_are_masked_with_a_map_and_repetitions() -> None:
    text = f"{TEXT}王小明"
    results = [*make_analyzer(TaiwanRecognizer()).analyze(text, "zh"), result(text, "王小明", "PERSON")]
    masked = mask_results(text, results)
    assert masked.text.startswith("〔姓名1〕（身分證〔身分證字號1〕）")
    assert masked.text.endswith("〔電子郵件1〕。〔姓名1〕")
    assert unmask(masked.text, masked.map) == text


IMPORT = """
import json, sys
from tests.missing_packages import hide
hide(sys.argv[1])
try:
    import spacy_zh_tw_ner.presidio
except ImportError as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""


@pytest.mark.parametrize("package", ["presidio_analyzer", "presidio_anonymizer"])
def test_without_presidio_it_names_the_extra(package: str) -> None:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, package],
        capture_output=True,
        encoding="utf-8",
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    kind, message = json.loads(done.stdout)
    assert kind == "MissingExtraError"
    assert "ZT530" in message
    assert "presidio" in message
    assert "pip install" in message
