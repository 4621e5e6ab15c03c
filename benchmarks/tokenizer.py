"""Measure characters per second of our tokenizer and of `spacy.blank("zh")`, which also splits into characters."""

from collections.abc import Callable
from pathlib import Path

import spacy
import torch
from spacy.language import Language

from benchmarks.measure import interleaved, machine, table
from spacy_zh_tw_ner.corpora.annotation_checks import Tally
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, read_records

GOAL = 1.5


def sentences() -> list[str]:
    """Return all sentences of the bundled corpus."""
    paths = sorted(Path("assets/taiwan").glob("*/*.txt"))
    return [record.text for record in read_records(paths, ConvertSettings(script="none"), Tally())]


def tokenize_all(nlp: Language, texts: list[str]) -> Callable[[], object]:
    """Return a function that tokenizes texts and discards the documents."""

    def run() -> None:
        for text in texts:
            nlp.tokenizer(text)

    return run


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(machine())
    lines = sentences() * 5
    zh, zh_tw = spacy.blank("zh"), spacy.blank("zh_tw")
    folding = spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"normalize": ["width", "variants"]}}})
    rows: list[tuple[object, ...]] = []
    for name, texts in (("lines", lines), ("one long text", ["\n".join(lines)])):
        n_chars = sum(map(len, texts))
        seconds = interleaved(
            {
                "spacy.blank('zh')": tokenize_all(zh, texts),
                "zh_tw": tokenize_all(zh_tw, texts),
                "zh_tw, variants folded": tokenize_all(folding, texts),
            }
        )
        base = seconds["spacy.blank('zh')"]
        rows += [(name, who, f"{n_chars / s:,.0f}", f"{base / s:.2f}") for who, s in seconds.items()]
    print(table(rows, header=("texts", "tokenizer", "characters/s", f"ratio (goal {GOAL})")))


if __name__ == "__main__":
    main()
