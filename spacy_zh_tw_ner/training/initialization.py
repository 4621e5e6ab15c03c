"""Callbacks for `after_init` that start training from another pipeline: add labels to it, or copy its encoder.

An encoder that was trained on one corpus improves a recognizer for another corpus with other labels. The gain is
largest if the other corpus is small (transfer learning; Yang, Salakhutdinov and Cohen 2017, "Transfer Learning for
Sequence Tagging with Hierarchical Recurrent Networks").
"""

from collections.abc import Callable, Iterable
from typing import Any

import spacy
from spacy.language import Language
from spacy.training import Example
from thinc.api import Model

from ..components.inspection import differences_of, find_recognizer, tokenization_of
from ..components.trainable_crf import TrainableCRF
from ..encoders import hooks_of
from ..errors import Errors, PipelineError, PipelineMismatchError

CorpusT = Callable[[Language], Iterable[Example]]


def create_add_labels_v1(
    labels: list[str] | None = None, corpus: CorpusT | None = None, component: str | None = None
) -> Callable[[Language], None]:
    """Registered as `spacy-zh-tw-ner.add_labels.v1`: add labels to a sourced recognizer.

    Set the callback in [initialize.after_init]. A sourced recognizer is copied from another pipeline (`source` in its
    config). spaCy does not initialize sourced components, so it adds no labels to them. This callback does. Existing
    labels and their weights are kept.

    labels (Optional[list[str]]): Labels to add; null for none.
    corpus (Optional[Callable]): Corpus reader. The labels of its entities are added as well; null for none.
    component (Optional[str]): Name of the recognizer in the pipeline; null for the first one.
    RETURNS (Callable[[Language], None]): The callback. It raises a PipelineError if there is no such recognizer.
    """

    def add_labels(nlp: Language) -> None:
        recognizer = _find(nlp, component)
        golds = (example.reference for example in corpus(nlp)) if corpus is not None else ()
        found = {label for gold in golds for label in recognizer.labels_of(gold)} - {""}
        for label in (*(labels or ()), *sorted(found)):
            recognizer.add_label(label)

    return add_labels


def create_start_from_v1(pipeline: str | None = None, component: str | None = None) -> Callable[[Language], None]:
    """Registered as `spacy-zh-tw-ner.start_from.v1`: copy the encoder of a trained pipeline, without its labels.

    Set the callback in [initialize.after_init], where the new encoder exists already.

    pipeline (Optional[str]): Folder or package of the trained pipeline; null starts from random weights.
    component (Optional[str]): Name of the recognizer in both pipelines; null for the first one of each pipeline.
    RETURNS (Callable[[Language], None]): The callback. It raises a PipelineMismatchError if the tokenizers or encoders
        of both pipelines differ, and a PipelineError if a pipeline has no recognizer with its own encoder.
    """

    def start_from(nlp: Language) -> None:
        if pipeline is not None:
            copy_encoder(spacy.load(pipeline), nlp, pipeline, component)

    return start_from


def copy_encoder(source: Language, target: Language, name: str, component: str | None = None) -> None:
    """Copy the weights of the encoder from one pipeline to another.

    source (Language): The trained pipeline.
    target (Language): An initialized pipeline with the same encoder; its labels may differ.
    name (str): Name of the source for error messages.
    component (Optional[str]): Name of the recognizer in both pipelines; None for the first one of each pipeline.
    RAISES (PipelineError): If a pipeline has no recognizer, or the recognizer of the target listens to a shared
        encoder.
    RAISES (PipelineMismatchError): If the tokenizers of the pipelines differ in their settings, or the encoders in
        layers or shapes.
    """
    if differences := differences_of(tokenization_of(target), tokenization_of(source)):
        raise PipelineMismatchError(Errors.ZT375.format(name=name, differences="; ".join(differences)))
    kind: type[TrainableCRF] = TrainableCRF  # type: ignore[type-abstract]
    recognizers = [find_recognizer(nlp, component, kind) for nlp in (target, source)]
    ours, theirs = (list(recognizer.model.get_ref("tok2vec").walk()) for recognizer in recognizers)
    if not any(layer.param_names or layer.shims for layer in ours):
        raise PipelineError(Errors.ZT377.format(component=recognizers[0].name, name=name))
    shapes = [[_shape(layer) for layer in layers] for layers in (ours, theirs)]
    if shapes[0] != shapes[1]:
        pairs = zip(*([*of_one, "nothing"] for of_one in shapes), strict=False)
        one, other = next(pair for pair in pairs if pair[0] != pair[1])
        raise PipelineMismatchError(Errors.ZT376.format(name=name, one=one, other=other))
    for layer, known in zip(ours, theirs, strict=True):
        for param in known.param_names:
            layer.set_param(param, known.get_param(param).copy())
        for shim, trained in zip(layer.shims, known.shims, strict=True):
            shim.from_bytes(trained.to_bytes())  # type: ignore[no-untyped-call]
        hooks = hooks_of(layer)
        if "adopt" in hooks:
            hooks["adopt"](layer, known)


def _find(nlp: Language, name: str | None) -> TrainableCRF:
    """Return a recognizer of a pipeline: the one with the given name, or else the first.

    Disabled components are searched, too, because spaCy disables sourced components during initialization.

    RAISES (PipelineError): If there is no such recognizer.
    """
    for candidate, component in nlp.components:
        if isinstance(component, TrainableCRF) and name in (None, candidate):
            return component
    raise PipelineError(
        Errors.ZT113.format(name=name or "zh_tw_crf_ner", names=", ".join(nlp.component_names) or "none")
    )


def _shape(layer: Model[Any, Any]) -> str:
    """Describe a layer as a string for comparisons: its name, and the shape of each thinc and torch parameter."""
    shapes = {name: tuple(layer.get_param(name).shape) for name in layer.param_names}
    for shim in layer.shims:
        shapes |= {key: tuple(value.shape) for key, value in shim._model.state_dict().items()}
    return f"{layer.name} {shapes}" if shapes else layer.name
