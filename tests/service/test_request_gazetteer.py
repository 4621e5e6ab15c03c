"""Gazetteers of requests: their words match in the texts of the same request only."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import spacy
from spacy.language import Language

from spacy_zh_tw_ner.components.span_annotations import EVIDENCE_KEY
from spacy_zh_tw_ner.recognizers.spacy_recognizer import SpacyRecognizer
from spacy_zh_tw_ner.service.engine import Engine, Unreadable
from spacy_zh_tw_ner.service.model_cache import ModelCache
from spacy_zh_tw_ner.service.request_gazetteer import RequestGazetteer
from spacy_zh_tw_ner.tokenization.word_list import WordList

from .conftest import Running, running
from .test_app import SENTENCE, found, refused

UNKNOWN = "我們在臺飛投資很多年。"


def words(*of_org: str, **settings: Any) -> dict[str, Any]:
    return {"words": {"ORG": list(of_org)}, **settings}


def surfaces(service: Running, text: str, **gazetteer: Any) -> list[tuple[str, str]]:
    body = {"text": text, "gazetteer": gazetteer} if gazetteer else {"text": text}
    (entities,) = found(service.ask(body))
    return [(entity["text"], entity["label"]) for entity in entities]


@pytest.mark.parametrize("settings", [{"override": True}, {"bonus": 30.0}])
def test_gazetteer_words_match_in_normalized_form(service: Running, settings: dict[str, Any]) -> None:
    before = surfaces(service, UNKNOWN)
    assert ("臺飛投資", "ORG") not in before
    assert ("臺飛投資", "ORG") in surfaces(service, UNKNOWN, **words("台飛投資", **settings))
    assert surfaces(service, UNKNOWN) == before


def test_evidence_has_a_score_and_overridden_entities_have_none(service: Running) -> None:
    for settings, scored in (({"override": True}, False), ({"bonus": 30.0}, True)):
        body = {"text": UNKNOWN, "gazetteer": words("臺飛投資", **settings), "min_score": 0.5}
        (entities,) = found(service.ask(body))
        assert [entity["score"] is not None for entity in entities if entity["text"] == "臺飛投資"] == [scored]


def test_an_empty_gazetteer_changes_nothing(service: Running) -> None:
    plain = found(service.ask({"text": SENTENCE}))
    for gazetteer in (None, {"words": {}}, words(), words("沒有")):
        assert found(service.ask({"text": SENTENCE, "gazetteer": gazetteer})) == plain


def test_gazetteers_of_requests_in_one_batch_are_independent(tiny_pipeline: Path) -> None:
    nlp = spacy.load(tiny_pipeline)
    models = ModelCache({"tiny": str(tiny_pipeline)}, 1 << 30, lambda source: SpacyRecognizer(nlp))
    engine = Engine(models, batch_chars=10_000, queue_chars=100_000)
    forced = RequestGazetteer(WordList({"PERSON": ["投資"]}), 2.0, True)
    hinted = RequestGazetteer(WordList({"ORG": ["臺飛投資"]}), 30.0, False)
    expected = [(), ((5, 7, "PERSON"),), ((3, 7, "ORG"),)]
    jobs = [engine.submit("tiny", [UNKNOWN], own)[0] for own in (None, forced, hinted) for _ in range(3)]
    batches: list[Any] = []
    engine._on_batch = batches.append
    engine.start()
    engine.stop()
    plain = [f[:3] for f in jobs[0].future.result(0)]
    results = [{f[:3] for f in job.future.result(0)} for job in jobs]
    assert [result >= {*expected[i // 3]} for i, result in enumerate(results)] == [True] * 9
    assert results[:3] == [set(plain)] * 3
    assert expected[1][0] not in results[6]
    assert expected[2][0] not in results[3]
    assert [batch.n_texts for batch in batches] == [9]
    assert EVIDENCE_KEY not in nlp(UNKNOWN).spans
    assert [(e.start_char, e.end_char, e.label_) for e in nlp(UNKNOWN).ents] == plain


def test_too_many_matches_fail_one_text_only_and_leave_no_state(tiny_pipeline: Path) -> None:
    models = ModelCache({"tiny": str(tiny_pipeline)}, 1 << 30, lambda source: SpacyRecognizer(spacy.load(source)))
    engine = Engine(models, batch_chars=10_000, queue_chars=100_000)
    nested = RequestGazetteer(WordList({"ORG": ["台" * n for n in range(1, 51)]}), 2.0, False)
    (before,), (bad,), (after,) = (
        engine.submit("tiny", [text], own) for text, own in ((SENTENCE, None), ("台" * 500, nested), (SENTENCE, nested))
    )
    engine.start()
    engine.stop()
    with pytest.raises(Unreadable, match=r"\[ZT610\].*1,500 times in a text of 500"):
        bad.future.result(0)
    assert len(before.future.result(0)) == len(after.future.result(0)) == 3


@pytest.mark.parametrize(
    ("gazetteer", "code", "message_part"),
    [
        (words(*map(str, range(1_001))), "ZT607", "1,001 words, more than the limit of 1,000"),
        (words("好", "長" * 51), "ZT608", "word 2 of the label 'ORG' has 51 characters, more than the limit of 50"),
        (words("好", ""), "ZT608", "word 2 of the label 'ORG' is empty"),
        (words(" 好"), "ZT608", "white space at an edge"),
        ({"words": {"NO": ["好"]}}, "ZT516", "'NO'. Choose from: GPE, ORG, PERSON"),
        ({"words": {"": ["好"]}, "override": True}, "ZT516", "the label ''. Choose from"),
        (words(), None, ""),
        ({}, "ZT508", "gazetteer.words: "),
        ([], "ZT508", "gazetteer: "),
        ({"ORG": ["好"]}, "ZT508", "gazetteer"),
        ({"words": {"ORG": "好"}}, "ZT508", "gazetteer.words: "),
        ({"words": {"ORG": [1]}}, "ZT508", "gazetteer.words.0: "),
        ({"words": {"<img onerror>": 1}}, "ZT508", "gazetteer.words: "),
        (words("好", bonus=0), "ZT508", "gazetteer.bonus: "),
        (words("好", bonus=1e300), "ZT508", "gazetteer.bonus: "),
        (words("好", override="yes"), "ZT508", "gazetteer.override: "),
        (words("好", more=1), "ZT508", "has an unknown field"),
    ],
)
def test_invalid_gazetteers_get_a_code_and_message(
    service: Running, gazetteer: Any, code: str | None, message_part: str
) -> None:
    response = service.ask({"text": "好", "gazetteer": gazetteer})
    if code is None:
        assert response.status_code == 200
        return
    message = refused(response, 422, code)
    assert message_part in message
    assert "onerror" not in message


def test_labels_of_a_gazetteer_are_checked_for_a_pipeline_not_yet_loaded(tiny_pipeline: Path) -> None:
    with running({"tiny": str(tiny_pipeline), "late": str(tiny_pipeline)}) as service:
        body = {"text": UNKNOWN, "pipeline": "late", "gazetteer": {"words": {"NO": ["臺飛"]}}}
        refused(service.ask(body), 422, "ZT516")
        assert service.client.get("/v1/service").json()["pipelines"][1]["loaded"]


def test_a_rule_based_pipeline_accepts_override_words_only(tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "ORG", "pattern": "台積電"}])  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "rules")
    with running({"rules": str(tmp_path / "rules")}) as service:
        message = refused(service.ask({"text": UNKNOWN, "gazetteer": words("臺飛")}), 422, "ZT609")
        assert "predicted labels: none" in message
        assert surfaces(service, UNKNOWN, **words("台飛", override=True)) == [("臺飛", "ORG")]


def test_evidence_labels_are_those_of_all_recognizers(tiny_nlp: Language) -> None:
    assert SpacyRecognizer(tiny_nlp).evidence_labels == ("GPE", "ORG", "PERSON")
    assert SpacyRecognizer(spacy.blank("zh_tw")).evidence_labels == ()


def test_the_openapi_schema_of_a_gazetteer_has_no_references(service: Running) -> None:
    api = service.client.get("/openapi.json").json()
    schema = api["paths"]["/v1/entities"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "$ref" not in json.dumps(schema)
    assert set(schema["properties"]["gazetteer"]["anyOf"][0]["properties"]) == {"words", "override", "bonus"}
    for example in schema["examples"]:
        found(service.ask(example))


def stream(service: Running, *lines: Any, query: str = "") -> httpx.Response:
    body = "\n".join(json.dumps(line) for line in lines)
    return service.send(body.encode(), "application/x-ndjson", f"/v1/entities/stream{query}")


def streamed(service: Running, *lines: Any) -> list[list[str]]:
    response = stream(service, *lines)
    assert response.status_code == 200
    answers = [json.loads(line) for line in response.text.splitlines()]
    assert [answer["index"] for answer in answers] == list(range(len(answers)))
    return [[entity["text"] for entity in answer["entities"]] for answer in answers]


def test_a_stream_has_one_gazetteer_for_all_lines_and_one_per_line(service: Running) -> None:
    line, forced, other = {"text": UNKNOWN}, words("在台飛", override=True), words("很多年", override=True)
    (plain,) = streamed(service, line)
    assert not {"在臺飛", "很多年"} & set(plain)
    found = streamed(
        service, {"gazetteer": forced}, line, line | {"gazetteer": other}, line, line | {"gazetteer": None}
    )
    assert [("在臺飛" in each, "很多年" in each) for each in found] == [
        (True, False),
        (False, True),
        *[(True, False)] * 2,
    ]
    assert streamed(service, line | {"gazetteer": forced}, line)[1] == plain
    assert streamed(service, {"gazetteer": forced}, line | {"gazetteer": {"words": {}}}) == [plain]
    assert streamed(service, {"gazetteer": forced}) == []


@pytest.mark.parametrize(
    ("gazetteer", "code"), [({"words": {"NO": ["好"]}}, "ZT516"), (words(""), "ZT608"), ([], "ZT508"), (None, "ZT508")]
)
def test_an_invalid_gazetteer_of_a_line_affects_that_line_only(service: Running, gazetteer: Any, code: str) -> None:
    refused(stream(service, {"gazetteer": gazetteer}, {"text": "好"}), 422, code)
    answers = stream(service, {"text": "好", "gazetteer": gazetteer}, {"text": "好"}).text.splitlines()
    first, second = map(json.loads, answers)
    assert first["error"]["code"] == code if gazetteer is not None else "entities" in first
    assert "entities" in second


def test_a_stream_with_a_gazetteer_loads_the_pipeline_for_its_labels(tiny_pipeline: Path) -> None:
    with running({"tiny": str(tiny_pipeline), "late": str(tiny_pipeline)}) as service:
        line = {"text": UNKNOWN, "gazetteer": {"words": {"NO": ["臺飛"]}}}
        assert json.loads(stream(service, line, query="?pipeline=late").text)["error"]["code"] == "ZT516"


def test_the_openapi_schema_of_a_stream_has_no_references(service: Running) -> None:
    api = service.client.get("/openapi.json").json()
    schema = api["paths"]["/v1/entities/stream"]["post"]["requestBody"]["content"]["application/x-ndjson"]["schema"]
    assert "$ref" not in json.dumps(schema)
    assert set(schema["x-first-line"]["properties"]) == {"gazetteer"}
