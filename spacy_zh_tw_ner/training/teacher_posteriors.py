"""Compute the posterior of a teacher for unlabelled texts, and store it on disk in chunks.

A pass is the computation for all texts. It writes these files to its folder:

    folder/manifest.json       labels, temperature, hashes of teacher and texts; at the end the number of chunks
    folder/00000.safetensors   texts, marginals in float16, expected counts of legal transitions in float32
    folder/00001.safetensors   …

Each file is written atomically, and the division into chunks depends on the texts only. So a killed pass continues with
the first missing chunk. A chunk takes 2 bytes per character and tag. float16 rounds a probability by at most 2.5e-4; a
student does not learn its teacher's probabilities that exactly.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save
from spacy.language import Language
from spacy.tokens import Doc

from ..atomic_writes import claimed, resolve, write_whole
from ..components.crf_component import CRFComponent
from ..components.inspection import find_recognizer, run_before
from ..components.soft_targets import SoftTarget
from ..crf import at_temperature, expect
from ..errors import CorpusError, Errors, OutputError, PipelineMismatchError, SettingError
from ..language import divide
from ..outputs import MADE_BY
from ..tag_scheme import TagScheme
from ..untrusted import in_range, parse_json, reading, require, require_labels, require_type, sha256_of, whole_number
from .unlabelled_texts import UnlabelledTexts

FORMAT = 1
MANIFEST = "manifest.json"
CHUNK = 65_536  # characters per chunk
BATCH = 4_096  # characters that the teacher encodes at a time
MOST = 10_000_000  # chunks
MOST_LABELS = 1_000  # a bound for damaged files: the tag scheme takes 16 × labels² bytes
ROUNDING = 0.05  # largest difference from 1 of the sum of a character's marginals in float16
# Temporary files of a killed process, which `write_whole` removes, and files of file managers
IGNORABLE = re.compile(r"\..+\.zh-tw-ner-\w+|\.DS_Store|Thumbs\.db")
CHUNK_NAME = re.compile(r"\d{5,}\.safetensors")


@dataclass(frozen=True)
class Manifest:
    """Description of the posteriors that a teacher computes in one pass over all texts.

    labels: labels of the teacher. temperature: the argument of `compute_posteriors`. teacher, texts: hashes of
    the teacher and of the texts. n_chunks: number of chunks, which is 0 while the pass is not complete.
    """

    labels: list[str]
    temperature: float
    teacher: str
    texts: str
    n_chunks: int = 0


def compute_posteriors(
    teacher: Language,
    texts: UnlabelledTexts,
    folder: Path,
    *,
    make_doc: Callable[[str], Doc],
    temperature: float = 1.0,
    force: bool = False,
) -> Manifest:
    """Compute the posterior of a teacher for all texts, or continue a pass that was interrupted.

    The scores are divided by `temperature` and by the temperature of the recognizer, which calibrates them.

    teacher (Language): A pipeline with a recognizer; it may be an ensemble.
    texts (UnlabelledTexts): The texts.
    folder (Path): Output folder.
    make_doc (Callable[[str], Doc]): Tokenizer of the student, whose tokens must be those of the teacher.
    temperature (float): Softens the distribution if greater than 1.
    force (bool): Replace the predictions of another pass in the folder.
    RETURNS (Manifest): The description of the complete pass.
    RAISES (OutputError): If the folder holds another pass, or files that this package did not write.
    RAISES (PipelineMismatchError): If teacher and student tokenize a text differently.
    """
    recognizer = find_recognizer(teacher)
    if not 0.1 <= temperature <= 100.0:
        raise SettingError(Errors.ZT112.format(name="temperature", value=temperature, remedy="Give 0.1 to 100."))
    wanted = Manifest(list(recognizer.labels), temperature, _digest(teacher), texts.digest())
    with claimed(resolve(folder)):
        folder.mkdir(exist_ok=True)
        _prepare(folder, wanted, force=force)
        chunk = -1
        for chunk, part in enumerate(divide(texts, max_items=CHUNK, max_characters=CHUNK)):
            path = _chunk_path(folder, chunk)
            if not path.is_file():
                write_whole(path, save(_predict(teacher, recognizer, part, make_doc, temperature)))
        complete = replace(wanted, n_chunks=chunk + 1)
        _write_manifest(folder, complete)
    return complete


def read_manifest(folder: Path) -> Manifest:
    """Read the description of a complete pass.

    RAISES (CorpusError): If the pass is missing or not complete.
    RAISES (UnreadableFileError): If the file is damaged.
    """
    manifest = _read_manifest(folder / MANIFEST) if (folder / MANIFEST).is_file() else None
    if manifest is None or not manifest.n_chunks:
        raise CorpusError(Errors.ZT284.format(path=folder))
    return manifest


def read_chunk(
    folder: Path, chunk: int, manifest: Manifest, *, weight: float = 1.0
) -> Iterator[tuple[str, SoftTarget]]:
    """Read the texts and targets of one chunk.

    folder (Path), manifest (Manifest): Folder of a complete pass, and its description.
    chunk (int): Number of the chunk, from 0.
    weight (float): Weight of each text in the loss of the student; an annotated text has the weight 1.
    YIELDS (tuple[str, SoftTarget]): A text, and the teacher's marginals and expected transition counts for it.
    RAISES (UnreadableFileError): If the file is missing or damaged.
    """
    path, scheme = _chunk_path(folder, chunk), TagScheme(manifest.labels)
    n_legal = int(scheme.legal_transitions.matrix.sum())
    with reading(path, Errors.ZT282):
        require(path.is_file(), path.name, "no such file", f"one of {manifest.n_chunks} chunks")
        arrays = load(path.read_bytes())
        sizes, lengths = (require_type(name, arrays.get(name), np.ndarray) for name in ("sizes", "lengths"))
        data, marginals, counts = (
            require_type(name, arrays.get(name), np.ndarray) for name in ("texts", "marginals", "counts")
        )
        for name, array in (("sizes", sizes), ("lengths", lengths)):
            plain = array.ndim == 1 and array.dtype == np.int32 and bool((array > 0).all())
            require(plain and len(array) == len(sizes), name, array.shape, "positive int32 numbers")
        shapes = {
            "texts": (data, (int(sizes.sum(dtype=np.int64)),), np.uint8),
            "marginals": (marginals, (int(lengths.sum(dtype=np.int64)), len(scheme)), np.float16),
            "counts": (counts, (len(sizes), n_legal), np.float32),
        }
        for name, (array, shape, dtype) in shapes.items():
            require(array.shape == shape and array.dtype == dtype, name, array.shape, f"{dtype.__name__} of {shape}")
            # NaN is not at least 0
            require(dtype == np.uint8 or bool((array >= 0).all()), name, "negative or NaN", "numbers of at least 0")
        with np.errstate(over="ignore"):
            totals = marginals.sum(1, dtype=np.float32)
        require(bool((np.abs(totals - 1.0) < ROUNDING).all()), "marginals", "other sums", "probabilities that sum to 1")
        require(bool(np.isfinite(counts).all()), "counts", "infinity", "finite numbers")
        raw = data.tobytes()
        ends = np.cumsum(sizes, dtype=np.int64).tolist()
        texts = [raw[end - size : end].decode() for end, size in zip(ends, sizes.tolist(), strict=True)]
    rows = np.split(marginals, np.cumsum(lengths, dtype=np.int64)[:-1])
    for text, of_text, transitions in zip(texts, rows, counts, strict=True):
        yield text, SoftTarget(tuple(manifest.labels), of_text, transitions, manifest.temperature, weight)


def _predict(
    teacher: Language,
    recognizer: CRFComponent,
    texts: list[str],
    make_doc: Callable[[str], Doc],
    temperature: float,
) -> dict[str, np.ndarray[Any, Any]]:
    """Compute the posteriors of one chunk of texts. Texts of similar length are encoded together.

    recognizer (CRFComponent): The component of the teacher.
    make_doc (Callable[[str], Doc]): Tokenizer of the student, whose tokens must be those of the teacher.
    temperature (float): Softens the distribution if greater than 1.
    RETURNS (dict[str, np.ndarray]): "texts" → bytes of all texts in UTF-8; "sizes" → number of bytes of each text;
        "lengths" → number of tokens of each text; "marginals" → (n_tokens, n_tags) probability of each tag, for the
        tokens of all texts; "counts" → (n_texts, n_legal) how often each legal transition is expected in the text.
    RAISES (PipelineMismatchError): If teacher and student tokenize a text differently.
    """
    legal = recognizer.scheme.legal_transitions.matrix
    marginals: list[Any] = [None] * len(texts)
    counts = np.empty((len(texts), int(legal.sum())), np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for batch in divide((_Numbered(i, texts[i]) for i in order), max_items=256, max_characters=BATCH):
        docs = [teacher.make_doc(item.text) for item in batch]
        for doc in docs:
            _require_equal_tokens(doc, make_doc(doc.text))
        rows, lengths, transitions = recognizer.potentials(run_before(teacher, recognizer, docs))
        cooled, steps = at_temperature(rows, transitions, recognizer.temperature * temperature)
        found = expect(cooled, lengths, steps)
        for item, of_text, pairs in zip(
            batch, np.split(found.marginals, np.cumsum(lengths)[:-1]), found.counts, strict=True
        ):
            marginals[item.index], counts[item.index] = of_text.astype(np.float16), pairs[legal]
    encoded = [text.encode() for text in texts]
    return {
        "texts": np.frombuffer(b"".join(encoded), np.uint8),
        "sizes": np.array([len(data) for data in encoded], np.int32),
        "lengths": np.array([len(of_text) for of_text in marginals], np.int32),
        "marginals": np.concatenate(marginals),
        "counts": counts,
    }


@dataclass(frozen=True)
class _Numbered:
    """A text with its index in the chunk. Its `len` is that of the text, as `divide` needs it to make batches."""

    index: int
    text: str

    def __len__(self) -> int:
        return len(self.text)


def _require_equal_tokens(of_teacher: Doc, of_student: Doc) -> None:
    """Raise a PipelineMismatchError if the two documents have different tokens."""
    if [token.text for token in of_teacher] != [token.text for token in of_student]:
        sizes = {"student": len(of_student), "teacher": len(of_teacher)}
        raise PipelineMismatchError(Errors.ZT285.format(text=of_teacher.text[:40], **sizes))


def _prepare(folder: Path, wanted: Manifest, *, force: bool) -> None:
    """Prepare the folder for the posteriors of a teacher: keep those of an interrupted pass, or begin a new pass.

    A pass is one prediction of all texts with the same settings. Nothing changes if the folder already has chunks of
    the wanted pass. For a new pass, a manifest is written. With `force`, the files of another pass are removed first.

    wanted (Manifest): Description of the pass that is about to run.
    RAISES (OutputError): If the folder holds another pass and `force` is not set, or files that this package did not
        write.
    """
    names = sorted(entry.name for entry in folder.iterdir() if not IGNORABLE.fullmatch(entry.name))
    foreign = [name for name in names if name != MANIFEST and not CHUNK_NAME.fullmatch(name)]
    if foreign or (names and MANIFEST not in names):
        raise OutputError(Errors.ZT671.format(path=folder, seen=f"it holds {(foreign or names)[0]}"))
    if names and _is_foreign(folder / MANIFEST):
        raise OutputError(Errors.ZT671.format(path=folder, seen=f"its {MANIFEST} is not that of a pass"))
    if names and not force:
        ours, theirs = asdict(wanted), asdict(_read_manifest(folder / MANIFEST))
        differing = [key for key in ours if key != "n_chunks" and ours[key] != theirs[key]]
        if differing:
            shown = {"labels", "temperature"}
            parts = [f"{key} {theirs[key]} → {ours[key]}" if key in shown else f"another {key}" for key in differing]
            raise OutputError(Errors.ZT283.format(path=folder, differences="; ".join(parts)))
        return
    for name in names:
        (folder / name).unlink()
    _write_manifest(folder, wanted)


def _is_foreign(path: Path) -> bool:
    """Return whether an existing manifest file was written by another program; False if it is empty or "{}"."""
    with path.open("rb") as file:
        start = file.read(2**16)
    return start.strip() not in (b"", b"{}") and MADE_BY.encode() not in start


def _chunk_path(folder: Path, chunk: int) -> Path:
    return folder / f"{chunk:05}.safetensors"


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    about = {"made_by": MADE_BY, "format": FORMAT, **asdict(manifest)}
    write_whole(folder / MANIFEST, json.dumps(about, ensure_ascii=False, indent=1).encode())


def _read_manifest(path: Path) -> Manifest:
    """Read and check a manifest; raise an UnreadableFileError if it is not one."""
    with reading(path, Errors.ZT282):
        found = require_type("the manifest", parse_json(path.read_bytes()), dict)
        require(found.get("made_by") == MADE_BY, "made_by", found.get("made_by"), MADE_BY)
        whole_number("format", found.get("format"), FORMAT, FORMAT)
        labels = require_labels("labels", found.get("labels"))
        require(0 < len(labels) <= MOST_LABELS, "labels", len(labels), f"1 to {MOST_LABELS}")
        return Manifest(
            labels,
            in_range("temperature", found.get("temperature"), 0.1, 100.0),
            require_type("teacher", found.get("teacher"), str),
            require_type("texts", found.get("texts"), str),
            whole_number("n_chunks", found.get("n_chunks"), 0, MOST),
        )


def _digest(teacher: Language) -> str:
    """Return a hash of all files of a pipeline, or of its bytes if it was not loaded from files."""
    if teacher.path is None:
        return sha256(teacher.to_bytes()).hexdigest()
    files = sorted(path for path in Path(teacher.path).rglob("*") if path.is_file())
    parts = [f"{path.relative_to(teacher.path).as_posix()} {sha256_of(path)}" for path in files]
    return sha256("\n".join(parts).encode()).hexdigest()
