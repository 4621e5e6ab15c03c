"""A damaged or hostile journal is refused."""

import json
from pathlib import Path

import pytest

from spacy_zh_tw_ner.annotation.job import AnnotationJob
from spacy_zh_tw_ner.annotation.journal import NAME, Journal
from spacy_zh_tw_ner.errors import OutputError, UnreadableFileError

GOOD = {"chunk": 0, "records": 1, "characters": 1, "entities": 0, "rejected": 0, "tokens": 1}


@pytest.fixture
def job(tmp_path: Path) -> AnnotationJob:
    (tmp_path / "in.jsonl").write_text('{"text": "好"}\n', encoding="utf-8")
    return AnnotationJob(tmp_path / "in.jsonl", tmp_path / "out.jsonl", "pipeline")


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"a":' * 200 + "1" + "}" * 200,
        "null",
        "{}",
        "{",
        *(json.dumps({**GOOD, key: value}) for key in GOOD for value in (-1, "x", None, 10**400, 1.5)),
        json.dumps({**GOOD, "more": 1}),
    ],
    ids=range(36),
)
def test_a_damaged_line_is_an_error(line: str, job: AnnotationJob) -> None:
    job.folder.mkdir()
    for text in (f"{json.dumps({'a': 1})}\n{line}\n", f"{line}\n" if not line.startswith('{"') else ""):
        (job.folder / NAME).write_text(text, encoding="utf-8")
        if text:
            with pytest.raises(UnreadableFileError, match=r"journal\.jsonl"):
                Journal(job, {"a": 1})


def test_a_valid_line_is_read(job: AnnotationJob) -> None:
    job.folder.mkdir()
    (job.folder / NAME).write_text(f"{json.dumps({'a': 1})}\n{json.dumps(GOOD)}\n", encoding="utf-8")
    job.part(0).touch()
    job.part_rejects(0).touch()
    with Journal(job, {"a": 1}) as journal:
        assert journal.total().records == 1


@pytest.mark.parametrize("anew", [False, True])
def test_files_of_the_user_are_not_taken_for_those_of_a_job(anew: bool, job: AnnotationJob) -> None:
    job.folder.mkdir()
    (job.folder / "20240101.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"ZT671.*20240101\.txt"):
        Journal(job, {"a": 1}, anew=anew)
    (job.folder / "20240101.txt").unlink()
    (job.folder / NAME).write_text('{"mine": 1}\n')
    with pytest.raises(UnreadableFileError, match="the settings of a job"):
        Journal(job, {"a": 1}, anew=anew)
    assert (job.folder / NAME).read_text() == '{"mine": 1}\n'
