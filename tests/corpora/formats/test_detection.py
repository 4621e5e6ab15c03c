"""Formats are detected, and published splits without annotation are left out and reported."""

from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_zh_tw_ner.corpora.formats import detection
from spacy_zh_tw_ner.corpora.formats.detection import FORMATS, guess_format, is_unlabelled_file
from spacy_zh_tw_ner.corpora.records import FieldNames
from spacy_zh_tw_ner.errors import CorpusError
from tests.corpora.conversions import BOTH, CHARACTERS, SPANS, TAGS, TEXT, converted, lines

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
        "# text = 台北\n台北\n",  # the comment shows the format, so the reader reports the error
        "\ufeff台 S-LOC\r\n好 O\r\n",
        "# O\n台 B-LOC\n",
    ],
    "cluener": [
        '{"text": "好", "label": {}}\n{"text": "的"}\n',
        '\ufeff{"label": {"x": {"好": [[0, 0]]}}, "text": "好"}\r\n',
        '{"text": "[臺北](GPE)"}\n',
        '{"text": "好"}\n{"te',  # the reader reports the error
        '{"text": "好", "label": {}}\n{"sentence": "好"}\n',
    ],
    "doccano": [
        '{"id": 1, "text": "好", "label": []}\n{"text": "臺北", "label": [[0, 2, "GPE"]]}\n',
        '{"text": "好", "labels": [[0, 1, "X"]]}\n',
        '{"text": "好", "entities": [{"id": 1, "start_offset": 0, "end_offset": 1, "label": "X"}], "relations": []}\n',
        '{"text": "好", "entities": []}\n',
        '[\n {"text": "好", "label": []}\n]',
    ],
    "jsonl": [
        '{"text": "好", "spans": [{"start": 0, "end": 1, "label": "X"}]}\n',
        '{"text": "好", "entities": [[0, 1, "X"]]}\n',
        '{"text": "好", "entities": []}\n{"text": "好", "entities": [[0, 1, "X"]]}\n',
        '{"text": "好", "entities": [{"start": 0, "end": 1, "label": "X"}]}\n',
        '{"text": "好", "ents": [], "tokens": [{"id": 0}]}\n',
        '[{"text": "好", "spans": []}]',
    ],
    "label-studio": [
        '[{"id": 1, "data": {"text": "好"}, "annotations": [{"result": []}]}]',
        '\ufeff[\n  {\n "annotations": [], "data": {"content": "好"}}]',
        '{"data": {"text": "好"}, "predictions": []}\n',
    ],
    "label-studio-webhook": [
        '{"action": "ANNOTATION_UPDATED", "id": 7, "data": {"text": "好"}, "annotations": [{"id": 1, "result": []}]}\n',
        '{"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 1}]}\n',
        '{"action": "TASKS_DELETED", "tasks": [{"id": 1}]}\n{"action": "ANNOTATION_CREATED", "id',
    ],
    "hf": [
        '{"tokens": ["好"], "ner_tags": ["O"]}\n',
        '{"id": "0", "tokens": ["好"], "ner_tags": [0]}\n',
        '[{"tokens": [], "ner_tags": []}]',
        "PAR1",
    ],
}


@pytest.mark.parametrize(("name", "content"), [(name, content) for name, many in SAMPLES.items() for content in many])
def test_a_format_is_detected_by_content_not_by_file_name(name: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / "data.xyz"
    path.write_bytes(content.encode())
    assert guess_format(path) == name


def test_brat_is_detected_by_the_second_file_of_the_pair(tmp_path: Path) -> None:
    for name in ("a.txt", "a.ann"):
        (tmp_path / name).write_text("好 O\n", encoding="utf-8")
    assert [guess_format(tmp_path / name) for name in ("a.txt", "a.ann")] == ["brat", "brat"]


@pytest.mark.parametrize("name", ["a.spacy", "a.bin"])
def test_spacy_is_detected_by_content_alone(name: str, tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    for docs in ([], [nlp("臺北")] * 500):
        DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / name)
        assert guess_format(tmp_path / name) == "spacy"
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "00001.spacy").write_bytes((tmp_path / name).read_bytes())
    assert guess_format(tmp_path / "parts") == "spacy"


def test_a_folder_without_spacy_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="ZT202"):
        guess_format(tmp_path)


def test_the_error_has_a_reason_for_every_format(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text('{"sentence": "好", "annotations": []}\n')
    with pytest.raises(CorpusError) as caught:
        guess_format(path)
    for reason in (
        "spacy (not zlib data)",
        "brat (no .ann file of the same name)",
        "label-studio-webhook (no `action` of an annotation)",
        "label-studio (an object without `data`)",
        "hf (an object without `tokens` and `ner_tags`)",
        "doccano (no list in `label` or `labels`, and no `entities` with `start_offset`)",
        "jsonl (no list in `spans`, `entities`, `ents`)",
        "cluener (an object without `text`)",
        "columns (no column of tags such as O and B-PER)",
        "markup (no [text](LABEL) and no # doc = name)",
    ):
        assert reason in str(caught.value)
    path.write_text("[{'text': 1}]")
    with pytest.raises(CorpusError, match=r"doccano, jsonl, cluener \(\[ZT201\].*not JSON"):
        guess_format(path)


@pytest.mark.parametrize(
    "content",
    ["今天天氣很好。\n明天呢？\n", '{"sentence": "好"}\n', "台 LOC\n北 LOC\n", "<xml>台北</xml>\n", "# 筆記\n好\n"],
)
def test_an_unknown_format_is_an_error_that_lists_the_formats(content: str, tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        guess_format(path)
    message = str(caught.value)
    assert message.startswith(f"[ZT205] The format of {path} was not recognised.")
    assert all(name in message for name in FORMATS)
    assert "--format" in message


@pytest.mark.parametrize("content", ["", "\n\n", "  \r\n", "\ufeff", "# note\n"])
def test_a_file_without_sentences_is_an_error(content: str, tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_bytes(content.encode())
    with pytest.raises(CorpusError, match=r"^\[ZT203\] .*data\.txt holds no sentence"):
        guess_format(path)


COLUMNS = "".join(f"{char} {tag}\n" for char, tag in zip(CHARACTERS, TAGS, strict=True)) + "\n"
REGION = {"type": "labels", "value": {"start": 0, "end": 3, "labels": ["PERSON"]}}
GOOD: dict[str, object] = {
    "cluener.json": lines({"text": TEXT, "label": {"PERSON": {"林小華": [[0, 2]]}, "GPE": {"臺北市": [[4, 6]]}}}),
    "jsonl.jsonl": lines({"text": TEXT, "spans": SPANS}),
    "doccano.json": [{"text": TEXT, "label": [[0, 3, "PERSON"], [4, 7, "GPE"]]}],
    "hf.jsonl": lines({"tokens": CHARACTERS, "ner_tags": TAGS}),
    "columns.bio": COLUMNS,
}
BARE: dict[str, object] = {
    "cluener": lines({"id": 0, "text": TEXT}, {"id": 1, "text": "好"}),
    "null": lines({"text": TEXT, "label": None}),
    "no labels": lines({"text": TEXT, "label": {}}),
    "no spans": lines({"text": TEXT, "spans": []}),
    "doccano": [{"text": TEXT, "label": []}],
    "array": [{"text": TEXT}],
    "null tags": lines({"tokens": CHARACTERS, "ner_tags": None}),
    "no tags": lines({"tokens": CHARACTERS, "ner_tags": []}),
    "unknown tags": lines({"tokens": CHARACTERS, "ner_tags": [-100] * len(CHARACTERS)}),
    "O": lines({"tokens": CHARACTERS, "ner_tags": ["O"] * len(CHARACTERS)}),
    "tasks": [
        {"data": {"text": TEXT}, "annotations": []},
        {"data": {"text": TEXT}, "predictions": [{"result": [REGION]}]},
    ],
    "tokens": "林\n小\n華\n\n在\n",
}


@pytest.mark.parametrize("bare", BARE)
@pytest.mark.parametrize("good", GOOD)
def test_an_unlabelled_test_split_is_left_out(good: str, bare: str, tmp_path: Path) -> None:
    suffix = good.rpartition(".")[2]
    content = GOOD[good]
    train = content * 12 if isinstance(content, str | list) else content
    test_suffix = "bio" if bare == "tokens" else "json"
    files = {f"train.{suffix}": train, f"dev.{suffix}": content, f"test.{test_suffix}": BARE[bare]}
    done = converted(tmp_path, files)
    assert (done.splits["test"], len(done.splits["train"]), len(done.splits["dev"])) == (BOTH, 10, 2)
    assert "The test split is left out" in done.messages[0]
    assert "dev is used as test" in done.messages[1]


def test_an_unlabelled_dev_split_is_left_out_too(tmp_path: Path) -> None:
    good = lines({"text": TEXT, "spans": SPANS})
    done = converted(tmp_path, {"train.jsonl": good * 12, "dev.jsonl": BARE["cluener"], "test.jsonl": good})
    assert (done.splits["test"], len(done.splits["dev"])) == (BOTH, 2)


def test_a_split_with_one_annotation_is_not_left_out(tmp_path: Path) -> None:
    test = lines(*[{"text": "好"}] * 99, {"text": TEXT, "spans": SPANS})
    files = {"train.jsonl": lines({"text": TEXT, "spans": SPANS}), "dev.jsonl": test, "test.jsonl": test}
    assert [len(docs) for docs in converted(tmp_path, files).splits.values()] == [1, 100, 100]


def test_an_unlabelled_train_split_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="ZT204"):
        converted(tmp_path, {"train.jsonl": BARE["cluener"], "dev.jsonl": lines({"text": TEXT, "spans": SPANS})})


@pytest.mark.parametrize(
    "content", ["", "\n", "{broken", '{"text": 5', "今天天氣很好。\n", "台 O\n北 O\n", "[臺北](GPE)\n", "台北\n"]
)
def test_damaged_files_and_other_formats_are_not_unlabelled(content: str, tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    path.write_text(content, encoding="utf-8")
    assert not is_unlabelled_file(path, FieldNames())


@pytest.mark.parametrize("spans", [{"spans": [{"start": 0, "end": 2, "label": "GPE"}]}, {"label": [[0, 2, "GPE"]]}])
def test_texts_without_annotation_before_the_sample_ends_do_not_decide(
    spans: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "N_OBJECTS", 3)
    rows = [{"text": "好。"}] * 9 + [{"text": "臺北好", **spans}]
    done = converted(tmp_path, {"a.jsonl": lines(*rows)})
    assert done.docs == [("好。", [])] * 9 + [("臺北好", [("臺北", "GPE")])]
