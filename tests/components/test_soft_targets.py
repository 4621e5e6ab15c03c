"""Test the loss of batches in which some texts have the posterior of a teacher as their target."""

from dataclasses import replace

import numpy as np
import pytest
from spacy.language import Language
from spacy.training import Example

from spacy_zh_tw_ner.components.soft_targets import SoftTarget, compare, target_of
from spacy_zh_tw_ner.crf import Transitions, at_temperature, expect
from spacy_zh_tw_ner.errors import PipelineMismatchError
from spacy_zh_tw_ner.tag_scheme import TagScheme

from .test_crf_ner_loss import gradient_of
from .training_data import SENTENCES, TEXTS, examples_of


def taught(nlp: Language, texts: list[str], temperature: float = 1.0, weight: float = 1.0) -> list[Example]:
    """Return examples without annotation, whose targets are the predictions of the pipeline itself."""
    pipe, examples = nlp.get_pipe("ner"), [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in texts]
    for example in examples:
        rows, lengths, transitions = pipe.potentials([example.predicted])
        found = expect(*swap(at_temperature(rows, transitions, temperature), lengths))
        counts = found.counts[0][pipe.scheme.legal_transitions.matrix]
        SoftTarget(pipe.labels, found.marginals, counts, temperature, weight).put_into(example.reference)
    return examples


def swap(cooled: tuple, lengths: list[int]) -> tuple:
    return cooled[0], lengths, cooled[1]


def one_hot(nlp: Language) -> list[Example]:
    """Return examples with gold annotation as soft targets, with a probability of 1 for each gold tag."""
    pipe, examples = nlp.get_pipe("ner"), []
    for example in examples_of(nlp):
        mask = pipe.gold_mask([example])
        counts = np.zeros((mask.shape[1],) * 2, np.float32)
        np.add.at(counts, (mask.argmax(1)[:-1], mask.argmax(1)[1:]), 1.0)
        target = SoftTarget(pipe.labels, mask.astype(np.float16), counts[pipe.scheme.legal_transitions.matrix])
        target.put_into(example.reference)
        examples.append(example)
    return examples


def assert_close(one: tuple, two: tuple) -> None:
    assert one[0] == pytest.approx(two[0], rel=1e-4)
    for a, b in zip(one[1], two[1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    for name, gradient in one[2].items():
        np.testing.assert_allclose(gradient, two[2][name], atol=1e-4)


def test_one_hot_targets_give_the_loss_and_gradients_of_gold(unsure: Language) -> None:
    assert_close(gradient_of(unsure, one_hot(unsure)), gradient_of(unsure, examples_of(unsure)))


def test_one_hot_targets_train_like_gold(saved: bytes, unsure_bytes: bytes) -> None:
    from thinc.api import Adam, fix_random_seed

    from .training_data import build

    weights = []
    for make in (one_hot, examples_of):
        nlp = build().from_bytes(unsure_bytes)
        fix_random_seed(0)
        sgd = Adam(0.01, L2=0.0)
        for _ in range(5):
            nlp.update(make(nlp), sgd=sgd)
        weights.append(nlp.get_pipe("ner").model.get_ref("output_layer").get_param("W").copy())
    np.testing.assert_allclose(*weights, atol=1e-3)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_a_student_that_equals_its_teacher_has_no_gradient(unsure: Language, temperature: float) -> None:
    _, gradients, transitions = gradient_of(unsure, taught(unsure, TEXTS, temperature))
    assert max(np.abs(gradient).max() for gradient in gradients) < 1e-5
    assert max(np.abs(gradient).max() for gradient in transitions.values()) < 1e-4


def test_mixed_batches_add_up_with_weights(unsure: Language, trained: Language) -> None:
    for example in (mixed := taught(unsure, TEXTS[:2], 2.0, 0.5)):
        assert target_of(example) is not None
    pipe = unsure.get_pipe("ner")
    layer = pipe.model.get_ref("transitions")
    layer.set_param("matrix", layer.get_param("matrix") + 0.3)  # differs from the teacher
    gold = examples_of(unsure, SENTENCES[2:])
    together = gradient_of(unsure, [mixed[0], gold[0], mixed[1], gold[1]])
    parts = [gradient_of(unsure, batch) for batch in (mixed, gold)]
    assert together[0] == pytest.approx(parts[0][0] + parts[1][0], rel=1e-5)
    for i, (part, row) in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)]):  # gradients are divided by the batch size
        np.testing.assert_allclose(2 * together[1][i], parts[part][1][row], atol=1e-5)
    for name, gradient in together[2].items():
        np.testing.assert_allclose(2 * gradient, parts[0][2][name] + parts[1][2][name], atol=1e-4)
    one = [replace(target_of(example), weight=1.0) for example in mixed]
    for example, target in zip(mixed, one, strict=True):
        target.put_into(example.reference)
    assert gradient_of(unsure, mixed)[0] == pytest.approx(2 * parts[0][0], rel=1e-5)


def test_gradients_at_a_temperature_equal_finite_differences() -> None:
    generator = np.random.default_rng(0)
    scheme = TagScheme(["A", "B"])
    legal = scheme.legal_transitions
    scores = [np.where(ok, generator.normal(size=ok.shape), -1e30).astype(np.float32) for ok in legal]
    teacher, student = (generator.normal(size=(6, 9)).astype(np.float32) for _ in range(2))
    soft = expect(*swap(at_temperature(teacher, Transitions(*scores), 2.5), [6]))
    target = SoftTarget(("A", "B"), soft.marginals, soft.counts[0][legal.matrix], 2.5, 0.7)

    def run(rows: np.ndarray) -> tuple[float, np.ndarray]:
        found = compare(rows, [6], Transitions(*scores), [target], scheme, lambda *_: pytest.fail("no gold"))
        return -float(found.log_likelihood[0]), found.emissions

    direction = generator.normal(size=(6, 9)).astype(np.float32)
    slope = (run(student + 1e-2 * direction)[0] - run(student - 1e-2 * direction)[0]) / 2e-2
    assert slope == pytest.approx(float((run(student)[1] * direction).sum()), rel=5e-3, abs=5e-3)


def test_labels_in_another_order_are_matched_and_other_labels_are_refused(unsure: Language) -> None:
    (example,) = taught(unsure, TEXTS[:1])
    target = target_of(example)
    assert target is not None
    scheme = TagScheme(tuple(reversed(target.labels)))
    marginals, counts = target.arrays_for(scheme)
    own = unsure.get_pipe("ner").scheme
    i, j = own.tags.index("B-ORG"), own.tags.index("I-ORG")
    a, b = scheme.tags.index("B-ORG"), scheme.tags.index("I-ORG")
    straight = target.arrays_for(own)
    np.testing.assert_array_equal(marginals[:, a], straight[0][:, i])
    assert counts[a, b] == straight[1][i, j]
    replace(target, labels=("PERSON", "GPE", "LOC")).put_into(example.reference)
    with pytest.raises(PipelineMismatchError, match=r"ZT278.*student has ORG.*teacher has LOC"):
        gradient_of(unsure, [example])
