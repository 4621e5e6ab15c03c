"""Training with a saved and restored optimizer ends with the same weights as uninterrupted training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from thinc.api import Adam, Optimizer, fix_random_seed

from spacy_zh_tw_ner.training.checkpoint import optimizer_from_bytes, optimizer_to_bytes
from spacy_zh_tw_ner.training.optimizers import create_cosine_v1, create_grouped_optimizer_v1
from tests.pipelines import LISTENER, add_head, add_transformer

TEXT, ENTS = "蔡英文總統在臺北市接見台積電董事長。", [(0, 3, "PERSON"), (6, 9, "GPE"), (11, 14, "ORG")]


def build(base: Path | None) -> Language:
    nlp = spacy.blank("zh_tw")
    tok2vec: dict[str, Any] = {
        "@architectures": "spacy-zh-tw-ner.BiLSTM.v1",
        "hidden_width": 12,
        "dropout": 0.0,
        "embed": {"@architectures": "spacy-zh-tw-ner.CharNgramEmbed.v1", "widths": [8, 4], "rows": [64, 64]},
    }
    if base is not None:
        add_transformer(nlp, base, dropout=0.0)
        tok2vec = LISTENER
    add_head(nlp, tok2vec)
    return nlp


def example(nlp: Language) -> Example:
    return Example.from_dict(nlp.make_doc(TEXT), {"entities": ENTS})


def train(nlp: Language, optimizer: Optimizer, steps: int) -> None:
    for _ in range(steps):
        nlp.update([example(nlp)], sgd=False)
        for name in nlp.pipe_names:
            nlp.get_pipe(name).finish_update(optimizer)  # type: ignore[attr-defined]
        optimizer.step_schedules()


def start(base: Path | None) -> Language:
    fix_random_seed(0)
    nlp = build(base)
    nlp.initialize(lambda: [example(nlp)])
    return nlp


def emissions(nlp: Language) -> Any:
    docs = [nlp(TEXT)]
    return nlp.get_pipe("ner").model.predict(docs)[0]  # type: ignore[attr-defined]


OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    "thinc": lambda: Adam(create_cosine_v1(1e-2, 2, 9), use_averages=True),
    **{
        name: lambda name=name: create_grouped_optimizer_v1(  # type: ignore[misc]
            create_cosine_v1(1e-3, 2, 9), create_cosine_v1(1e-2, 2, 9), optimizer=name
        )
        for name in ("adamw", "adamw_bnb_8bit", "adafactor")
    },
}


@pytest.mark.parametrize("with_base", [False, True])
@pytest.mark.parametrize("kind", list(OPTIMIZERS))
def test_resumed_training_ends_with_the_same_weights(
    kind: str, with_base: bool, tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    base = tiny_checkpoint("bert") if with_base else None
    straight = start(base)
    train(straight, OPTIMIZERS[kind](), 7)

    stopped, optimizer = start(base), OPTIMIZERS[kind]()
    train(stopped, optimizer, 3)
    stopped.to_disk(tmp_path / "pipeline")
    state = optimizer_to_bytes(stopped, optimizer, 3)

    resumed, fresh = spacy.load(tmp_path / "pipeline"), OPTIMIZERS[kind]()
    assert optimizer_from_bytes(resumed, fresh, state) == 3
    assert fresh.learn_rate == optimizer.learn_rate
    train(resumed, fresh, 4)
    np.testing.assert_allclose(emissions(resumed), emissions(straight), atol=1e-6)

    forgetful = spacy.load(tmp_path / "pipeline")
    train(forgetful, OPTIMIZERS[kind](), 4)
    assert np.abs(emissions(forgetful) - emissions(straight)).max() > 1e-4


def test_optimizer_state_of_another_pipeline_is_refused(tiny_checkpoint: Callable[[str], Path]) -> None:
    nlp, optimizer = start(None), Adam(1e-2)
    train(nlp, optimizer, 1)
    state = optimizer_to_bytes(nlp, optimizer, 1)
    with pytest.raises(ValueError, match=r"\[ZT401\] The optimizer state has \d+ entries"):
        optimizer_from_bytes(start(tiny_checkpoint("bert")), Adam(1e-2), state)


def test_optimizer_state_of_another_optimizer_is_refused(tiny_checkpoint: Callable[[str], Path]) -> None:
    nlp, optimizer = start(tiny_checkpoint("bert")), OPTIMIZERS["adamw"]()
    train(nlp, optimizer, 1)
    state = optimizer_to_bytes(nlp, optimizer, 1)
    with pytest.raises(ValueError, match=r"\[ZT315\]"):
        optimizer_from_bytes(nlp, Adam(1e-2), state)
    with pytest.raises(ValueError, match=r"\[ZT338\]"):
        optimizer_from_bytes(nlp, OPTIMIZERS["adafactor"](), state)
