"""Which format is a file in."""

from pathlib import Path

import pytest

from spacy_zh_tw_ner.corpora.formats import FORMATS, guess_format
from spacy_zh_tw_ner.errors import CorpusError

SAMPLES = {
    "markup": [
        "[臺北](GPE)好。\n",
        "# doc = a\n今天天氣很好。\n",
        "好。\n\n\n好。\n[臺北](GPE)",
        "\ufeff# doc = a\r\n[臺北](GPE)\r\n",
        "今天 O\n[臺北](GPE)\n",
    ],
    "columns": [
        "台 B-LOC\n北 I-LOC\n\n好 O\n",
        "台\tO\n",
        "1\t台北\tB-LOC\t-\t-\n",
        "-DOCSTART- -X- O O\n\n台 N O B-LOC\n好 A O O\n",
        "# text = 台北好\n台北 B-LOC\n好 O\n",
        "# text = 台北\n台北\n",  # named by its comment, so that the reader can say what is wrong with it
        "\ufeff台 S-LOC\r\n好 O\r\n",
        "# O\n台 B-LOC\n",
    ],
    "cluener": [
        '{"text": "好", "label": {}}\n{"text": "的"}\n',
        '\ufeff{"label": {"x": {"好": [[0, 0]]}}, "text": "好"}\r\n',
        '{"text": "[臺北](GPE)"}\n',
    ],
}


@pytest.mark.parametrize(("name", "content"), [(name, content) for name, many in SAMPLES.items() for content in many])
def test_a_format_is_told_by_content_whatever_the_name(name: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / "data.xyz"
    path.write_bytes(content.encode())
    assert guess_format(path) == name


@pytest.mark.parametrize(
    "content",
    ["今天天氣很好。\n明天呢？\n", '{"sentence": "好"}\n', "台 LOC\n北 LOC\n", "<xml>台北</xml>\n", "# 筆記\n好\n"],
)
def test_an_unknown_format_says_what_was_tried(content: str, tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        guess_format(path)
    message = str(caught.value)
    assert message.startswith(f"[ZT205] The format of {path} was not recognised.")
    assert all(name in message for name in FORMATS)
    assert "--format" in message


@pytest.mark.parametrize("content", ["", "\n\n", "  \r\n", "\ufeff", "# note\n"])
def test_a_file_without_a_sentence_says_so(content: str, tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_bytes(content.encode())
    with pytest.raises(CorpusError, match=r"^\[ZT203\] .*data\.txt holds no sentence"):
        guess_format(path)
