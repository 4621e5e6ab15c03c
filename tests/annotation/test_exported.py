"""An exported model annotates files as its pipeline does, without spaCy and torch."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_zh_tw_ner.annotation.annotate import annotate
from spacy_zh_tw_ner.annotation.job import AnnotationJob
from spacy_zh_tw_ner.annotation.journal import Journal, identify
from spacy_zh_tw_ner.annotation.processes import Worker
from spacy_zh_tw_ner.runtime import recognizer

from .helpers import MakeJob, json_lines, rows_of

pytestmark = pytest.mark.usefixtures("here")
ABSENT = ("torch", "spacy", "thinc", "transformers", "peft", "safetensors", "opencc", "srsly", "regex", "numba")
ANNOTATE = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT!r}))
from spacy_zh_tw_ner.cli import zh_tw_ner_cli
if __name__ == "__main__":
    zh_tw_ner_cli(["annotate", *sys.argv[1:]])
"""


@pytest.fixture
def jobs(make_job: MakeJob, tiny_onnx: tuple[Path, Path], tiny_texts: list[str]) -> tuple[AnnotationJob, AnnotationJob]:
    """Return the same job for a pipeline and for its exported model."""
    job = make_job(json_lines([*tiny_texts, "", "臺 北"]), chunk_size=4)
    pipeline, folder = tiny_onnx
    other = job.target.with_name("exported.jsonl")
    return replace(job, pipeline=str(pipeline)), replace(job, pipeline=str(folder), target=other)


def same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    assert sum(len(row["entities"]) for row in one) > 10
    for expected, row in zip(one, other, strict=True):
        scores = [entity.pop("score") for entity in expected["entities"]]
        assert [entity.pop("score") for entity in row["entities"]] == pytest.approx(scores, abs=1e-4)
    return one == other


def test_json_lines_equal_those_of_the_pipeline(
    jobs: tuple[AnnotationJob, AnnotationJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognizer, "BATCH_CHARS", 40)
    tallies = [annotate(job, progress=False) for job in jobs]
    assert same(*(rows_of(job.target) for job in jobs))
    assert tallies[0].entities == tallies[1].entities
    assert tallies[0].records == tallies[1].records


def test_spacy_files_equal_those_of_the_pipeline(jobs: tuple[AnnotationJob, AnnotationJob]) -> None:
    found = []
    for job in (replace(job, target=job.target.with_suffix(".spacy")) for job in jobs):
        annotate(job, progress=False)
        docs = DocBin(store_user_data=True).from_disk(job.target).get_docs(spacy.blank("zh_tw").vocab)
        found.append(
            [
                {
                    "text": doc.text,
                    "meta": doc.user_data["meta"],
                    "entities": [{"place": (e.start, e.end, e.label_), "score": e._.score} for e in doc.ents],
                }
                for doc in docs
            ]
        )
    assert same(*found)


def test_a_lone_surrogate_rejects_only_its_record(make_job: MakeJob, tiny_onnx: tuple[Path, Path]) -> None:
    lines = '{"text": "在臺北"}\n{"text": "\\ud83d台"}\n{"text": "末"}\n'
    job = replace(make_job(lines), pipeline=str(tiny_onnx[1]))
    assert annotate(job, progress=False).rejected == 1
    assert [row["text"] for row in rows_of(job.target)] == ["在臺北", "末"]
    (rejected,) = rows_of(job.rejects)
    assert rejected["line"] == 2
    assert "[ZT001]" in rejected["reason"]


def test_a_gpu_for_an_exported_model_is_an_error(jobs: tuple[AnnotationJob, AnnotationJob]) -> None:
    with pytest.raises(ValueError, match=r"\[ZT703\] .*--gpu"):
        Worker(jobs[1], gpu=0)


def test_an_exported_model_that_changed_does_not_continue(
    jobs: tuple[AnnotationJob, AnnotationJob], tmp_path: Path
) -> None:
    folder = tmp_path / "exported"
    shutil.copytree(jobs[1].pipeline, folder)
    job = replace(jobs[1], pipeline=str(folder))
    with Journal(job, identify(job, "")):
        pass
    (folder / "pipeline.json").write_text((folder / "pipeline.json").read_text("utf-8") + " ", encoding="utf-8")
    with pytest.raises(ValueError, match=r"\[ZT520\] .*content"):
        annotate(job, progress=False)


def test_the_command_needs_neither_spacy_nor_torch(jobs: tuple[AnnotationJob, AnnotationJob], tmp_path: Path) -> None:
    expected, job = jobs
    annotate(expected, progress=False)
    script = tmp_path / "annotate.py"  # a file, because worker processes import it again
    script.write_text(ANNOTATE, encoding="utf-8")
    words = [str(job.source), str(job.target), "-p", job.pipeline, "--chunk-size", "5", "--workers", "2"]
    done = subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert same(rows_of(expected.target), [json.loads(line) for line in job.target.read_text("utf-8").splitlines()])
