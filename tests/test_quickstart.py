"""Run docs/from-texts-to-a-pipeline.md, from `propose` to a served pipeline, with few training steps."""

import json
import re
import shlex
from pathlib import Path

import pytest

from spacy_zh_tw_ner.corpora.annotation_checks import Tally
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, read_records

from .cli.helpers import succeeds
from .cli.test_serve import served

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "from-texts-to-a-pipeline.md"
ASSETS = ROOT / "assets" / "quickstart"


def page_commands() -> list[list[str]]:
    """Return the commands of the page without `python -m spacy zh-tw-ner`, with paths and few steps for a test."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line.removeprefix("python -m spacy zh-tw-ner ")) for line in lines]


def test_the_page_goes_from_texts_to_a_served_pipeline() -> None:
    names = [words[0] for words in page_commands()]
    assert names == [
        *("propose", "convert", "convert", "train", "export"),
        *("convert", "train", "evaluate", "serve"),
    ]


def test_the_texts_are_those_of_the_demonstration_corpus_and_apart_from_dev_and_test() -> None:
    texts = (ASSETS / "texts.txt").read_text(encoding="utf-8").splitlines()
    assert len(set(texts)) == len(texts) == 300

    def read(*paths: Path) -> dict[str, set[tuple[int, int, str]]]:
        records = read_records(list(paths), ConvertSettings(script="none"), Tally())
        return {record.text: {(e.start, e.end, e.label) for e in record.entities} for record in records}

    corpus = {
        split: read(*sorted((ROOT / "assets" / "taiwan" / split).glob("*.txt"))) for split in ("train", "dev", "test")
    }
    assert set(texts) <= corpus["train"].keys()
    labels = {"PERSON", "ORG", "GPE", "DATE"}
    for name, split in (("annotated", "train"), ("dev", "dev"), ("test", "test")):
        for text, entities in read(ASSETS / f"{name}.txt").items():
            assert entities == {entity for entity in corpus[split][text] if entity[2] in labels}
    assert read(ASSETS / "annotated.txt").keys() <= set(texts)


@pytest.mark.slow
def test_the_commands_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("assets", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    *others, serve = [["25" if word == "600" else word for word in words] for words in page_commands()]
    for words in others:
        output = succeeds(*words)
        if words[0] == "propose":
            assert "language model" in output
    report = json.loads(Path("corpus/quickstart/proposed.json").read_text(encoding="utf-8"))
    assert report["texts"] == 300
    assert min(report["annotated"].values()) >= 5
    assert report["sources"]["language model"]["agreed"] >= 5
    queue = json.loads(Path("corpus/quickstart/queue.json").read_text(encoding="utf-8"))
    assert len(queue) == 300
    with served(tmp_path / "log", serve[1]) as (_, client):
        answer = client.post("/v1/entities", json={"texts": ["台積電在新竹設廠。"]})
        assert answer.status_code == 200
        assert len(answer.json()["results"]) == 1
