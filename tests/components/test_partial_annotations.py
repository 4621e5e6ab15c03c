"""Alternatives and the weight of O restrict the gold mask and the loss, and survive a `.spacy` file."""

from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_zh_tw_ner.components.partial_annotations import outside_log_weights, write_partial
from spacy_zh_tw_ner.components.tag_masks import read_gold
from spacy_zh_tw_ner.corpora.formats.docbin import read_docbin
from spacy_zh_tw_ner.errors import CorpusError
from spacy_zh_tw_ner.tag_scheme import TagScheme
from spacy_zh_tw_ner.training.char_corpus import CharCorpus

from .test_crf_ner_loss import gradient_of
from .training_data import BILSTM, SENTENCES, build, examples_of

SCHEME = TagScheme(("ORG", "LOC"))
TEXT = "鴻海精密在台北說話"


@pytest.fixture(scope="module")
def nlp() -> Language:
    return spacy.blank("zh_tw")


def partial(nlp: Language, weight: float = 0.5) -> Doc:
    """Annotate 台北, two readings of 鴻海精密, 在 as O, and nothing in 說話."""
    doc = nlp.make_doc(TEXT)
    spans = [Span(doc, 0, 2, "ORG"), Span(doc, 0, 4, "ORG"), Span(doc, 2, 4, "O")]
    write_partial(doc, [Span(doc, 5, 7, "LOC")], spans, [doc[4:5]], outside_weight=weight)
    return doc


def allowed(mask: np.ndarray, scheme: TagScheme = SCHEME) -> list[str]:
    return [" ".join(tag for tag, ok in zip(scheme.tags, row, strict=True) if ok) for row in mask]


def example_of(nlp: Language, doc: Doc) -> Example:
    return Example(nlp.make_doc(doc.text), doc)


def test_each_token_may_have_the_tags_of_its_alternatives(nlp: Language) -> None:
    mask, _ = read_gold([example_of(nlp, partial(nlp))], SCHEME)
    everything = " ".join(SCHEME.tags)
    expected = ["B-ORG", "I-ORG E-ORG", "O I-ORG", "O E-ORG", "O", "B-LOC", "E-LOC", everything, everything]
    assert allowed(mask) == expected


def test_parts_of_entities_have_every_tag_but_o(nlp: Language) -> None:
    doc = nlp.make_doc(TEXT)
    write_partial(doc, [], [Span(doc, 0, 1, "*")], [doc[1:]], outside_weight=0.0)
    mask, _ = read_gold([example_of(nlp, doc)], SCHEME)
    assert allowed(mask) == [" ".join(SCHEME.tags[1:]), *["O"] * 8]


def test_only_tokens_without_any_annotation_have_the_weight_of_o(nlp: Language) -> None:
    weights = outside_log_weights([example_of(nlp, partial(nlp)), *examples_of(nlp, SENTENCES[:1])], SCHEME)
    assert weights is not None
    assert np.flatnonzero(weights.any(1)).tolist() == [7, 8]
    assert weights[7].tolist() == pytest.approx([0.0] + [np.log(0.5)] * 8)
    assert outside_log_weights(examples_of(nlp), SCHEME) is None


def test_documents_of_other_tokens_are_aligned_even_if_the_numbers_are_equal(nlp: Language) -> None:
    grouped = spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"group": ["latin"]}}})
    gold = Doc(nlp.vocab, words=["A", "B", "台北"], spaces=[False] * 3)
    write_partial(gold, [], [], [gold[0:2]], outside_weight=0.5)
    weights = outside_log_weights([Example(grouped.make_doc("AB台北"), gold)], SCHEME)
    assert weights is not None
    assert weights.any(1).tolist() == [False, True, True]


def test_a_file_keeps_the_annotation(nlp: Language, tmp_path: Path) -> None:
    docs = DocBin(attrs=["ENT_IOB", "ENT_TYPE"], docs=[partial(nlp)], store_user_data=True)
    docs.to_disk(tmp_path / "a.spacy")
    (doc,) = read_docbin(tmp_path / "a.spacy").get_docs(nlp.vocab)
    assert [token.ent_iob for token in doc] == [0, 0, 0, 0, 2, 3, 1, 0, 0]
    (example,) = CharCorpus(tmp_path / "a.spacy")(nlp)
    before, _ = read_gold([example_of(nlp, partial(nlp))], SCHEME)
    after, _ = read_gold([example], SCHEME)
    assert (before == after).all()
    assert np.array_equal(*(outside_log_weights([e], SCHEME) for e in (example, example_of(nlp, partial(nlp)))))


def test_alternatives_inside_tokens_or_with_unknown_labels_allow_all_tags(nlp: Language) -> None:
    doc = nlp.make_doc("AB在台")
    spans = [Span(doc, 0, 1, "ORG"), Span(doc, 3, 4, "PER"), Span(doc, 3, 4, "O")]
    write_partial(doc, [], spans, [doc[2:3]], outside_weight=0.5)
    grouped = spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"group": ["latin"]}}})
    example = example_of(grouped, doc)
    mask, _ = read_gold([example], SCHEME)
    assert len(mask) == 3
    assert mask[[0, 2]].all()
    assert allowed(mask)[1] == "O"
    weights = outside_log_weights([example], SCHEME)
    assert weights is not None
    assert not weights.any()


def test_labels_are_collected_from_alternatives_too(nlp: Language) -> None:
    trained = build(BILSTM)
    doc = nlp.make_doc(TEXT)
    write_partial(doc, [Span(doc, 5, 7, "LOC")], [Span(doc, 0, 2, "ORG"), Span(doc, 0, 2, "O")], [], outside_weight=0)
    trained.initialize(lambda: [example_of(trained, doc)])
    assert trained.get_pipe("ner").labels == ("LOC", "ORG")


@pytest.mark.parametrize("weight", [1.5, -0.1, "half", float("nan")])
def test_a_wrong_weight_in_a_file_raises(nlp: Language, weight: object) -> None:
    doc = partial(nlp)
    doc.user_data["outside_weight"] = weight
    with pytest.raises(CorpusError, match="ZT777"):
        outside_log_weights([example_of(nlp, doc)], SCHEME)


def test_the_loss_with_weight_1_is_that_of_o(nlp: Language) -> None:
    trained = build(BILSTM)
    trained.initialize(lambda: examples_of(trained))
    text, entities = SENTENCES[0]
    full = Example.from_dict(trained.make_doc(text), {"entities": entities})
    silent = trained.make_doc(text)
    spans = [silent.char_span(start, end, label=label) for start, end, label in entities]
    write_partial(silent, spans, [], [], outside_weight=1.0)
    one, other = gradient_of(trained, [full]), gradient_of(trained, [example_of(trained, silent)])
    assert one[0] == pytest.approx(other[0], rel=1e-3)
    np.testing.assert_allclose(one[1][0], other[1][0], atol=1e-3)
    # A smaller weight of O gives a smaller loss, down to that of unknown tokens.
    losses = []
    for weight in (1.0, 0.9, 0.5, 0.0):
        write_partial(silent, spans, [], [], outside_weight=weight)
        if not weight:
            del silent.user_data["outside_weight"]
        losses.append(gradient_of(trained, [example_of(trained, silent)])[0])
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[-1]
