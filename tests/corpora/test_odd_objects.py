"""Arbitrary JSON under the field names of tools: only CorpusError is raised, and no text is invented."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.annotation_checks import Tally
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, read_records
from spacy_zh_tw_ner.corpora.formats.detection import FORMATS
from spacy_zh_tw_ner.errors import CorpusError
from tests.corpora.conversions import SPANS, TEXT

FIELDS = (
    "text data content sentence tokens ner_tags tags labels label spans entities ents annotations relations result "
    "value start end start_offset end_offset to_name from_name type id meta doc_id answer character character_label"
).split()
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(["", TEXT, "O", "B-X", "labels", "text", "accept", "林小華"]),
    st.text(max_size=4),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=16,
)
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6)
GOOD: list[dict[str, Any]] = [
    {"text": TEXT, "spans": SPANS},
    {"text": TEXT, "label": [[0, 3, "PERSON"]]},
    {"text": TEXT, "label": {"PERSON": {"林小華": [[0, 2]]}}},
    {"tokens": ["林", "小"], "ner_tags": ["B-P", "I-P"]},
    {"data": {"text": TEXT}, "annotations": [{"result": [{"value": {"start": 0, "end": 3, "labels": ["P"]}}]}]},
]


def strings_of(value: Any) -> set[str]:
    """Return all strings in a JSON value, except keys."""
    if isinstance(value, str):
        return {value}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {found for one in inner for found in strings_of(one)}


@pytest.mark.parametrize("format", ["auto", *(name for name in FORMATS if name not in ("spacy", "brat"))])
@settings(max_examples=60)
@given(objects=st.lists(OBJECTS, max_size=3), good=st.sampled_from([None, *GOOD]))
@example(objects=[{"data": {"text": "x"}, "annotations": [None]}], good=GOOD[4])
@example(objects=[{"text": TEXT, "label": {"start": None, "": {}}}], good=None)
@example(objects=[{"tokens": [], "ner_tags": [], "text": []}], good=None)
def test_odd_objects_raise_only_corpus_errors(
    format: str, objects: list[dict[str, Any]], good: dict[str, Any] | None
) -> None:
    values = [good, *objects] if good else objects
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
        how = ConvertSettings(format=format, script="none")
        try:
            texts = [record.text for record in read_records([path], how, Tally())]
        except CorpusError:
            return
    known = {string for value in values for string in strings_of(value)}
    if format in ("auto", "label-studio", "doccano", "jsonl", "cluener"):
        joined = {"".join(value["tokens"]) for value in values if _are_strings(value.get("tokens"))}
        joined |= {"".join(value["text"]) for value in values if _are_strings(value.get("text"))}
        joined |= {"".join(value["character"]) for value in values if _are_strings(value.get("character"))}
        spaced = {text.replace(" ", "") for text in known | joined}
        assert all(text in known or text.replace(" ", "") in spaced for text in texts)


def _are_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
