"""HTTP interface of the service, called through a running uvicorn."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from spacy.language import Language

from .conftest import Running

SENTENCE = "蔡英文總統在臺北市接見台積電董事長。"
FAMILY = "𠮷野家台北👨🏻‍🚒蔡英文在臺北市"


def found(response: httpx.Response) -> list[list[dict[str, Any]]]:
    assert response.status_code == 200, response.text
    return [result["entities"] for result in response.json()["results"]]


def refused(response: httpx.Response, status: int, code: str) -> str:
    """Check the status and code of an error response, and return its message."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    error = response.json()["error"]
    assert (error["code"], error["message"][: len(code) + 2]) == (code, f"[{code}]")
    return str(error["message"])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_entities_of_one_text_are_returned(service: Running, tiny_nlp: Language) -> None:
    response = service.ask({"text": SENTENCE})
    (entities,) = found(response)
    expected = tiny_nlp(SENTENCE).ents
    assert [(e["start"], e["end"], e["label"], e["text"]) for e in entities] == [
        (e.start_char, e.end_char, e.label_, e.text) for e in expected
    ]
    assert [e["score"] for e in entities] == pytest.approx([e._.score for e in expected], abs=1e-4)
    assert len(entities) == 3
    assert response.json()["pipeline"] == "tiny"


def test_results_keep_the_order_of_the_texts_and_may_be_empty(service: Running, tiny_nlp: Language) -> None:
    texts = [SENTENCE, "", "  ", SENTENCE * 2, "\u0000\u200b\u2028"]
    results = found(service.ask({"texts": texts}))
    assert [[e["text"] for e in entities] for entities in results] == [
        [e.text for e in tiny_nlp(t).ents] for t in texts
    ]
    assert found(service.ask({"texts": []})) == []


@pytest.mark.parametrize(
    ("unit", "codec", "width"), [("codepoint", "utf-32-le", 4), ("utf16", "utf-16-le", 2), ("utf8", "utf-8", 1)]
)
def test_offsets_are_in_the_unit_of_the_client(service: Running, unit: str, codec: str, width: int) -> None:
    (entities,) = found(service.ask({"text": FAMILY, "offset_unit": unit}))
    assert entities
    encoded = FAMILY.encode(codec)
    for entity in entities:
        assert encoded[entity["start"] * width : entity["end"] * width].decode(codec) == entity["text"]


def test_entities_are_filtered_by_label_and_score(service: Running) -> None:
    (everything,) = found(service.ask({"text": SENTENCE}))
    (places,) = found(service.ask({"text": SENTENCE, "labels": ["GPE", "ORG"]}))
    assert places == [entity for entity in everything if entity["label"] != "PERSON"]
    limit = sorted(entity["score"] for entity in everything)[1]
    (sure,) = found(service.ask({"text": SENTENCE, "min_score": limit}))
    assert sure == [entity for entity in everything if entity["score"] >= limit]
    assert len(sure) == 2
    assert found(service.ask({"text": SENTENCE, "labels": []})) == [[]]


def test_a_pipeline_is_loaded_at_its_first_request(service: Running) -> None:
    assert found(service.ask({"text": SENTENCE, "pipeline": "other"})) == found(service.ask({"text": SENTENCE}))
    described = service.client.get("/v1/service").json()
    labels = ["GPE", "ORG", "PERSON"]
    versions = [pipeline.pop("version") for pipeline in described["pipelines"]]
    assert [version.rpartition("-")[0] for version in versions] == ["tiny", "other"]
    assert described["pipelines"] == [
        {"name": n, "loaded": True, "labels": labels, "span_labels": None, "min_score": 0.35} for n in ("tiny", "other")
    ]
    assert (described["max_texts"], described["max_chars"], described["max_body"]) == (100, 10_000, 1_000_000)


@pytest.mark.parametrize(
    ("body", "status", "code", "message_part"),
    [
        (b"", 400, "ZT506", "EOF"),
        (b"{", 400, "ZT506", "line 1"),
        (b"\xff\xfe", 400, "ZT506", "not valid JSON"),
        ('{"text": "臺北"}'.encode("big5"), 400, "ZT506", "unicode"),
        (b'{"text": "\\ud83d\xe5\x8f\xb0"}', 400, "ZT506", "a lone surrogate such as \\ud83d"),
        (b'{"text": "\\udc00"}', 400, "ZT506", "a lone surrogate"),
        (b"[" * 100_000, 400, "ZT506", "recursion"),
        (b"null", 422, "ZT508", "object"),
        (b"[]", 422, "ZT508", "object"),
        (b"{}", 422, "ZT508", "give either `text` or `texts`"),
        (b'{"text": "a", "texts": ["a"]}', 422, "ZT508", "not both"),
        (b'{"text": null}', 422, "ZT508", "null"),
        (b'{"texts": null}', 422, "ZT508", "null"),
        (b'{"texts": "a"}', 422, "ZT508", "texts: "),
        (b'{"texts": ["a", null]}', 422, "ZT508", "texts.1: "),
        (b'{"texts": ["a", 1]}', 422, "ZT508", "texts.1: "),
        (b'{"text": 1}', 422, "ZT508", "text: "),
        (b'{"text": ["a"]}', 422, "ZT508", "text: "),
        (b'{"text": "a", "min_score": 2}', 422, "ZT508", "min_score: "),
        (b'{"text": "a", "min_score": NaN}', 422, "ZT508", "min_score: "),
        (b'{"text": "a", "min_score": "0.5"}', 422, "ZT508", "min_score: "),
        (b'{"text": "a", "labels": "GPE"}', 422, "ZT508", "labels: "),
        (b'{"text": "a", "offset_unit": "bytes"}', 422, "ZT508", "'utf16'"),
        (b'{"text": "a", "<img onerror>": 1}', 422, "ZT508", "has an unknown field"),
        (b'{"text": "a", "pipeline": "no"}', 422, "ZT515", "no pipeline 'no'. Choose one of: tiny, other"),
        (b'{"text": "a", "labels": ["NO"]}', 422, "ZT516", "'NO'. Choose from: GPE, ORG, PERSON"),
        (
            b'{"text": "%s"}' % (b"a" * 10_001),
            422,
            "ZT508",
            "text: has 10,001 characters, more than the limit of 10,000",
        ),
        (b'{"texts": ["a", "%s"]}' % (b"a" * 10_001), 422, "ZT508", "texts.1: has 10,001 characters"),
        (json.dumps({"texts": ["好"] * 10_000}).encode(), 422, "ZT508", "there are 10,000, more than the limit of 100"),
        (b'{"text": "%s"}' % (b"a" * 10_000_000), 413, "ZT507", "longer than 1,000,000 bytes"),
    ],
)
def test_invalid_requests_get_a_status_code_and_message(
    service: Running, body: bytes, status: int, code: str, message_part: str
) -> None:
    message = refused(service.send(body), status, code)
    assert message_part in message
    assert "onerror" not in message


def test_a_chunked_body_over_the_limit_gets_413(service: Running) -> None:
    def chunks() -> Any:
        yield b'{"text": "'
        for _ in range(2_000):
            yield b"a" * 1_000

    response = service.client.post("/v1/entities", content=chunks(), headers={"Content-Type": "application/json"})
    refused(response, 413, "ZT507")


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/json; charset=big5", "multipart/form-data"])
def test_other_media_types_get_415(service: Running, content_type: str) -> None:
    assert "Send application/json" in refused(service.send(b'{"text": "a"}', content_type), 415, "ZT509")


def test_an_invalid_line_of_a_stream_gets_an_error_and_the_others_entities(service: Running) -> None:
    lines = [
        json.dumps({"id": 1, "text": SENTENCE}),
        json.dumps({"id": 1, "text": SENTENCE + "\u2028" + SENTENCE}, ensure_ascii=False),
        "",
        '{"id": "x", "text": null}',
        "no",
        json.dumps({"id": {"a": [1]}, "text": "好" * 10_001}),
        json.dumps({"text": "好", "more": "is ignored"}) + "\r",
    ]
    response = service.send("\n".join(lines).encode(), "application/x-ndjson", "/v1/entities/stream?labels=GPE")
    assert response.status_code == 200
    answers = [json.loads(line) for line in response.content.split(b"\n")[:-1]]
    assert [answer["index"] for answer in answers] == [0, 1, 2, 3, 4, 5]
    assert [answer.get("id") for answer in answers] == [1, 1, None, None, {"a": [1]}, None]
    assert [len(answer["entities"]) if "entities" in answer else answer["error"]["code"] for answer in answers] == [
        *(1, 2),
        *("ZT508", "ZT506", "ZT508"),
        0,
    ]


def test_a_stream_may_have_more_characters_than_the_queue(start: Callable[..., Running]) -> None:
    service = start(queue_chars=500, batch_chars=200)
    body = b"".join(json.dumps({"id": i, "text": SENTENCE}).encode() + b"\n" for i in range(3_000))
    response = service.send(body, "application/x-ndjson", "/v1/entities/stream")
    answers = [json.loads(line) for line in response.content.split(b"\n")[:-1]]
    assert [answer["id"] for answer in answers] == list(range(3_000))
    assert {len(answer["entities"]) for answer in answers} == {3}


def test_query_parameters_of_a_stream_are_checked(service: Running) -> None:
    def ask(query: str, content_type: str = "application/x-ndjson") -> httpx.Response:
        return service.send(b"{}", content_type, f"/v1/entities/stream?{query}")

    assert "min_score: " in refused(ask("min_score=x"), 422, "ZT508")
    assert "offset_unit: " in refused(ask("offset_unit=x"), 422, "ZT508")
    refused(ask("labels=GPE&labels=%3Cscript%3E"), 422, "ZT516")
    refused(ask("pipeline=no"), 422, "ZT515")
    refused(ask("", "application/json"), 415, "ZT509")


def test_a_full_queue_gets_429_with_retry_after(start: Callable[..., Running], held: threading.Event) -> None:
    service = start(queue_chars=50)
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(service.ask({"text": SENTENCE}))) for _ in range(2)]
    threads[0].start()
    until(lambda: service.client.get("/metrics").text.count('zh_tw_ner_requests_total{route="/metrics"') == 1)
    until(lambda: _reading(service))
    threads[1].start()
    until(lambda: service.engine.waiting[0] == 1)
    for response in (
        service.ask({"text": SENTENCE}),
        service.ask({"texts": [SENTENCE] * 100}),
    ):
        assert "Try again in 1 s" in refused(response, 429, "ZT510")
        assert response.headers["retry-after"] == "1"
    held.set()
    for thread in threads:
        thread.join(60)
    assert [len(found(answer)[0]) for answer in answers] == [3, 3]


def _reading(service: Running) -> bool:
    return service.engine.waiting == (0, 0)


def test_readyz_is_503_while_the_queue_is_full(start: Callable[..., Running], held: threading.Event) -> None:
    service = start(queue_chars=20)
    assert service.client.get("/readyz").json() == {"status": "ready"}
    jobs = [*service.engine.submit("tiny", ["一"])]
    until(lambda: _reading(service))
    jobs += service.engine.submit("tiny", ["一二三四"])
    response = service.client.get("/readyz")
    assert "queue is full" in refused(response, 503, "ZT518")
    refused(service.send(b"{}", "application/x-ndjson", "/v1/entities/stream"), 429, "ZT510")
    assert service.client.get("/healthz").json() == {"status": "ok"}
    held.set()
    for job in jobs:
        job.future.result(10)


def test_requests_over_the_limit_get_429_but_probes_are_answered(
    start: Callable[..., Running], held: threading.Event
) -> None:
    service = start(max_requests=2)
    threads = [threading.Thread(target=service.ask, args=({"text": SENTENCE},)) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: service.client.get("/v1/service").status_code == 429)
    assert service.client.get("/v1/service").headers["retry-after"] == "1"
    for probe in ("/healthz", "/readyz", "/metrics"):  # probes are exempt from the limit
        assert service.client.get(probe).status_code == 200
    held.set()
    for thread in threads:
        thread.join(60)
    assert service.client.get("/v1/service").status_code == 200


def test_a_request_over_the_time_limit_gets_503(start: Callable[..., Running], held: threading.Event) -> None:
    service = start(timeout=0.2)
    assert "0.2 s" in refused(service.ask({"text": SENTENCE}), 503, "ZT512")
    answer = service.send(json.dumps({"text": "好"}).encode(), "application/x-ndjson", "/v1/entities/stream")
    assert answer.json()["error"]["code"] == "ZT512"
    assert service.engine.waiting == (0, 0)


def test_a_body_that_arrives_too_slowly_gets_408(start: Callable[..., Running]) -> None:
    service = start(body_timeout=0.2)

    def dawdle() -> Any:
        yield b'{"text": '
        time.sleep(1)
        yield b'"a"}'

    response = service.client.post("/v1/entities", content=dawdle(), headers={"Content-Type": "application/json"})
    refused(response, 408, "ZT513")


@pytest.mark.parametrize("path", ["/v1/entities", "/v1/entities/stream"])
def test_queued_texts_of_a_disconnected_client_are_not_processed(
    start: Callable[..., Running], held: threading.Event, path: str
) -> None:
    service = start()
    service.engine.submit("tiny", ["前"])
    until(lambda: _reading(service))
    body, kind = json.dumps({"text": SENTENCE}).encode(), "application/json"
    if path.endswith("stream"):
        body, kind = b"\n".join([body] * 50), "application/x-ndjson"
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.client.base_url.port or 0)) as client:
        client.sendall(head.encode() + body)
        until(lambda: service.engine.waiting[0] > 0)
    until(lambda: service.engine.waiting == (0, 0))
    held.set()
    until(lambda: f'route="{path}",status="' in service.client.get("/metrics").text)
    until(lambda: "zh_tw_ner_texts_total 0.0" not in service.client.get("/metrics").text)
    assert "zh_tw_ner_texts_total 1.0" in service.client.get("/metrics").text


def test_requests_without_the_configured_key_get_401(start: Callable[..., Running]) -> None:
    service = start(api_key="鑰匙 1")
    assert "the request has none" in refused(service.ask({"text": "a"}), 401, "ZT514")
    assert service.ask({"text": "a"}).headers["www-authenticate"] == "Bearer"
    refused(service.ask({"text": "a"}, Authorization="Bearer no"), 401, "ZT514")
    refused(service.client.get("/metrics"), 401, "ZT514")
    refused(service.client.get("/v1/service"), 401, "ZT514")
    refused(service.client.post("/v1/entities", content=b"{"), 401, "ZT514")
    for path in ("/", "/docs", "/healthz", "/readyz", "/openapi.json"):
        assert service.client.get(path).status_code == 200


@pytest.mark.parametrize("header", [{"Authorization": "Bearer s3cret"}, {"X-API-Key": "s3cret"}])
def test_the_key_is_accepted_in_both_headers(start: Callable[..., Running], header: dict[str, str]) -> None:
    service = start(api_key="s3cret")
    assert len(found(service.ask({"text": SENTENCE}, **header))[0]) == 3
    assert service.client.get("/metrics", headers=header).status_code == 200


def test_cross_origin_requests_need_an_allowed_origin(service: Running, start: Callable[..., Running]) -> None:
    origin = {"Origin": "https://example.org"}
    assert "access-control-allow-origin" not in service.ask({"text": "a"}, **origin).headers
    preflight = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert service.client.options("/v1/entities", headers=preflight).status_code == 405
    open_to = start(origins=("https://example.org",))
    assert open_to.client.options("/v1/entities", headers=preflight).status_code == 200
    assert open_to.ask({"text": "a"}, **origin).headers["access-control-allow-origin"] == "https://example.org"
    other = open_to.ask({"text": "a"}, Origin="https://example.com")
    assert "access-control-allow-origin" not in other.headers


def test_metrics_grow_but_the_number_of_series_does_not(service: Running) -> None:
    def series() -> set[str]:
        text = service.client.get("/metrics").text
        return {line.partition(" ")[0] for line in text.split("\n") if line and line[0] != "#"}

    service.ask({"text": SENTENCE})
    service.client.get("/先來一次")
    service.client.request("BREW", "/")
    series()  # counted as a request, too
    before = series()
    for i in range(20):
        service.client.get(f"/{SENTENCE}{i}")
        service.client.request(f"M{i}", "/v1/entities")
        service.ask({"text": f"{SENTENCE}{i}", "labels": ["GPE"]})
    after = series()
    assert after - before <= {f for f in after if 'status="405"' in f}
    assert 'zh_tw_ner_entities_total{label="GPE",pipeline="tiny"}' in after
    assert not [name for name in after if SENTENCE[:3] in name]
    assert 'zh_tw_ner_requests_total{route="/v1/entities",status="200"}' in after


def test_logs_contain_no_text_of_requests(service: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        service.ask({"text": SENTENCE})
        service.ask({"text": SENTENCE, SENTENCE: 1})
        service.client.get(f"/{SENTENCE}?text={SENTENCE}")
        service.send(b"", "application/x-ndjson", f"/v1/entities/stream?labels={SENTENCE}")

        def ours() -> list[str]:
            # An earlier test's look at the metrics may be written down only now.
            records = [record for record in caplog.records if record.name.startswith("spacy_zh_tw_ner")]
            return [logged for record in records if "/metrics" not in (logged := record.getMessage())]

        until(lambda: len(ours()) == 4)
    assert [" ".join(line.split()[:3]) for line in ours()] == [
        "POST /v1/entities 200",
        "POST /v1/entities 422",
        "GET other 404",
        "POST /v1/entities/stream 422",
    ]


def test_unknown_routes_get_a_json_error(service: Running) -> None:
    refused(service.client.get("/nothing"), 404, "ZT517")
    response = service.client.get("/v1/entities")
    assert "Method Not Allowed" in refused(response, 405, "ZT517")
    assert response.headers["allow"] == "POST"


def test_an_unexpected_error_gets_500_without_traceback(
    service: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from spacy_zh_tw_ner.service import routes

    def fail(*arguments: Any) -> None:
        raise KeyError(SENTENCE)

    monkeypatch.setattr(routes, "dump_found", fail)
    message = refused(service.ask({"text": SENTENCE}), 500, "ZT519")
    (line,) = (r.getMessage() for r in caplog.records if "KeyError" in r.getMessage())
    assert line[:8] in message
    assert SENTENCE[:3] not in message + line


def test_every_response_has_security_headers(service: Running) -> None:
    for path in ("/", "/docs", "/v1/service", "/nothing"):
        headers = service.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers or headers["server"] == "uvicorn"


def test_examples_of_the_openapi_document_work(service: Running) -> None:
    document = service.client.get("/openapi.json").json()
    assert {"/v1/entities", "/v1/entities/stream", "/healthz", "/readyz", "/metrics"} <= set(document["paths"])
    content = document["paths"]["/v1/entities"]["post"]["requestBody"]["content"]
    schema = content["application/json"]["schema"]
    assert schema["properties"]["texts"]["maxItems"] == 100
    assert len(schema["examples"]) == 3
    for example in schema["examples"]:
        found(service.ask(example))
    (lines,) = document["paths"]["/v1/entities/stream"]["post"]["requestBody"]["content"]["application/x-ndjson"][
        "schema"
    ]["examples"]
    answer = service.send(lines.encode(), "application/x-ndjson", "/v1/entities/stream")
    assert (answer.json()["id"], len(answer.json()["entities"])) == (17, 3)
