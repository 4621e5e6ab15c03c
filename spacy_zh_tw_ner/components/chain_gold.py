"""Convert gold spans that may overlap to gold masks of several CRF chains.

A chain is a tag sequence for one group of labels, and has a CRF of its own. A gold mask is a Boolean array that is True
for the tags that a token may have. It has a row for each token, and a column for each tag of each chain.

The gold spans of a document are those of `doc.spans[key]` or, if it has no such key, `doc.ents`. A token is without
annotation if its `ent_iob` is 0. `doc.spans` cannot say which tokens are without annotation, so there is an exception:
if a document has the key, and `ent_iob` is 0 for all of its tokens, then all of them have annotation. A token without
annotation may have any tag. A token with annotation that no span covers has the tag O.
"""

from collections.abc import Iterable

import numpy as np
from spacy.attrs import ENT_IOB  # type: ignore[import-not-found]
from spacy.tokens import Doc, Span
from spacy.training import Example

from ..entities import Entity
from ..interval_scheduling import keep_longest
from ..tag_chains import TagChains
from ..tag_scheme import BoolsT
from .partial_annotations import IOB_MISSING, has_same_tokens
from .tag_masks import GoldProblems, find_white_space, trim_counted


def gold_spans(doc: Doc, key: str) -> list[Span]:
    """Return the spans of a document: those of `doc.spans[key]`, or `doc.ents` if it has no such key."""
    return list(doc.spans[key]) if key in doc.spans else list(doc.ents)


def read_chain_gold(examples: Iterable[Example], chains: TagChains, key: str) -> tuple[BoolsT, GoldProblems]:
    """Convert gold spans to one gold mask for a batch.

    Each group of labels has a chain, which is a sequence with one tag per token. So a chain cannot express two spans
    that overlap, and the longer one is used.

    examples (Iterable[Example]): Examples. The rows of the mask are the tokens of their predicted documents.
    chains (TagChains): The chains of the component and their tags.
    key (str): Key of the gold spans in `doc.spans`.
    RETURNS (tuple[np.ndarray, GoldProblems]): The gold mask, (n_rows, n_columns) bool, with a row for each token of the
        batch, and a column for each tag of each chain. It is True for tags that the token may have. The second item has
        the number of spans with each problem, such as white space at their ends, for warnings.
    """
    masks, problems = [], GoldProblems()
    for example in examples:
        doc = example.predicted
        entities, annotated, n_unusable = _aligned(example, key)
        problems.labels.update(entity.label for entity in entities if entity.label not in chains.chain_of)
        mask = np.ones((len(doc), len(chains)), dtype=bool)
        white_space = find_white_space([doc]) if entities else None
        # Two annotations of the same span are one.
        for scheme, columns, of_chain in zip(
            chains.schemes, chains.columns, chains.by_chain(dict.fromkeys(entities)), strict=True
        ):
            kept, dropped = keep_longest(of_chain)
            if dropped and not problems.n_overlapping:
                problems.first_overlapping = doc[dropped[0][0].start : dropped[0][0].end].text
            problems.n_overlapping += len(dropped)
            outside = annotated.copy()
            for entity in kept:
                outside[entity.start : entity.end] = False
            if white_space is not None and kept:
                kept, outside, n_dropped = trim_counted(kept, outside, white_space, doc, problems)
                n_unusable += n_dropped
            mask[:, columns] = scheme.gold_mask(kept, outside)
        problems.add_unusable(n_unusable, example.reference.text)
        masks.append(mask)
    return np.concatenate(masks), problems


def _aligned(example: Example, key: str) -> tuple[list[Entity], BoolsT, int]:
    """Return the gold spans of an example, aligned to the tokens of its predicted document.

    example (Example): The gold (reference) document, and the predicted one, whose tokens may differ.
    key (str): Key of the gold spans in `doc.spans`. If the gold document lacks it, `doc.ents` is used.
    RETURNS (tuple[list[Entity], np.ndarray, int]): The aligned spans; a (n_tokens,) bool mask of the tokens with
        annotation; and the number of spans that are left out, because they begin or end inside a token.
    """
    gold, doc = example.reference, example.predicted
    spans = gold_spans(gold, key)
    if has_same_tokens(example):
        found, iob = spans, gold.to_array(ENT_IOB)
    else:
        found = example.get_aligned_spans_y2x(spans, allow_overlap=True)
        iob = np.array([value or IOB_MISSING for value in example.get_aligned("ENT_IOB")], dtype=np.int64)
    annotated = iob != IOB_MISSING
    if key in gold.spans and not annotated.any():
        annotated = np.ones(len(doc), dtype=bool)
    entities = [Entity(span.start, span.end, span.label_) for span in found]
    return entities, annotated, len(spans) - len(found)
