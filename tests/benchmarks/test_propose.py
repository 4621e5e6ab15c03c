"""The naive corpus of `benchmarks.propose` has every proposed entity, and O elsewhere; its sources can be read."""

from pathlib import Path

import spacy
import tomllib
from spacy.tokens import Span

from benchmarks.propose import SOURCES, Budget, naive, write
from spacy_zh_tw_ner.components.partial_annotations import write_partial
from spacy_zh_tw_ner.corpora.formats.docbin import read_docbin
from spacy_zh_tw_ner.proposals import make_settings


def test_the_naive_corpus_is_complete(tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    doc = nlp.make_doc("鴻海精密在台北說話")
    spans = [Span(doc, 0, 2, "ORG"), Span(doc, 0, 4, "ORG"), Span(doc, 2, 4, "O")]
    write_partial(doc, [Span(doc, 5, 7, "LOC")], spans, [doc[4:5]], outside_weight=0.5)
    write(tmp_path / "proposed.spacy", [doc])
    (found,) = read_docbin(naive(tmp_path, tmp_path / "proposed.spacy")).get_docs(nlp.vocab)
    assert [(ent.text, ent.label_) for ent in found.ents] == [("鴻海精密", "ORG"), ("台北", "LOC")]
    assert [token.ent_iob for token in found] == [3, 1, 1, 1, 2, 3, 1, 2, 2]
    assert not found.spans
    assert "outside_weight" not in found.user_data


def test_the_sources_can_be_read_and_time_is_limited(tmp_path: Path) -> None:
    assert len(make_settings(tomllib.loads(SOURCES), folder=tmp_path).sources) == 3
    assert Budget(0.0).is_left()
    assert not Budget(-1.0).is_left()
