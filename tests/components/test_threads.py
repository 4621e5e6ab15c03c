"""Test that every architecture gives the same results in several threads as in one."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.training import Example

from spacy_zh_tw_ner.tokenization.char_tokenizer import CharTokenizer
from tests.pipelines import ARCHITECTURES, LABELS, SENTENCE, TEXTS, scored

N_THREADS = 8
FAST = ("MaskedCharacters",)
CASES = [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in ARCHITECTURES]


@pytest.fixture(autouse=True)
def _often() -> Iterator[None]:
    """Make Python switch threads as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def check(seen: list[Any], expected: list[Any]) -> None:
    """Compare entities exactly, and scores with a tolerance: batches differ from single texts in the last digits."""
    for one, other in zip(seen, expected, strict=True):
        assert [e[:3] for e in one] == [e[:3] for e in other]
        assert [e[3] for e in one] == pytest.approx([e[3] for e in other], abs=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_eight_threads_give_the_results_of_one_thread(name: str, folder_of: Callable[[str], Path]) -> None:
    expected = [scored(doc) for doc in map(spacy.load(folder_of(name)), TEXTS)]
    assert sum(map(len, expected)) > 200
    assert any(0.1 < score < 0.9 for ents in expected for *_, score in ents)
    nlp = spacy.load(folder_of(name))  # the first call loads lazily while all threads wait

    def piped(_: int) -> list[Any]:
        return [scored(doc) for doc in nlp.pipe(TEXTS)]

    with ThreadPoolExecutor(N_THREADS) as pool:
        check(list(pool.map(lambda text: scored(nlp(text)), TEXTS * N_THREADS)), expected * N_THREADS)
        for seen in pool.map(piped, range(N_THREADS)):
            check(seen, expected)


def test_predictions_during_training_have_no_dropout(folder_of: Callable[[str], Path]) -> None:
    nlp = spacy.load(folder_of("MaskedCharacters"))
    expected = [scored(nlp(text)) for text in TEXTS[:60]]
    examples = [Example.from_dict(nlp.make_doc(SENTENCE), {"entities": LABELS}) for _ in range(8)]

    def train(_: int) -> None:  # computes gradients only; weights do not change
        for _ in range(20):
            nlp.update(examples, sgd=False)  # type: ignore[arg-type]  # spaCy accepts False

    with ThreadPoolExecutor(N_THREADS) as pool:
        training = pool.submit(train, 0)
        seen = list(pool.map(lambda text: scored(nlp(text)), TEXTS[:60]))
        training.result()
    check(seen, expected)


def modules(nlp: Language) -> Iterator[Any]:
    for _, component in nlp.components:
        for layer in component.model.walk() if hasattr(component, "model") else ():
            for shim in layer.shims:
                yield shim._model


@pytest.mark.parametrize("name", ["MaskedCharacters", pytest.param("curated", marks=pytest.mark.slow)])
def test_modules_are_in_training_mode_during_updates_only(name: str, folder_of: Callable[[str], Path]) -> None:
    nlp = spacy.load(folder_of(name))
    (module,) = modules(nlp)
    modes = []
    module.register_forward_pre_hook(lambda module, args: modes.append(module.training))
    assert not module.training
    nlp(SENTENCE)
    assert not module.training
    nlp.update([Example.from_dict(nlp.make_doc(SENTENCE), {"entities": LABELS})], sgd=nlp.resume_training())
    assert not module.training
    nlp(SENTENCE)
    assert modes == [False, True, False]
    with nlp.use_params({}):
        nlp(SENTENCE)
    assert not module.training


@pytest.mark.slow
def test_pipelines_can_be_loaded_in_threads(folder_of: Callable[[str], Path]) -> None:
    folders = [folder_of(name) for name in ("int8_cpu", "MaskedCharacters", "Transformer", "nf4")]
    expected = [scored(spacy.load(folder)(SENTENCE)) for folder in folders]
    with ThreadPoolExecutor(len(folders)) as pool:
        for _ in range(3):
            check(list(pool.map(lambda folder: scored(spacy.load(folder)(SENTENCE)), folders)), expected)


def test_norms_of_new_characters_are_the_same_in_threads() -> None:
    texts = ["".join(map(chr, range(first, first + 60))) + "互联网软件后台" for first in range(0x4E00, 0x9000, 60)]

    def norms(nlp: Language, text: str) -> list[str]:
        return [token.norm_ for token in nlp(text)]

    one, many = (spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"script": "s2twp"}}}) for _ in range(2))
    assert isinstance(many.tokenizer, CharTokenizer)
    with ThreadPoolExecutor(N_THREADS) as pool:
        seen = list(pool.map(lambda text: norms(many, text), texts))
    assert seen == [norms(one, text) for text in texts]
