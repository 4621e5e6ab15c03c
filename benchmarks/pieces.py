"""Measure characters per second of our wordpiece lookup, and of the tokenizer with `is_split_into_words`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import spacy
import torch
from spacy.attrs import NORM, ORTH
from spacy.tokens import Doc

from benchmarks.measure import interleaved, machine, table
from benchmarks.synthetic import byte_level, unigram, wordpiece
from benchmarks.tokenizer import sentences
from spacy_zh_tw_ner.transformer.wordpieces import WordpieceTable

GOAL = 3.0
BATCH = 64  # documents looked up at once
TOKENIZERS = {"WordPiece (BERT)": wordpiece, "Unigram (DeBERTa-v3)": unigram, "byte-level BPE (Qwen2)": byte_level}


def batches(docs: list[Doc]) -> list[list[Doc]]:
    """Return documents in batches, as in `nlp.pipe`."""
    return [docs[i : i + BATCH] for i in range(0, len(docs), BATCH)]


def theirs(tokenizer: Any, docs: list[Doc]) -> Callable[[], object]:
    """Return a function that splits the norms of a batch with the tokenizer."""

    def run() -> None:
        for batch in batches(docs):
            tokenizer([[token.norm_ for token in doc] for doc in batch], is_split_into_words=True)

    return run


def ours(tokenizer: Any, docs: list[Doc], *, warm: bool) -> Callable[[], object]:
    """Return a function that looks up a batch in the table; a cold table splits every character first."""
    known = WordpieceTable(tokenizer)

    def run() -> None:
        pieces = known if warm else WordpieceTable(tokenizer)
        for batch in batches(docs):
            norms, texts = (np.concatenate([doc.to_array(key) for doc in batch]) for key in (NORM, ORTH))
            pieces(norms, batch[0].vocab.strings, texts)

    return run


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(machine())
    nlp = spacy.blank("zh_tw")
    docs = [nlp.make_doc(text) for text in sentences()]
    n_characters = sum(map(len, docs))
    rows: list[tuple[object, ...]] = []
    for family, make in TOKENIZERS.items():
        tokenizer = make()
        contestants = {
            "its own tokenizer": theirs(tokenizer, docs),
            "table, cold": ours(tokenizer, docs, warm=False),
            "table": ours(tokenizer, docs, warm=True),
        }
        seconds = interleaved(contestants)
        base = seconds["its own tokenizer"]
        rows += [(family, k, f"{n_characters / s:,.0f}", f"{base / s:.1f}") for k, s in seconds.items()]
    print(table(rows, header=("family", "lookup", "characters/s", f"ratio (goal {GOAL:g})")))


if __name__ == "__main__":
    main()
