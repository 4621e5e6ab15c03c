"""Test that matchers on NORM find all spellings, with the example in the docstring of the language."""

import inspect
import textwrap

import spacy
from spacy.matcher import Matcher, PhraseMatcher

from spacy_zh_tw_ner.language import TraditionalChinese


def example() -> str:
    lines = (inspect.getdoc(TraditionalChinese) or "").splitlines()
    return textwrap.dedent("\n".join(line for line in lines if line.startswith("    ")))


def test_example_of_the_docstring_runs() -> None:
    code = example()
    assert code.count("assert") == 2
    exec(code, {"spacy": spacy, "Matcher": Matcher, "PhraseMatcher": PhraseMatcher})


def test_pattern_without_variants_or_on_orth_matches_its_characters_only() -> None:
    folded = {"nlp": {"tokenizer": {"normalize": ["width", "variants"]}}}
    for nlp, attr in ((spacy.blank("zh_tw"), "NORM"), (spacy.blank("zh_tw", config=folded), "ORTH")):
        phrases = PhraseMatcher(nlp.vocab, attr=attr)
        phrases.add("GPE", [nlp.make_doc("台北市")])
        doc = nlp("臺北市與台北市")
        assert [doc[start:end].text for _, start, end in phrases(doc)] == ["台北市"]
