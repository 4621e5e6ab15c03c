"""Records → what is found in them: by a pipeline of spaCy, or by a folder of `export-onnx`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..entities import Found
from ..errors import Errors
from ..runtime.folder import is_exported
from .job import Job
from .records import Loaded, Record

if TYPE_CHECKING:
    from spacy.tokens import Doc


class Annotated(NamedTuple):
    """A record, and what was found in it.

    doc: Gives the document with its entities and scores, for what is written as such.
    n_tokens: Of that document; it may have fewer, where there are spaces.
    """

    record: Record
    found: Sequence[Found]
    doc: "Callable[[], Doc]"
    n_tokens: int


class Annotator(Protocol):
    """Finds entities, a chunk at a time."""

    def zone(self) -> AbstractContextManager[object]:
        """Where a chunk is annotated and written. Strings of its texts are forgotten at the end."""

    def __call__(self, loaded: Loaded) -> Iterator[Annotated]:
        """Annotate a chunk in its order. Records that cannot be read become rejects."""


def load_annotator(job: Job, gpu: int | None) -> Annotator:
    """Load what the job names.

    job (Job): What to do.
    gpu (Optional[int]): Number of the GPU; None for one core.
    RETURNS (Annotator): It. A folder of `export-onnx` takes spaCy only where documents are to be written.
    RAISES (ValueError): For such a folder on a GPU.
    """
    if not is_exported(Path(job.pipeline)):
        from .spacy_annotator import SpacyAnnotator

        return SpacyAnnotator(job.pipeline, gpu)
    if gpu is not None:
        raise ValueError(Errors.ZT534.format(pipeline=job.pipeline))
    from .exported_annotator import ExportedAnnotator

    return ExportedAnnotator(job.pipeline, makes_docs=job.writes == "spacy")
