"""`zh-tw-ner serve` as a process of its own."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from spacy_zh_tw_ner.cli import zh_tw_ner_cli

SENTENCE = "蔡英文總統在臺北市接見台積電董事長。"


@contextmanager
def served(log: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "spacy", "zh-tw-ner", "serve", *arguments, "--port", str(port), "--threads", "1"]
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


def test_sigterm_lets_what_was_taken_be_answered(tiny_pipeline: Path, tmp_path: Path) -> None:
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
        while "zh_tw_ner_queue_texts 0.0" in client.get("/metrics").text:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        assert not answers  # it was busy
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
    assert "All that was taken is answered." in said
    assert "GET / 200" in said
    assert not [part for part in (SENTENCE[:3], "%E8", "Traceback") if part in said]


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["no_such_pipeline"], "ZT502", 1),
        (["{tiny}", "model-best={tiny}"], "ZT503", 1),
        (["{tiny}", "--max-models-mib", "0"], "ZT501", 2),
        (["{tiny}", "--timeout", "0"], "ZT501", 2),
        (["{tiny}", "--write-timeout", "nan"], "ZT501", 2),
        (["{tiny}", "--allow-host", "http://a"], "ZT574", 2),
        (["{empty}", "--port", "0"], "E053", 1),
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
    ],
)
def test_what_cannot_be_served_is_said(
    arguments: list[str], code: str, status: int, tiny_pipeline: Path, tmp_path: Path
) -> None:
    files = {"blank": b"\xef\xbb\xbf \n", "lines": b"one\ntwo\n", "latin": b"\xff\xfe"}
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
def test_a_key_that_is_set_but_empty_is_refused(value: str, tiny_pipeline: Path) -> None:
    result = CliRunner().invoke(zh_tw_ner_cli, ["serve", str(tiny_pipeline)], env={"ZH_TW_NER_API_KEY": value})
    assert result.exit_code == 1
    assert "[ZT569]" in result.output
    assert "ZH_TW_NER_API_KEY" in result.output


def test_missing_packages_are_named(tiny_pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spacy_zh_tw_ner.cli import serve

    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    result = CliRunner().invoke(zh_tw_ner_cli, ["serve", str(tiny_pipeline)])
    assert result.exit_code == 1
    assert "[ZT505] `serve` needs packages that are not installed (fastapi, uvicorn, prometheus_client)" in " ".join(
        result.output.split()
    )
