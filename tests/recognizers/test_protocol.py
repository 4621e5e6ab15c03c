"""The recognizers of a spaCy pipeline and of the model exported from it fulfil the protocol alike."""

from pathlib import Path

import pytest
from spacy.tokens import DocBin

from spacy_zh_tw_ner.errors import PipelineError
from spacy_zh_tw_ner.recognizers import Recognizer, load_recognizer, recognize_docs
from spacy_zh_tw_ner.recognizers.pipelines import load_pipeline, pipeline_folder, source_folder
from spacy_zh_tw_ner.recognizers.spacy_recognizer import SpacyRecognizer
from spacy_zh_tw_ner.runtime import ExportedRecognizer

TEXTS = ["蔡英文總統在臺北市接見台積電董事長。", "", "臺 北", "國立臺灣大學位於大安區。" * 30]


@pytest.fixture(scope="module")
def both(tiny_onnx: tuple[Path, Path]) -> list[Recognizer]:
    return [load_recognizer(str(folder), threads=1) for folder in tiny_onnx]


def test_the_kind_of_recognizer_depends_on_the_source(both: list[Recognizer]) -> None:
    assert [type(recognizer) for recognizer in both] == [SpacyRecognizer, ExportedRecognizer]
    assert both[0].labels == both[1].labels
    assert both[0].evidence_labels == both[1].evidence_labels
    assert both[0].min_score == both[1].min_score


def test_both_recognizers_find_the_same_entities(both: list[Recognizer]) -> None:
    spacy_found, exported_found = (recognizer(TEXTS) for recognizer in both)
    assert [[ent[:3] for ent in found] for found in spacy_found] == [
        [ent[:3] for ent in found] for found in exported_found
    ]
    assert sum(map(len, spacy_found)) > 3
    assert spacy_found[1] == ()


def test_documents_have_the_found_entities_and_scores(both: list[Recognizer]) -> None:
    for recognizer in both:
        kept, seen = DocBin(store_user_data=True), []
        for doc, found in recognize_docs(recognizer, TEXTS):
            assert [(e.start_char, e.end_char, e.label_) for e in doc.ents] == [ent[:3] for ent in found]
            assert [e._.score for e in doc.ents] == [ent.score for ent in found]
            kept.add(doc)
            seen.append(found)
        assert seen == recognizer(TEXTS)
        assert len(kept) == len(TEXTS)


def test_a_text_that_is_not_unicode_fails_the_check(both: list[Recognizer]) -> None:
    for recognizer in both:
        for text in TEXTS:
            recognizer.check(text)
        with pytest.raises(ValueError, match=r"\[ZT001\]"):
            recognizer.check("\ud83d台")
        with pytest.raises(ValueError, match=r"\[ZT001\]"):
            recognizer([TEXTS[0], "\ud83d台"])


def test_a_text_longer_than_max_length_fails_the_check() -> None:
    import spacy

    nlp = spacy.blank("en")
    nlp.max_length = 10
    recognizer = SpacyRecognizer(nlp)
    recognizer.check("a" * 10)
    with pytest.raises(ValueError, match="E088"):
        recognizer.check("a" * 11)


def test_an_exported_model_is_a_source_but_not_a_pipeline(tiny_onnx: tuple[Path, Path]) -> None:
    for folder in tiny_onnx:
        assert source_folder(str(folder)) == folder
    for find in (pipeline_folder, load_pipeline):
        with pytest.raises(PipelineError, match=r"\[ZT683\]"):
            find(str(tiny_onnx[1]))
