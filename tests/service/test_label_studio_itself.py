"""The whole loop with Label Studio itself: predictions, annotations, the documented training script, and a reload.

The environment variable ZH_TW_NER_LABEL_STUDIO names the executable `label-studio` of another virtual environment.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.corpora.export import config_path, export
from tests.cli.test_serve import served
from tests.tiny import TINY, tiny_config

from .conftest import free_port

VARIABLE = "ZH_TW_NER_LABEL_STUDIO"
TOKEN, KEY = "0123456789abcdef0123456789abcdef01234567", "s3cret"
PAGE = Path(__file__).parents[2] / "docs" / "label-studio.md"
FOODS = ("牛肉麵", "珍珠奶茶", "鳳梨酥", "蚵仔煎", "臭豆腐", "滷肉飯")
MARKUP = (
    TINY + "\n# doc = tiny-03\n" + "".join(f"我們去吃[{food}](FOOD)吧！\n昨天吃了[{food}](FOOD)。\n" for food in FOODS)
)


@pytest.fixture
def label_studio(tmp_path: Path) -> Iterator[httpx.Client]:
    """Label Studio with an empty database, and a client for its API."""
    program = os.environ.get(VARIABLE)
    if not program:
        pytest.skip(f"{VARIABLE} does not name the executable of Label Studio")
    port = free_port()
    environment = {
        **os.environ,
        "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path / "label-studio"),
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        # Label Studio refuses back ends at local addresses by default.
        "ML_BLOCK_LOCAL_IP": "false",
        "SSRF_PROTECTION_ENABLED": "false",
    }
    environment.pop("PYTHONPATH", None)
    options = ["--no-browser", "--internal-host", "127.0.0.1", "--port", str(port), "--enable-legacy-api-token"]
    options += ["--username", "a@example.tw", "--password", "a long password", "--user-token", TOKEN]
    with (tmp_path / "label-studio.log").open("wb") as log:
        process = subprocess.Popen([program, "start", *options], env=environment, stdout=log, stderr=log, cwd=tmp_path)
    headers = {"Authorization": f"Token {TOKEN}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False, headers=headers) as client:
        try:
            deadline = time.monotonic() + 900
            while not is_up(client):
                assert process.poll() is None, (tmp_path / "label-studio.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(1)
            yield client
        finally:
            process.kill()
            process.wait(30)


def is_up(client: httpx.Client) -> bool:
    try:
        return client.get("/api/projects/").status_code == 200
    except httpx.TransportError:
        return False


def call(client: httpx.Client, method: str, path: str, body: Any = None) -> Any:
    response = client.request(method, path, json=body)
    assert response.is_success, f"{path}: {response.status_code} {response.text[:2_000]}"
    return response.json() if response.content else None


def documented_script(folder: Path, port: int) -> Path:
    """Return the training script of the docs, for a folder and port of the test."""
    (script,) = re.findall(
        r"^```bash\n(#!/bin/sh\n.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    script = script.replace("/srv/ner", str(folder)).replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    path = folder / "retrain.sh"
    path.write_text(script.replace("python -m", f"{sys.executable} -m"), encoding="utf-8")
    return path


def predictions(client: httpx.Client, project: int) -> dict[str, list[tuple[str, str, float]]]:
    """Ask Label Studio to get predictions for all tasks; return the text, label and score of each entity by version."""
    body = {"selectedItems": {"all": True, "excluded": []}}
    call(client, "POST", f"/api/dm/actions?id=retrieve_tasks_predictions&project={project}", body)
    found: dict[str, list[tuple[str, str, float]]] = {}
    for prediction in call(client, "GET", f"/api/predictions/?project={project}"):
        regions = found.setdefault(prediction["model_version"], [])
        for region in prediction["result"]:
            regions.append((region["value"]["text"], region["value"]["labels"][0], region["score"]))
    return found


def connect(client: httpx.Client, project: int, url: str) -> str:
    """Connect the service to a project, and give the key to its webhook; return the version of the pipeline."""
    connection = {"project": project, "url": url, "title": "ner", "auth_method": "BASIC_AUTH", "basic_auth_user": "ner"}
    assert client.post("/api/ml/", json={**connection, "basic_auth_pass": "wrong"}).status_code == 400
    backend = call(client, "POST", "/api/ml/", {**connection, "basic_auth_pass": KEY})
    assert backend["state"] == "CO"
    (hook,) = call(client, "GET", f"/api/webhooks/?project={project}")
    assert hook["url"] == f"{url}/webhook"
    call(client, "PATCH", f"/api/webhooks/{hook['id']}/", {"headers": {"Authorization": f"Bearer {KEY}"}})
    return str(call(client, "GET", f"/api/ml/{backend['id']}")["model_version"])


def annotate(client: httpx.Client, project: int, gold: list[dict[str, Any]]) -> None:
    """Submit the annotations of all tasks, update the first, and delete the last."""
    tasks = {task["data"]["text"]: task["id"] for task in call(client, "GET", f"/api/projects/{project}/tasks/")}
    bodies = [{"result": task["annotations"][0]["result"]} for task in gold]
    paths = [f"/api/tasks/{tasks[task['data']['text']]}/annotations/" for task in gold]
    ids = [call(client, "POST", path, body)["id"] for path, body in zip(paths, bodies, strict=True)]
    call(client, "PATCH", f"/api/annotations/{ids[0]}/", bodies[0])
    call(client, "DELETE", f"/api/annotations/{ids[-1]}/")


def prepare(folder: Path, pipeline: Path) -> tuple[list[dict[str, Any]], str]:
    """Write the files that the documented script needs; return the annotated tasks, and the labelling configuration."""
    (folder / "configs").mkdir(parents=True)
    (folder / "gold.txt").write_text(MARKUP, encoding="utf-8")
    (folder / "api-key").write_text(KEY)
    (folder / "current").symlink_to(pipeline)
    convert(folder / "gold.txt", folder / "dev.spacy", ConvertSettings(script="none"), notify=str)
    tiny_config(folder, **{"training.max_steps": 120}).to_disk(folder / "configs" / "bilstm.cfg")
    tasks = folder / "gold.json"
    export(folder / "gold.txt", tasks, "label-studio", notify=str)
    return json.loads(tasks.read_text(encoding="utf-8")), config_path(tasks).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("flock") is None, reason="curl or flock is missing")
def test_annotations_become_better_predictions(label_studio: httpx.Client, tiny_pipeline: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ner"
    gold, config = prepare(folder, tiny_pipeline)
    annotations = folder / "annotations.jsonl"
    arguments = [f"ner={folder / 'current'}", "--api-key-file", str(folder / "api-key")]
    arguments += ["--annotations", str(annotations), "--reload-dev", str(folder / "dev.spacy")]
    with served(tmp_path / "serve.log", *arguments) as (_, service):
        project = call(label_studio, "POST", "/api/projects/", {"title": "夜市新聞", "label_config": config})["id"]
        version = connect(label_studio, project, str(service.base_url).rstrip("/"))
        call(label_studio, "POST", f"/api/projects/{project}/import", [task["data"] for task in gold])
        before = predictions(label_studio, project)
        assert [*before] == [version]
        assert ("蔡英文", "PERSON") in {(text, label) for text, label, _ in before[version]}
        assert "FOOD" not in {label for _, label, _ in before[version]}

        annotate(label_studio, project, gold)
        actions = [json.loads(line)["action"] for line in annotations.read_text().splitlines()]
        assert actions == ["ANNOTATION_CREATED"] * len(gold) + ["ANNOTATION_UPDATED", "ANNOTATIONS_DELETED"]

        script = documented_script(folder, service.base_url.port or 0)
        done = subprocess.run(["sh", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        answer = json.loads(re.findall(r"\{.*\}", done.stdout)[-1])
        assert (answer["replaced"], answer["former_version"]) == (True, version)
        assert answer["former_f"] < answer["f"]
        assert (folder / "current").resolve().parents[2] == folder / "runs"

        after = predictions(label_studio, project)
        assert "FOOD" in {label for _, label, _ in after[answer["version"]]}
        # The former predictions stay; the same entities have other scores now.
        (old, new) = ({(text, label): score for text, label, score in after[v]} for v in (version, answer["version"]))
        assert any(old[entity] != new[entity] for entity in old.keys() & new.keys())
