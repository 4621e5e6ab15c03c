"""Test the errors for components of other projects whose package is missing or does not work with numpy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.training import Example

from spacy_zh_tw_ner.errors import MissingExtraError, PipelineError
from tests.pipelines import LABELS, SENTENCE, curated


def update(nlp: Language, exclude: list[str]) -> dict[str, float]:
    example = Example.from_dict(nlp.make_doc(SENTENCE), {"entities": LABELS})
    return nlp.update([example], sgd=nlp.resume_training(), exclude=exclude)


def test_training_curated_transformers_with_new_numpy_raises(
    tiny_checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp = curated(tiny_checkpoint("bert"))
    found = [ent.text for ent in nlp(SENTENCE).ents]
    if np.lib.NumpyVersion(np.__version__) < "2.4.0":
        assert update(nlp, [])["transformer"] > 0
        nlp = curated(tiny_checkpoint("bert"))
    monkeypatch.setattr(np, "__version__", "2.4.0")
    with pytest.raises(PipelineError, match=r'\[ZT696\] .*transformer.* numpy 2\.4\.0.*`pip install "numpy<2\.4"`'):
        update(nlp, [])
    assert [ent.text for ent in nlp(SENTENCE).ents] == found  # the pipeline has not changed, and still predicts


def test_excluded_components_are_not_checked(
    tiny_checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp = curated(tiny_checkpoint("bert"))
    monkeypatch.setattr(np, "__version__", "2.4.0")
    assert update(nlp, ["transformer", "ner"]) == {}


def test_unknown_factory_raises_the_error_of_spacy(nlp: Language) -> None:
    with pytest.raises(ValueError, match="E002"):
        nlp.add_pipe("no_such_factory")


def test_missing_package_raises_with_the_install_command(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Language, "has_factory", classmethod(lambda cls, name: False))
    with pytest.raises(MissingExtraError, match=r"\[ZT695\] .*`pip install spacy-curated-transformers`"):
        nlp.add_pipe("curated_transformer")


@pytest.mark.parametrize("config", [{}, {"model": {"tok2vec": {"get_spans": {"@span_getters": "spacy.doc.v1"}}}}])
def test_installed_packages_pass(nlp: Language, config: dict[str, object]) -> None:
    from spacy_zh_tw_ner.language.required_packages import require_factory

    assert "transformer" in spacy.registry.factories
    require_factory(nlp, "transformer", config)
