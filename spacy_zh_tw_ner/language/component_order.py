"""Warn of components that have no effect at their position in the pipeline."""

import warnings

from spacy.language import Language

from ..errors import Warnings

GAZETTEER = "zh_tw_gazetteer"
RECOGNIZERS = ("zh_tw_crf_ner", "zh_tw_crf_ensemble")


def warn_of_order(nlp: Language) -> None:
    """Warn where the component that was added last is a gazetteer after the recognizers that its words are meant for.

    nlp (Language): The pipeline.
    """
    factories = [(name, nlp.get_pipe_meta(name).factory) for name in nlp.component_names]
    if not factories or factories[-1][1] != GAZETTEER:
        return
    gazetteer = factories[-1][0]
    before = [name for name, factory in factories if factory in RECOGNIZERS]
    if before and not nlp.get_pipe_config(gazetteer).get("override"):
        warnings.warn(Warnings.ZT942.format(gazetteer=gazetteer, recognizer=before[0]), stacklevel=3)
