"""Run jobs in the process of the test, write inputs and read outputs."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from spacy_zh_tw_ner.annotation.chunks import Chunk
from spacy_zh_tw_ner.annotation.job import AnnotationJob, AnnotationTally
from spacy_zh_tw_ner.annotation.processes import Worker

MakeJob = Callable[..., AnnotationJob]
# An exported model: processes that load it import neither torch nor spaCy, and start much faster.
EXPORTED = Path(__file__).parents[1] / "saved" / "v0_1_0" / "exported"


def run_here(
    job: AnnotationJob, chunks: list[Chunk], workers: int, gpus: bool
) -> Iterator[tuple[Chunk, AnnotationTally]]:
    """Annotate chunks in this process, last chunk first, because the output must not depend on their order."""
    work = Worker(job)
    for chunk in reversed(chunks):
        yield chunk, work(chunk)


def json_lines(texts: list[str]) -> str:
    """Return texts as JSON lines, with an id and a field that must be copied to the output."""
    rows = [{"id": i, "text": text, "tags": ["新聞", None]} for i, text in enumerate(texts)]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]
