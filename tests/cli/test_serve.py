"""`serve` runs in its own process."""

import json
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from spacy_zh_tw_ner.cli import zh_tw_ner_cli

SENTENCE = "蔡英文總統在臺北市接見台積電董事長。"
SERVE = """
import sys
from runpy import run_module
sys.argv[:1] = ["spacy", "zh-tw-ner", "serve"]
run_module("spacy", run_name="__main__")
"""


@contextmanager
def served(log: Path, *arguments: str, program: str = SERVE) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", program, *arguments, "--port", str(port), "--threads", "1"]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
                deadline = time.monotonic() + 120
                while True:
                    try:
                        client.get("/readyz").raise_for_status()
                        break
                    except httpx.ConnectError:
                        assert process.poll() is None, log.read_text()
                        assert time.monotonic() < deadline
                        time.sleep(0.1)
                yield process, client
        finally:
            process.kill()


def test_accepted_requests_are_answered_after_sigterm(tiny_pipeline: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with served(log, str(tiny_pipeline), "--max-texts", "20000", "--batch-chars", "512") as (process, client):
        assert client.get("/v1/service").json()["pipelines"][0]["name"] == "model-best"
        client.get(f"/?{SENTENCE}")
        answers: list[httpx.Response] = []

        def ask() -> None:
            answers.append(client.post("/v1/entities", json={"texts": [SENTENCE] * 2_500}))

        def stream() -> None:
            body = "\n".join([json.dumps({"text": SENTENCE})] * 2_500)
            headers = {"Content-Type": "application/x-ndjson"}
            answers.append(client.post("/v1/entities/stream", content=body, headers=headers))

        threads = [threading.Thread(target=work) for work in (ask, stream)]
        for thread in threads:
            thread.start()
        wait_for_queue(client)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        assert not answers  # inference is still running
        with pytest.raises(httpx.ConnectError):
            httpx.get(client.base_url, trust_env=False)
        for thread in threads:
            thread.join(60)
        assert process.wait(30) == 0
        (result,) = (a.json()["results"] for a in answers if a.headers["content-type"] == "application/json")
        (lines,) = (a.content.splitlines() for a in answers if "ndjson" in a.headers["content-type"])
        assert [len(found["entities"]) for found in result] == [3] * 2_500
        assert [len(json.loads(line)["entities"]) for line in lines] == [3] * 2_500
    said = log.read_text()
    assert "All accepted requests are answered." in said
    assert "GET / 200" in said
    assert not [part for part in (SENTENCE[:3], "%E8", "Traceback") if part in said]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_sighup_reloads_the_pipelines(tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    log, link = tmp_path / "log", tmp_path / "current"
    for name in ("newer", "damaged"):  # copies with the present time
        shutil.copytree(tiny_pipeline, tmp_path / name, copy_function=shutil.copyfile)
    (tmp_path / "damaged" / "ner" / "cfg").write_text("{")
    link.symlink_to(tiny_pipeline)
    with served(log, f"ner={link}", "--reload-dev", str(tiny_corpus / "dev.spacy")) as (process, client):

        def reload_from(target: str) -> str:
            n_lines = len(log.read_text().splitlines())
            link.unlink()
            link.symlink_to(tmp_path / target)
            process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 60
            while not (found := [line for line in log.read_text().splitlines()[n_lines:] if "'ner'" in line]):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            return found[0]

        before = client.get("/v1/service").json()["pipelines"][0]["version"]
        assert "[ZT736] The pipeline 'ner' was not replaced" in reload_from("damaged")
        assert client.get("/v1/service").json()["pipelines"][0]["version"] == before
        assert "of the pipeline 'ner' replaces" in reload_from("newer")
        after = client.get("/v1/service").json()["pipelines"][0]["version"]
        assert after != before
        assert len(client.post("/v1/entities", json={"text": SENTENCE}).json()["results"][0]["entities"]) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["no_such_pipeline"], "ZT531", 1),
        (["{tiny}", "model-best={tiny}"], "ZT503", 2),
        (["{tiny}", "--max-models-mib", "0"], "ZT501", 2),
        (["{tiny}", "--timeout", "0"], "ZT501", 2),
        (["{tiny}", "--write-timeout", "nan"], "ZT501", 2),
        (["{tiny}", "--allow-host", "http://a"], "ZT574", 2),
        (["{empty}", "--port", "0"], "ZT531", 1),
        (["{tiny}", "--host", "no such host"], "ZT562", 1),
        (["{tiny}", "--host", "192.0.2.1"], "ZT562", 1),
        (["{tiny}", "--port", "{taken}"], "ZT561", 1),
        (["{tiny}", "--api-key-file", "{empty}/none"], "ZT568", 1),
        (["{tiny}", "--api-key-file", "{empty}"], "ZT568", 1),
        (["{tiny}", "--api-key-file", "/dev/null"], "ZT569", 1),
        (["{tiny}", "--api-key-file", "{blank}"], "ZT569", 1),
        (["{tiny}", "--api-key-file", "{lines}"], "ZT570", 1),
        (["{tiny}", "--api-key-file", "{latin}"], "ZT570", 1),
        (["{tiny}", "--api-key-file", "/dev/zero"], "ZT570", 1),
        (["{tiny}", "--annotations", "{empty}/a.jsonl"], "ZT742", 2),
        (["{tiny}", "--annotations", "{empty}", "--api-key-file", "{key}"], "ZT744", 1),
        (["{tiny}", "--max-annotations-mib", "0"], "ZT501", 2),
        (["{tiny}", "--reload-dev", "none"], "ZT740", 2),
        (["{tiny}", "--reload-dev", "{key}"], "ZT210", 1),
    ],
)
def test_invalid_pipelines_and_settings_are_errors(
    arguments: list[str], code: str, status: int, tiny_pipeline: Path, tmp_path: Path
) -> None:
    files = {"blank": b"\xef\xbb\xbf \n", "lines": b"one\ntwo\n", "latin": b"\xff\xfe", "key": b"s3cret"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        places = {name: tmp_path / name for name in files}
        port = taken.getsockname()[1]
        filled = [a.format(tiny=tiny_pipeline, empty=tmp_path, taken=port, **places) for a in arguments]
        result = CliRunner().invoke(zh_tw_ner_cli, ["serve", *filled])
    assert result.exit_code == status, result.output
    assert f"[{code}]" in result.output


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_api_key_is_an_error(value: str, tiny_pipeline: Path) -> None:
    result = CliRunner().invoke(zh_tw_ner_cli, ["serve", str(tiny_pipeline)], env={"ZH_TW_NER_API_KEY": value})
    assert result.exit_code == 1
    assert "[ZT569]" in result.output
    assert "ZH_TW_NER_API_KEY" in result.output


def test_missing_packages_are_an_error_that_lists_them(tiny_pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spacy_zh_tw_ner.cli import serve

    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    result = CliRunner().invoke(zh_tw_ner_cli, ["serve", str(tiny_pipeline)])
    assert result.exit_code == 1
    assert "[ZT505] `serve` needs packages that are not installed (fastapi, uvicorn, prometheus_client)" in " ".join(
        result.output.split()
    )


ATTACKED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
from spacy_zh_tw_ner.cli import zh_tw_ner_cli
zh_tw_ner_cli(["serve", *sys.argv[1:]])
"""


def wait_for_queue(client: httpx.Client) -> None:
    """Wait until a text stays in the queue: another one is read, and requests that have begun have arrived."""
    n_seen, deadline = 0, time.monotonic() + 120
    while n_seen < 10:
        assert time.monotonic() < deadline
        n_seen = 0 if "zh_tw_ner_queue_texts 0.0" in client.get("/metrics").text else n_seen + 1
        time.sleep(0.01)


@pytest.mark.slow
def test_idle_and_stalled_clients_and_a_long_text_do_not_block_others(tiny_pipeline: Path, tmp_path: Path) -> None:
    """Under a limit of 128 open files: 100 half-open connections, 8 stalled readers and 1,000,000 characters."""
    log = tmp_path / "log"
    with served(log, str(tiny_pipeline), "--drain", "2", program=ATTACKED) as (process, client), ExitStack() as stack:
        port = client.base_url.port or 0

        def connect(sent: bytes) -> socket.socket:
            attacker = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            attacker.sendall(sent)
            return attacker

        def post(path: str, kind: str, body: bytes) -> bytes:
            head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            return head.encode() + body

        def ask(request: bytes) -> bytes:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as asking:
                asking.sendall(request)
                return b"".join(iter(partial(asking.recv, 1 << 16), b""))

        short = json.dumps({"text": SENTENCE}).encode()
        line = json.dumps({"text": SENTENCE, "id": "x" * 3_000}).encode() + b"\n"
        for _ in range(8):
            connect(post("/v1/entities/stream", "application/x-ndjson", line * 2_000))
        long = connect(post("/v1/entities", "application/json", json.dumps({"text": SENTENCE * 55_555}).encode()))
        half_open = [connect(b"GET / HTTP/1.1\r\nHo" * (i % 2)) for i in range(200)]
        for i in range(60):
            if i % 10 == 0:  # reopen connections that the service closed
                half_open += [connect(b"") for _ in range(20)]
            assert ask(b"GET /readyz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")
            answer = ask(post("/v1/entities", "application/json", short).replace(b"1.1", b"1.0", 1))
            assert answer.count(b'"label"') == 3
            if i == 0:  # short requests are answered before the long text
                assert not select.select([long], [], [], 0)[0]
            time.sleep(0.03)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    said = log.read_text()
    assert "[ZT960] The limit of open files is 128" in said
    assert not [part for part in ("Traceback", "Too many open files", SENTENCE[:3], " 500 ") if part in said]


@pytest.mark.slow
def test_a_stream_cut_by_the_drain_limit_ends_without_traceback(tiny_pipeline: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with served(log, str(tiny_pipeline), "--drain", "0.2", "--queue-chars", "2000000") as (process, client):
        answers: list[httpx.Response] = []
        long = json.dumps({"text": SENTENCE * 50_000})
        body = {"/v1/entities": long, "/v1/entities/stream": '{"text": "一"}\n' * 3 + long}

        def ask(path: str, kind: str) -> None:
            answers.append(client.post(path, content=body[path].encode(), headers={"Content-Type": kind}))

        kinds = {"/v1/entities": "application/json", "/v1/entities/stream": "application/x-ndjson"}
        threads = [threading.Thread(target=ask, args=item) for item in kinds.items()]
        for thread in threads:
            thread.start()
        wait_for_queue(client)
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(60)
        assert process.wait(30) == 0
    (refused,) = (a for a in answers if a.status_code == 503)
    (stream,) = (a for a in answers if a.status_code == 200)
    assert refused.json()["error"]["code"] == "ZT535"
    lines = [json.loads(line) for line in stream.content.splitlines()]
    assert ["entities" in line for line in lines] == [True, True, True, False]
    assert lines[-1]["error"]["code"] == "ZT535"
    assert not [part for part in ("Traceback", " 500 ") if part in log.read_text()]
