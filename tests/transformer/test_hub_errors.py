"""Base models that are not found: one message without a wait, whatever the reason."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from spacy_zh_tw_ner.errors import BaseModelError
from spacy_zh_tw_ner.transformer.backbone import load_backbone
from spacy_zh_tw_ner.transformer.hub import read_config, read_tokenizer

READ = """
import json, sys
from spacy_zh_tw_ner.errors import BaseModelError
from spacy_zh_tw_ner.transformer.hub import read_config, read_tokenizer

for read in (read_tokenizer, read_config):
    try:
        read("nobody/nothing", None)
    except BaseModelError as error:
        print(json.dumps(str(error)))
"""


class EmptyHub(ThreadingHTTPServer):
    """A Hub without any model. It keeps the paths of all requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Missing)
        self.paths: list[str] = []


class Missing(BaseHTTPRequestHandler):
    server: EmptyHub

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[EmptyHub]:
    with EmptyHub() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def messages(endpoint: str, cache: Path) -> tuple[list[str], str]:
    """Return the messages and the log of a process that reads a missing tokenizer and a missing config."""
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HOME": str(cache)}
    command = [sys.executable, "-c", READ]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.mark.slow
def test_the_hub_is_asked_once_for_a_model_that_it_does_not_have(hub: EmptyHub, tmp_path: Path) -> None:
    found, _ = messages(f"http://127.0.0.1:{hub.server_port}", tmp_path)
    assert hub.paths == ["/api/models/nobody/nothing"] * 2  # one of the tokenizer, one of the config
    assert len(found) == 2
    assert all("[ZT321]" in message and "the Hugging Face Hub has no such model" in message for message in found)


@pytest.mark.slow
def test_an_unreachable_hub_is_not_asked_again_and_again(tmp_path: Path) -> None:
    found, log = messages("http://127.0.0.1:9", tmp_path)  # the port "discard", on which nothing listens
    assert len(found) == 2
    assert all("[ZT321]" in message and "the Hugging Face Hub cannot be reached." in message for message in found)
    assert "Retrying" not in log


@pytest.mark.parametrize(
    "name", ["/no/folder", "./folder", "no/such/folder", "C:\\no\\folder", "~/folder", "", "\0", "x" * 9999]
)
def test_a_path_is_not_looked_up_on_the_hub(name: str) -> None:
    for read in (read_config, read_tokenizer):
        with pytest.raises(
            BaseModelError, match=r"ZT321.* No folder has this name, and it cannot be the id of a model"
        ):
            read(name, None)


def test_the_message_names_base_model_revision_and_remedy() -> None:
    with pytest.raises(ValueError, match=r"ZT321.*'nobody/nothing' \(revision v9\)") as caught:
        load_backbone("nobody/nothing", revision="v9")
    message = str(caught.value)
    assert "HF_HUB_OFFLINE is set." in message
    assert "`name` and `revision`" in message
    assert "\n" not in message


def test_a_folder_without_a_base_model_is_not_called_missing(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="ZT321") as caught:
        read_config(str(tmp_path), None)
    assert "No folder" not in str(caught.value)
    assert ".. " not in str(caught.value)
