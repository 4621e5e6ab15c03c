"""The arrays read each character as the pipeline does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.attrs import NORM
from transformers import AutoTokenizer

from spacy_zh_tw_ner.transformer import code_points
from spacy_zh_tw_ner.transformer.code_points import END, CodePointPieces, code_point_pieces
from spacy_zh_tw_ner.transformer.wordpieces import PieceTable

RANGES = ((0, 0x3400), (0x4E00, 0x5000), (0xD7FF, 0xE001), (0x1F600, 0x1F650))
NLP = spacy.blank("zh_tw")


@pytest.fixture(scope="module", params=["bert", "qwen2"])
def both(request: pytest.FixtureRequest, tiny_checkpoint: Callable[[str], Path]) -> tuple[PieceTable, CodePointPieces]:
    table = PieceTable(AutoTokenizer.from_pretrained(tiny_checkpoint(request.param)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_points, "RANGES", RANGES)
        return table, code_point_pieces(table, NLP.tokenizer)


def of(found: CodePointPieces, char: str) -> list[int]:
    first = int(found.counts[: ord(char)].sum())
    return found.ids[first : first + found.counts[ord(char)]].tolist()  # type: ignore[no-any-return]


known = st.sampled_from([c for range_ in RANGES for c in range(*range_) if not 0xD800 <= c < 0xE000])


@given(code=known)
def test_a_character_has_the_pieces_of_its_norm(code: int, both: tuple[PieceTable, CodePointPieces]) -> None:
    table, found = both
    doc = NLP.make_doc(chr(code))
    assert of(found, chr(code)) == table(doc.to_array(NORM), doc.vocab.strings).ids.tolist()


def test_norms_are_in_them(both: tuple[PieceTable, CodePointPieces]) -> None:
    _, found = both
    assert of(found, "A") == of(found, "a") != of(found, "b")


def test_there_is_something_for_every_code_point(both: tuple[PieceTable, CodePointPieces]) -> None:
    table, found = both
    assert len(found.counts) == END
    assert found.counts.min() == 1
    assert found.counts.sum() == len(found.ids)
    assert of(found, chr(END - 1)) == of(found, "\u4dff") == [table.unknown_id]
    first = int(found.counts[:0xD800].sum())
    doc = NLP.make_doc("\ufffd")
    replaced = table(doc.to_array(NORM), doc.vocab.strings).ids
    assert np.array_equal(found.ids[first : first + len(replaced)], replaced)
