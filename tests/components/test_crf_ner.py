"""Test training of `zh_tw_crf_ner` on four sentences with every kind of encoder, evaluation, and the factory."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from spacy_zh_tw_ner.components.crf_component import score_ner
from spacy_zh_tw_ner.components.crf_ner import CRFEntityRecognizer, make_ner_scorer
from tests.pipelines import LISTENER

from .training_data import (
    BILSTM,
    HASH_EMBED_CNN,
    MASKED,
    MIXED,
    TEXTS,
    build,
    check_equal,
    check_fits,
    examples_of,
    fit,
    found,
    model_of,
)


@pytest.mark.parametrize("tok2vec", [HASH_EMBED_CNN, BILSTM, MASKED], ids=lambda x: x["@architectures"])
def test_four_sentences_are_learnt(tok2vec: dict[str, Any]) -> None:
    check_fits(fit(build(tok2vec), 60))


def test_four_sentences_are_learnt_with_a_tok2vec_listener() -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("tok2vec", config={"model": HASH_EMBED_CNN})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(listener)})
    fit(nlp, 60)
    check_fits(nlp)
    check_equal(nlp.pipe(MIXED, batch_size=2), [nlp(text) for text in MIXED])
    again = spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())
    check_fits(again)


def test_four_sentences_are_learnt_with_bilstm_in_a_tok2vec_pipe() -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("tok2vec", config={"model": BILSTM})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 48, "upstream": "tok2vec"}
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(listener)})
    fit(nlp, 40)
    check_fits(nlp)
    check_equal(nlp.pipe(MIXED, batch_size=2), [nlp(text) for text in MIXED])


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a BERT with random weights and a WordPiece tokenizer for the characters of the four sentences."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set("".join(TEXTS)))]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    fix_random_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=48,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def test_four_sentences_are_learnt_with_a_transformer_listener(tiny_bert: Path, tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    model = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": str(tiny_bert),
        "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 16, "stride": 12},
        "tokenizer_config": {"use_fast": True},
    }
    nlp.add_pipe("transformer", config={"model": model})
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(LISTENER)})
    fit(nlp, 60, rate=0.01)
    check_fits(nlp)
    texts = [text for text in MIXED if text.strip()]
    check_equal(nlp.pipe(texts, batch_size=2), [nlp(text) for text in texts])
    nlp.to_disk(tmp_path / "pipeline")
    check_fits(spacy.load(tmp_path / "pipeline"))


def test_evaluate_gives_micro_and_per_type_scores(trained: Language) -> None:
    examples = examples_of(trained)
    examples[0] = Example.from_dict(trained.make_doc(TEXTS[0]), {"entities": [(0, 3, "PERSON"), (3, 5, "PERSON")]})
    scores = trained.evaluate(examples)
    # Predicted: 9 entities, of which 7 are correct; there are 8 gold entities.
    assert scores["ents_p"] == pytest.approx(7 / 9)
    assert scores["ents_r"] == pytest.approx(7 / 8)
    assert scores["ents_f"] == pytest.approx(2 * 7 / 17)
    assert scores["ents_per_type"]["PERSON"]["r"] == pytest.approx(3 / 4)
    assert set(scores["ents_per_type"]) == {"PERSON", "GPE", "ORG"}


def test_documents_without_gold_annotations_are_not_scored(trained: Language) -> None:
    scores = trained.evaluate([Example.from_dict(trained.make_doc(TEXTS[0]), {})])
    assert scores["ents_f"] is None


def test_factory_meta_has_assigns_and_score_weights() -> None:
    meta = Language.get_factory_meta("zh_tw_crf_ner")
    assert set(meta.assigns) == {"doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"}
    assert meta.default_score_weights == {"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None}
    assert make_ner_scorer() is score_ner
    assert spacy.registry.get("scorers", "spacy-zh-tw-ner.ner_scorer.v1") is make_ner_scorer


def test_default_config_builds_a_trainable_component(nlp: Language) -> None:
    pipe = nlp.add_pipe("zh_tw_crf_ner")
    assert isinstance(pipe, CRFEntityRecognizer)
    assert pipe.labels == ()
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    assert nlp.update(examples, sgd=Adam(0.001))["zh_tw_crf_ner"] > 0.0


def test_pipeline_of_another_language_warns_and_trains() -> None:
    nlp = spacy.blank("en")
    with pytest.warns(UserWarning, match=r"\[ZT940\] The component 'ner' is in a pipeline of the language 'en'.*zh_tw"):
        nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": model_of(BILSTM)})
    sentences = [("Ada lives in Taipei.", [(0, 3, "PERSON"), (13, 19, "GPE")]), ("It rains.", [])]
    fit(nlp, 30, sentences=sentences)
    assert [found(doc) for doc in nlp.pipe(text for text, _ in sentences)] == [ents for _, ents in sentences]
