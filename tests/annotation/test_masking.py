"""Masked files contain no entity that was found, and the map restores every text."""

import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from spacy.language import Language

from spacy_zh_tw_ner.annotation import annotate as module
from spacy_zh_tw_ner.annotation.annotate import annotate
from spacy_zh_tw_ner.annotation.chunks import Chunk
from spacy_zh_tw_ner.annotation.job import AnnotationJob, FileMasking
from spacy_zh_tw_ner.annotation.unmask import unmask_file
from spacy_zh_tw_ner.errors import CorpusError, OutputError, UnreadableFileError, UsageError
from spacy_zh_tw_ner.masking import MaskingPolicy
from spacy_zh_tw_ner.masking.maps import digest_of

from .helpers import MakeJob, json_lines, rows_of, run_here

pytestmark = pytest.mark.usefixtures("here")

REPLACE = MaskingPolicy(default="replace")
PSEUDONYM = MaskingPolicy(default="pseudonym")


def surfaces(nlp: Language, texts: list[str]) -> set[str]:
    found = {ent.text for text in texts for ent in nlp(text).ents if len(ent.text) > 1}
    assert found
    return found


def make_masked(make_job: MakeJob, source: str, target: str = "out.jsonl", **settings: Any) -> AnnotationJob:
    """Mask a file, and write the map next to it."""
    suffix = settings.pop("suffix", ".jsonl")
    policy, keep, key = settings.pop("policy", REPLACE), settings.pop("keep", ()), settings.pop("key", None)
    job = make_job(source, suffix=suffix, **settings)
    masking = FileMasking(policy, job.target.with_name("map"), key, keep)
    return AnnotationJob(job.source, job.target.with_name(target), job.pipeline, chunk_size=3, masking=masking)


@pytest.mark.parametrize("target", ["out.jsonl", "out.parquet"])
@pytest.mark.parametrize("policy", [REPLACE, PSEUDONYM])
def test_masked_files_are_restored_by_their_map(
    make_job: MakeJob, tiny_nlp: Language, tiny_texts: list[str], tmp_path: Path, target: str, policy: MaskingPolicy
) -> None:
    if target.endswith("parquet"):
        pytest.importorskip("pyarrow")
    job = make_masked(make_job, json_lines(tiny_texts), target, policy=policy)
    tally = annotate(job, progress=False)
    assert tally.records == len(tiny_texts)
    assert not job.folder.exists()
    if policy is REPLACE:  # a pseudonym may equal a name in another record
        data = job.target.read_bytes()
        assert not any(surface.encode() in data for surface in surfaces(tiny_nlp, tiny_texts))
    back = tmp_path / f"back{job.target.suffix}"
    assert unmask_file(job.target, back, tmp_path / "map") == len(tiny_texts)
    if target.endswith("parquet"):
        import pyarrow.parquet as pq

        assert pq.read_table(back).column("text").to_pylist() == tiny_texts
    else:
        assert [row["text"] for row in rows_of(back)] == tiny_texts


def test_entities_have_the_offsets_of_the_masked_text(make_job: MakeJob, tiny_texts: list[str]) -> None:
    job = make_masked(make_job, json_lines(tiny_texts), keep=("id",))
    annotate(job, progress=False)
    rows = rows_of(job.target)
    assert [row["id"] for row in rows] == list(range(len(tiny_texts)))
    assert {name for row in rows for name in row} == {
        "id",
        "text",
        "entities",
    }  # `tags` is not among the fields to keep
    for row in rows:
        assert all(row["text"][e["start"] : e["end"]] == e["text"] for e in row["entities"])
        assert all(e["text"].startswith("〔") for e in row["entities"])


def test_text_files_have_one_masked_text_per_line(make_job: MakeJob, tiny_texts: list[str], tmp_path: Path) -> None:
    source = "".join(f"{text}\n" for text in ["", *tiny_texts])
    job = make_masked(make_job, source, "out.txt", suffix=".txt")
    annotate(job, progress=False)
    assert job.target.read_text(encoding="utf-8").count("\n") == len(tiny_texts) + 1
    unmask_file(job.target, tmp_path / "back.txt", tmp_path / "map")
    assert (tmp_path / "back.txt").read_text(encoding="utf-8") == source


def test_parquet_files_are_masked(make_job: MakeJob, tiny_nlp: Language, tiny_texts: list[str], tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": tiny_texts, "name": tiny_texts, "id": range(len(tiny_texts))}), source)
    job = make_masked(make_job, source, "out.parquet", keep=("id",))  # type: ignore[arg-type]
    annotate(job, progress=False)
    table = pq.read_table(job.target)
    assert table.column_names == ["text", "meta", "entities"]
    assert table.column("meta").to_pylist()[1] == '{"id": 1}'
    found = surfaces(tiny_nlp, tiny_texts)
    assert not any(surface in text for text in table.column("text").to_pylist() for surface in found)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode")
def test_only_the_owner_can_read_the_map_and_its_parts(
    make_job: MakeJob, tiny_texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_masked(make_job, json_lines(tiny_texts), policy=PSEUDONYM)
    modes = set[int]()

    def run(job: AnnotationJob, chunks: list[Chunk], workers: int, gpus: bool) -> Iterator[Any]:
        yield from run_here(job, chunks, workers, gpus)
        secret = [*job.folder.glob("*.map"), job.folder / "pseudonym.key"]
        assert len(secret) > 2
        modes.update(stat.S_IMODE(path.stat().st_mode) for path in secret)

    monkeypatch.setattr(module, "run_processes", run)
    annotate(job, progress=False)
    assert job.masking is not None
    assert job.masking.map is not None
    assert modes | {stat.S_IMODE(job.masking.map.stat().st_mode)} == {0o600}


def test_a_continued_job_uses_the_same_pseudonyms(
    make_job: MakeJob, tiny_texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first and the last chunk have the same text; the job is interrupted in between."""
    job = make_masked(make_job, json_lines([*tiny_texts, tiny_texts[0]]), policy=PSEUDONYM)

    def stopped(job: AnnotationJob, chunks: list[Chunk], workers: int, gpus: bool) -> Iterator[Any]:
        yield next(run_here(job, chunks, workers, gpus))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_processes", stopped)
    with pytest.raises(KeyboardInterrupt):
        annotate(job, progress=False)
    assert not job.target.exists()
    monkeypatch.setattr(module, "run_processes", run_here)
    annotate(job, progress=False)
    rows = rows_of(job.target)
    assert rows[0]["text"] == rows[-1]["text"]
    with pytest.raises(OutputError, match="ZT685"):
        annotate(job, progress=False)


def test_a_job_with_another_policy_or_key_does_not_continue(
    make_job: MakeJob, tiny_texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(job: AnnotationJob, chunks: list[Chunk], workers: int, gpus: bool) -> Iterator[Any]:
        yield next(run_here(job, chunks, workers, gpus))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_processes", stopped)
    job = make_masked(make_job, json_lines(tiny_texts), policy=PSEUDONYM, key=b"a" * 16)
    with pytest.raises(KeyboardInterrupt):
        annotate(job, progress=False)
    assert b"a" * 16 not in (job.folder / "journal.jsonl").read_bytes()
    for settings in ({"policy": REPLACE, "key": b"a" * 16}, {"policy": PSEUDONYM, "key": b"b" * 16}):
        with pytest.raises(UnreadableFileError, match=r"ZT520.*its (policy|key)"):
            annotate(make_masked(make_job, json_lines(tiny_texts), **settings), progress=False)


def test_rejects_do_not_quote_records(make_job: MakeJob, tiny_texts: list[str]) -> None:
    source = f'{json_lines(tiny_texts[:1])}{{"text": "王小明"\n{{"text": 3, "name": "王小明"}}\n'
    job = make_masked(make_job, source)
    annotate(job, progress=False)
    rows = rows_of(job.rejects)
    assert [(row["line"], row["reason"], row["seen"]) for row in rows] == [
        (2, "not valid JSON", ""),
        (3, "'text' is a number, not a string", ""),
    ]


def masked_and_map(make_job: MakeJob, texts: list[str]) -> tuple[Path, Path]:
    job = make_masked(make_job, json_lines(texts))
    annotate(job, progress=False)
    assert job.masking is not None
    assert job.masking.map is not None
    return job.target, job.masking.map


def test_unmasking_edited_files_is_an_error_without_output(
    make_job: MakeJob, tiny_texts: list[str], tmp_path: Path
) -> None:
    masked, maps = masked_and_map(make_job, tiny_texts)
    lines = masked.read_text(encoding="utf-8").splitlines(True)
    changed = {
        "ZT878.*line 2: the text is another one": [lines[0], lines[1].replace("〔", "（", 1), *lines[2:]],
        "ZT878.*line 1": [lines[1], lines[0], *lines[2:]],
        "ZT879.*has more records": lines[:-1],
        "ZT879.*has fewer records": [*lines, lines[0]],
        "ZT880.*line 1: not valid JSON": ["{\n"],
        "ZT880.*line 1: no text in the field 'text'": ["{}\n"],
    }
    for message, edited in changed.items():
        masked.write_text("".join(edited), encoding="utf-8")
        with pytest.raises(CorpusError, match=message):
            unmask_file(masked, tmp_path / "back.jsonl", maps)
        assert not (tmp_path / "back.jsonl").exists()
    with pytest.raises(UsageError, match=r"ZT881.*must end in .jsonl"):
        unmask_file(masked, tmp_path / "back.txt", maps)
    with pytest.raises(OutputError, match="ZT673"):
        unmask_file(masked, masked, maps)


def test_unsuitable_outputs_of_mask_are_an_error(make_job: MakeJob, tiny_texts: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ZT881.*must end in .jsonl or .parquet"):
        make_masked(make_job, json_lines(tiny_texts), "out.txt", suffix=".jsonl")
    job = make_job(json_lines(tiny_texts))
    with pytest.raises(UsageError, match=r"ZT521.*OUT"):
        AnnotationJob(job.source, tmp_path / "out.spacy", job.pipeline, masking=FileMasking(REPLACE))
    for name, kind in (("out.jsonl", "ZT882.*is OUT"), ("in.jsonl", "ZT673"), ("other", "ZT670")):
        (tmp_path / "other").write_text("old", encoding="utf-8")
        masking = FileMasking(REPLACE, tmp_path / name)
        with pytest.raises((UsageError, OutputError), match=kind):
            annotate(AnnotationJob(job.source, job.target, job.pipeline, masking=masking), progress=False)
    assert json.loads(job.source.read_text(encoding="utf-8").splitlines()[0])["id"] == 0


def write_map(path: Path, text: str, originals: list[Any]) -> Path:
    header, line = {"format": "zh-tw-ner mask map", "version": 1}, {"sha256": digest_of(text), "originals": originals}
    path.write_text(f"{json.dumps(header)}\n{json.dumps(line)}\n")
    return path


@pytest.mark.parametrize("suffix", [".txt", ".parquet"])
def test_unmasking_a_lone_surrogate_into_utf_8_is_an_error(suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"in{suffix}"
    if suffix == ".txt":
        source.write_text("好\n", encoding="utf-8")
    else:
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow_table({"text": ["好"]}), source)
    with pytest.raises(CorpusError, match=r"ZT878.*line 1"):
        unmask_file(source, tmp_path / f"out{suffix}", write_map(tmp_path / "map", "好", [[0, 1, "\ud800"]]))
    assert not (tmp_path / f"out{suffix}").exists()


def pyarrow_table(columns: dict[str, list[Any]], names: list[str] | None = None) -> Any:
    import pyarrow as pa

    return pa.table([*columns.values()], names=names or [*columns])


@pytest.mark.parametrize(
    ("columns", "names", "message"),
    [
        ({"text": [1]}, None, "no column 'text' of strings"),
        ({"text": [["a"]]}, None, "no column 'text' of strings"),
        ({"other": ["a"]}, None, "no column 'text' of strings"),
        ({"text": ["a"], "b": ["a"]}, ["text", "text"], "two columns of the same name"),
    ],
)
def test_unmasking_other_columns_is_an_error(
    columns: dict[str, list[Any]], names: list[str] | None, message: str, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow_table(columns, names), tmp_path / "in.parquet")
    with pytest.raises(CorpusError, match=f"ZT880.*{message}"):
        unmask_file(tmp_path / "in.parquet", tmp_path / "out.parquet", write_map(tmp_path / "map", "a", []))


def test_unmasking_damaged_parquet_is_an_error(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow_table({"text": ["好"] * 9}), tmp_path / "in.parquet")
    data = (tmp_path / "in.parquet").read_bytes()
    (tmp_path / "in.parquet").write_bytes(data[:4] + b"\xff" * 40 + data[44:])
    with pytest.raises(UnreadableFileError, match="ZT523"):
        unmask_file(tmp_path / "in.parquet", tmp_path / "out.parquet", write_map(tmp_path / "map", "好", []))
