"""Lines and JSON objects are read in chunks of any size."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora import text_files
from spacy_zh_tw_ner.corpora.text_files import is_json_array, json_objects, numbered_lines
from spacy_zh_tw_ner.errors import CorpusError


@pytest.fixture(params=[1, 3, 7, 1 << 20])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Set the number of bytes read at once; results must not depend on it."""
    monkeypatch.setattr(text_files, "CHUNK", request.param)
    return int(request.param)


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "data"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_only_line_feeds_end_lines(chunk: int, tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff甲\u2028乙\x85\r\n\n丙\x0b\x0c\r丁\r\n𠮷\ufeff")
    read: list[float] = []
    assert list(numbered_lines(path, read.append)) == [
        (1, "甲\u2028乙\x85"),
        (2, ""),
        (3, "丙\x0b\x0c\r丁"),
        (4, "𠮷\ufeff"),
    ]
    assert sum(read) == path.stat().st_size


@pytest.mark.parametrize(("content", "lines"), [("", []), ("\n", [""]), ("a", ["a"]), ("a\n", ["a"]), ("a\r", ["a"])])
def test_the_last_line_needs_no_line_feed(content: str, lines: list[str], chunk: int, tmp_path: Path) -> None:
    assert [line for _, line in numbered_lines(write(tmp_path, content))] == lines


@pytest.mark.parametrize("broken", [b"\xff", b"\xe5\x8c", b"\xed\xa0\xbd"])
def test_a_byte_that_is_not_utf8_is_reported_with_its_line(broken: bytes, chunk: int, tmp_path: Path) -> None:
    data = "\ufeff台北\n\n好".encode() + broken
    for ending in (b"", b"\nmore\n"):
        with pytest.raises(CorpusError) as caught:
            list(numbered_lines(write(tmp_path, data + ending)))
        assert f"data:3: byte {data.rindex(broken)} is not UTF-8" in str(caught.value)


VALUES: list[Any] = [{"text": "台北 ] [ } , 𠮷"}, {}, {"a": [{"b": '\n"\\'}, 1.5e3, None, True]}, {"text": "\u2028"}]


@pytest.mark.parametrize("form", ["lines", "compact", "indented", "spaced"])
def test_objects_are_read_from_lines_or_an_array(form: str, chunk: int, tmp_path: Path) -> None:
    written = {
        "lines": "".join(json.dumps(value, ensure_ascii=False) + "\r\n\n" for value in VALUES),
        "compact": json.dumps(VALUES, separators=(",", ":")),
        "indented": "\ufeff" + json.dumps(VALUES, indent=2, ensure_ascii=False),
        "spaced": "\n \n[\n" + "\n,\n".join(map(json.dumps, VALUES)) + "\n]\n\n",
    }[form]
    path = write(tmp_path, written)
    assert is_json_array(path) == (form != "lines")
    assert [data for _, data in json_objects(path)] == VALUES


def test_objects_have_the_line_as_origin(chunk: int, tmp_path: Path) -> None:
    path = write(tmp_path, '[{"a":\n1}, {},\n\n{"b": "\\n"}\n,{}]')
    assert [origin.rpartition(":")[2] for origin, _ in json_objects(path)] == ["1", "2", "4", "5"]


@given(
    st.lists(st.dictionaries(st.text(), st.recursive(st.text() | st.integers(), st.lists), max_size=3), max_size=5),
    st.integers(1, 20),
)
def test_arrays_are_parsed_as_by_the_json_module(values: list[dict[str, Any]], chunk: int) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "CHUNK", chunk)
        path = write(Path(folder), json.dumps(values, ensure_ascii=False))
        assert [data for _, data in json_objects(path)] == values


@pytest.mark.parametrize("array", ["[", "[ ]", "\n[{", " [\n {}]", "\ufeff[]"])
def test_json_arrays_are_recognized(array: str, tmp_path: Path) -> None:
    assert is_json_array(write(tmp_path, array))


@pytest.mark.parametrize("other", ["", "[臺北](GPE)", "{}", "\\[", "好", "[1]", '["a"]'])
def test_markup_is_not_recognized_as_an_array(other: str, tmp_path: Path) -> None:
    assert not is_json_array(write(tmp_path, other))


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ('[{"a": 1},\n{"b": }, {"c": 1}, {"d": "a long value behind it"}]', 2, "Expecting value"),
        ('[{"a": 1},\n{"b": "not closed', 2, "Unterminated string"),
        ('[{"a": 1},\n{"b": 1}\n', 3, "the array does not end"),
        ("[", 1, "the array does not end"),
        ('[{"a": 1}, 7]', 1, "not a JSON object"),
        ('{"a": 1}\n[]\n', 2, "not a JSON object"),
        ('{"a": 1}\n{"b"}\n', 2, "not JSON"),
        ('{"a": 1}\n' + '{"b":' * 100_000, 2, "not JSON"),
    ],
)
def test_a_value_that_is_not_an_object_is_reported_with_its_line(
    content: str, line: int, reason: str, chunk: int, tmp_path: Path
) -> None:
    if len(content) > 10_000 and chunk < 100:
        pytest.skip("takes long in such small pieces, and is read by lines")
    with pytest.raises(CorpusError) as caught:
        list(json_objects(write(tmp_path, content)))
    assert f"data:{line} cannot be used: " in str(caught.value)
    assert reason in str(caught.value)


def test_a_broken_array_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path, '[{"a" 1}, ' + "7, " * (1 << 20) + "0]")
    read: list[float] = []
    with pytest.raises(CorpusError, match="Expecting ':' delimiter"):
        list(json_objects(path, read.append))
    assert sum(read) < path.stat().st_size / 2
