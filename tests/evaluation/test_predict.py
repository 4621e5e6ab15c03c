"""Gold documents are read from one split."""

from pathlib import Path

import pytest
from spacy.language import Language

from spacy_zh_tw_ner.errors import CorpusError
from spacy_zh_tw_ner.evaluation.predictions import read_golds


def test_a_folder_with_several_splits_is_refused(nlp: Language, tiny_corpus: Path) -> None:
    with pytest.raises(CorpusError, match=r"\[ZT732\] .*train\.spacy, dev\.spacy, test\.spacy"):
        read_golds(nlp, tiny_corpus)
    assert len(list(read_golds(nlp, tiny_corpus / "dev.spacy"))) == 8
