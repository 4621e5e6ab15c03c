"""Training that starts from the encoder of another pipeline."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.training.initialize import init_nlp
from thinc.api import fix_random_seed

from spacy_zh_tw_ner.components.inspection import find_recognizer
from spacy_zh_tw_ner.training.initialization import copy_encoder, create_start_from_v1
from tests.pipelines import add_head

TEXT = "蔡英文總統在臺北市接見台積電董事長。"


def embed(**settings: Any) -> dict[str, Any]:
    return {
        "@architectures": "spacy-zh-tw-ner.CharNgramEmbed.v1",
        "widths": [8, 4],
        "rows": [64, 256],
        "radical_width": 4,
        **settings,
    }


def bilstm(hidden_width: int = 6, **settings: Any) -> dict[str, Any]:
    encoder = {
        "@architectures": "spacy-zh-tw-ner.BiLSTM.v1",
        "hidden_width": hidden_width,
        "depth": 1,
        "embed": embed(**settings),
    }
    return {"@architectures": "spacy-zh-tw-ner.MaskedCharacters.v1", "tok2vec": encoder}


def make(
    tok2vec: dict[str, Any],
    entities: list[tuple[int, int, str]],
    *,
    text: str = TEXT,
    seed: int = 0,
    normalize: tuple[str, ...] = ("width", "variants"),
) -> Language:
    fix_random_seed(seed)
    tokenizer = {"@tokenizers": "spacy-zh-tw-ner.CharTokenizer.v1", "normalize": list(normalize)}
    nlp = spacy.blank("zh_tw", config={"nlp": {"tokenizer": tokenizer}})
    add_head(nlp, tok2vec)
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc(text), {"entities": entities})])
    return nlp


def hidden(nlp: Language) -> Any:
    """Return the hidden vectors of the text."""
    return find_recognizer(nlp).model.get_ref("tok2vec").predict([nlp.make_doc(TEXT)])[0]


def test_the_encoder_is_copied_and_the_labels_are_kept() -> None:
    source, target = make(bilstm(), [(0, 3, "PERSON")]), make(bilstm(), [(6, 9, "LOC"), (11, 14, "ORG")], seed=1)
    ours = find_recognizer(target).model.get_ref("output_layer").get_param("W").copy()
    assert not np.allclose(hidden(target), hidden(source))
    copy_encoder(source, target, "source")
    assert np.array_equal(hidden(target), hidden(source))
    assert find_recognizer(target).labels == ("LOC", "ORG")
    assert np.array_equal(find_recognizer(target).model.get_ref("output_layer").get_param("W"), ours)


def test_training_does_not_change_the_source_of_the_encoder() -> None:
    source, target = make(bilstm(), [(0, 3, "PERSON")]), make(bilstm(), [(6, 9, "LOC")], seed=1)
    copy_encoder(source, target, "source")
    before = hidden(source).copy()
    optimizer = target.resume_training()
    target.update([Example.from_dict(target.make_doc(TEXT), {"entities": [(6, 9, "LOC")]})], sgd=optimizer)
    assert np.array_equal(hidden(source), before)
    assert not np.array_equal(hidden(target), before)


def test_n_grams_frequent_in_either_corpus_are_not_rare() -> None:
    source = make(bilstm(min_count=2), [(0, 2, "PERSON")], text="天天天地地地")
    target = make(bilstm(min_count=2), [(0, 2, "LOC")], text="玄玄玄黃黃黃")
    rare = [
        find_recognizer(nlp).model.get_ref("tok2vec").layers[0].layers[0].attrs["rare"]["E2"]
        for nlp in (source, target)
    ]
    copy_encoder(source, target, "source")
    merged = find_recognizer(target).model.get_ref("tok2vec").layers[0].layers[0].attrs["rare"]["E2"]
    assert np.array_equal(merged, rare[0] & rare[1])
    assert merged.sum() < rare[1].sum()


def test_an_encoder_of_another_shape_is_refused_with_both_shapes() -> None:
    source, target = make(bilstm(6), [(0, 3, "PERSON")]), make(bilstm(8), [(0, 3, "PERSON")])
    with pytest.raises(ValueError, match=r"ZT376.*'models/x'.*\(24, .*\(32, "):
        copy_encoder(source, target, "models/x")


def test_another_encoder_architecture_is_refused() -> None:
    source, target = make(embed(), [(0, 3, "PERSON")]), make(bilstm(), [(0, 3, "PERSON")])
    with pytest.raises(ValueError, match=r"ZT376.*is char_ngram_embed .*masked_characters"):
        copy_encoder(source, target, "source")


def test_another_tokenization_is_refused() -> None:
    source, target = make(bilstm(), [(0, 3, "PERSON")], normalize=("width",)), make(bilstm(), [(0, 3, "PERSON")])
    with pytest.raises(ValueError, match=r"ZT375.*normalize is \['width'\]"):
        copy_encoder(source, target, "source")


def test_a_listener_as_target_is_refused() -> None:
    source = make(bilstm(), [(0, 3, "PERSON")])
    tokenizer = {"@tokenizers": "spacy-zh-tw-ner.CharTokenizer.v1", "normalize": ["width", "variants"]}
    target = spacy.blank("zh_tw", config={"nlp": {"tokenizer": tokenizer}})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 12}
    add_head(target, listener)
    with pytest.raises(ValueError, match="ZT377"):
        copy_encoder(source, target, "source")


def test_start_from_in_the_config_copies_the_encoder(tmp_path: Path) -> None:
    source = make(bilstm(), [(0, 3, "PERSON")])
    source.to_disk(tmp_path / "source")
    target = make(bilstm(), [(6, 9, "LOC")], seed=1)
    data = tmp_path / "train.spacy"
    doc = target.make_doc(TEXT)
    doc.ents = [doc.char_span(6, 9, "LOC")]
    DocBin(docs=[doc]).to_disk(data)
    config = target.config.merge(
        {
            "paths": {"train": str(data), "dev": str(data)},
            "initialize": {
                "after_init": {
                    "@callbacks": "spacy-zh-tw-ner.start_from.v1",
                    "pipeline": str(tmp_path / "source"),
                }
            },
        }
    )
    assert np.array_equal(hidden(init_nlp(config)), hidden(source))


def test_start_from_without_a_pipeline_changes_nothing() -> None:
    target = make(bilstm(), [(6, 9, "LOC")])
    before = hidden(target).copy()
    create_start_from_v1()(target)
    assert np.array_equal(hidden(target), before)
