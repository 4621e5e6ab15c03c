"""Data augmentation in every pass over the corpus: swap entities, or replace characters by variants."""

import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import cast

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.types import Ints2d

from ..components.partial_annotations import ALTERNATIVES_KEY, IOB_MISSING
from ..components.span_annotations import EVIDENCE_KEY, SPANS_KEY
from ..errors import Errors, SettingError
from ..tokenization.conversion import ScriptConverter
from ..tokenization.folds import VARIANTS
from .char_corpus import AugmenterT

POOL_SIZE = 20_000  # surfaces kept per label
ATTRIBUTES = ["ENT_IOB", "ENT_TYPE", "ENT_ID", "ENT_KB_ID", "TAG", "POS", "MORPH", "LEMMA", "HEAD", "DEP", "SENT_START"]


class EntitySwap:
    """Augmenter that replaces entities by others of the same label (mention replacement, Dai and Adel 2020).

    The replacements are drawn from the entities of the same and earlier examples (up to POOL_SIZE per label), so no
    list of entities is needed.

    level (float): Probability that an entity is replaced, from 0 to 1.
    """

    def __init__(self, level: float) -> None:
        self.level = level
        self.pools: dict[str, list[str]] = defaultdict(list)

    def __call__(self, nlp: Language, example: Example) -> Iterator[Example]:
        """Augment an example.

        nlp (Language): The pipeline, which tokenizes the new text.
        example (Example): The example. Its entities are added to the pool of replacements.
        YIELDS (Example): One example, with replaced entities or unchanged. It is always unchanged if it has overlapping
            entities, or a replacement would form a token with the text next to it.
        """
        gold = example.reference
        for ent in gold.ents:
            pool = self.pools[ent.label_]
            if len(pool) < POOL_SIZE:
                pool.append(ent.text)
            else:
                pool[random.randrange(POOL_SIZE)] = ent.text
        chosen = {ent.start for ent in gold.ents if random.random() < self.level}
        # Documents with overlapping entities are not changed, because the new document would lack these.
        overlaps = gold.spans.keys() - {SPANS_KEY, EVIDENCE_KEY, ALTERNATIVES_KEY}
        if not chosen or overlaps:
            yield example
            return
        swapped = self._swap(nlp, gold, chosen)
        # If the tokenizer groups Latin letters or digits, a new entity may form one token with the text next to it.
        yield example if swapped is None else Example(nlp.make_doc(swapped.text), swapped)

    def _swap(self, nlp: Language, gold: Doc, chosen: set[int]) -> Doc | None:
        """Return a document in which the chosen entities are replaced by random entities of the same label.

        All other tokens keep their annotation: O, alternatives, or no annotation.

        gold (Doc): The document, which is not changed.
        chosen (set[int]): Index of the first token of each entity to replace.
        RETURNS (Optional[Doc]): The new document. None if a span would begin or end inside a token of the new text.
        """
        parts: list[str] = []
        moves: list[tuple[int, int]] = []  # end of an entity in the old text, and its distance in the new text
        places: list[tuple[int, int, str]] = []
        position = length = 0
        for ent in gold.ents:
            surface = random.choice(self.pools[ent.label_]) if ent.start in chosen else ent.text
            parts += [gold.text[position : ent.start_char], surface]
            start = length + len(parts[-2])
            length = start + len(surface)
            places.append((start, length, ent.label_))
            position = ent.end_char
            moves.append((position, length - position))
        doc = nlp.make_doc("".join([*parts, gold.text[position:]]))

        entities = [doc.char_span(start, end, label=label) for start, end, label in places]
        silent = _moved(doc, _without_annotation(gold), moves)
        alternatives = _moved(doc, gold.spans.get(ALTERNATIVES_KEY, ()), moves)
        if None in (*entities, *silent, *alternatives):
            return None
        doc.set_ents(cast(list[Span], entities), missing=cast(list[Span], silent), default="outside")
        if alternatives:
            doc.spans[ALTERNATIVES_KEY] = cast(list[Span], alternatives)
        doc.user_data = dict(gold.user_data)
        return doc


def _moved(doc: Doc, spans: Iterable[Span], moves: Sequence[tuple[int, int]]) -> list[Span | None]:
    """Copy spans from the old document to the new one, in which entities were replaced by longer or shorter ones.

    doc (Doc): The new document.
    spans (Iterable[Span]): Spans of the old document that overlap no entity.
    moves (Sequence[tuple[int, int]]): For each entity, in the order of the text: its end in the old text, and the
        number of characters by which this end is moved in the new text.
    RETURNS (list[Optional[Span]]): The spans in the new document. None for a span that would begin or end inside a
        token.
    """
    found: list[Span | None] = []
    for span in spans:
        n_before = bisect_right(moves, span.start_char, key=lambda move: move[0])
        shift = moves[n_before - 1][1] if n_before else 0
        found.append(doc.char_span(span.start_char + shift, span.end_char + shift, label=span.label_))
    return found


def _without_annotation(doc: Doc) -> Iterator[Span]:
    """Yield each sequence of tokens without annotation (`ent_iob` 0) as one span; tokens that are O are annotated."""
    for is_silent, tokens in groupby(doc, key=lambda token: token.ent_iob == IOB_MISSING):
        places = [token.i for token in tokens]
        if is_silent:
            yield doc[places[0] : places[-1] + 1]


class ScriptVariants:
    """Augmenter that replaces characters by variants of the same length, so that no offset moves.

    level (float): Probability that a variant character is replaced by its other form, from 0 to 1. A character is
        replaced everywhere in a document or nowhere, as people write consistently.
    script_level (float): Probability that a document is first converted to one of `scripts`, from 0 to 1.
    scripts (Sequence[str]): OpenCC configurations, such as "tw2s" for Simplified, and "tw2t" for 裏, 爲 and 羣.
    pairs (Mapping[str, str]): Variant characters: one form → the other form. Each form is replaced by the other.
    RAISES (SettingError): For a probability out of range, a pair that is not of single characters, or an unknown
        script.
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
                raise SettingError(Errors.ZT241.format(name=name, value=share))
        for pair in pairs.items():
            if [len(form) for form in pair] != [1, 1]:
                raise SettingError(Errors.ZT242.format(pair=pair))
        self.level = level
        self.script_level = script_level if scripts else 0.0
        self.converters = [ScriptConverter(script) for script in scripts] if self.script_level else []
        self.other_form = {**{form: other for other, form in pairs.items()}, **pairs}

    def __call__(self, nlp: Language, example: Example) -> Iterator[Example]:
        """Augment an example.

        nlp (Language): The pipeline, which tokenizes the new text.
        example (Example): The example.
        YIELDS (Example): One example, with replaced characters or unchanged.
        """
        text = example.reference.text
        spelling = text
        if random.random() < self.script_level:
            spelling = random.choice(self.converters)(spelling)
        # `dict.fromkeys` keeps the order of the text. The order of a set differs between processes, and so would the
        # random draws of a seed.
        forms = [char for char in dict.fromkeys(spelling) if char in self.other_form]
        spelling = spelling.translate(
            {ord(form): self.other_form[form] for form in forms if random.random() < self.level}
        )
        if spelling != text:
            example = Example(nlp.make_doc(spelling), respelled(example.reference, spelling))
        yield example


def respelled(gold: Doc, text: str) -> Doc:
    """Copy a document with another text of the same length. Token boundaries and annotation are kept.

    gold (Doc): The document.
    text (str): The new text, with as many characters as that of the document.
    RETURNS (Doc): The copy.
    """
    words = [text[token.idx : token.idx + len(token)] for token in gold]
    doc = Doc(gold.vocab, words=words, spaces=[bool(token.whitespace_) for token in gold])
    # Not through `Example.to_dict`, which marks unannotated tokens as O.
    attributes: list[int | str] = [name for name in ATTRIBUTES if gold.has_annotation(name)]
    if attributes:
        doc.from_array(attributes, cast(Ints2d, gold.to_array(attributes)))
    doc.cats, doc.user_data = dict(gold.cats), dict(gold.user_data)
    for key, spans in gold.spans.items():
        doc.spans[key] = [Span(doc, span.start, span.end, span.label, span_id=span.id) for span in spans]
    return doc


def create_entity_swap_augmenter_v1(level: float) -> AugmenterT:
    """Registered as `spacy-zh-tw-ner.entity_swap.v1`: replace entities by others of the same label.

    level (float): Probability that an entity is replaced, from 0 to 1.
    RETURNS (Callable): The augmenter, for [corpora.train.augmenter]. It takes the pipeline and an example, and yields
        one example.
    """
    return EntitySwap(level)


def create_script_variants_augmenter_v1(
    level: float,
    script_level: float = 0.0,
    scripts: Sequence[str] = ("tw2s", "tw2t"),
    pairs: Mapping[str, str] | None = None,
) -> AugmenterT:
    """Registered as `spacy-zh-tw-ner.script_variants.v1`: replace characters by variants, or convert to Simplified.

    level (float): Probability that a variant character is replaced by its other form, from 0 to 1. A character is
        replaced everywhere in a document or nowhere, as people write consistently.
    script_level (float): Probability that a document is first converted to one of `scripts`, from 0 to 1.
    scripts (Sequence[str]): OpenCC configurations, such as "tw2s" for Simplified, and "tw2t" for 裏, 爲 and 羣.
    pairs (Optional[Mapping[str, str]]): Variant characters: one form → the other form. Each form is replaced by the
        other. null for 臺 → 台 and the other pairs of the tokenizer's fold "variants".
    RETURNS (Callable): The augmenter, for [corpora.train.augmenter]. It takes the pipeline and an example, and yields
        one example.
    """
    return ScriptVariants(level, script_level=script_level, scripts=scripts, pairs=VARIANTS if pairs is None else pairs)
