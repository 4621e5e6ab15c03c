"""Clients that are slow, stall, send too much or disconnect do not block the service for others."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.service import connections
from spacy_zh_tw_ner.service.request_body import CHUNK, count_values
from spacy_zh_tw_ner.service.server import bind, listen
from spacy_zh_tw_ner.service.settings import ServiceSettings

from .conftest import Running
from .test_app import SENTENCE, found, refused, until

HEAD = "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"


def post(body: bytes, path: str = "/v1/entities", kind: str = "application/json") -> bytes:
    return HEAD.format(path=path, kind=kind, length=len(body)).encode() + body


@contextmanager
def connected(service: Running, sent: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        client.sendall(sent)
        yield client


def rest(client: socket.socket) -> bytes:
    """Return all bytes that arrive until the service closes the connection."""
    parts = []
    try:
        while part := client.recv(1 << 16):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def figure(service: Running, name: str) -> float:
    lines = service.client.get("/metrics").text.split("\n")
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@pytest.mark.parametrize("part", [b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX"])
def test_a_connection_without_headers_is_closed_after_the_timeout(start: Callable[..., Running], part: bytes) -> None:
    service = start(header_timeout=0.3)
    with connected(service, part) as client:
        answer = rest(client)
    assert (b" 408 " in answer) == bool(part)
    assert (b"[ZT564]" in answer) == bool(part)


def test_headers_sent_byte_by_byte_do_not_extend_the_timeout(start: Callable[..., Running]) -> None:
    service = start(header_timeout=0.5)

    def send_slowly(client: socket.socket) -> None:
        for _ in range(100):  # ten seconds, where half a second is allowed
            client.sendall(b"G")
            time.sleep(0.1)

    with connected(service) as client, pytest.raises(ConnectionError):
        send_slowly(client)


def test_new_connections_replace_those_that_waited_longest(start: Callable[..., Running]) -> None:
    service = start(max_connections=20, max_requests=4)
    with ExitStack() as stack:
        half_open = [stack.enter_context(connected(service, b"GET / HT" * (i % 2))) for i in range(60)]
        for _ in range(3):
            assert httpx.get(f"{service.url}/readyz", trust_env=False, timeout=60).status_code == 200
            assert len(found(service.ask({"text": SENTENCE}))[0]) == 3
        until(lambda: figure(service, 'zh_tw_ner_connections_dropped_total{reason="limit"}') >= 40)
        assert figure(service, "zh_tw_ner_connections ") <= 20
        assert rest(half_open[0]) == b""


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x: y\r\n" * 100_000, b"431", b"ZT563"),
        (b"GET /?" + b"q" * 1_000_000, b"431", b"ZT563"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", b"431", b"ZT563"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n" * 9, b"400", b"ZT566"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400", b"ZT566"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400", b"ZT566"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"400", b"ZT566"),
    ],
)
def test_invalid_or_too_long_headers_get_an_error(
    service: Running, request_: bytes, status: bytes, code: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        with suppress(ConnectionError):
            client.sendall(request_)
        answer = rest(client)
    if answer:  # empty if the service closed the connection before the client had sent everything
        assert answer.split(b" ")[1] == status
        assert b'"error": {"code": "' + code in answer
    assert service.client.get("/healthz").status_code == 200


def test_http_1_0_and_pipelined_requests_are_answered(service: Running) -> None:
    with connected(service, b"GET /healthz HTTP/1.0\r\n\r\n") as client:
        assert rest(client).startswith(b"HTTP/1.1 200")
    body = json.dumps({"text": SENTENCE}).encode()
    last = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with connected(service, post(body) * 3 + last) as client:
        answer = rest(client)
    assert answer.count(b"HTTP/1.1 200") == 4
    assert answer.count("臺北市".encode()) == 3


def test_a_client_that_does_not_read_is_disconnected(start: Callable[..., Running]) -> None:
    service = start(write_timeout=0.5, max_requests=2)
    line = json.dumps({"text": SENTENCE, "id": "x" * 3_000}).encode() + b"\n"
    with connected(service, post(line * 2_500, "/v1/entities/stream", "application/x-ndjson")):
        until(lambda: figure(service, 'zh_tw_ner_connections_dropped_total{reason="write"}') == 1)
        until(lambda: 'route="/v1/entities/stream",status="499"' in service.client.get("/metrics").text)
        assert service.engine.waiting == (0, 0)


def test_a_client_that_reads_slowly_stays_connected(start: Callable[..., Running]) -> None:
    service = start(write_timeout=0.5)
    line = json.dumps({"text": SENTENCE, "id": "x" * 3_000}).encode() + b"\n"
    with connected(service, post(line * 2_500, "/v1/entities/stream", "application/x-ndjson")) as client:
        answer = b""
        for _ in range(20):
            time.sleep(0.1)
            answer += client.recv(1 << 18)
        while not answer.endswith(b"0\r\n\r\n"):
            answer += client.recv(1 << 20)
    assert answer.count(b'"index":') == 2_500


def test_receiving_a_refused_body_ends_at_a_limit(
    start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_IGNORED", 1 << 20)
    service = start()
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connected(service, head) as client:

        def flood() -> None:
            for _ in range(2_000):
                client.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")

        with pytest.raises(ConnectionError):
            flood()


def test_a_disconnected_client_is_logged_as_499_not_as_an_error(
    start: Callable[..., Running], held: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    service, body = start(), json.dumps({"text": SENTENCE}).encode()

    def gone(route: str) -> bool:
        return f'route="{route}",status="499"' in service.client.get("/metrics").text

    with caplog.at_level(logging.INFO):
        with connected(service, HEAD.format(path="/v1/entities", kind="application/json", length=99).encode()):
            time.sleep(0.1)  # disconnects in the middle of the body
        until(lambda: gone("/v1/entities"))
        with connected(service, post(body + b"\n" + body, "/v1/entities/stream", "application/x-ndjson")):
            until(lambda: service.engine.waiting[0] + len(service.engine._running) >= 1)
        until(lambda: gone("/v1/entities/stream"))
        held.set()
    assert 'status="500"' not in service.client.get("/metrics").text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_long_text_stops_when_its_client_disconnects(start: Callable[..., Running]) -> None:
    service = start()
    body = json.dumps({"text": SENTENCE * 20_000}).encode()
    with connected(service, post(body)):
        until(lambda: bool(service.engine._running))
        assert len(found(service.ask({"text": SENTENCE}))[0]) == 3
        assert service.engine._running
    until(lambda: not service.engine._running)
    assert 'status="499"' in service.client.get("/metrics").text


def test_the_time_limit_grows_with_the_number_of_characters() -> None:
    settings = ServiceSettings(timeout=2.0)
    assert [settings.seconds_for(n) for n in (0, 100_000, 1_000_000)] == [2.0, 2.0, 20.0]


def test_a_port_is_bound_at_each_address_of_a_host() -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(opened) for opened in bind("localhost", 0)]
        assert len({opened.getsockname()[1] for opened in sockets}) == 1
        listen(sockets, "localhost", 0)
        port = sockets[0].getsockname()[1]
        with pytest.raises(ValueError, match=rf"\[ZT561\] Port {port} of localhost"):
            bind("localhost", port)
    for host in ("no such host", "203.0.113.7", "a" * 300, "例" * 80):
        with pytest.raises(ValueError, match=r"\[ZT562\]"):
            bind(host, 0)


@pytest.mark.parametrize(
    "body",
    [
        b'{"texts":[' + b"0," * 2_000_000 + b"0]}",
        b'{"texts":[' + b'"",' * 1_000_000 + b'""]}',
        b'{"texts":[' + b"[]," * 1_000_000 + b"0]}",
        b'{"text":"","gazetteer":{"words":{' + b",".join(b'"%d":[]' % i for i in range(200_000)) + b"}}}",
        b'{"text":""' + b"".join(b',"%d":0' % i for i in range(200_000)) + b"}",
    ],
)
def test_json_of_millions_of_values_is_refused_before_it_is_parsed(start: Callable[..., Running], body: bytes) -> None:
    service = start()
    refused(service.send(body), 422, "ZT571")
    line = body.replace(b"\n", b" ").replace(b"texts", b"id")
    answer = service.send(line, "application/x-ndjson", "/v1/entities/stream")
    assert answer.json()["error"]["code"] == "ZT571"


def test_only_the_first_of_many_invalid_values_is_reported(service: Running) -> None:
    message = refused(service.send(b'{"texts":[' + b"0," * 90_000 + b"0]}"), 422, "ZT508")
    assert "texts.0" in message


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(st.characters(codec="utf-8") | st.sampled_from('\\",[{')),
    lambda children: st.lists(children) | st.dictionaries(st.text(st.sampled_from('a\\",[{')), children),
)


@given(JSON_VALUES, st.integers(0, 40))
def test_json_values_are_counted_outside_strings_only(value: Any, shift: int) -> None:
    def count(value: Any) -> int:
        if isinstance(value, dict):
            value = list(value.values())
        return 1 + max(0, len(value) - 1) + sum(map(count, value)) if isinstance(value, list) else 0

    body = json.dumps(value, ensure_ascii=False).encode()
    # The preceding blanks, string and backslashes move the value across the boundary of two chunks.
    before = b" " * (CHUNK - shift) + b'["\\\\","\\"", '
    assert count_values(body) == count(value)
    assert count_values(before + body + b"]") == count(value) + 3


@pytest.mark.parametrize("body", [b"\n" * 900_000, b" \n" * 400_000])
def test_blank_lines_get_no_answer(service: Running, body: bytes) -> None:
    answer = service.send(body + b'{"text": "a"}', "application/x-ndjson", "/v1/entities/stream")
    assert [json.loads(line)["index"] for line in answer.content.splitlines()] == [0]


def test_other_requests_are_answered_during_a_stream_of_invalid_lines(start: Callable[..., Running]) -> None:
    service = start()
    body, done = b"x\n" * 60_000, threading.Event()

    def send() -> None:
        answer = service.send(body, "application/x-ndjson", "/v1/entities/stream")
        assert answer.content.count(b'"code":"ZT506"') == 60_000
        done.set()

    thread = threading.Thread(target=send)
    thread.start()
    answered = 0
    with httpx.Client(base_url=service.url, trust_env=False, timeout=60) as client:
        while not done.is_set() and thread.is_alive():
            assert client.get("/readyz").status_code == 200
            answered += 1
            time.sleep(0.02)
    thread.join(60)
    assert done.is_set()
    assert answered > 5  # one or two if the whole stream blocked other requests


@pytest.mark.parametrize("id_", ["NaN", "-Infinity", "1e999", '{"a": [NaN]}', "[1e400]"])
def test_an_id_that_is_not_json_is_refused(service: Running, id_: str) -> None:
    line = f'{{"id": {id_}, "text": "a"}}'.encode()
    (answer,) = service.send(line, "application/x-ndjson", "/v1/entities/stream").content.splitlines()
    error = json.loads(answer, parse_constant=pytest.fail)["error"]
    assert error["code"] == "ZT508"
    assert "id" in error["message"]
    assert "NaN" in error["message"]


@pytest.mark.parametrize(
    "id_",
    ["1.5", "-0.25", '"\\u0000"', "12345678901234567890123", '{"a": [{"b": null}]}', "[" * 150 + "]" * 150],
)
def test_ids_are_returned_unchanged(service: Running, id_: str) -> None:
    line = f'{{"id": {id_}, "text": "a"}}'.encode()
    (answer,) = service.send(line, "application/x-ndjson", "/v1/entities/stream").content.splitlines()
    assert json.loads(answer)["id"] == json.loads(id_)


@pytest.mark.parametrize(
    "first", [b"[" * 100_000, b'{"gazetteer":' * 50_000, b'{"id":' + b"[" * 100_000, b"9" * 100_000]
)
def test_deep_nesting_or_huge_numbers_in_the_first_line_affect_that_line_only(service: Running, first: bytes) -> None:
    body = first + b'\n{"text": "a"}'
    answers = service.send(body, "application/x-ndjson", "/v1/entities/stream").content.splitlines()
    assert [json.loads(answer).get("error", {}).get("code") for answer in answers] == ["ZT506", None]


def test_requests_with_another_host_get_400(start: Callable[..., Running]) -> None:
    service = start(hosts=("ner.example.tw", "*.intern", "::1"))

    def status(host: str, path: str = "/v1/service") -> int:
        return service.client.get(path, headers={"Host": host}).status_code

    for host in ("ner.example.tw", "NER.example.tw:8000", "a.intern", "[::1]:8000", "[::1]"):
        assert status(host) == 200
    for host in ("evil.example", "ner.example.tw.evil.example", "intern", "127.0.0.1", "ner.example.tw@evil.example"):
        assert status(host) == 400
        assert status(host, "/readyz") == 200
    assert "evil" not in refused(service.client.get("/", headers={"Host": "evil.example"}), 400, "ZT565")


def test_no_redirect_contains_the_host_header(service: Running) -> None:
    for path in ("/docs/", "/v1/entities/", "/v1/service/", "/healthz/"):
        answer = service.client.get(path, headers={"Host": "evil.example"}, follow_redirects=False)
        assert answer.status_code in (404, 405)
        assert "evil" not in answer.text + str(answer.headers)


def test_limits_fit_the_number_of_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(connections, "_open_files", lambda: (20, 1_024))
    assert connections.fit_to_open_files(512, 256, warned.append) == (512, 256)
    assert connections.fit_to_open_files(10, 256, warned.append) == (256 + connections.SPARE, 256)
    monkeypatch.setattr(connections, "_open_files", lambda: (20, None))
    assert connections.fit_to_open_files(5_000, 2_000, warned.append) == (5_000, 2_000)
    assert not warned
    monkeypatch.setattr(connections, "_open_files", lambda: (20, 128))
    open_, requests = connections.fit_to_open_files(512, 256, warned.append)
    assert 20 + open_ + connections.ARRIVING + connections.FILES == 128
    assert requests == open_ - connections.SPARE
    assert "[ZT960] The limit of open files is 128" in warned[0]
    monkeypatch.setattr(connections, "_open_files", lambda: (20, 64))
    with pytest.raises(ValueError, match=r"\[ZT567\].*64"):
        connections.fit_to_open_files(512, 256, warned.append)
