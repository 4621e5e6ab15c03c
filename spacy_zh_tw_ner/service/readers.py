"""Load the recognizer of a service: a spaCy pipeline, or an exported model, which needs neither spaCy nor torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ..entities import Found
from ..errors import DeviceError, Errors
from ..runtime.folder import is_exported
from ..tokenization.word_list import Hints


class Reader(Protocol):
    """Finds the entities of texts.

    labels: Labels that an entity may have. evidence_labels: Those of them for which words are evidence. min_score: No
    entity is found that has a lower score; 0 where there is no such limit.
    """

    labels: tuple[str, ...]
    evidence_labels: tuple[str, ...]
    min_score: float

    def __call__(self, texts: Sequence[str], hints: Sequence[Hints | None]) -> list[tuple[Found, ...]]:
        """Read texts; what is believed of one touches no other."""


def load_reader(source: str, *, max_chars: int, threads: int = 0, gpu_id: int = -1) -> Reader:
    """Load what reads texts.

    source (str): Folder of either kind, or name of an installed package.
    max_chars (int): Characters of the longest text.
    threads (int): CPU threads; 0 for the choice of torch or ONNX Runtime.
    gpu_id (int): Number of the GPU for pipelines of spaCy, or -1 for the CPU.
    RETURNS (Reader): It.
    """
    if is_exported(Path(source)):
        if gpu_id >= 0:
            raise DeviceError(Errors.ZT703.format(pipeline=source))
        from ..runtime import load

        return load(source, threads=threads)
    from .spacy_reader import SpacyReader, load_pipeline

    return SpacyReader(load_pipeline(source, max_chars=max_chars, threads=threads, gpu_id=gpu_id))
