"""`/v1/mask`: masked texts, offsets of replacements, and invalid requests."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from spacy_zh_tw_ner.service import routes

from .conftest import Running

TEXT = "蔡英文總統在臺北市接見台積電董事長。"


def mask(service: Running, status: int = 200, **body: Any) -> Any:
    response = service.client.post("/v1/mask", json=body)
    assert response.status_code == status, response.text
    return response.json()


def test_personal_data_is_replaced(service: Running) -> None:
    answer = mask(service, texts=[TEXT, ""])
    assert (answer["pipeline"], answer["offset_unit"]) == ("tiny", "codepoint")
    first, second = answer["results"]
    assert first["text"] == TEXT.replace("蔡英文", "〔姓名1〕")
    place = {"start": 0, "end": 3, "masked_start": 0, "masked_end": 5}
    assert first["replacements"] == [{**place, "label": "PERSON", "action": "replace", "text": "〔姓名1〕"}]
    assert second == {"text": "", "replacements": []}


def test_offsets_are_in_the_unit_of_the_client(service: Running) -> None:
    (result,) = mask(service, text=f"{TEXT}😀{TEXT}", offset_unit="utf8", policy={"default": "redact"})["results"]
    data, before = result["text"].encode(), f"{TEXT}😀{TEXT}".encode()
    rows = result["replacements"]
    assert [before[row["start"] : row["end"]].decode() for row in rows][:3] == ["蔡英文", "臺北市", "台積電"]
    assert {data[row["masked_start"] : row["masked_end"]].decode() for row in rows} == {"███"}


def test_one_key_gives_the_same_pseudonyms_in_every_request(service: Running) -> None:
    body = {"text": TEXT, "policy": {"labels": {"PERSON": "pseudonym", "ORG": "hash"}}, "key": "0123456789abcdef"}
    first, second = (mask(service, **body)["results"] for _ in range(2))
    assert first == second
    assert "蔡英文" not in json.dumps(first, ensure_ascii=False)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"policy": {"labels": {"PERSON": "hash"}}}, "ZT877"),
        ({"policy": {"labels": {"NOBODY": "redact"}}}, "ZT872"),
        ({"policy": {"labels": {"PERSON": "hide"}}}, "ZT508"),
        ({"policy": {"labels": {"PHONE": "generalise"}}}, "ZT874"),
        ({"policy": {"placeholders": {"PERSON": "人" * 41}}}, "ZT508"),
        ({"policy": {"unknown": 1}}, "ZT508"),
        ({"key": "short"}, "ZT508"),
        ({"labels": ["NO"]}, "ZT516"),
    ],
)
def test_invalid_masking_requests_are_refused(service: Running, body: dict[str, Any], code: str) -> None:
    assert mask(service, 422, text=TEXT, **body)["error"]["code"] == code


def test_one_thread_masks_at_a_time(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once: list[int] = []
    running = 0

    def slow(*arguments: Any) -> bytes:
        nonlocal running
        running += 1
        at_once.append(running)
        time.sleep(0.05)
        running -= 1
        return b"{}"

    monkeypatch.setattr(routes, "mask_texts", slow)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: mask(service, text=TEXT), range(4)))
    assert at_once == [1] * 4
