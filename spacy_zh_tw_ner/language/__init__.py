"""The language `zh_tw`: what `spacy.blank("zh_tw")` builds."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

from spacy.language import BaseDefaults, Language
from spacy.tokens import Doc
from spacy.util import ensure_path, load_config_from_str, registry
from thinc.api import Config, Model, Optimizer

from .. import forking  # noqa: F401  (registers its hooks)
from ..large_files import large_files_from, large_files_to
from ..loaded_models import scan_file
from ..module_mode import guard_modules
from ..untrusted import reading, scan_msgpack
from .component_order import warn_of_order
from .lex_attrs import LEX_ATTRS
from .peak_rates import start_at_peak
from .span_groups import CharacterSpans
from .stop_words import STOP_WORDS

DEFAULT_CONFIG = """
[nlp]

[nlp.tokenizer]
@tokenizers = "spacy-zh-tw-ner.CharTokenizer.v1"
"""

BATCH_CHARACTERS = 32_768
# Variables that torch.load obeys; the second one is the user's to set.
WEIGHTS_ONLY, NOT_WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
EMPTY: dict[str, Any] = {}
SECTIONS = ("nlp", "training", "initialize")  # of which spaCy requires every setting


class TraditionalChineseDefaults(BaseDefaults):
    """Traditional stop words, Chinese numerals, and characters as tokens, written without spaces."""

    config = load_config_from_str(DEFAULT_CONFIG)
    lex_attr_getters = LEX_ATTRS
    stop_words = STOP_WORDS
    writing_system = {"direction": "ltr", "has_case": False, "has_letters": False}  # noqa: RUF012 - spaCy's own form


class TraditionalChinese(Language):  # type: ignore[no-untyped-call]
    """Traditional Chinese as written in Taiwan.

    Tokens are single characters. `token.text` is what the text has; `token.norm_` folds characters that are written in
    two ways: full width to half width always, and 臺 to 台 with "variants". Match on NORM to find both:

        nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"normalize": ["width", "variants"]}}})
        phrases = PhraseMatcher(nlp.vocab, attr="NORM")
        phrases.add("GPE", [nlp.make_doc("台北市")])
        matcher = Matcher(nlp.vocab)
        matcher.add("GPE", [[{"NORM": norm} for norm in "台北市"]])  # one pattern a character; never "臺" as a NORM
        doc = nlp("臺北市與台北市")
        assert [doc[start:end].text for _, start, end in phrases(doc)] == ["臺北市", "台北市"]
        assert [doc[start:end].text for _, start, end in matcher(doc)] == ["臺北市", "台北市"]

    On ORTH, TEXT or LOWER, and without "variants", each pattern finds only the characters that it is written with.

    `max_length` is ten times spaCy's: that limit guards parsers, whose memory grows faster than ours with the text.
    """

    lang = "zh_tw"
    Defaults = TraditionalChineseDefaults

    def __init__(self, *args: Any, max_length: int = 10**7, **kwargs: Any) -> None:
        super().__init__(*args, max_length=max_length, **kwargs)

    @classmethod
    def from_config(
        cls, config: dict[str, Any] | Config = EMPTY, *, auto_fill: bool = True, **kwargs: Any
    ) -> "TraditionalChinese":
        """Build a pipeline as spaCy does, and add settings that the config lacks.

        `spacy train` and `assemble` fill configs with default values; `spacy debug config`, `debug data` and
        `debug model` refuse what those two take. Configs of saved pipelines are complete and are taken as they are.
        """
        default = cls.default_config
        is_partial = any(default[section].keys() - config.get(section, {}).keys() for section in SECTIONS)
        return cast("TraditionalChinese", super().from_config(config, auto_fill=auto_fill or is_partial, **kwargs))

    def resume_training(self, *, sgd: Optimizer | None = None) -> Optimizer:
        """Continue training a pipeline, with a new optimizer if none is given.

        spaCy returns the optimizer of an earlier run, if there was one, whose rate may have fallen to 0.
        """
        if sgd is None:
            self._optimizer = None
        return super().resume_training(sgd=sgd)

    def create_optimizer(self) -> Optimizer:
        """Create the optimizer of [training.optimizer], with learning rates at the peak of their schedules.

        spaCy calls it in `initialize`, `resume_training` and `update` if no optimizer is given to them; `spacy train`
        gives one. See `peak_rates`.
        """
        # spaCy's own method leaves variables such as ${training.max_steps} in the block, and cannot resolve it.
        block = self.config.interpolate()["training"]["optimizer"]
        return start_at_peak(registry.resolve({"optimizer": block})["optimizer"])

    def add_pipe(self, *args: Any, **kwargs: Any) -> Any:
        """Add a component as spaCy does; warn if it has no effect at its position."""
        component = super().add_pipe(*args, **kwargs)
        warn_of_order(self)
        return component

    def create_pipe(self, *args: Any, **kwargs: Any) -> Any:
        """Create a component as spaCy does; torch modules in it predict safely in threads."""
        return _guard(super().create_pipe(*args, **kwargs))

    def create_pipe_from_source(self, *args: Any, **kwargs: Any) -> tuple[Any, str]:
        """Take a component from another pipeline as spaCy does; torch modules in it predict safely in threads."""
        component, factory = super().create_pipe_from_source(*args, **kwargs)
        return _guard(component), factory

    def initialize(self, *args: Any, **kwargs: Any) -> Any:
        """Initialize the pipeline as spaCy does; torch modules that components make here are guarded, too."""
        optimizer = super().initialize(*args, **kwargs)
        for _, component in self.components:
            _guard(component)
        return optimizer

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the pipeline to a folder as spaCy does, and what is large into files of its own there."""
        with large_files_to(ensure_path(path), whole=not exclude):
            super().to_disk(path, exclude=exclude)

    def from_disk(self, path: str | Path, **kwargs: Any) -> "TraditionalChinese":
        """Read what `to_disk` has written.

        RAISES (UnreadableFileError): For a folder that is damaged, or made to do harm.
        """
        folder = ensure_path(path)
        with reading(folder), _weights_only():
            for file in _models_in(folder, self.component_names):
                with reading(file):
                    scan_file(file)
            with large_files_from(folder):
                super().from_disk(path, **kwargs)
        return self

    def from_bytes(self, bytes_data: bytes, **kwargs: Any) -> "TraditionalChinese":
        """Read what `to_bytes` gave.

        RAISES (UnreadableFileError): For bytes that are damaged, or made to do harm.
        """
        with reading("The bytes of the pipeline"), _weights_only():
            scan_msgpack(bytes_data)
            super().from_bytes(bytes_data, **kwargs)
        return self

    def pipe(  # all of spaCy's arguments, passed on
        self,
        texts: Iterable[Any],
        *,
        as_tuples: bool = False,
        batch_size: int | None = None,
        n_process: int = 1,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Process texts as spaCy does, in batches that are bounded by their characters, too.

        A component takes `batch_size` documents before the next one begins, and a Transformer leaves kilobytes on each
        character: a thousand headlines are little, a thousand books are not.
        """
        process = partial(cast(Any, super()).pipe, batch_size=batch_size, **kwargs)
        if as_tuples:  # spaCy comes back here with the texts alone
            yield from process(texts, as_tuples=True, n_process=n_process)
            return
        if n_process != 1:
            yield from map(_with_character_spans, process(texts, n_process=n_process))
            return
        for batch in divide(texts, max_items=batch_size or self.batch_size, max_characters=BATCH_CHARACTERS):
            yield from process(batch)


def _guard(component: Any) -> Any:
    model = getattr(component, "model", None)
    if isinstance(model, Model):
        guard_modules(model)
    return component


def _with_character_spans(doc: Doc) -> Doc:
    """Restore, in a document from another process, the span groups that survive retokenizing."""
    for key, group in doc.spans.items():
        doc.spans[key] = CharacterSpans.of(group)
    return doc


def _models_in(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    """Return the msgpack files that components will read, including components of other packages."""
    return (file for name in names if (file := folder / name / "model").is_file())


@contextmanager
def _weights_only() -> Iterator[None]:
    """Make components of other packages load torch weights without pickle, the default only since torch 2.6."""
    set_ = {WEIGHTS_ONLY, NOT_WEIGHTS_ONLY} & os.environ.keys()
    if not set_:
        os.environ[WEIGHTS_ONLY] = "1"
    try:
        yield
    finally:
        if not set_:
            os.environ.pop(WEIGHTS_ONLY, None)


def divide(texts: Iterable[Any], *, max_items: int, max_characters: int) -> Iterator[list[Any]]:
    """Divide a stream.

    texts (Iterable[str | Doc]): Any.
    max_items (int), max_characters (int): A batch ends with the text that reaches either.
    YIELDS (list[str | Doc]): In their order, none empty.
    """
    batch: list[Any] = []
    n_characters = 0
    for text in texts:
        batch.append(text)
        n_characters += len(text)
        if n_characters >= max_characters or len(batch) >= max_items:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch


__all__ = ["TraditionalChinese"]
