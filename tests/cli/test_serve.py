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
    ("arguments", "code"),
    [
        (["no_such_pipeline"], "ZT502"),
        (["{tiny}", "model-best={tiny}"], "ZT503"),
        (["{tiny}", "--max-models-mib", "0"], "ZT501"),
        (["{tiny}", "--timeout", "0"], "ZT501"),
        (["{empty}"], "E053"),
    ],
)
def test_what_cannot_be_served_is_said(arguments: list[str], code: str, tiny_pipeline: Path, tmp_path: Path) -> None:
    filled = [argument.format(tiny=tiny_pipeline, empty=tmp_path) for argument in arguments]
    result = CliRunner().invoke(zh_tw_ner_cli, ["serve", *filled])
    assert result.exit_code == 1
    assert f"[{code}]" in result.output


def test_missing_packages_are_named(tiny_pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spacy_zh_tw_ner.cli import serve

    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    result = CliRunner().invoke(zh_tw_ner_cli, ["serve", str(tiny_pipeline)])
    assert result.exit_code == 1
    assert "[ZT505] `serve` needs packages that are not installed (fastapi, uvicorn, prometheus_client)" in " ".join(
        result.output.split()
    )
