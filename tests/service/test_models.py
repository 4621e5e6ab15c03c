"""Several pipelines under a bound."""

from pathlib import Path

import pytest
import spacy
from spacy.language import Language

from spacy_zh_tw_ner.service.models import ModelCache, named_sources
from spacy_zh_tw_ner.service.spacy_reader import SpacyReader, entity_labels


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_bytes(b"x" * 100)
    return {name: str(tmp_path / name) for name in "abc"}


def test_the_one_not_used_longest_goes_first(folders: dict[str, str]) -> None:
    seen: list[str] = []

    def load(source: str) -> SpacyReader:
        seen.append(Path(source).name)
        return SpacyReader(spacy.blank("zh_tw"))

    cache = ModelCache(folders, 250, load)
    first = cache.get("a")
    assert cache.get("b") is not first
    assert cache.get("a") is first  # b is the older one now
    cache.get("c")
    assert cache.loaded == ("a", "c")
    cache.get("b")
    assert (cache.loaded, seen) == (("c", "b"), ["a", "b", "c", "b"])


def test_one_that_can_never_fit_is_refused_at_once(folders: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"\[ZT504\] The pipeline 'a'"):
        ModelCache(folders, 99, lambda source: SpacyReader(spacy.blank(source)))


def test_names_come_from_the_argument_or_the_folder(folders: dict[str, str]) -> None:
    assert named_sources([folders["a"], f"news={folders['b']}"]) == {"a": folders["a"], "news": folders["b"]}
    with pytest.raises(ValueError, match="ZT503"):
        named_sources([folders["a"], f"a={folders['b']}"])
    with pytest.raises(ValueError, match=r"\[ZT502\].*'no_such_pipeline'"):
        named_sources(["no_such_pipeline"])


def test_labels_are_those_of_components_that_set_entities(tiny_nlp: Language) -> None:
    assert entity_labels(tiny_nlp) == ("GPE", "ORG", "PERSON")
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "LAW", "pattern": "民法"}])  # type: ignore[attr-defined]
    nlp.add_pipe("textcat").add_label("POLITICS")  # type: ignore[attr-defined]
    assert entity_labels(nlp) == ("LAW",)
