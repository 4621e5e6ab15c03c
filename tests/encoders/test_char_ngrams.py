"""Test hashed character n-grams: table rows, vectors, gradients, rare n-grams and radicals."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.attrs import NORM
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_zh_tw_ner.encoders import Tok2VecT
from spacy_zh_tw_ner.encoders.char_ngrams import build_char_ngram_embed_v1, look_up, ngram_keys, observe, radical_row

TEXTS = ["臺北市", "臺北市政府", "", "市"]


@pytest.fixture
def docs(nlp: Language) -> list[Doc]:
    return [nlp(text) for text in TEXTS]


def build(
    docs: list[Doc], widths: tuple[int, ...] = (8, 4, 2), rows: tuple[int, ...] = (512, 1024, 2048), **settings: float
) -> Tok2VecT:
    fix_random_seed(0)
    model = build_char_ngram_embed_v1(widths, rows, **settings)
    model.initialize(X=docs)
    for name in sorted(model.param_names):
        table = model.get_param(name)
        model.set_param(name, np.random.normal(size=table.shape).astype("f"))
    return model


def test_architecture_is_registered() -> None:
    name = "spacy-zh-tw-ner.CharNgramEmbed.v1"
    assert spacy.registry.get("architectures", name) is build_char_ngram_embed_v1


@pytest.mark.parametrize(
    ("widths", "rows", "width"),
    [
        ([8], [9], 8),
        ([8, 4], [9, 9], 16),
        ([8, 4, 2], [9, 9, 9], 18),
        ([0, 4, 0], [9, 9, 9], 8),
        ([0, 0, 3], [9, 9, 9], 3),
    ],
)
def test_output_width_is_the_sum_with_bigrams_counted_twice(
    docs: list[Doc], widths: list[int], rows: list[int], width: int
) -> None:
    model = build_char_ngram_embed_v1(widths, rows)
    assert model.get_dim("nO") == width
    model.initialize(X=docs)
    assert [array.shape for array in model.predict(docs)] == [(len(text), width) for text in TEXTS]


@pytest.mark.parametrize(
    ("widths", "rows"),
    [([], []), ([8], []), ([8, 4], [9]), ([0, 0, 0], [9, 9, 9]), ([8, 8, 8, 8], [9, 9, 9, 9])],
)
def test_invalid_widths_and_rows_raise(widths: list[int], rows: list[int]) -> None:
    with pytest.raises(ValueError, match=r"\[ZT301\] CharNgramEmbed has widths=\[") as caught:
        build_char_ngram_embed_v1(widths, rows)
    assert f"widths={widths} and rows={rows}" in str(caught.value)


def test_unigrams_are_initialized_randomly_and_longer_ngrams_with_zeros(docs: list[Doc]) -> None:
    fix_random_seed(0)
    model = build_char_ngram_embed_v1([8, 4, 2], [512, 1024, 2048])
    model.initialize(X=docs)
    assert {name: model.get_param(name).shape for name in sorted(model.param_names)} == {
        "E1": (512, 8),
        "E2": (1024, 4),
        "E3": (2048, 2),
    }
    assert model.get_param("E1").std() == pytest.approx(0.1, rel=0.1)
    assert not model.get_param("E2").any()
    assert not model.get_param("E3").any()


def test_vectors_depend_on_a_character_and_its_neighbours(docs: list[Doc]) -> None:
    vectors = build(docs).predict(docs)
    first, second, _, alone = vectors
    # 市 occurs in three documents: at the end, before 政, and alone.
    unigrams = [first[2, :8], second[2, :8], alone[0, :8]]
    assert (unigrams[0] == unigrams[1]).all()
    assert (unigrams[0] == unigrams[2]).all()
    # The bigram that ends at 市 is 北市 in two of them; the bigrams that begin at 市 differ.
    assert (first[2, 8:12] == second[2, 8:12]).all()
    assert (first[2, 8:12] != alone[0, 8:12]).any()
    assert (first[2, 12:16] != second[2, 12:16]).any()
    assert (first[2, 12:16] == alone[0, 12:16]).all()
    # Around 北, both have the trigram 臺北市; around 市, the trigrams 北市▁ and 北市政 differ.
    assert (first[1, 16:] == second[1, 16:]).all()
    assert (first[2, 16:] != second[2, 16:]).any()


def test_bigram_that_ends_at_a_token_begins_at_the_token_before(docs: list[Doc]) -> None:
    (vectors,) = build(docs).predict(docs[:1])
    assert (vectors[1:, 8:12] == vectors[:-1, 12:16]).all()


def test_batch_equals_its_documents_alone(docs: list[Doc]) -> None:
    model = build(docs)
    for together, doc in zip(model.predict(docs), docs, strict=True):
        assert (together == model.predict([doc])[0]).all()


def test_vectors_depend_on_norms() -> None:
    nlp = spacy.blank("zh_tw")
    model = build([nlp("a")])
    half, full, other = model.predict([nlp("AB12臺"), nlp("ａＢ１2臺"), nlp("AC12臺")])
    assert (half == full).all()
    assert (half != other).any()


def test_rows_do_not_depend_on_the_vocabulary() -> None:
    model = build_char_ngram_embed_v1([8, 4, 2], [512, 1024, 2048])
    one, other = spacy.blank("zh_tw"), spacy.blank("zh_tw")
    other("先讀別的字")
    for (name, rows), (same_name, same_rows) in zip(
        look_up(model, [one("臺北市")]), look_up(model, [other("臺北市")]), strict=True
    ):
        assert name == same_name
        assert rows.tolist() == same_rows.tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(2, 2**64 - 1), max_size=12), st.sampled_from([(0, 1), (-1, 2), (0, 2), (-1, 3)]))
def test_key_depends_on_its_ngram_only(norms: list[int], window: tuple[int, int]) -> None:
    offset, span = window
    keys = ngram_keys(np.array(norms, dtype=np.uint64), offset, span)
    assert keys.shape == (len(norms),)
    padded = [1] * span + norms + [1] * span
    ngrams = [tuple(padded[span + offset + i : 2 * span + offset + i]) for i in range(len(norms))]
    assert len(set(zip(ngrams, keys.tolist(), strict=True))) == len(set(ngrams)) == len(set(keys.tolist()))


def test_keys_spread_evenly_over_the_rows() -> None:
    rows = ngram_keys(np.arange(2, 20_002, dtype=np.uint64), -1, 2) % np.uint64(100)
    counts = np.bincount(rows.astype(int), minlength=100)
    # A mean of 200 and, for a fair hash, a standard deviation of 14.
    assert counts.min() > 130
    assert counts.max() < 270


def test_the_order_of_characters_matters() -> None:
    a, b = np.array([2, 3], dtype=np.uint64), np.array([3, 2], dtype=np.uint64)
    assert ngram_keys(a, -1, 2)[1] != ngram_keys(b, -1, 2)[1]


def test_gradients_are_summed_over_the_occurrences_of_an_ngram(docs: list[Doc]) -> None:
    model = build(docs)
    vectors, backprop = model.begin_update(docs)
    rng = np.random.default_rng(0)
    gradients = [rng.normal(size=array.shape).astype("f") for array in vectors]
    assert backprop(gradients) == []
    flat = np.concatenate(gradients)
    expected = {name: np.zeros_like(model.get_param(name)) for name in ("E1", "E2", "E3")}
    start = 0
    for name, rows in look_up(model, docs):
        width = expected[name].shape[1]
        for i, row in enumerate(rows.tolist()):
            expected[name][row] += flat[i, start : start + width]
        start += width
    for name, gradient in expected.items():
        np.testing.assert_allclose(model.get_grad(name), gradient, atol=1e-5)


def test_gradients_equal_finite_differences(docs: list[Doc]) -> None:
    model = build(docs)
    vectors, backprop = model.begin_update(docs)
    weights = [np.random.default_rng(1).normal(size=array.shape).astype("f") for array in vectors]
    backprop(weights)
    rng = np.random.default_rng(2)
    for name in ("E1", "E2", "E3"):
        table = model.get_param(name).copy()
        direction = rng.normal(size=table.shape).astype("f")
        values = []
        for sign in (1, -1):
            model.set_param(name, table + np.float32(sign * 0.5) * direction)
            values.append(sum(float((v * w).sum()) for v, w in zip(model.predict(docs), weights, strict=True)))
        model.set_param(name, table)
        assert values[0] - values[1] == pytest.approx(
            float((model.get_grad(name) * direction).sum()), rel=1e-3, abs=1e-3
        )


def bigrams(texts: list[str]) -> Counter[str]:
    return Counter(pair for text in texts for pair in map("".join, pairwise(text)))


def test_rare_ngrams_are_not_trained(docs: list[Doc]) -> None:
    model = build(docs, min_count=2, widths=(8, 4), rows=(512, 4096))
    model.set_param("E2", np.zeros_like(model.get_param("E2")))
    observe(model, docs)
    vectors, backprop = model.begin_update(docs)
    backprop([np.ones_like(array) for array in vectors])
    learnt = {i for i in range(4096) if model.get_grad("E2")[i].any()}
    ends_at = set(look_up(model, docs)[1][1].tolist())
    assert bigrams(TEXTS) == {"臺北": 2, "北市": 2, "市政": 1, "政府": 1}
    second = look_up(model, [docs[1]])[2][1].tolist()  # the bigrams that begin at 臺, 北, 市, 政, 府
    assert {second[0], second[1]} <= learnt
    assert not {second[2], second[3]} & learnt
    assert {second[2], second[3]} <= ends_at
    # All unigrams are trained, including rare ones.
    assert (np.abs(model.get_grad("E1")).sum(1) > 0).sum() == len(set(look_up(model, docs)[0][1].tolist()))


def test_rare_ngrams_are_zero_in_training(docs: list[Doc]) -> None:
    model = build(docs, min_count=2, widths=(8, 4), rows=(512, 4096))
    observe(model, docs)
    trained, _ = model.begin_update(docs)
    assert trained[1][0, 12:].any()
    assert not trained[1][2, 12:].any()


def test_initialize_counts_the_ngrams_of_the_corpus(nlp: Language) -> None:
    embed = {
        "@architectures": "spacy-zh-tw-ner.CharNgramEmbed.v1",
        "widths": [8, 4],
        "rows": [64, 4096],
        "min_count": 3,
    }
    model = {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1", "tok2vec": embed}
    nlp.add_pipe("zh_tw_crf_ner", config={"model": model})
    texts = ["臺北市很大", "臺北市", "臺北縣"] * 4 + ["高雄市"] * 2
    examples = [Example.from_dict(nlp.make_doc(text), {"entities": [(0, 3, "GPE")]}) for text in texts]
    nlp.initialize(lambda: examples)
    layer = nlp.get_pipe("zh_tw_crf_ner").model.get_ref("tok2vec")
    rows = dict(look_up(layer, [nlp.make_doc("臺北高雄")]))["E2"].tolist()
    rare = layer.attrs["rare"]["E2"]
    assert [bool(rare[row]) for row in rows[:3]] == [False, True, True]  # 臺北 twelve times, 北高 never, 高雄 twice


def test_dropout_drops_longer_ngrams_in_training_only(nlp: Language) -> None:
    docs = [nlp("臺北市政府今天在信義區宣布新的計畫" * 40)]
    model = build(docs, widths=(8, 4), rows=(512, 1024), dropout=0.25)
    predicted = model.predict(docs)[0]
    fix_random_seed(3)
    (trained,), backprop = model.begin_update(docs)
    assert (trained[:, :8] == predicted[:, :8]).all()
    for part in (slice(8, 12), slice(12, 16)):
        out = ~trained[:, part].any(1)
        assert out.mean() == pytest.approx(0.25, abs=0.06)
        assert (trained[~out, part] == predicted[~out, part]).all()
    before = np.random.get_state()[1].copy()
    assert (model.predict(docs)[0] == predicted).all()
    assert (np.random.get_state()[1] == before).all()
    # Dropped n-grams get no gradient.
    backprop([np.concatenate([np.zeros((len(predicted), 8)), np.ones((len(predicted), 8))], axis=1).astype("f")])
    kept = sum(int(trained[:, part].any(1).sum()) for part in (slice(8, 12), slice(12, 16)))
    assert model.get_grad("E2").sum() == pytest.approx(4 * kept, rel=1e-4)


def test_tables_and_masks_of_rare_rows_load_from_bytes(docs: list[Doc]) -> None:
    model = build(docs, min_count=2)
    observe(model, docs)
    again = build_char_ngram_embed_v1((8, 4, 2), (512, 1024, 2048), min_count=2).from_bytes(model.to_bytes())
    for seen, expected in zip(again.predict(docs), model.predict(docs), strict=True):
        assert (seen == expected).all()
    for seen, expected in zip(again.begin_update(docs)[0], model.begin_update(docs)[0], strict=True):
        assert (seen == expected).all()
    for name in ("E2", "E3"):
        assert (again.attrs["rare"][name] == model.attrs["rare"][name]).all()


def test_empty_batch_gives_an_empty_result(docs: list[Doc]) -> None:
    model = build(docs)
    assert model.predict([]) == []
    assert [array.shape for array in model.predict([docs[2], docs[2]])] == [(0, 18), (0, 18)]


def test_norms_of_documents_do_not_change(docs: list[Doc]) -> None:
    before = [doc.to_array(NORM).tolist() for doc in docs]
    build(docs).predict(docs)
    assert [doc.to_array(NORM).tolist() for doc in docs] == before


def test_radicals_are_the_last_columns_and_are_not_dropped(nlp: Language) -> None:
    docs = [nlp("鋼銅"), nlp(""), nlp("河a")]
    model = build(docs, (8, 4), (512, 1024), radical_width=3, dropout=1.0)
    assert model.get_dim("nO") == 8 + 2 * 4 + 3
    vectors, backprop = model(docs, is_train=True)
    table = model.get_param("E0")
    for doc, rows in zip(docs, vectors, strict=True):
        for token, row in zip(doc, rows, strict=True):
            np.testing.assert_array_equal(row[-3:], table[radical_row(token.norm_)])
            assert not row[8:16].any()
    gradients = [np.ones_like(rows) for rows in vectors]
    backprop(gradients)
    touched = np.flatnonzero(model.get_grad("E0").any(axis=1))
    assert touched.tolist() == sorted({radical_row("鋼"), radical_row("河"), radical_row("a")})
    np.testing.assert_array_equal(model.get_grad("E0")[radical_row("鋼")], [2.0] * 3)


def test_radicals_are_initialized_randomly(nlp: Language) -> None:
    model = build_char_ngram_embed_v1([8], [64], radical_width=4)
    model.initialize(X=[nlp("臺")])
    table = model.get_param("E0")
    assert table.std() == pytest.approx(0.1, rel=0.1)
    assert build_char_ngram_embed_v1([8], [64]).has_param("E0") is False
