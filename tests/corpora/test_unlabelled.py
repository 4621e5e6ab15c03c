"""Published test splits without labels are left out and told, and dev takes their place."""

from pathlib import Path

import pytest
from conversions import BOTH, CHARACTERS, SPANS, TAGS, TEXT, converted, lines

from spacy_zh_tw_ner.corpora.formats.detection import is_unlabelled_file
from spacy_zh_tw_ner.corpora.records import FieldNames
from spacy_zh_tw_ner.errors import CorpusError

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
    assert "The test split is left out" in done.told[0]
    assert "dev is taken as test" in done.told[1]


def test_an_unlabelled_dev_split_is_left_out_too(tmp_path: Path) -> None:
    good = lines({"text": TEXT, "spans": SPANS})
    done = converted(tmp_path, {"train.jsonl": good * 12, "dev.jsonl": BARE["cluener"], "test.jsonl": good})
    assert (done.splits["test"], len(done.splits["dev"])) == (BOTH, 2)


def test_one_annotation_makes_a_split(tmp_path: Path) -> None:
    test = lines(*[{"text": "好"}] * 99, {"text": TEXT, "spans": SPANS})
    files = {"train.jsonl": lines({"text": TEXT, "spans": SPANS}), "dev.jsonl": test, "test.jsonl": test}
    assert [len(docs) for docs in converted(tmp_path, files).splits.values()] == [1, 100, 100]


def test_an_unlabelled_train_split_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="ZT204"):
        converted(tmp_path, {"train.jsonl": BARE["cluener"], "dev.jsonl": lines({"text": TEXT, "spans": SPANS})})


@pytest.mark.parametrize(
    "content", ["", "\n", "{broken", '{"text": 5', "今天天氣很好。\n", "台 O\n北 O\n", "[臺北](GPE)\n", "台北\n"]
)
def test_what_is_broken_or_another_format_is_for_its_reader(content: str, tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    path.write_text(content, encoding="utf-8")
    assert not is_unlabelled_file(path, FieldNames())
