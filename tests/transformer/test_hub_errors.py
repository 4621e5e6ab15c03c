"""Base models in folders, in the cache and on a Hub, which may be unreachable, broken or incomplete."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from spacy_zh_tw_ner.errors import BaseModelError
from spacy_zh_tw_ner.transformer.backbone import load_backbone
from spacy_zh_tw_ner.transformer.hub import read_config, read_tokenizer

COMMIT = "0" * 40
UNREACHABLE = "http://127.0.0.1:9"  # the port "discard", on which nothing listens
# Prints what each step of loading a base model returns: the name of a class, or the message of an error.
READ = """
import json, sys
from spacy_zh_tw_ner.errors import BaseModelError
from spacy_zh_tw_ner.transformer.backbone import load_backbone
from spacy_zh_tw_ner.transformer.hub import read_config, read_tokenizer

name, revision = sys.argv[1], sys.argv[2] or None
for read in (read_tokenizer, read_config, lambda name, revision: load_backbone(name, revision=revision)):
    try:
        print(json.dumps(type(read(name, revision)).__name__))
    except BaseModelError as error:
        print(json.dumps(str(error)))
"""
LOADED = ["BertTokenizerFast", "BertConfig", "Backbone"]


class Hub(ThreadingHTTPServer):
    """A Hub on this machine.

    folder: Files of its only model, `org/base`; None for a Hub without models. status: Status of its answers about
    models: 200, or that of an error. content: Content of these answers. asked: Paths of these requests.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder: Path | None = None
        self.status, self.content = 200, b'{"id": "org/base"}'
        self.asked: list[str] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        hub, path = self.server, self.path
        if "/tree/" in path:  # for chat templates in a folder of their own
            self.answer(200, b"[]", "")
        elif path.startswith("/api/models/"):
            hub.asked.append(path)
            exists = hub.folder is not None and path.startswith("/api/models/org/base")
            self.answer(hub.status if exists else 404, hub.content, "RepoNotFound")
        elif hub.status >= 500:
            self.answer(hub.status, b"", "")
        elif hub.folder is None:
            self.answer(404, b"", "RepoNotFound")
        else:
            file = hub.folder / path.rpartition("/")[2]
            self.answer(*(200, file.read_bytes()) if file.is_file() else (404, b""), "EntryNotFound")

    do_HEAD = do_GET

    def answer(self, status: int, content: bytes, code: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{len(content)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if status == 404:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def load(name: str, endpoint: str, home: Path, *, revision: str = "", **variables: str) -> tuple[list[str], str]:
    """Load a base model in a process of its own; return what each step returned, and the log."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HOME": str(home), **variables}
    command = [sys.executable, "-c", READ, name, revision]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.mark.slow
def test_a_base_model_is_loaded_from_the_hub_and_then_from_the_cache(
    hub: Hub, make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    hub.folder = make_checkpoint()
    assert load("org/base", hub.endpoint, tmp_path)[0] == LOADED
    for revision in ("", COMMIT):
        found, log = load("org/base", UNREACHABLE, tmp_path, revision=revision)
        assert found == LOADED
        assert "Retrying" not in log
    assert load("org/base", UNREACHABLE, tmp_path, HF_HUB_OFFLINE="1")[0] == LOADED
    hub.status = 503
    found, log = load("org/base", hub.endpoint, tmp_path)
    assert found == LOADED
    assert "Retrying" not in log


@pytest.mark.slow
def test_a_mirror_need_not_answer_about_models(hub: Hub, make_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    hub.folder = make_checkpoint()
    for i, content in enumerate((b"<html>", b"[]", b"{}")):
        hub.content = content
        found, _ = load("org/base", hub.endpoint, tmp_path / str(i))
        assert found == LOADED


@pytest.mark.slow
@pytest.mark.parametrize(("status", "reason"), [(404, "not a valid model identifier"), (503, "with the error 503.")])
def test_a_hub_without_the_base_model_is_asked_once(hub: Hub, status: int, reason: str, tmp_path: Path) -> None:
    hub.status, hub.folder = status, None if status == 404 else tmp_path
    found, log = load("org/base", hub.endpoint, tmp_path / "home")
    assert hub.asked == ["/api/models/org/base"] * 3  # one for each step
    assert all("[ZT321]" in message and reason in message for message in found)
    assert "Retrying" not in log


@pytest.mark.slow
def test_an_unreachable_hub_is_not_asked_again_and_again(tmp_path: Path) -> None:
    found, log = load("nobody/nothing", UNREACHABLE, tmp_path)
    assert len(found) == 3
    reason = "only the Hugging Face cache was searched: the Hugging Face Hub cannot be reached (ConnectionError)."
    assert all("[ZT321]" in message and reason in message for message in found)
    assert "Retrying" not in log


@pytest.mark.parametrize(
    "name", ["/no/folder", "./folder", "no/such/folder", "C:\\no\\folder", "~/folder", "", "\0", "x" * 9999]
)
def test_a_name_that_cannot_be_an_id_is_not_looked_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers.utils

    # Then huggingface_hub, which is offline in tests, would report any request.
    monkeypatch.setattr(transformers.utils, "is_offline_mode", lambda: False)
    for read in (read_config, read_tokenizer):
        with pytest.raises(BaseModelError, match=r"ZT321.* There is no such folder, and the name cannot be an id"):
            read(name, None)


def test_the_message_names_base_model_revision_and_remedy() -> None:
    with pytest.raises(ValueError, match=r"ZT321.*'nobody/nothing' \(revision v9\)") as caught:
        load_backbone("nobody/nothing", revision="v9")
    message = str(caught.value)
    assert "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set." in message
    assert "`name` and `revision`" in message
    assert "\n" not in message


def test_a_folder_without_a_base_model_is_an_error(tmp_path: Path) -> None:
    for read in (read_config, read_tokenizer):
        with pytest.raises(BaseModelError, match=r"ZT321.* The folder has no config\.json\."):
            read(str(tmp_path), None)
