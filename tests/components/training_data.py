"""Four annotated sentences, and helpers that train recognizers on them and compare entities."""

from collections.abc import Iterable
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

SENTENCES: list[tuple[str, list[tuple[int, int, str]]]] = [
    ("蔡英文總統在臺北市接見台積電董事長。", [(0, 3, "PERSON"), (6, 9, "GPE"), (11, 14, "ORG")]),
    ("鴻海在土城區設廠，郭台銘沒有到場。", [(0, 2, "ORG"), (3, 6, "GPE"), (9, 12, "PERSON")]),
    ("陳建仁說，中央研究院在南港區。", [(0, 3, "PERSON"), (5, 10, "ORG"), (11, 14, "GPE")]),
    ("今天天氣很好，我們去吃飯吧！", []),
]
TEXTS = [text for text, _ in SENTENCES]
# The sentences, with empty, white space and longer texts between them.
MIXED = ["", *TEXTS, "   ", "\n", TEXTS[0] * 3, "\u200b", "郭", "", TEXTS[1] + " " + TEXTS[2]]

CRF_TAGGER = "spacy-zh-tw-ner.CRFTagger.v1"
HASH_EMBED_CNN: dict[str, Any] = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 32,
    "depth": 2,
    "embed_size": 300,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": False,
}
BILSTM: dict[str, Any] = {
    "@architectures": "spacy-zh-tw-ner.BiLSTM.v1",
    "hidden_width": 24,
    "depth": 1,
    "dropout": 0.1,
    "embed": {"@architectures": "spacy-zh-tw-ner.CharNgramEmbed.v1", "widths": [24, 8], "rows": [500, 500]},
}
MASKED: dict[str, Any] = {
    "@architectures": "spacy-zh-tw-ner.MaskedCharacters.v1",
    "rate": 0.1,
    "width": 8,
    "n_targets": 64,
    "tok2vec": BILSTM,
}


def model_of(tok2vec: dict[str, Any]) -> dict[str, Any]:
    return {"@architectures": CRF_TAGGER, "tok2vec": tok2vec}


def examples_of(nlp: Language, sentences: Iterable[tuple[str, Any]] = SENTENCES) -> list[Example]:
    return [Example.from_dict(nlp.make_doc(text), {"entities": ents}) for text, ents in sentences]


def build(tok2vec: dict[str, Any] = BILSTM, **config: Any) -> Language:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(tok2vec), **config})
    return nlp


def fit(nlp: Language, n_steps: int, rate: float = 0.02, sentences: Iterable[tuple[str, Any]] = SENTENCES) -> Language:
    fix_random_seed(0)
    examples = examples_of(nlp, sentences)
    nlp.initialize(lambda: examples)
    sgd = Adam(rate, L2=0.0)
    for _ in range(n_steps):
        nlp.update(examples, sgd=sgd)
    return nlp


def found(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


def scored(doc: Doc) -> list[tuple[int, int, str, float]]:
    return [(ent.start_char, ent.end_char, ent.label_, ent._.score) for ent in doc.ents]


def check_equal(seen: Iterable[Doc], expected: Iterable[Doc], tolerance: float = 1e-4) -> None:
    for one, other in zip(seen, expected, strict=True):
        assert one.text == other.text
        assert found(one) == found(other)
        assert [ent._.score for ent in one.ents] == pytest.approx([ent._.score for ent in other.ents], abs=tolerance)


def check_fits(nlp: Language) -> None:
    assert [found(doc) for doc in nlp.pipe(TEXTS)] == [ents for _, ents in SENTENCES]
    scores = nlp.evaluate(examples_of(nlp))
    assert (scores["ents_f"], scores["ents_p"], scores["ents_r"]) == (1.0, 1.0, 1.0)
