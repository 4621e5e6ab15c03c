"""Sources are loaded from files, folders, packages and models that the TOML file names."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import spacy

from spacy_zh_tw_ner.errors import UsageError
from spacy_zh_tw_ner.proposals import loading, make_settings
from spacy_zh_tw_ner.proposals.loading import load_source
from spacy_zh_tw_ner.proposals.sources import GlinerSource, PipelineSource, ProposalSource

from .test_sources import TEXT, DocumentedGliner, surfaces

CheckpointT = Callable[[str], Path]


def load(folder: Path, **table: Any) -> ProposalSource:
    settings = make_settings({"labels": ["ORG", "LOC"], "source": [{"precision": 0.9, **table}]}, folder=folder)
    return load_source(settings.sources[0], settings, {TEXT}, lambda *reject: None)


def test_a_pipeline_is_loaded_from_a_folder_beside_the_file(tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "ORG", "pattern": [{"TEXT": "鴻"}, {"TEXT": "海"}]}])
    nlp.to_disk(tmp_path / "ruler")
    source = load(tmp_path, type="pipeline", pipeline="ruler")
    assert [surfaces(found) for found in source([TEXT])] == [[("鴻海", "ORG")]]


def test_a_checkpoint_of_hugging_face_is_loaded(tiny_checkpoint: CheckpointT, tmp_path: Path) -> None:
    labels = {"*": ""}
    source = load(tmp_path, type="checkpoint", checkpoint=str(tiny_checkpoint("bert")), labels=labels)
    assert isinstance(source, PipelineSource)
    assert len(source([TEXT, ""])) == 2


def test_a_gliner_model_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """GLiNER's weights are not in any package index, so its documented interface is faked."""
    names: list[str] = []

    def from_pretrained(name: str) -> DocumentedGliner:
        names.append(name)
        return DocumentedGliner({"新 竹": "city"})

    monkeypatch.setitem(sys.modules, "gliner", SimpleNamespace(GLiNER=SimpleNamespace(from_pretrained=from_pretrained)))
    source = load(tmp_path, type="gliner", model="someone/gliner", prompts={"LOC": "city"}, min_score=0.4)
    assert isinstance(source, GlinerSource)
    assert [surfaces(found) for found in source([TEXT])] == [[("新竹", "LOC")]]
    assert names == ["someone/gliner"]


def test_patterns_name_word_lists_and_exclude_words(tmp_path: Path) -> None:
    """Words are found in any spelling, as those of a gazetteer; a match that overlaps an excluded word is dropped."""
    (tmp_path / "places.txt").write_text("台北\n新竹\n", encoding="utf-8")
    lists = {"place": ["places.txt", "高雄"]}
    options: dict[str, Any] = {"type": "patterns", "patterns": {"ORG": [r"\L<place>市?府"]}, "lists": lists}
    text = "臺北市府、新竹市府和高雄府城"
    settings = make_settings({"labels": ["ORG"], "source": [{"precision": 0.9, **options}]}, folder=tmp_path)
    source = load_source(settings.sources[0], settings, {text}, lambda *reject: None)
    assert [found[:2] for found in source([text])[0]] == [(0, 4), (5, 9), (10, 13)]
    options["exclude"] = ["府城"]
    settings = make_settings({"labels": ["ORG"], "source": [{"precision": 0.9, **options}]}, folder=tmp_path)
    source = load_source(settings.sources[0], settings, {text}, lambda *reject: None)
    assert [found[:2] for found in source([text])[0]] == [(0, 4), (5, 9)]


def test_a_pattern_that_names_an_unknown_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ZT783"):
        load(tmp_path, type="patterns", patterns={"ORG": [r"\L<place>"]}, lists={"places": ["台北"]})
    with pytest.raises(UsageError, match=r"ZT779.*exclude.*must be a list of strings"):
        load(tmp_path, type="patterns", patterns={"ORG": ["a"]}, exclude=[1])


def test_word_files_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bytes.txt").write_bytes(b"\xff\n")
    with pytest.raises(UsageError, match=r"ZT786.*not UTF-8"):
        load(tmp_path, type="gazetteer", words={"LOC": ["bytes.txt"]})
    with pytest.raises(UsageError, match=r"ZT779.*must be a list of strings"):
        load(tmp_path, type="gazetteer", words={"LOC": [1]})
    (tmp_path / "words.txt").write_text("新竹\n台北\n", encoding="utf-8")
    monkeypatch.setattr(loading, "MAX_WORDS", 1)
    with pytest.raises(UsageError, match="ZT785"):
        load(tmp_path, type="gazetteer", words={"LOC": ["words.txt"]})
    monkeypatch.setattr(loading, "MAX_WORD_FILE", 3)
    with pytest.raises(UsageError, match=r"ZT786.*has 14 bytes.*at most 3 bytes"):
        load(tmp_path, type="gazetteer", words={"LOC": ["words.txt"]})
