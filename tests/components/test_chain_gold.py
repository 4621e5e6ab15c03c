"""Gold masks of chains: complete, partial and missing annotation, other tokens, white space, and overlaps."""

import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_zh_tw_ner.components.chain_gold import read_chain_gold
from spacy_zh_tw_ner.tag_chains import TagChains

NLP = spacy.blank("zh_tw")
CHAINS = TagChains(["GPE", "ORG"])
TEXT = "臺北市政府開會"
SPANS = [(0, 3, "GPE"), (0, 5, "ORG")]
GPE, ORG = slice(0, 5), slice(5, 10)


def make(text: str = TEXT, spans: list[tuple[int, int, str]] | None = None) -> Doc:
    doc = NLP.make_doc(text)
    if spans is not None:
        doc.spans["sc"] = [Span(doc, *span) for span in spans]
    return doc


def mask_of(gold: Doc, predicted: Doc | None = None) -> list[list[int]]:
    """Return the number of allowed tags of each token, by chain."""
    example = Example(NLP.make_doc(gold.text) if predicted is None else predicted, gold)
    mask, _ = read_chain_gold([example], CHAINS, "sc")
    return [mask[:, columns].sum(1).tolist() for columns in (GPE, ORG)]


def test_spans_alone_are_complete_annotation() -> None:
    mask, problems = read_chain_gold([Example(make(), make(spans=SPANS))], CHAINS, "sc")
    assert mask[:, GPE].argmax(1).tolist() == [1, 2, 3, 0, 0, 0, 0]
    assert mask[:, ORG].argmax(1).tolist() == [1, 2, 2, 2, 3, 0, 0]
    assert mask.sum() == 2 * len(TEXT)
    assert (problems.n_unusable, problems.n_overlapping, problems.n_trimmed) == (0, 0, 0)
    assert mask_of(make(spans=[])) == [[1] * 7, [1] * 7]


def test_tokens_without_annotation_are_unknown_beside_spans() -> None:
    gold = make(spans=SPANS)
    gold.set_ents([Span(gold, 0, 5, "ORG")], outside=[gold[5:6]], default="missing")
    assert mask_of(gold) == [[1, 1, 1, 1, 1, 1, 5], [1, 1, 1, 1, 1, 1, 5]]


def test_without_the_key_the_annotation_is_that_of_doc_ents() -> None:
    assert mask_of(make()) == [[5] * 7, [5] * 7]
    gold = make()
    gold.set_ents([Span(gold, 0, 3, "GPE")], default="missing")
    assert mask_of(gold) == [[1, 1, 1, 5, 5, 5, 5], [1, 1, 1, 5, 5, 5, 5]]


def test_other_tokens_are_aligned() -> None:
    words = Doc(NLP.vocab, words=["臺北市", "政府", "開會"], spaces=[False] * 3)
    words.spans["sc"] = [Span(words, 0, 1, "GPE"), Span(words, 0, 2, "ORG")]
    assert mask_of(words) == [[1] * 7, [1] * 7]
    mask, problems = read_chain_gold([Example(make(), words)], CHAINS, "sc")
    assert mask[:, ORG].argmax(1).tolist() == [1, 2, 2, 2, 3, 0, 0]
    # A span that ends inside a token of the pipeline cannot be used.
    predicted = Doc(NLP.vocab, words=["臺北", "市政", "府開", "會"], spaces=[False] * 4)
    _, problems = read_chain_gold([Example(predicted, make(spans=SPANS))], CHAINS, "sc")
    assert (problems.n_unusable, problems.first_unusable) == (2, TEXT)


def test_white_space_at_the_edges_is_trimmed() -> None:
    text = "在\n臺北\n市"
    mask, problems = read_chain_gold([Example(make(text), make(text, [(1, 5, "GPE")]))], CHAINS, "sc")
    assert mask[:, GPE].argmax(1).tolist() == [0, 0, 1, 3, 0, 0]
    assert mask.sum() == 2 * len(text)
    assert (problems.n_trimmed, problems.first_trimmed, problems.n_unusable) == (1, "\n臺北\n", 0)


@pytest.mark.parametrize(
    ("chains", "n"), [(CHAINS, 0), (TagChains(["GPE", "ORG"], [["GPE", "ORG"]]), 1)], ids=["apart", "grouped"]
)
def test_overlaps_in_one_chain_are_counted(chains: TagChains, n: int) -> None:
    _, problems = read_chain_gold([Example(make(), make(spans=SPANS))], chains, "sc")
    assert problems.n_overlapping == n
    assert problems.first_overlapping == ("臺北市" if n else "")


def test_unknown_labels_are_counted() -> None:
    mask, problems = read_chain_gold([Example(make(), make(spans=[(0, 2, "X"), *SPANS]))], CHAINS, "sc")
    assert problems.labels == {"X": 1}
    assert mask.sum() == 2 * len(TEXT)
