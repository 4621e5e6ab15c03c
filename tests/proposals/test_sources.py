"""Each source proposes entities with offsets in characters; hostile patterns and faulty answers are refused."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_zh_tw_ner.entities import Found
from spacy_zh_tw_ner.errors import CorpusError, PipelineError, UsageError
from spacy_zh_tw_ner.proposals import sources
from spacy_zh_tw_ner.proposals.sources import (
    GazetteerSource,
    GlinerSource,
    PatternSource,
    PipelineSource,
    TaiwanSource,
)

TEXT = "台北市政府說，鴻海Foxconn在新竹設廠。"


def surfaces(found: Sequence[Found], text: str = TEXT) -> list[tuple[str, str]]:
    return [(text[each.start : each.end], each.label) for each in found]


def test_words_that_leave_the_fewest_other_words_are_proposed() -> None:
    source = GazetteerSource({"LOC": ["臺北", "臺北市", "市政"], "O": ["政府", "新竹"], "PLACE": ["新竹"]})
    (found,) = source([TEXT])
    assert surfaces(found) == [("台北市", "LOC"), ("政府", "O"), ("新竹", "O")]  # of equal words, the first label


def test_patterns_propose_their_group_or_the_whole_match() -> None:
    source = PatternSource({"ORG": [r"說，(?P<entity>\p{Han}{2})", "[A-Z][a-z]+"], "O": ["z*"]})
    (found,) = source([TEXT])
    assert surfaces(found) == [("鴻海", "ORG"), ("Foxconn", "ORG")]


def test_a_hostile_pattern_is_refused_after_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PATTERN_SECONDS", 0.2)
    start = time.monotonic()
    with pytest.raises(CorpusError, match=r"ZT784.*\(a\|a\|aa\)\+b"):
        PatternSource({"ORG": ["(a|a|aa)+b"]})(["a" * 200 + "c"])
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("pattern", ["(", "a" * 2000, "(" * 900 + ")" * 900, "a{99999999999999999999}"])
def test_a_pattern_that_cannot_be_compiled_is_an_error(pattern: str) -> None:
    with pytest.raises(UsageError, match="ZT783"):
        PatternSource({"ORG": [pattern]})(["a"])


def test_the_rules_of_taiwan_are_a_source() -> None:
    text = "統編04595257，電話02-2720-8889"
    (found,) = TaiwanSource()([text])
    assert ("04595257", "COMPANY_ID") in surfaces(found, text)


def test_a_pipeline_proposes_its_entities() -> None:
    nlp = spacy.blank("zh")  # another tokenizer

    @spacy.Language.component("test_proposes_first_token")
    def first_token(doc: Doc) -> Doc:
        doc.ents = [Span(doc, 0, 1, "ORG")]
        return doc

    nlp.add_pipe("test_proposes_first_token")
    assert [surfaces(found, "鴻海") for found in PipelineSource(nlp)(["鴻海"])] == [[("鴻", "ORG")]]


class DocumentedGliner:
    """Fake of `gliner.GLiNER` after its documentation: it finds given words, with offsets in the text it receives."""

    def __init__(self, words: dict[str, str]) -> None:
        self.words = words  # spaced word → prompt

    def inference(
        self, texts: list[str], labels: list[str], flat_ner: bool = True, threshold: float = 0.5
    ) -> list[list[dict[str, Any]]]:
        self.labels, self.threshold = labels, threshold
        found = []
        for text in texts:
            places = [(text.find(word), word, label) for word, label in self.words.items() if word in text]
            found.append(
                [{"start": i, "end": i + len(w), "text": w, "label": label, "score": 0.7} for i, w, label in places]
            )
        return found


def test_gliner_reads_characters_with_spaces_and_its_offsets_are_mapped_back() -> None:
    model = DocumentedGliner({"鴻 海": "company", "Foxconn": "company", "新 竹": "city", "oxc": "company"})
    source = GlinerSource(model, {"ORG": "company", "LOC": "city"}, 0.3)
    (found, empty) = source([TEXT, ""])
    assert surfaces(found) == [("鴻海", "ORG"), ("Foxconn", "ORG"), ("新竹", "LOC")]
    assert (empty, model.labels, model.threshold) == ([], ["company", "city"], 0.3)


def test_gliner_of_another_version_is_an_error_with_the_command_to_install_it() -> None:
    class Other:
        def inference(self, texts: list[str], labels: list[str], **_: Any) -> list[list[dict[str, Any]]]:
            return [[{"begin": 0}] for _ in texts]

    for model in (Other(), object()):
        with pytest.raises(PipelineError, match=r"ZT789.*pip install"):
            GlinerSource(model, {"ORG": "company"}, 0.3)([TEXT])
