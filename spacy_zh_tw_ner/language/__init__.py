"""Pipeline class of the language `zh_tw`, which `spacy.blank("zh_tw")` creates."""

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, cast

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import ensure_path
from thinc.api import Config, Model, Optimizer

from ..errors import Warnings
from ..large_files import large_files_from, large_files_to
from ..thread_safety import guard_modules
from ..untrusted import reading, scan_msgpack
from ..untrusted.thinc_models import scan_file
from .defaults import TraditionalChineseDefaults
from .optimizer import create_optimizer
from .required_packages import require_factory, require_trainable
from .span_groups import CharacterSpans

BATCH_CHARACTERS = 32_768  # characters after which `pipe` ends a batch
# Environment variables that torch.load reads. This package sets only the first one, and only if none is set.
WEIGHTS_ONLY, NOT_WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
EMPTY: dict[str, Any] = {}
GAZETTEER, NORMALIZER = "zh_tw_gazetteer", "zh_tw_normalizer"
RECOGNIZERS = ("zh_tw_crf_ner", "zh_tw_crf_ensemble", "zh_tw_crf_spans")
SET_ENTITIES = (*RECOGNIZERS, "zh_tw_pii", "ner", "entity_ruler")
SECTIONS = ("nlp", "training", "initialize")  # config sections of which spaCy requires every setting


class TraditionalChinese(Language):  # type: ignore[no-untyped-call]
    """Traditional Chinese as written in Taiwan.

    Tokens are single characters. `token.text` is the original character. `token.norm_` is normalized: full width
    characters become half width, and with "variants", 臺 becomes 台. Match on NORM to find both forms:

        nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"normalize": ["width", "variants"]}}})
        phrases = PhraseMatcher(nlp.vocab, attr="NORM")
        phrases.add("GPE", [nlp.make_doc("台北市")])
        matcher = Matcher(nlp.vocab)
        matcher.add("GPE", [[{"NORM": norm} for norm in "台北市"]])  # one pattern per character; no NORM is "臺"
        doc = nlp("臺北市與台北市")
        assert [doc[start:end].text for _, start, end in phrases(doc)] == ["臺北市", "台北市"]
        assert [doc[start:end].text for _, start, end in matcher(doc)] == ["臺北市", "台北市"]

    A pattern on ORTH, TEXT or LOWER finds 臺 or 台, but not both. Without "variants", this is also true for NORM.

    `max_length` is the longest text in characters. It is ten times spaCy's default, which protects parsers: they need
    much more memory for long texts than the components of this package.
    """

    lang = "zh_tw"
    Defaults = TraditionalChineseDefaults

    def __init__(self, *args: Any, max_length: int = 10**7, **kwargs: Any) -> None:
        super().__init__(*args, max_length=max_length, **kwargs)

    @classmethod
    def from_config(
        cls, config: dict[str, Any] | Config = EMPTY, *, auto_fill: bool = True, **kwargs: Any
    ) -> "TraditionalChinese":
        """Build a pipeline as spaCy does. Settings that the config lacks get their default values.

        Missing settings are filled even with `auto_fill=False`, which `spacy debug config`, `debug data` and
        `debug model` use. Otherwise these commands would reject the short configs of this package.
        """
        default = cls.default_config
        is_partial = any(default[section].keys() - config.get(section, {}).keys() for section in SECTIONS)
        return cast("TraditionalChinese", super().from_config(config, auto_fill=auto_fill or is_partial, **kwargs))

    def resume_training(self, *, sgd: Optimizer | None = None) -> Optimizer:
        """Prepare a pipeline for further training; return `sgd` or, if that is None, a new optimizer.

        spaCy would return the optimizer of an earlier run, whose learning rate may have fallen to 0.
        """
        if sgd is None:
            self._optimizer = None
        return super().resume_training(sgd=sgd)

    def create_optimizer(self) -> Optimizer:
        """Create the optimizer of [training.optimizer]. Its learning rates start at the peak of their schedules.

        spaCy calls this method in `initialize`, `resume_training` and `update` if the caller passes no optimizer, as in
        training loops of users. Such loops usually do not step the schedules: with a warm-up, which begins at a rate of
        0, they would never learn. `spacy train` steps the schedules, and does not call this method.
        """
        return create_optimizer(self.config)

    def add_pipe(self, *args: Any, **kwargs: Any) -> Any:
        """Add a component as spaCy does, and return it; warn if its place makes it, or another one, ineffective."""
        before = {*self.component_names}
        component = super().add_pipe(*args, **kwargs)
        _warn_of_order(self, next(name for name in self.component_names if name not in before))
        return component

    def create_pipe(self, factory_name: str, *args: Any, **kwargs: Any) -> Any:
        """Create a component as spaCy does, and make the predictions of its torch modules thread-safe.

        RAISES (MissingExtraError): If the package of the component is not installed.
        """
        require_factory(self, factory_name, kwargs.get("config") or {})
        return _guard(super().create_pipe(factory_name, *args, **kwargs))

    def create_pipe_from_source(self, *args: Any, **kwargs: Any) -> tuple[Any, str]:
        """Copy a component from another pipeline as spaCy does, and make its predictions thread-safe.

        RETURNS (tuple[Any, str]): The component, and the name of its factory.
        """
        component, factory = super().create_pipe_from_source(*args, **kwargs)
        return _guard(component), factory

    def initialize(self, *args: Any, **kwargs: Any) -> Any:
        """Initialize the pipeline as spaCy does, make predictions thread-safe, and return the optimizer."""
        optimizer = super().initialize(*args, **kwargs)
        for _, component in self.components:
            _guard(component)
        return optimizer

    def update(self, *args: Any, exclude: Iterable[str] = (), **kwargs: Any) -> Any:
        """Update the pipeline as spaCy does, and return its losses by component.

        RAISES (PipelineError): If a component cannot be trained with the installed version of numpy.
        """
        exclude = tuple(exclude)
        require_trainable(self, exclude)
        return super().update(*args, exclude=exclude, **kwargs)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the pipeline to a directory as spaCy does, with large weights in separate files."""
        with large_files_to(ensure_path(path), whole=not exclude):
            super().to_disk(path, exclude=exclude)

    def from_disk(self, path: str | Path, **kwargs: Any) -> "TraditionalChinese":
        """Load what `to_disk` wrote into this pipeline, and return it.

        RAISES (UnreadableFileError): If the directory is damaged or malicious.
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
        """Load the bytes of `to_bytes` into this pipeline, and return it.

        RAISES (UnreadableFileError): If the bytes are damaged or malicious.
        """
        with reading("The bytes of the pipeline"), _weights_only():
            scan_msgpack(bytes_data)
            super().from_bytes(bytes_data, **kwargs)
        return self

    def pipe(  # other arguments of spaCy's method are in kwargs
        self,
        texts: Iterable[Any],
        *,
        as_tuples: bool = False,
        batch_size: int | None = None,
        n_process: int = 1,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Process texts as spaCy does. In one process (`n_process` = 1), the characters of a batch are limited as well.

        A batch ends after `batch_size` texts, or earlier, as soon as it has `BATCH_CHARACTERS` characters.

        Each component processes a whole batch before the next component starts, and a Transformer stores kilobytes per
        character. Without the limit of characters, `batch_size` books would need far more memory than as many
        headlines.
        """
        process = partial(cast(Any, super()).pipe, batch_size=batch_size, **kwargs)
        if as_tuples:  # spaCy calls this method again, with the texts only
            yield from process(texts, as_tuples=True, n_process=n_process)
            return
        if n_process != 1:
            yield from map(_with_character_spans, process(texts, n_process=n_process))
            return
        for batch in divide(texts, max_items=batch_size or self.batch_size, max_characters=BATCH_CHARACTERS):
            yield from process(batch)


def _warn_of_order(nlp: Language, added: str) -> None:
    """Warn if a new component has no effect at its place in the pipeline, or makes another one ineffective.

    A recognizer cannot use the words of a gazetteer that runs after it, and entities that are set after a normalizer
    get no normal form.

    nlp (Language): The pipeline.
    added (str): Name of the component that was added last.
    """
    factories = [(name, nlp.get_pipe_meta(name).factory) for name in nlp.component_names]
    for (first, kind), (second, other) in combinations(factories, 2):
        if added not in (first, second):
            continue
        if kind in RECOGNIZERS and other == GAZETTEER and not nlp.get_pipe_config(second).get("override"):
            warnings.warn(Warnings.ZT942.format(gazetteer=second, recognizer=first), stacklevel=3)
            return
        if kind == NORMALIZER and other in SET_ENTITIES:
            warnings.warn(Warnings.ZT836.format(normalizer=first, other=second), stacklevel=3)
            return


def _guard(component: Any) -> Any:
    """Change the torch modules in a component so that their predictions are thread-safe; return the same component."""
    model = getattr(component, "model", None)
    if isinstance(model, Model):
        guard_modules(model)
    return component


def _with_character_spans(doc: Doc) -> Doc:
    """Replace the span groups of a document by `CharacterSpans`, in place; return the document.

    `CharacterSpans` are span groups whose spans keep their characters when the tokens of the document change. Documents
    that another process has returned have span groups of spaCy's class, whose spans would then be wrong.
    """
    for key, group in doc.spans.items():
        doc.spans[key] = CharacterSpans.of(group)
    return doc


def _models_in(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    """Yield the file `model` of each named component that has one in the folder of a pipeline.

    These files are the thinc models of the components, in msgpack.
    """
    return (file for name in names if (file := folder / name / "model").is_file())


@contextmanager
def _weights_only() -> Iterator[None]:
    """Context manager: let components of other packages load torch weights without pickle, which could run code.

    This is the default of torch since version 2.6. For earlier versions, an environment variable is set in the block.
    """
    set_ = {WEIGHTS_ONLY, NOT_WEIGHTS_ONLY} & os.environ.keys()
    if not set_:
        os.environ[WEIGHTS_ONLY] = "1"
    try:
        yield
    finally:
        if not set_:
            os.environ.pop(WEIGHTS_ONLY, None)


def divide(texts: Iterable[Any], *, max_items: int, max_characters: int) -> Iterator[list[Any]]:
    """Divide a stream of texts into batches.

    texts (Iterable[str | Doc]): Texts or documents of any length.
    max_items (int): Largest number of texts per batch.
    max_characters (int): A batch ends with the text that reaches this total number of characters.
    YIELDS (list[str | Doc]): Non-empty batches, in the order of the texts.
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
