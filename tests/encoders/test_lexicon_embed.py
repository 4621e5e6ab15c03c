"""Test the embedding with word lists: vectors, gradients, and saving of the words."""

from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model, fix_random_seed

from spacy_zh_tw_ner.encoders import Tok2VecT
from spacy_zh_tw_ner.encoders.char_ngrams import build_char_ngram_embed_v1
from spacy_zh_tw_ner.encoders.lexicon_embed import N_CLASSES, build_lexicon_embed_v1
from spacy_zh_tw_ner.encoders.masked_characters import build_masked_characters_v1

NAME = "spacy-zh-tw-ner.LexiconEmbed.v1"
TEXTS = ["在臺北市政府", "", "市"]


@pytest.fixture
def lists(tmp_path: Path) -> list[str]:
    words = {"places.txt": "台北\n台北市\n高雄市\n", "offices.txt": "市政府\n"}
    for name, text in words.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [str(tmp_path / name) for name in words]


@pytest.fixture
def nlp() -> Language:
    return spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"normalize": ["width", "variants"]}}})


@pytest.fixture
def docs(nlp: Language) -> list[Doc]:
    return [nlp(text) for text in TEXTS]


def build(lists: list[str]) -> Tok2VecT:
    return build_lexicon_embed_v1(build_char_ngram_embed_v1([8], [64]), lists, width=4)


def initialized(lists: list[str], docs: list[Doc]) -> Tok2VecT:
    fix_random_seed(0)
    return build(lists).initialize(X=docs)


def test_architecture_is_registered() -> None:
    assert spacy.registry.get("architectures", NAME) is build_lexicon_embed_v1


def test_vectors_of_classes_are_concatenated_to_the_embedding(lists: list[str], docs: list[Doc]) -> None:
    model = initialized(lists, docs)
    assert model.get_dim("nO") == 12
    vectors = model.predict(docs)
    assert [array.shape for array in vectors] == [(6, 12), (0, 12), (1, 12)]
    for array, inner in zip(vectors, model.layers[0].predict(docs), strict=True):
        assert (array[:, :8] == inner).all()
    weights = model.get_param("W").reshape(2, 3, 4, 4)  # list, place, length, width
    added = vectors[0][:, 8:]
    assert not added[0].any()  # 在 is in no word
    np.testing.assert_allclose(added[1], weights[0, 0, 0] + weights[0, 0, 1], atol=1e-6)  # 台北, 台北市
    np.testing.assert_allclose(added[2], weights[0, 2, 0] + weights[0, 1, 1], atol=1e-6)
    np.testing.assert_allclose(added[3], weights[0, 2, 1] + weights[1, 0, 1], atol=1e-6)  # and 市政府
    np.testing.assert_allclose(added[4], weights[1, 1, 1], atol=1e-6)
    assert not vectors[2][:, 8:].any()


def test_words_match_by_norm(tmp_path: Path, nlp: Language) -> None:
    path = tmp_path / "words.txt"
    path.write_text("臺北ＡＢ\n", encoding="utf-8")
    texts = ["臺北AB", "台北ab", "台北ＡＢ", "台北AC"]
    model = initialized([str(path)], [nlp(text) for text in texts])
    found = [bool(model.predict([nlp(text)])[0][:, 8:].any()) for text in texts]
    assert found == [True, True, True, False]


def test_gradients_equal_finite_differences(lists: list[str], docs: list[Doc]) -> None:
    model = initialized(lists, docs)
    vectors, backprop = model.begin_update(docs)
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=array.shape).astype("f") for array in vectors]
    assert backprop(weights) == []
    for layer, name in ((model, "W"), (model.layers[0], "E1")):
        table = layer.get_param(name).copy()
        direction = rng.normal(size=table.shape).astype("f")
        values = []
        for sign in (1, -1):
            layer.set_param(name, table + np.float32(sign * 0.5) * direction)
            values.append(sum(float((v * w).sum()) for v, w in zip(model.predict(docs), weights, strict=True)))
        layer.set_param(name, table)
        assert values[0] - values[1] == pytest.approx(float((layer.get_grad(name) * direction).sum()), rel=1e-3)


def test_masked_characters_still_match_words(lists: list[str], docs: list[Doc]) -> None:
    model = initialized(lists, docs)
    seen: list[np.ndarray] = []
    forward = model._func

    def spy(model: Tok2VecT, docs: list[Doc], is_train: bool) -> object:
        answer = forward(model, docs, is_train)
        seen.append(np.concatenate(answer[0]))
        return answer

    model._func = spy
    build_masked_characters_v1(model, rate=1.0, width=4, n_targets=8).initialize(X=docs).begin_update(docs)
    expected = np.concatenate(model.predict(docs))
    hidden = seen[-2]
    assert not (hidden[:, :8] == expected[:, :8]).all()
    np.testing.assert_allclose(hidden[:, 8:], np.concatenate(model.predict(docs))[:, 8:], atol=1e-6)


def test_model_loads_from_bytes_and_disk_without_the_files(lists: list[str], docs: list[Doc], tmp_path: Path) -> None:
    model = initialized(lists, docs)
    model.to_disk(tmp_path / "model")
    data = model.to_bytes()
    for path in lists:
        Path(path).unlink()
    for again in (build(lists).from_bytes(data), build(lists).from_disk(tmp_path / "model"), model.copy()):
        assert again.to_bytes() == data
        for seen, expected in zip(again.predict(docs), model.predict(docs), strict=True):
            assert (seen == expected).all()


def test_order_of_a_word_list_does_not_matter(lists: list[str], docs: list[Doc]) -> None:
    data = initialized(lists, docs).to_bytes()
    Path(lists[0]).write_text("高雄市\n台北市\n台北\n台北\n", encoding="utf-8")
    assert initialized(lists, docs).to_bytes() == data


@pytest.mark.parametrize(
    ("lists", "width", "message"),
    [
        ([], 4, r"\[ZT559\] `lists` of LexiconEmbed must be a list .*\(got \[\]\)"),
        ("words.txt", 4, r"\[ZT559\] `lists` of LexiconEmbed must be a list .*\(got 'words.txt'\)"),
        (["words.txt"], 0, r"\[ZT553\] `width` of LexiconEmbed must be 1 or more \(got 0\)"),
    ],
)
def test_invalid_settings_raise(lists: list[str], width: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_lexicon_embed_v1(build_char_ngram_embed_v1([8], [64]), lists, width)


def test_embedding_without_a_width_raises() -> None:
    embed: Tok2VecT = Model("unsized", lambda model, docs, is_train: ([], lambda gradient: []), dims={"nO": None})
    with pytest.raises(ValueError, match=r"\[ZT554\] .* that of 'unsized' is not"):
        build_lexicon_embed_v1(embed, ["words.txt"])


def test_empty_batch_gives_an_empty_result(lists: list[str], docs: list[Doc]) -> None:
    model = initialized(lists, docs)
    assert model.predict([]) == []
    vectors, backprop = model.begin_update([docs[1]])
    assert backprop(vectors) == []
    assert model.get_grad("W").shape == (2 * N_CLASSES, 4)


def test_saved_pipeline_needs_no_files(lists: list[str], nlp: Language, tmp_path: Path) -> None:
    inner = {"@architectures": "spacy-zh-tw-ner.CharNgramEmbed.v1", "widths": [8], "rows": [64]}
    embed = {"@architectures": NAME, "embed": inner, "lists": lists, "width": 4}
    model = {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1", "tok2vec": embed}
    nlp.add_pipe("zh_tw_crf_ner", config={"model": model})
    example = Example.from_dict(nlp.make_doc("在臺北市"), {"entities": [(1, 4, "GPE")]})
    nlp.initialize(lambda: [example])
    nlp.to_disk(tmp_path / "pipeline")
    for path in lists:
        Path(path).unlink()
    loaded = spacy.load(tmp_path / "pipeline")
    docs = [pipeline.make_doc("到台北市政府") for pipeline in (nlp, loaded)]
    before, after = (
        pipeline.get_pipe("zh_tw_crf_ner").model.get_ref("tok2vec").predict([doc])[0]
        for pipeline, doc in zip((nlp, loaded), docs, strict=True)
    )
    assert before[:, 8:].any()
    assert (before == after).all()
