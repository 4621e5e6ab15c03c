"""Test the component that matches the hidden states of characters to those of wordpieces."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.training import Example

from benchmarks import synthetic
from spacy_zh_tw_ner.components.wordpiece_matcher import WordpieceMatcher
from spacy_zh_tw_ner.errors import BaseModelError, CorpusError, PipelineError
from spacy_zh_tw_ner.transformer.wordpiece_states import WordpieceEncoder
from tests.conftest import Once

TEXTS = ["國立臺灣大學位於臺北市大安區。", "蔡英文總統在臺北市接見台積電董事長。", "好"]


@pytest.fixture(scope="session")
def base(once: Once) -> Path:
    return once(
        "matched", lambda folder: synthetic.make_checkpoint(folder, tokenizer=synthetic.unigram(), hidden=16, heads=2)
    )


def pipeline_for(base: Path, *, encoder: Path | None = None) -> Language:
    """Return a pipeline, not initialized, whose encoder is `encoder`, and which is to match `base`."""
    nlp = spacy.blank("zh_tw")
    model = {
        "@architectures": "spacy-zh-tw-ner.Tok2VecTransformer.v1",
        "name": str(encoder or base),
        "get_spans": {"@span_getters": "spacy-zh-tw-ner.clause_windows.v1", "size": 62, "overlap": 8},
        "pooling": {"@layers": "reduce_mean.v1"},
        "dropout": 0.0,
    }
    nlp.add_pipe("zh_tw_wordpiece_matcher", config={"model": model, "base": str(base)})
    return nlp


def examples_of(nlp: Language, texts: Iterable[str] = TEXTS) -> list[Example]:
    return [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in texts]


def initialized(base: Path) -> tuple[Language, WordpieceMatcher, list[Example]]:
    nlp = pipeline_for(base)
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    return nlp, cast(WordpieceMatcher, nlp.get_pipe("zh_tw_wordpiece_matcher")), examples


def test_training_matches_more_of_the_variance(base: Path) -> None:
    nlp, _, examples = initialized(base)
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 0.003  # type: ignore[assignment]
    before = nlp.evaluate(examples_of(nlp))["wordpiece_match"]
    losses = []
    for _ in range(40):
        found: dict[str, float] = {}
        nlp.update(examples, sgd=optimizer, losses=found)
        losses.append(found["zh_tw_wordpiece_matcher"])
    after = nlp.evaluate(examples_of(nlp))["wordpiece_match"]
    assert losses[-1] < 0.6 * losses[0]
    assert before < after <= 1.0
    # The loss is summed over tokens that a wordpiece covers: here all of them.
    assert after == pytest.approx(1.0 - losses[-1] / sum(map(len, TEXTS)), abs=0.05)


def test_gradient_is_that_of_the_mean_loss(base: Path) -> None:
    _, matcher, examples = initialized(base)
    rng = np.random.default_rng(0)
    hidden = [rng.normal(size=(len(example.predicted), 16)).astype(np.float32) for example in examples]
    n = sum(map(len, hidden))
    _, gradients = matcher.get_loss(examples, cast(Any, hidden))
    for number, row, column in [(0, 3, 5), (1, 0, 15), (1, 9, 0), (2, 0, 7)]:
        ends = []
        for change in (0.5, -0.5):  # the loss is quadratic
            moved = [array.copy() for array in hidden]
            moved[number][row, column] += change
            ends.append(matcher.get_loss(examples, cast(Any, moved))[0] / n)
        assert gradients[number][row, column] == pytest.approx(ends[0] - ends[1], rel=0.01, abs=1e-6)


def test_hidden_states_of_the_wordpieces_themselves_have_no_loss(base: Path) -> None:
    _, matcher, examples = initialized(base)
    found = WordpieceEncoder(str(base))([example.predicted for example in examples])
    rows = np.zeros((sum(map(len, TEXTS)), 16), np.float32)
    rows[found.pairs[:, 1].numpy()] = found.states[found.pairs[:, 0]].numpy()
    hidden = np.split(rows, np.cumsum([len(text) for text in TEXTS])[:-1])
    loss, gradients = matcher.get_loss(examples, cast(Any, hidden))
    assert loss == pytest.approx(0.0, abs=1e-6)
    assert max(np.abs(np.asarray(gradient)).max() for gradient in gradients) < 1e-6
    matcher.set_annotations([example.predicted for example in examples], cast(Any, hidden))
    assert matcher.score(examples)["wordpiece_match"] == pytest.approx(1.0)
    assert matcher.score([])["wordpiece_match"] == 0.0


def test_base_model_of_another_width_is_refused(base: Path, tmp_path: Path) -> None:
    narrow = synthetic.make_checkpoint(tmp_path / "narrow", tokenizer=synthetic.unigram(), hidden=8)
    nlp = pipeline_for(base, encoder=narrow)
    with pytest.raises(BaseModelError, match=r"ZT293.* width of 16, .* 8\."):
        nlp.initialize(lambda: examples_of(nlp))


def test_base_model_that_reads_characters_is_refused(tmp_path: Path) -> None:
    nlp = pipeline_for(synthetic.make_checkpoint(tmp_path / "characters", hidden=16))
    texts = [*TEXTS, "2024年台積電在Phoenix設廠"]  # WordPiece keeps numbers and Latin words together
    with pytest.raises(BaseModelError, match=r"ZT294\] Only 0\.0 % .* first 4 texts"):
        nlp.initialize(lambda: examples_of(nlp, texts))


def test_empty_texts_are_left_out(base: Path) -> None:
    nlp = pipeline_for(base)
    for texts in ([""], ["English only"]):
        with pytest.raises(CorpusError, match="ZT298"):
            nlp.initialize(lambda texts=texts: examples_of(nlp, texts))
    nlp = pipeline_for(base)
    nlp.initialize(lambda: examples_of(nlp, ["", *TEXTS]))
    scores = [nlp.evaluate(examples_of(nlp, texts))["wordpiece_match"] for texts in (["", *TEXTS], TEXTS)]
    assert scores[0] == pytest.approx(scores[1])
    nlp.update(examples_of(nlp, ["", TEXTS[0]]), sgd=nlp.create_optimizer())


def test_the_variance_of_a_single_wordpiece_is_finite(base: Path) -> None:
    from transformers import AutoTokenizer

    wordpieces = sorted(AutoTokenizer.from_pretrained(base).get_vocab())
    wordpiece = next(one for one in wordpieces if len(one) == 2 and all("一" <= char <= "龥" for char in one))
    nlp = pipeline_for(base)
    nlp.initialize(lambda: examples_of(nlp, [wordpiece]))
    losses: dict[str, float] = {}
    nlp.update(examples_of(nlp), losses=losses)
    assert np.isfinite(losses["zh_tw_wordpiece_matcher"])


def test_training_needs_initialization_and_prediction_does_not(base: Path, tmp_path: Path) -> None:
    nlp, _, _ = initialized(base)
    nlp.to_disk(tmp_path / "saved")
    again = spacy.load(tmp_path / "saved")
    assert np.allclose(again(TEXTS[0]).tensor, nlp(TEXTS[0]).tensor, atol=1e-6)
    with pytest.raises(PipelineError, match="ZT295"):
        again.update(examples_of(again))
