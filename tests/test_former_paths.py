"""Documented import paths of earlier versions work, and warn with the new path."""

import importlib
import sys

import pytest

FORMER = {
    "spacy_zh_tw_ner.pipeline.gazetteer": "Gazetteer",
    "spacy_zh_tw_ner.pipeline.crf_ner": "CRFEntityRecognizer",
    "spacy_zh_tw_ner.pipeline.ensemble": "CRFEnsemble",
}


@pytest.mark.parametrize(("module", "name"), FORMER.items())
def test_former_path_gives_the_same_class_and_warns(module: str, name: str) -> None:
    sys.modules.pop(module, None)
    new = module.replace(".pipeline.", ".components.")
    with pytest.warns(DeprecationWarning, match=rf"\[ZT970\] {module} has moved. Import it from {new}"):
        former = importlib.import_module(module)
    assert getattr(former, name) is getattr(importlib.import_module(new), name)
