"""Example → the same in another spelling: 臺北 for 台北, or Simplified for Traditional."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.types import Ints2d

from ..errors import Errors
from ..tokenization.conversion import ScriptConverter
from ..tokenization.folds import VARIANTS
from .char_corpus import AugmenterT

ANNOTATION = ["ENT_IOB", "ENT_TYPE", "ENT_ID", "ENT_KB_ID", "TAG", "POS", "MORPH", "LEMMA", "HEAD", "DEP", "SENT_START"]


class ScriptVariants:
    """Spell examples as others write them. No length changes, so every annotation stays where it is.

    level (float): Share of the variant characters of a document that are replaced by their other form, from 0 to 1. A
        character is replaced throughout a document or not at all, as people write.
    script_level (float): Share of the documents that are converted as a whole to one of `scripts` before that.
    scripts (Sequence[str]): OpenCC configurations, such as "tw2s" for Simplified, and "tw2t" for 裏, 爲 and 羣.
    pairs (Mapping[str, str]): One form of a character → the other; replaced in both directions.
    RAISES (ValueError): For a share that is none, a pair that is not of single characters, or an unknown script.
    """

    def __init__(
        self,
        level: float,
        *,
        script_level: float = 0.0,
        scripts: Sequence[str] = ("tw2s", "tw2t"),
        pairs: Mapping[str, str] = VARIANTS,
    ) -> None:
        for name, share in (("level", level), ("script_level", script_level)):
            if not 0.0 <= share <= 1.0:
                raise ValueError(Errors.ZT241.format(name=name, value=share))
        for pair in pairs.items():
            if [len(form) for form in pair] != [1, 1]:
                raise ValueError(Errors.ZT242.format(pair=pair))
        self.level = level
        self.script_level = script_level if scripts else 0.0
        self.converters = [ScriptConverter(script) for script in scripts] if self.script_level else []
        self.other_form = {**{form: other for other, form in pairs.items()}, **pairs}

    def __call__(self, nlp: Language, example: Example) -> Iterator[Example]:
        """Yield the example in another spelling, or as it is where there is nothing to spell otherwise."""
        text = example.reference.text
        spelling = text
        if random.random() < self.script_level:
            spelling = random.choice(self.converters)(spelling)
        # In the order of the text, and not of a set, so that a seed gives the same draws in every process.
        forms = [char for char in dict.fromkeys(spelling) if char in self.other_form]
        spelling = spelling.translate(
            {ord(form): self.other_form[form] for form in forms if random.random() < self.level}
        )
        yield example if spelling == text else respelled(nlp, example, spelling)


def respelled(nlp: Language, example: Example, text: str) -> Example:
    """Give an example another text of the same length; every annotation stays, and what is not known stays unknown.

    nlp (Language): Its tokenizer is used.
    example (Example): With a gold document.
    text (str): The text.
    RETURNS (Example): A new example.
    """
    gold = example.reference
    words = [text[token.idx : token.idx + len(token)] for token in gold]
    doc = Doc(gold.vocab, words=words, spaces=[bool(token.whitespace_) for token in gold])
    # `Example.to_dict` would do, if it did not turn unknown entities into known absence.
    attrs: list[int | str] = [attr for attr in ANNOTATION if gold.has_annotation(attr)]
    if attrs:
        doc.from_array(attrs, cast(Ints2d, gold.to_array(attrs)))
    doc.cats, doc.user_data = dict(gold.cats), dict(gold.user_data)
    for key, group in gold.spans.items():
        doc.spans[key] = [Span(doc, span.start, span.end, span.label, span_id=span.id) for span in group]
    return Example(nlp.make_doc(text), doc)


def create_script_variants_augmenter_v1(
    level: float,
    script_level: float = 0.0,
    scripts: Sequence[str] = ("tw2s", "tw2t"),
    pairs: Mapping[str, str] | None = None,
) -> AugmenterT:
    """Registered as `spacy-zh-tw-ner.script_variants.v1`; the settings are those of ScriptVariants."""
    return ScriptVariants(level, script_level=script_level, scripts=scripts, pairs=VARIANTS if pairs is None else pairs)
