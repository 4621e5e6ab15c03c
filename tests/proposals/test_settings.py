"""Errors in the TOML file of sources name the file, the key and the remedy."""

from pathlib import Path
from typing import Any

import pytest

from spacy_zh_tw_ner.errors import UsageError
from spacy_zh_tw_ner.proposals import make_settings, read_settings
from spacy_zh_tw_ner.proposals.settings import OWN_KEYS

GOOD = """
labels = ["ORG", "LOC"]
outside_weight = 0.7

[[source]]
name = "words"
type = "gazetteer"
precision = { LOC = 0.9, "*" = 0.5 }
words = { LOC = ["臺北"], O = ["今天"], COMPANY = ["鴻海"] }
labels = { COMPANY = "ORG" }

[[source]]
type = "taiwan"
precision = 1
labels = { ADDRESS = "LOC", "*" = "" }
min_score = 0.5
"""


def source(**settings: Any) -> dict[str, Any]:
    table = {"type": "gazetteer", "precision": 0.9, "words": {"LOC": ["臺北"]}, **settings}
    return {"labels": ["ORG", "LOC"], "source": [table]}


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(GOOD, encoding="utf-8")
    settings = read_settings(tmp_path / "sources.toml")
    words, taiwan = settings.sources
    assert (settings.outside_weight, settings.folder) == (0.7, tmp_path)
    assert (words.precision_of("LOC"), words.precision_of("COMPANY")) == (0.9, 0.5)
    assert [taiwan.label_of(label) for label in ("ADDRESS", "PHONE")] == ["LOC", ""]
    assert [words.label_of(label) for label in ("COMPANY", "LOC")] == ["ORG", "LOC"]
    assert (taiwan.name, taiwan.precision_of("ADDRESS"), taiwan.min_score) == ("taiwan", 1.0, 0.5)


GLINER = {"type": "gliner", "precision": 0.5, "model": "a/b", "prompts": {"LOC": ["city"]}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "`labels` must be a list of the labels"),
        ({"labels": ["O"], "source": []}, r"without O and \*"),
        ({"labels": ["LOC"]}, r"`\[\[source\]\]` must be one table or more"),
        ({**source(), "outside_wieght": 1}, "unknown key 'outside_wieght'. Did you mean 'outside_weight'"),
        ({**source(), "accept": 2}, "`accept` must be a number from 0 to 1"),
        (source(type="gazeteer"), "`type` of source 1 must be one of gazetteer"),
        (source(word={}), "unknown key 'word'. Did you mean 'words'"),
        (source(words={}), "`words` of source 'gazetteer' must be a table"),
        (source(type="answers", words=None), "unknown key 'words'"),
        (source(words={"LOK": ["臺北"]}), "proposes the label 'LOK'.*Did you mean 'LOC'"),
        (source(labels={"LOC": "GPE"}), "proposes the label 'GPE'"),
        ({"labels": ["LOC"], "source": [GLINER]}, "`prompts` of source 'gliner' must be a table such as"),
        (source(precision=None), "`precision` of source 'gazetteer' must be a number"),
        (source(precision={"LOC": "high"}), "must be a number from 0 to 1 .got 'high'"),
        ({**source(), "source": source()["source"] * 2}, "`name` must be another for each source"),
    ],
)
def test_errors_name_the_key_and_the_remedy(content: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_settings(content, folder=Path())


def test_invalid_toml_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text("labels = [", encoding="utf-8")
    with pytest.raises(UsageError, match="ZT778"):
        read_settings(tmp_path / "sources.toml")


@pytest.mark.parametrize("kind", [kind for kind, keys in OWN_KEYS.items() if keys])
def test_each_type_requires_its_first_key(kind: str) -> None:
    table = {"type": kind, "precision": 0.5}
    with pytest.raises(UsageError, match=f"`{OWN_KEYS[kind][0]}` of source '{kind}' must be a value"):
        make_settings({"labels": ["LOC"], "source": [table]}, folder=Path())
