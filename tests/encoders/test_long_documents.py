"""Test that hidden states computed in chunks equal those of the whole document, and that memory is bounded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model, chain, fix_random_seed

from benchmarks.synthetic import sentences
from spacy_zh_tw_ner.encoders import Tok2VecT, bilstm, long_documents
from spacy_zh_tw_ner.encoders.bilstm import build_bilstm_v1
from spacy_zh_tw_ner.encoders.char_ngrams import build_char_ngram_embed_v1
from spacy_zh_tw_ner.encoders.lexicon_embed import build_lexicon_embed_v1
from spacy_zh_tw_ner.encoders.masked_characters import build_masked_characters_v1

TEXT = "".join(sentences())[:600]
WORDS = ("國立臺灣大學附設醫院", "大學", "臺北市", TEXT[95:105], TEXT[300:312])


@pytest.fixture(scope="module")
def nlp() -> Language:
    return spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"normalize": ["width", "variants"]}}})


def ngrams(widths: tuple[int, ...] = (8, 4, 4)) -> Tok2VecT:
    return build_char_ngram_embed_v1(list(widths), [256] * len(widths), radical_width=2)


@pytest.fixture
def words(tmp_path: Path) -> str:
    path = tmp_path / "words.txt"
    path.write_text("\n".join(WORDS), encoding="utf-8")
    return str(path)


def initialized(model: Tok2VecT, doc: Doc) -> Tok2VecT:
    fix_random_seed(0)
    model.initialize(X=[doc])
    for layer in model.walk():
        for name in layer.param_names:
            table = layer.get_param(name)
            layer.set_param(name, np.random.default_rng(0).normal(size=table.shape).astype("f"))
    return model


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bilstm, "CHUNK", 48)
    monkeypatch.setattr(long_documents, "LONG", 64)
    monkeypatch.setattr(bilstm, "WINDOW", 16)
    monkeypatch.setattr(bilstm, "CONTEXT", 5)


MakeT = Callable[[str], Tok2VecT]
ENCODERS: dict[str, MakeT] = {
    "bilstm": lambda words: build_bilstm_v1(ngrams(), 5),
    "unigrams": lambda words: build_bilstm_v1(ngrams((8,)), 5, depth=1),
    "lexicon": lambda words: build_bilstm_v1(build_lexicon_embed_v1(ngrams(), [words], 4), 5),
    "masked": lambda words: build_masked_characters_v1(build_bilstm_v1(ngrams(), 5), width=4, n_targets=8),
}


@pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.integers(65, 300), st.sampled_from([65, 80, 96, 97, 112, 144])))
def test_chunks_equal_the_whole_document(small: None, words: str, nlp: Language, make: MakeT, length: int) -> None:
    doc = nlp.make_doc(TEXT[:length])
    model = initialized(make(words), doc)
    found = long_documents.encode_chunks(model, doc)
    assert found is not None
    parts = list(found)
    assert [len(part) for part in parts[:-1]] == [48] * (len(parts) - 1)
    np.testing.assert_allclose(np.concatenate(parts), model.predict([doc])[0], atol=1e-5)


def test_one_chunk_is_encoded_at_a_time(small: None, nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    doc = nlp.make_doc(TEXT)
    model = initialized(build_bilstm_v1(ngrams(), 5), doc)
    sizes, forward = [], model.layers[0]._func

    def spy(layer: Any, docs: list[Doc], is_train: bool) -> Any:
        sizes.extend(map(len, docs))
        return forward(layer, docs, is_train)

    monkeypatch.setattr(model.layers[0], "_func", spy)
    found = long_documents.encode_chunks(model, doc)
    assert found is not None
    assert not sizes  # nothing is encoded before the first chunk is requested
    assert sum(map(len, found)) == len(doc)
    assert max(sizes) == 48 + 2 * (5 + 1)


def test_encoders_of_unknown_reach_are_not_split(small: None, nlp: Language) -> None:
    doc = nlp.make_doc(TEXT)
    embed: Tok2VecT = Model("anything", lambda *_: ([], lambda _: []), dims={"nO": 4})
    assert long_documents.encode_chunks(build_bilstm_v1(embed, 5), doc) is None
    encoder = build_bilstm_v1(ngrams(), 5)
    assert long_documents.encode_chunks(chain(encoder, Model("looks around", lambda *_: ([], None))), doc) is None


@pytest.mark.parametrize("widths", [(8,), (8, 4), (0, 4), (8, 0, 4)])
@pytest.mark.parametrize("with_words", [False, True])
def test_vectors_do_not_depend_on_tokens_beyond_the_reach(
    words: str, nlp: Language, widths: tuple[int, ...], with_words: bool
) -> None:
    embed = ngrams(widths)
    if with_words:
        embed = build_lexicon_embed_v1(embed, [words], 4)
    doc = nlp.make_doc(TEXT[80:120])
    model = initialized(embed, doc)
    reach = model.attrs["reach"](model)
    before = model.predict([doc])[0]
    furthest = 0
    for index in range(len(doc)):
        after = model.predict([nlp.make_doc(doc.text[:index] + "龘" + doc.text[index + 1 :])])[0]
        changed = np.flatnonzero((after != before).any(1))
        furthest = max(furthest, abs(changed - index).max())
    assert furthest <= reach
    assert with_words or furthest == reach == int(widths != (8,))


def test_copied_tokens_keep_norms_and_spaces(nlp: Language) -> None:
    doc = nlp.make_doc("Ｗi-Fi 在 臺北  市\n。")
    copy = long_documents.copy_tokens(doc, 2, len(doc))
    assert copy.text == doc[2:].text_with_ws
    assert [token.norm_ for token in copy] == [token.norm_ for token in doc[2:]]
    assert len(long_documents.copy_tokens(doc, 3, 3)) == 0
