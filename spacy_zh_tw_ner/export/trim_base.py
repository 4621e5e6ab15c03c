"""Save a copy of a base model with a trimmed vocabulary, on which any number of configs can train."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import regex

from ..corpora.text_files import numbered_lines
from ..errors import BaseModelError, CorpusError, Errors, UsageError
from ..tokenization.folds import VARIANTS, WIDTHS
from ..transformer.hub import read_as_stored, read_config, read_tokenizer
from ..transformer.kept_characters import N_CODE_POINTS, MaskT
from ..transformer.trimming import trim_embeddings, trim_vocabulary
from .base_folders import copy_licences

SCRIPTS = ("Han", "Latin", "Bopomofo", "Hiragana", "Katakana", "Hangul", "Greek", "Cyrillic")  # for messages
SHARED = ("Common", "Inherited")  # punctuation, digits, symbols and combining marks
ASCII = range(0x20, 0x7F)
# Files of what is not a base model → what to do instead
OTHERS = {
    "pipeline.json": "It is an exported model.",
    "meta.json": "It is a pipeline. Set `trim = true` in the [components.transformer.model] block of its config.",
}


class Trimmed(NamedTuple):
    """Number of wordpieces, and number of weights: each a tuple (before trimming, after trimming)."""

    wordpieces: tuple[int, int]
    weights: tuple[int, int]


def write_trimmed(name: str, folder: Path, *, revision: str | None = None, characters: MaskT | None = None) -> Trimmed:
    """Trim a base model and save it, with its tokenizer, in the precision in which it is stored.

    A head for token classification is kept. A head that predicts wordpieces (language model) is left out.

    name (str): Id on the Hugging Face Hub, or a folder.
    folder (Path): An empty folder.
    revision (Optional[str]): Branch, tag or commit on the Hub.
    characters (Optional[MaskT]): (0x110000,) the code points to keep; None for all. All other characters become the
        unknown wordpiece.
    RETURNS (Trimmed): Sizes of the model before and after trimming.
    RAISES (BaseModelError): If `name` is no base model, is quantized, or cannot be trimmed.
    """
    _require_base(name)
    config = read_config(name, revision)
    if getattr(config, "quantization_config", None) is not None:
        raise BaseModelError(
            Errors.ZT252.format(name=name, what="Its weights are quantized. Trim the unquantized one.")
        )
    tokenizer, kept = trim_vocabulary(read_tokenizer(name, revision), config, characters)
    model = read_as_stored(name, revision, config)
    before = sum(parameter.numel() for parameter in model.parameters())
    n_rows = model.get_input_embeddings().num_embeddings
    trim_embeddings(model, kept)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    copy_licences(Path(name), folder)
    after = sum(parameter.numel() for parameter in model.parameters())
    return Trimmed((n_rows, len(kept)), (before, after))


def characters_of(scripts: Sequence[str] = (), texts: Iterable[Path] = ()) -> MaskT | None:
    """Return which characters to keep: those of the given scripts and texts, and printable ASCII.

    scripts (Sequence[str]): Names of Unicode scripts, such as "Han". If there are any, digits, punctuation and other
        characters that scripts share are kept, too.
    texts (Iterable[Path]): UTF-8 files. Their characters are kept in upper and lower case, in full and half width, and
        in both forms of Taiwanese variants (台 and 臺).
    RETURNS (Optional[MaskT]): (0x110000,) whether to keep each code point; None, which keeps all, if there are neither
        scripts nor texts.
    RAISES (UsageError): For a script that Unicode does not have.
    RAISES (CorpusError): For a file that is empty, or not UTF-8.
    """
    texts = list(texts)
    if not scripts and not texts:
        return None
    found = np.zeros(N_CODE_POINTS, bool)
    found[ASCII] = True
    if scripts:
        classes = "".join(map(_class_of, (*scripts, *SHARED)))
        everything = "".join(map(chr, range(N_CODE_POINTS)))
        found[[match.start() for match in regex.finditer(f"[{classes}]", everything)]] = True
    for path in texts:
        chars = {char for _, line in numbered_lines(path) for char in line}
        if not chars:
            raise CorpusError(Errors.ZT254.format(path=path))
        found[[ord(form) for char in chars for form in _forms(char)]] = True
    return found


def _class_of(script: str) -> str:
    """Return the regular expression for a character of a script; raise a UsageError for an unknown script."""
    found = rf"\p{{Script={script}}}"
    try:
        if not script.replace("_", "").isalpha():
            raise regex.error("no name")
        regex.compile(found)
    except regex.error:
        raise UsageError(Errors.ZT253.format(script=script, choices=", ".join(SCRIPTS))) from None
    return found


def _forms(char: str) -> list[str]:
    """Return all forms of a character: upper and lower case, full and half width, and both variants (台 and 臺).

    Forms of more than one character are left out.
    """
    forms = {char}
    for table in (WIDTHS, VARIANTS):
        reverse = {norm: written for written, norm in table.items()}
        forms |= {table.get(form, form) for form in forms} | {reverse.get(form, form) for form in forms}
    return [form for char in forms for form in {char, char.lower(), char.upper()} if len(form) == 1]


def _require_base(name: str) -> None:
    for file, what in OTHERS.items():
        if (Path(name) / file).is_file():
            raise BaseModelError(Errors.ZT252.format(name=name, what=what))
