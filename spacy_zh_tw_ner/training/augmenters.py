"""Example → more examples, made again in every pass over the corpus."""

import random
from collections import defaultdict
from collections.abc import Iterator

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from .char_corpus import AugmenterT

POOL = 20_000  # surfaces kept a label


class EntitySwap:
    """Put other entities of the same label in place of some entities (mention replacement, Dai and Adel 2020).

    The surfaces come from the examples that have gone through before, so there is no second file to keep in step.

    level (float): Share of the entities that are replaced.
    """

    def __init__(self, level: float) -> None:
        self.level = level
        self.pools: dict[str, list[str]] = defaultdict(list)

    def __call__(self, nlp: Language, example: Example) -> Iterator[Example]:
        """Yield the example with some of its entities replaced, or as it is where there is nothing to replace."""
        gold = example.reference
        for ent in gold.ents:
            pool = self.pools[ent.label_]
            if len(pool) < POOL:
                pool.append(ent.text)
            else:
                pool[random.randrange(POOL)] = ent.text
        chosen = {ent.start for ent in gold.ents if random.random() < self.level}
        # What is not known of a partly annotated document would be lost in a new text.
        if not chosen or any(token.ent_iob == 0 for token in gold):
            yield example
            return
        swapped = self._swap(nlp, gold, chosen)
        # With runs kept whole an entity may melt into its neighbour.
        yield example if swapped is None else Example(nlp.make_doc(swapped.text), swapped)

    def _swap(self, nlp: Language, gold: Doc, chosen: set[int]) -> Doc | None:
        parts: list[str] = []
        places: list[tuple[int, int, str]] = []
        position = length = 0
        for ent in gold.ents:
            surface = random.choice(self.pools[ent.label_]) if ent.start in chosen else ent.text
            parts += [gold.text[position : ent.start_char], surface]
            start = length + len(parts[-2])
            length = start + len(surface)
            places.append((start, length, ent.label_))
            position = ent.end_char
        doc = nlp.make_doc("".join([*parts, gold.text[position:]]))
        spans = [doc.char_span(start, end, label=label) for start, end, label in places]
        whole = [span for span in spans if span is not None]
        if len(whole) < len(places):
            return None
        doc.set_ents(whole, default="outside")
        doc.user_data = dict(gold.user_data)
        return doc


def create_entity_swap_augmenter_v1(level: float) -> AugmenterT:
    """Registered as `spacy-zh-tw-ner.entity_swap.v1`; `level` is the share of the entities that are replaced."""
    return EntitySwap(level)
