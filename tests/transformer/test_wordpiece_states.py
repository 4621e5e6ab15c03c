"""Test the hidden states that a base model has for its own wordpieces, and which tokens they belong to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import synthetic
from spacy_zh_tw_ner.errors import BaseModelError
from spacy_zh_tw_ner.transformer import wordpiece_states
from spacy_zh_tw_ner.transformer.wordpiece_states import WordpieceEncoder
from tests.conftest import Once

TEXTS = ["國立臺灣大學位於臺北市大安區。", " 蔡英文 總統 ", "好", "Taipei 101 大樓，２０２４年。", "", "\n"]
KINDS = {"unigram": synthetic.unigram, "byte_level": synthetic.byte_level, "metaspace_bpe": synthetic.metaspace_bpe}


@pytest.fixture(scope="session", params=KINDS)
def base(request: pytest.FixtureRequest, once: Once) -> Path:
    """Return a base model whose wordpieces have several characters."""
    tokenizer = KINDS[request.param]
    return once(
        f"wordpieces-{request.param}",
        lambda folder: synthetic.make_checkpoint(folder, tokenizer=tokenizer(), hidden=16, max_length=64),
    )


def test_states_are_those_of_the_model_for_each_text_alone(base: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    nlp = spacy.blank("zh_tw")
    docs = [nlp.make_doc(text) for text in TEXTS]
    found = WordpieceEncoder(str(base))(docs)
    model, tokenizer = AutoModel.from_pretrained(base).eval(), AutoTokenizer.from_pretrained(base)
    states, tokens, first = [], [], 0
    for doc in docs:
        encoded = tokenizer(doc.text, return_offsets_mapping=True, return_special_tokens_mask=True)
        with torch.no_grad():
            ids = torch.tensor([encoded["input_ids"]], dtype=torch.long)
            hidden = model(input_ids=ids).last_hidden_state[0] if ids.numel() else []
        marks = [id_ == tokenizer.convert_tokens_to_ids("▁") for id_ in encoded["input_ids"]]
        parts = zip(hidden, encoded["offset_mapping"], encoded["special_tokens_mask"], marks, strict=True)
        for row, (start, end), is_special, is_mark in parts:
            own = [first + token.i for token in doc if token.idx < end and start < token.idx + len(token)]
            if own and not is_special and not is_mark:
                states.append(row)
                tokens.append(own)
        first += len(doc)
    assert torch.allclose(found.states, torch.stack(states), atol=1e-5)
    assert found.sizes.tolist() == [len(own) for own in tokens]
    assert found.pairs.tolist() == [[i, token] for i, own in enumerate(tokens) for token in own]
    assert max(found.sizes) > 1


def test_means_are_those_of_the_tokens_of_each_wordpiece(base: Path) -> None:
    nlp = spacy.blank("zh_tw")
    docs = [nlp.make_doc(text) for text in TEXTS]
    found = WordpieceEncoder(str(base))(docs)
    hidden = torch.randn(sum(map(len, docs)), 16)
    means = found.means(hidden)
    for i in range(len(found.sizes)):
        own = found.pairs[found.pairs[:, 0] == i, 1]
        assert torch.allclose(means[i], hidden[own].mean(0), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30), max_size=4))
def test_any_text_is_encoded(encoder: WordpieceEncoder, texts: list[str]) -> None:
    nlp = spacy.blank("zh_tw")
    docs = [nlp.make_doc(text) for text in texts]
    found = encoder(docs)
    assert found.states.shape == (len(found.sizes), 16)
    assert found.states.isfinite().all()
    assert found.pairs[:, 0].unique().tolist() == list(range(len(found.sizes)))  # each has a token
    assert set(found.pairs[:, 1].tolist()) <= set(range(sum(map(len, docs))))


@pytest.fixture(scope="session")
def encoder(base: Path) -> WordpieceEncoder:
    return WordpieceEncoder(str(base))


def test_wordpieces_beyond_the_longest_sequence_are_left_out(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = spacy.blank("zh_tw")
    doc = nlp.make_doc("臺北市大安區" * 100)
    found = WordpieceEncoder(str(base))([doc])
    assert 0 < len(found.sizes) <= 64  # of the model
    assert found.pairs[:, 1].unique().tolist() == list(range(int(found.pairs[:, 1].max()) + 1))  # the first tokens
    monkeypatch.setattr(wordpiece_states, "MAX_LENGTH", 16)
    assert 0 < len(WordpieceEncoder(str(base))([doc]).sizes) <= 16


def test_a_slow_tokenizer_is_refused(
    tmp_path: Path, make_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow:
        is_fast = False

    def read(*args: Any) -> Slow:
        return Slow()

    monkeypatch.setattr(wordpiece_states, "read_tokenizer", read)
    with pytest.raises(BaseModelError, match="ZT310"):
        WordpieceEncoder(str(make_checkpoint()))
