"""Jobs that run in the process of the test, and what goes in and comes out."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from spacy_zh_tw_ner.annotation.chunks import Chunk
from spacy_zh_tw_ner.annotation.job import AnnotationJob, AnnotationTally
from spacy_zh_tw_ner.annotation.processes import Worker

MakeJob = Callable[..., AnnotationJob]
# A process that reads it imports neither torch nor spaCy, and starts in a fraction of the time.
EXPORTED = Path(__file__).parents[1] / "saved" / "v0_1_0" / "exported"


def run_here(
    job: AnnotationJob, chunks: list[Chunk], workers: int, gpus: bool
) -> Iterator[tuple[Chunk, AnnotationTally]]:
    """The engine without processes. It finishes the last chunk first: order must not depend on luck."""
    work = Worker(job)
    for chunk in reversed(chunks):
        yield chunk, work(chunk)


def json_lines(texts: list[str]) -> str:
    """Records with a number and something that must survive."""
    rows = [{"id": i, "text": text, "tags": ["新聞", None]} for i, text in enumerate(texts)]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]
