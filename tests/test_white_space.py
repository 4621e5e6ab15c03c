import sys

import spacy

from spacy_zh_tw_ner.tag_scheme import WHITE_SPACE
from spacy_zh_tw_ner.tokenization.folds import fold_table


def test_white_space_equals_isspace() -> None:
    assert set(WHITE_SPACE) == {char for char in map(chr, range(sys.maxunicode + 1)) if char.isspace()}
    assert len(WHITE_SPACE) == len(set(WHITE_SPACE)) == 29
    assert not {"\u200b", "\u2060", "\ufeff"} & set(WHITE_SPACE)


def test_each_white_space_character_is_a_token() -> None:
    nlp = spacy.blank("zh_tw")
    for char in WHITE_SPACE:
        doc = nlp.make_doc(f"林{char * 2}華")
        assert any(token.text == char for token in doc), repr(char)


def test_folds_keep_white_space_apart() -> None:
    """Words of a gazetteer begin and end without white space, and so must the spans in which they are found."""
    table = fold_table(["width", "variants"])
    assert all(char.isspace() == to.isspace() for char, to in table.items() if to)
