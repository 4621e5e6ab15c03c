"""One tree of errors, each with the code of its message."""

import pickle

import pytest

from spacy_zh_tw_ner.errors import (
    CorpusError,
    Errors,
    PlanError,
    TrainingError,
    UnreadableFileError,
    ZhTwNerError,
    code_of,
)


@pytest.mark.parametrize("kind", [CorpusError, PlanError, TrainingError, UnreadableFileError])
def test_all_are_errors_of_the_package_with_a_code(kind: type[ZhTwNerError]) -> None:
    error = kind(Errors.ZT203.format(path="a"))
    assert isinstance(error, ZhTwNerError)
    assert isinstance(error, ValueError)
    assert error.code == "ZT203"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_errors_of_others_have_no_code() -> None:
    assert code_of(KeyError("[ZT203]")) == code_of(ValueError("no [ZT203]")) == ""
    assert code_of(ValueError("[ZT203] x")) == "ZT203"
