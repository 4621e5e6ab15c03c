"""Jobs annotate every record once and in order, also after interruptions."""

import gzip
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_zh_tw_ner.annotation import annotate as module
from spacy_zh_tw_ner.annotation import processes
from spacy_zh_tw_ner.annotation.annotate import annotate
from spacy_zh_tw_ner.annotation.chunks import Chunk
from spacy_zh_tw_ner.annotation.job import AnnotationJob, AnnotationTally
from spacy_zh_tw_ner.annotation.journal import NAME
from spacy_zh_tw_ner.errors import OutputError

from .helpers import MakeJob, json_lines, rows_of, run_here

pytestmark = pytest.mark.usefixtures("here")


def found_by(nlp: Language, text: str) -> list[tuple[int, int, str]]:
    return [(ent.start_char, ent.end_char, ent.label_) for ent in nlp(text).ents]


def places(entities: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return [(e["start"], e["end"], e["label"]) for e in entities]


def test_json_lines_keep_their_fields_and_order(make_job: MakeJob, tiny_nlp: Language, tiny_texts: list[str]) -> None:
    job = make_job(json_lines(tiny_texts * 3), chunk_size=5)
    tally = annotate(job, progress=False)
    rows = rows_of(job.target)
    assert [row["id"] for row in rows] == list(range(len(tiny_texts) * 3))
    assert rows[0] | {"entities": []} == {"id": 0, "text": tiny_texts[0], "tags": ["新聞", None], "entities": []}
    for row in rows:
        assert places(row["entities"]) == found_by(tiny_nlp, row["text"])
        assert all(row["text"][e["start"] : e["end"]] == e["text"] for e in row["entities"])
        assert all(0 < e["score"] <= 1 for e in row["entities"])
    assert tally.records == len(rows)
    assert tally.entities == sum(len(row["entities"]) for row in rows) > 0
    assert tally.characters == sum(len(row["text"]) for row in rows)
    assert not job.folder.exists()
    assert not job.rejects.exists()


def test_records_of_text_files_have_line_numbers(make_job: MakeJob) -> None:
    job = make_job("\ufeff蔡英文\r\n\r\n在臺北市\u2028見\n末", suffix=".txt", chunk_size=2)
    annotate(job, progress=False)
    rows = [(row["line"], row["text"]) for row in rows_of(job.target)]
    assert rows == [(1, "蔡英文"), (2, ""), (3, "在臺北市\u2028見"), (4, "末")]


def test_a_spacy_output_is_read_by_spacy(make_job: MakeJob, tiny_nlp: Language, tiny_texts: list[str]) -> None:
    job = make_job(json_lines(tiny_texts), "out.spacy", chunk_size=3)
    annotate(job, progress=False)
    docs = list(DocBin().from_disk(job.target).get_docs(spacy.blank("zh_tw").vocab))
    assert [doc.text for doc in docs] == tiny_texts
    for i, doc in enumerate(docs):
        assert [(e.start_char, e.end_char, e.label_) for e in doc.ents] == found_by(tiny_nlp, doc.text)
        assert len(doc.spans["ner"].attrs["scores"]) == len(doc.ents)
        assert json.loads(doc.user_data["meta"]) == {"id": i, "tags": ["新聞", None]}


@pytest.mark.parametrize("target", ["out.jsonl", "out.spacy", "out.parquet"])
@pytest.mark.parametrize("source", [b"", b"\n", b'{"text": null}\n'])
def test_an_input_without_readable_records_is_an_error_without_output(
    make_job: MakeJob, source: bytes, target: str
) -> None:
    if target.endswith("parquet"):
        pytest.importorskip("pyarrow")
    job = make_job(source, target)
    code = "ZT687.*'text' is null, not a string" if b"null" in source else "ZT686"
    for _ in range(2):  # a failed job does not affect the next one
        with pytest.raises(ValueError, match=code):
            annotate(job, progress=False)
    assert not job.target.exists()
    assert not job.folder.exists()
    assert job.rejects.exists() == (b"null" in source)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ('[{"text": "好"}, {"text": "在臺北市"}]', "ZT689"),
        ('[\n  {"text": "好"},\n  {"text": "在臺北市"}\n]\n', "ZT689"),
        ("\ufeff\n[\n]", "ZT689"),
        ('{"content": "好", "id": 3}\n{"content": "在"}\n', "ZT690.*'text'.*They have: content, id"),
        ('{"text": "好"}\n'.encode("utf-16"), "ZT688.*UTF-16"),
        (gzip.compress(b'{"text": "a"}\n', mtime=0), "ZT688.*gzip"),
        ('{"text": NaN}\n', "ZT687.*NaN"),
        ('{"text": "好", "x": NaN}\n{"text": "好", "x": -Infinity}\n', "ZT687.*NaN is not a JSON number"),
        ('{"text": "好", "x": 1e999}\n', "ZT687.*a number out of range"),
        ('{"text": "好", "x": ' + "1" * 5000 + "}\n", "ZT687.*a number with too many digits"),
    ],
)
def test_an_unsuitable_input_is_an_error(make_job: MakeJob, source: str | bytes, code: str) -> None:
    job = make_job(source)
    with pytest.raises(ValueError, match=code):
        annotate(job, progress=False)
    assert not job.target.exists()
    assert not job.folder.exists()


@pytest.mark.parametrize("target", ["out.parquet", "out.jsonl"])
def test_missing_pyarrow_is_reported_before_annotation(
    make_job: MakeJob, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    job = make_job(b"PAR1", target, suffix=".parquet" if target == "out.jsonl" else ".jsonl")
    with pytest.raises(ValueError, match=r"\[ZT530\] Parquet needs pyarrow"):
        annotate(job, progress=False)


def test_an_array_among_objects_rejects_only_its_line(make_job: MakeJob) -> None:
    job = make_job('[1]\n{"text": "好"}\r\n\r\n{"text": "在"}\r\n')
    tally = annotate(job, progress=False)
    assert (tally.records, tally.rejected) == (2, 1)


def test_a_finished_job_is_repeated_with_force_only(make_job: MakeJob) -> None:
    job = make_job('{"text": "在臺北市"}\n')
    annotate(job, progress=False)
    job.target.write_text("corrected by hand")
    with pytest.raises(OutputError, match=r"\[ZT685\] .*--force"):
        annotate(job, progress=False)
    assert job.target.read_text() == "corrected by hand"
    annotate(job, force=True, progress=False)
    assert [row["text"] for row in rows_of(job.target)] == ["在臺北市"]


def test_a_second_job_with_the_same_output_is_an_error(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    job, messages = make_job('{"text": "在臺北市"}\n'), []

    def run(*arguments: Any) -> Iterator[tuple[Chunk, AnnotationTally]]:
        with pytest.raises(OutputError) as caught:
            annotate(job, force=True, progress=False)
        messages.append(str(caught.value))
        return run_here(*arguments)

    monkeypatch.setattr(module, "run_processes", run)
    annotate(job, progress=False)
    assert [message[:8] for message in messages] == ["[ZT674] "]
    assert len(rows_of(job.target)) == 1


def test_inputs_and_files_of_the_user_are_never_replaced(make_job: MakeJob, tmp_path: Path) -> None:
    source = '{"text": "在臺北市"}\n'
    job = make_job(source, "in.jsonl")
    with pytest.raises(OutputError, match=r"\[ZT673\]"):
        annotate(job, force=True, progress=False)
    (tmp_path / "out.rejects.jsonl").write_text(source)
    with pytest.raises(OutputError, match=r"\[ZT673\]"):  # the source is also the path of the rejects
        annotate(make_job(tmp_path / "out.rejects.jsonl"), force=True, progress=False)
    with pytest.raises(OutputError, match=r"\[ZT671\] .*out.rejects.jsonl"):
        annotate(make_job(source), force=True, progress=False)
    (tmp_path / "out.rejects.jsonl").unlink()
    job = make_job(source)
    job.folder.mkdir()
    (job.folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"\[ZT671\] .*notes.txt"):
        annotate(job, force=True, progress=False)
    assert (job.folder / "notes.txt").read_text() == "mine"
    assert job.source.read_text(encoding="utf-8") == source


BAD = [
    (b'{"text": "\xe5\x8f', "not UTF-8"),
    (b'{"text": "a"', "not valid JSON"),
    (b"[1]", "not a JSON object, but a list"),
    (b"null", "not a JSON object, but null"),
    (b'{"id": 1}', "has no field 'text'"),
    (b'{"text": null}', "'text' is null, not a string"),
    (b'{"text": 3}', "'text' is a number, not a string"),
    (b'{"text": {}}', "'text' is an object, not a string"),
    (b'{"text": "a", "entities": []}', "choose another name with --entities-field"),
    (b'{"text": "a\\ud83d"}', "[ZT001]"),
    (b"[" * 100_000, "nested too deeply"),
]


def test_unreadable_records_are_rejected_with_line_and_reason(make_job: MakeJob) -> None:
    good = '{"text": "在臺北市"}'.encode()
    job = make_job(b"\n".join(line for bad, _ in BAD for line in (good, bad, b" ")), chunk_size=4)
    tally = annotate(job, progress=False)
    assert len(rows_of(job.target)) == tally.records == len(BAD)
    rejects = rows_of(job.rejects)
    assert [row["line"] for row in rejects] == [3 * i + 2 for i in range(len(BAD))]
    for row, (bad, reason) in zip(rejects, BAD, strict=True):
        assert row["file"] == "in.jsonl"
        assert reason in row["reason"]
        assert len(row["seen"]) <= 80
        assert bad.decode("utf-8", "replace").startswith(row["seen"]) or "ZT001" in reason
    assert tally.rejected == len(BAD)


def test_rejects_of_an_earlier_run_are_removed(make_job: MakeJob) -> None:
    with pytest.raises(ValueError, match="ZT687"):
        annotate(job := make_job("null\n"), progress=False)
    assert job.rejects.exists()
    annotate(make_job('{"text": "好"}\n'), progress=False)
    assert not job.rejects.exists()


def test_a_lone_surrogate_in_another_field_is_kept(make_job: MakeJob) -> None:
    job = make_job(b'{"text": "\xe5\xa5\xbd", "x": "\\ud83d"}\n')
    annotate(job, progress=False)
    assert rows_of(job.target) == [{"text": "好", "x": "\ud83d", "entities": []}]


def stop_after(n: int) -> object:
    """Return an engine that is interrupted after it has reported n chunks and written one more."""

    def run(
        job: AnnotationJob, chunks: list[Chunk], workers: int, gpus: bool
    ) -> Iterator[tuple[Chunk, AnnotationTally]]:
        for i, done in enumerate(run_here(job, chunks, workers, gpus)):
            if i == n:
                raise KeyboardInterrupt
            yield done

    return run


@pytest.mark.parametrize("target", ["out.jsonl", "out.spacy"])
def test_an_interrupted_job_writes_the_same_bytes_when_continued(
    make_job: MakeJob, tiny_texts: list[str], target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(json_lines(tiny_texts) + "null\n" + json_lines(tiny_texts), target, chunk_size=4)
    whole = annotate(job, progress=False)
    expected, rejects = job.target.read_bytes(), job.rejects.read_bytes()
    job.target.unlink()
    for n in (0, 1, 2):
        with monkeypatch.context() as patch:
            patch.setattr(module, "run_processes", stop_after(n))
            with pytest.raises(KeyboardInterrupt):
                annotate(job, progress=False)
        assert not job.target.exists()
    journal = job.folder / NAME
    assert len(journal.read_bytes().splitlines()) == 1 + 3
    journal.write_bytes(journal.read_bytes()[:-5])  # like a process that is killed while it writes a line
    assert annotate(job, progress=False) == whole
    assert job.target.read_bytes() == expected
    assert job.rejects.read_bytes() == rejects
    assert not job.folder.exists()


def test_finished_chunks_are_not_annotated_again(
    make_job: MakeJob, tiny_texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(json_lines(tiny_texts), chunk_size=2)
    with monkeypatch.context() as patch:
        patch.setattr(module, "run_processes", stop_after(3))
        with pytest.raises(KeyboardInterrupt):
            annotate(job, progress=False)
    seen: list[int] = []

    def run(
        job: AnnotationJob, chunks: list[Chunk], workers: int, gpus: bool
    ) -> Iterator[tuple[Chunk, AnnotationTally]]:
        seen.extend(chunk.index for chunk in chunks)
        return run_here(job, chunks, workers, gpus)

    monkeypatch.setattr(module, "run_processes", run)
    annotate(job, progress=False)
    assert seen == [0]
    assert len(rows_of(job.target)) == len(tiny_texts)


@pytest.mark.parametrize("change", ["input", "pipeline", "settings"])
def test_a_job_with_other_input_pipeline_or_settings_does_not_continue(
    make_job: MakeJob, tiny_texts: list[str], change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(json_lines(tiny_texts), chunk_size=4)
    with monkeypatch.context() as patch:
        patch.setattr(module, "run_processes", stop_after(1))
        with pytest.raises(KeyboardInterrupt):
            annotate(job, progress=False)
    before = sorted(job.folder.iterdir())
    if change == "input":
        other, what = make_job(json_lines(tiny_texts[::-1]), chunk_size=4), "input's content"
    elif change == "settings":
        other, what = make_job(job.source, chunk_size=5), "--chunk-size"
    else:
        nlp = spacy.blank("zh_tw")
        nlp.to_disk(tmp_path / "blank")
        other, what = AnnotationJob(job.source, job.target, str(tmp_path / "blank"), chunk_size=4), "pipeline"
    with pytest.raises(ValueError, match=rf"\[ZT520\] .*{what}"):
        annotate(other, progress=False)
    assert sorted(job.folder.iterdir()) == before
    annotate(other, force=True, progress=False)
    assert not job.folder.exists()
    assert len(rows_of(other.target)) == len(tiny_texts)


def test_an_input_that_changes_during_annotation_is_an_error(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job('{"text": "好"}\n')

    def run(
        job: AnnotationJob, chunks: list[Chunk], workers: int, gpus: bool
    ) -> Iterator[tuple[Chunk, AnnotationTally]]:
        with job.source.open("a") as file:
            file.write("{}\n")
        return run_here(job, chunks, workers, gpus)

    monkeypatch.setattr(module, "run_processes", run)
    with pytest.raises(ValueError, match=r"\[ZT526\]"):
        annotate(job, progress=False)
    assert not job.target.exists()


def test_too_many_tokens_for_a_docbin_are_an_early_error(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    from spacy_zh_tw_ner.annotation import writers

    monkeypatch.setattr(writers, "doc_bin_tokens", lambda: 3)
    job = make_job('{"text": "在臺北市"}\n', "out.spacy")
    with pytest.raises(ValueError, match=r"\[ZT529\]"):
        annotate(job, progress=False)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"suffix": ".csv"}, "ZT521"),
        ({"target": "out.csv"}, "ZT521"),
        ({"chunk_size": 0}, "ZT528"),
        ({"text_field": "entities"}, "ZT528"),
        ({"entities_field": "meta"}, "ZT528"),
    ],
)
def test_invalid_settings_are_an_error(make_job: MakeJob, settings: dict[str, object], code: str) -> None:
    with pytest.raises(ValueError, match=rf"\[{code}\]"):
        make_job("", **settings)


def test_a_missing_input_or_pipeline_is_an_error(make_job: MakeJob, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\[ZT522\]"):
        make_job(tmp_path / "nowhere.jsonl")
    job = make_job("")
    with pytest.raises(ValueError, match=r"\[ZT531\]"):
        annotate(AnnotationJob(job.source, job.target, "nowhere"), progress=False)
    with pytest.raises(ValueError, match=r"\[ZT528\].*engine"):
        annotate(job, engine="spark", progress=False)


@pytest.mark.parametrize(("given", "gpus", "expected"), [(None, False, "1"), ("3", False, "3"), (None, True, None)])
def test_cpu_workers_use_one_thread_unless_the_user_sets_more(
    given: str | None, gpus: bool, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(processes.THREADS, raising=False)
    if given is not None:
        monkeypatch.setenv(processes.THREADS, given)
    with processes._threads_of_workers(gpus):
        assert os.environ.get(processes.THREADS) == expected
    assert os.environ.get(processes.THREADS) == given
