"""Routes for Label Studio, called through a running uvicorn with requests as Label Studio 1.23 sends them."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from spacy.language import Language

from spacy_zh_tw_ner.corpora.annotation_checks import Tally
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, read_records
from spacy_zh_tw_ner.corpora.formats.label_studio_config import EXAMPLE, write_label_config
from tests.corpora.formats.test_label_studio_config import BOMB, FILE
from tests.corpora.formats.test_label_studio_webhook import deleted, event

from .conftest import Running, running
from .test_app import FAMILY, SENTENCE, refused

KEY = "s3cret"
BEARER = {"Authorization": f"Bearer {KEY}"}
ALL = write_label_config(["GPE", "ORG", "PERSON"])


def asked(*texts: Any, config: str | None = ALL, **fields: Any) -> dict[str, Any]:
    """Return the body of a request for predictions, with the fields that Label Studio sends."""
    tasks = [
        {"id": 10 + i, "data": {"text": text}, "project": 3, "annotations": [], "predictions": [], "is_labeled": False}
        for i, text in enumerate(texts)
    ]
    return {
        "tasks": tasks,
        "project": "3.1780000000",
        "label_config": config,
        "params": {"login": None, "password": None, "context": None},
        **fields,
    }


def predicted(client: httpx.Client, body: dict[str, Any]) -> list[dict[str, Any]]:
    response = client.post("/predict", json=body)
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def labels_of(prediction: dict[str, Any]) -> list[str]:
    return [label for region in prediction["result"] for label in region["value"]["labels"]]


@pytest.fixture(scope="module")
def collecting(tiny_pipeline: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with an API key that collects annotations."""
    file = tmp_path_factory.mktemp("annotations") / "annotations.jsonl"
    with running({"tiny": str(tiny_pipeline)}, api_key=KEY, annotations=file, max_body=100_000) as found:
        found.client.headers.update(BEARER)
        found.annotations = file
        yield found


@pytest.fixture
def file(collecting: Running) -> Path:
    """The file of annotations; it does not exist yet."""
    assert collecting.annotations is not None
    collecting.annotations.unlink(missing_ok=True)
    return collecting.annotations


def test_tasks_get_predictions_with_scores_and_version(service: Running, tiny_nlp: Language) -> None:
    first, second, empty = predicted(service.client, asked(SENTENCE, FAMILY, ""))
    version = service.engine.pipeline().version
    assert version.startswith("tiny-")
    assert {prediction["model_version"] for prediction in (first, second, empty)} == {version}
    ents = tiny_nlp(SENTENCE).ents
    assert [region["value"] for region in first["result"]] == [
        {"start": ent.start_char, "end": ent.end_char, "text": ent.text, "labels": [ent.label_]} for ent in ents
    ]
    scores = [region["score"] for region in first["result"]]
    assert scores == pytest.approx([ent._.score for ent in ents], abs=1e-4)
    assert first["score"] == min(scores)
    assert {(region["from_name"], region["to_name"], region["type"]) for region in first["result"]} == {
        ("label", "text", "labels")
    }
    assert len({region["id"] for region in first["result"]}) == len(ents) == 3
    for region in second["result"]:
        value = region["value"]
        assert FAMILY[value["start"] : value["end"]] == value["text"]  # Label Studio counts code points
    assert second["result"]
    assert empty == {"result": [], "model_version": version}
    assert service.client.get("/versions").json() == {"versions": [version]}
    assert service.client.get("/health").json()["status"] == "UP"


def test_labels_are_those_of_the_project(service: Running, caplog: pytest.LogCaptureFixture) -> None:
    config = """<View><Labels name="who" toName="body"><Label value="人名" predicted_values="PERSON"/></Labels>
    <Labels name="where" toName="body,head"><Label value="gpe"/><Label value="河流"/></Labels>
    <Text name="body" value="$content"/><Text name="head" value="$title"/></View>"""
    body = asked(config=config, project="labels-of-the-project")
    body["tasks"] = [{"id": 1, "data": {"content": SENTENCE, "title": "臺北市"}}]
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            (prediction,) = predicted(service.client, body)
    found = {(r["from_name"], r["to_name"], r["value"]["text"], r["value"]["labels"][0]) for r in prediction["result"]}
    assert {("who", "body", "蔡英文", "人名"), ("where", "body", "臺北市", "gpe")} <= found
    assert {name for name, *_ in found} == {"who", "where"}
    assert len({region["id"] for region in prediction["result"]}) == len(prediction["result"])
    (warning,) = [r.getMessage() for r in caplog.records if "'labels-of-the-project'" in r.getMessage()]
    assert warning.startswith("[ZT746]")
    assert "ORG of the pipeline 'tiny'" in warning


def test_a_project_is_checked_when_it_is_connected(service: Running, caplog: pytest.LogCaptureFixture) -> None:
    body = {"project": "4.1", "schema": ALL.replace('value="ORG"', 'value="食材"'), "hostname": "http://localhost:8080"}
    body |= {"access_token": "t0ken", "extra_params": {"any": [1]}}
    with caplog.at_level(logging.INFO):
        response = service.client.post("/setup", json=body)
    assert response.json() == {"model_version": service.engine.pipeline().version}
    assert (
        "[ZT748] Label Studio project '4.1': the pipeline 'tiny' predicts no entity for the labels 食材." in caplog.text
    )
    assert "[ZT746]" in caplog.text
    assert "t0ken" not in caplog.text


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("<View></View>", "no <Labels> tag"),
        (EXAMPLE.replace("<Text", '<Text valueType="url"'), "never opened"),
        (BOMB, "document type"),
        (FILE, "document type"),
        (ALL + " " * (1 << 20), "ZT507"),
        (" " * 900_000 + ALL + "<", "not valid XML"),
        ("<a>" * 30_000, "tags"),
    ],
)
def test_unusable_projects_get_a_clear_message(
    config: str, problem: str, service: Running, caplog: pytest.LogCaptureFixture
) -> None:
    requests = {"/setup": {"project": "1.1", "schema": config}, "/predict": asked(SENTENCE, config=config)}
    for path, body in requests.items():
        code, status = ("ZT507", 413) if problem == "ZT507" else ("ZT743", 422)
        message = refused(service.client.post(path, json=body), status, code)
        assert problem in message
        assert message in caplog.text  # Label Studio does not show it


def test_tasks_without_a_text_get_an_empty_prediction(service: Running, caplog: pytest.LogCaptureFixture) -> None:
    body = asked(SENTENCE, None, 5, ["一"], project="without\na text")
    body["tasks"].append({"id": None, "data": {}})
    assert [len(prediction["result"]) for prediction in predicted(service.client, body)] == [3, 0, 0, 0, 0]
    warnings = [record.getMessage() for record in caplog.records if "without" in record.getMessage()]
    assert [warning[:8] for warning in warnings] == ["[ZT747] "]
    assert "\n" not in warnings[0]


def test_a_request_without_a_configuration_uses_all_labels(service: Running) -> None:
    (prediction,) = predicted(service.client, asked(SENTENCE, config=None))
    assert sorted(labels_of(prediction)) == ["GPE", "ORG", "PERSON"]
    assert predicted(service.client, {"tasks": []}) == []


def test_limits_apply_to_tasks(service: Running) -> None:
    assert "tasks.1.data" in refused(service.client.post("/predict", json=asked("一", "二" * 10_001)), 422, "ZT508")
    message = refused(service.client.post("/predict", json=asked(*["一"] * 101)), 422, "ZT508")
    assert "there are 101, more than the limit of 100; select fewer tasks" in message
    old = asked(SENTENCE)
    old["tasks"][0]["predictions"] = [[0] * 40_000]  # tasks have their earlier predictions
    assert len(predicted(service.client, old)[0]["result"]) == 3
    assert "tasks" in refused(service.client.post("/predict", json={"tasks": 5}), 422, "ZT508")
    refused(service.send(b"{", path="/predict"), 400, "ZT506")
    refused(service.send(b"{}", "text/plain", path="/setup"), 415, "ZT509")


@pytest.fixture
def client(collecting: Running) -> Iterator[httpx.Client]:
    """A client without the key."""
    with httpx.Client(base_url=collecting.url, trust_env=False) as anonymous:
        yield anonymous


def test_all_routes_except_health_need_the_key(client: httpx.Client) -> None:
    assert client.get("/health").status_code == 200
    for send in (
        lambda **how: client.get("/versions", **how),
        lambda **how: client.post("/setup", json={"project": "1", "schema": ALL}, **how),
        lambda **how: client.post("/predict", json=asked(SENTENCE), **how),
        lambda **how: client.post("/webhook", json=deleted(), **how),
    ):
        refused(send(), 401, "ZT514")
        for wrong in ("Basic !", "Basic eDp4", "Basic", "Bearer x", "Basic 8J+Ygg=="):
            refused(send(headers={"Authorization": wrong}), 401, "ZT514")
        assert send(auth=("anyone", KEY)).status_code == 200
        assert send(headers=BEARER).status_code == 200
    # Basic authentication is for Label Studio alone.
    refused(client.post("/v1/entities", json={"text": ""}, auth=("anyone", KEY)), 401, "ZT514")


def test_annotations_are_collected_and_converted(collecting: Running, file: Path) -> None:
    for body, n in (
        (event(1, 0), 1),
        (event(1, 0), 1),  # replayed
        (event(2, 9, "NEW", task=8, action="ANNOTATION_UPDATED"), 1),
        (event(2, 3, "OLD", task=8), 1),  # out of order
        (event(3, task=9), 1),
        (deleted(3, 4), 1),
        ({"action": "PROJECT_UPDATED", "project": {"id": 3}}, 0),
        ({"action": "START_TRAINING", "project": {"id": 3}}, 0),
    ):
        response = collecting.client.post("/webhook", json=body)
        assert (response.status_code, response.json()) == (200, {"saved": n})
    assert len(file.read_text().splitlines()) == 6
    records = list(read_records([file], ConvertSettings(script="none"), Tally()))
    assert [[entity.label for entity in record.entities] for record in records] == [["ORG"], ["NEW"]]


def test_hostile_events_write_nothing(collecting: Running, file: Path) -> None:
    refused(collecting.client.post("/webhook", json=event(padding="哈" * 100_000)), 413, "ZT507")
    refused(collecting.client.post("/webhook", json={"action": 5}), 422, "ZT508")
    refused(collecting.client.post("/webhook", json=[]), 422, "ZT508")
    message = refused(collecting.client.post("/webhook", json={"action": "ANNOTATION_CREATED"}), 422, "ZT508")
    assert "Send payload" in message
    for body in (
        b'{"action": "ANNOTATION_CREATED", "annotation": {"id": NaN}}',
        b'{"action": "\\ud800"}',
        b"[" * 9_999,
    ):
        assert collecting.send(body, path="/webhook").status_code in (400, 422)
    nan = json.dumps(event(lead_time=float("nan"))).encode()
    assert "not finite" in refused(collecting.send(nan, path="/webhook"), 422, "ZT508")
    assert not file.exists()


def test_events_need_a_key_and_a_file(start: Callable[..., Running], service: Running, tmp_path: Path) -> None:
    assert "/webhook" in refused(service.client.post("/webhook", json=event()), 403, "ZT739")
    keyed = start(api_key=KEY)
    refused(keyed.client.post("/webhook", json=event(), headers=BEARER), 404, "ZT741")
    with pytest.raises(ValueError, match=r"\[ZT742\]"):
        start(annotations=tmp_path / "a.jsonl")
    with pytest.raises(ValueError, match=r"\[ZT744\]"):
        start(api_key=KEY, annotations=tmp_path / "none" / "a.jsonl")


def test_a_full_file_is_reported(start: Callable[..., Running], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    small = start(api_key=KEY, annotations=path, max_annotations=1_000)
    answers = [small.client.post("/webhook", json=event(i), headers=BEARER) for i in range(9)]
    assert answers[0].status_code == 200
    refused(answers[-1], 507, "ZT745")
    assert len(path.read_text().splitlines()) == sum(answer.status_code == 200 for answer in answers)
