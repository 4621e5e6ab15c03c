"""Annotations and predictions are exported to the formats of annotation tools."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_zh_tw_ner.components.span_annotations import register_extension, write_scores
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.corpora.export import WRITERS, config_path, export, labels_of, propose, write_corpus
from spacy_zh_tw_ner.corpora.export_order import Proposal, most_uncertain_first
from spacy_zh_tw_ner.corpora.formats.label_studio_config import read_label_config
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.entities import Entity, Prediction
from spacy_zh_tw_ner.errors import CorpusError, OutputError

GOLD = "# doc = a\n[𠮷野家](ORG)在[臺北市](GPE)。\n好天氣。\n"
TEXTS = ["甲乙0.9", "甲0.3乙", "丙丁", "甲0.6"]


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    (tmp_path / "gold.txt").write_text(GOLD, encoding="utf-8")
    convert(tmp_path / "gold.txt", tmp_path / "gold.spacy", ConvertSettings(script="none"))
    return tmp_path / "gold.spacy"


@Language.component("test_finds_a")
def finds_a(doc: Doc) -> Doc:
    """Annotate 甲 as an A; its score is the number in the text."""
    found = tuple(Entity(token.i, token.i + 1, "A") for token in doc if token.text == "甲")
    number = "".join(token.text for token in doc if token.text in "0123456789.")
    write_scores(doc, Prediction(found, tuple(float(number) for _ in found)))
    doc.set_ents(list(doc.spans["ner"]))
    return doc


@pytest.fixture
def finder() -> Language:
    register_extension()
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("test_finds_a")
    return nlp


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    (tmp_path / "texts.txt").write_text("\n\n".join(TEXTS) + "\n", encoding="utf-8")
    return tmp_path / "texts.txt"


def objects(path: Path) -> list[dict[str, Any]]:
    content = path.read_text(encoding="utf-8")
    return list(json.loads(content)) if content.startswith("[") else [json.loads(line) for line in content.splitlines()]


def test_doccano_spans_are_start_end_label(gold: Path, tmp_path: Path) -> None:
    assert export(gold, tmp_path / "out", "doccano") == 2
    assert objects(tmp_path / "out") == [
        {"text": "𠮷野家在臺北市。", "label": [[0, 3, "ORG"], [4, 7, "GPE"]], "doc_id": "a"},
        {"text": "好天氣。", "label": [], "doc_id": "a"},
    ]


def test_label_studio_has_code_point_offsets_and_span_texts(gold: Path, tmp_path: Path) -> None:
    export(gold, tmp_path / "out", "label-studio")
    first, second = objects(tmp_path / "out")
    assert (first["id"], first["data"]["text"], second["annotations"]) == (1, "𠮷野家在臺北市。", [{"result": []}])
    (annotation,) = first["annotations"]
    assert [result["value"] for result in annotation["result"]] == [
        {"start": 0, "end": 3, "text": "𠮷野家", "labels": ["ORG"]},
        {"start": 4, "end": 7, "text": "臺北市", "labels": ["GPE"]},
    ]
    assert {(r["from_name"], r["to_name"], r["type"]) for r in annotation["result"]} == {("label", "text", "labels")}


def test_label_studio_gets_a_labelling_configuration(gold: Path, finder: Language, tmp_path: Path) -> None:
    for target, nlp in (("a.json", None), ("b", finder)):
        export(gold, tmp_path / target, "label-studio", nlp=nlp, notify=str)
        config = config_path(tmp_path / target)
        assert config.name == f"{target[0]}.config.xml"
        (control,) = read_label_config(config.read_text(encoding="utf-8"))
        labels = {*labels_of(nlp)} if nlp else set()
        for task in objects(tmp_path / target):
            assert control.field in task["data"]
            for region in (task.get("annotations") or task["predictions"])[0]["result"]:
                assert (control.name, control.text) == (region["from_name"], region["to_name"])
                labels |= {*region["value"]["labels"]}
        assert {*control.labels} == labels
    config_path(tmp_path / "c.json").write_text("mine")
    with pytest.raises(OutputError, match=r"\[ZT670\] .*c.config.xml exists already"):
        export(gold, tmp_path / "c.json", "label-studio")
    assert not (tmp_path / "c.json").exists()
    export(gold, tmp_path / "c.json", "label-studio", force=True)
    record = Record("好", [Entity(0, 1, "\x01")], "a")
    with pytest.raises(CorpusError, match=r"\[ZT235\] label-studio cannot hold a label with a control character"):
        write_corpus([(record, [])], tmp_path / "d.json", "label-studio", model=None)


def test_jsonl_has_the_origin_of_each_text(gold: Path, tmp_path: Path) -> None:
    export(gold, tmp_path / "out", "jsonl")
    first, _ = objects(tmp_path / "out")
    assert first["spans"][1] == {"start": 4, "end": 7, "label": "GPE", "text": "臺北市"}
    assert first["meta"] == {"origin": f"{tmp_path / 'gold.txt'}:2", "doc_id": "a"}


def test_hugging_face_has_characters_and_tag_names(gold: Path, tmp_path: Path) -> None:
    export(gold, tmp_path / "out", "hf")
    first, _ = objects(tmp_path / "out")
    assert first["tokens"] == list("𠮷野家在臺北市。")
    assert first["ner_tags"] == ["B-ORG", "I-ORG", "I-ORG", "O", "B-GPE", "I-GPE", "I-GPE", "O"]


@pytest.mark.parametrize(("format", "last"), [("bio", "I"), ("bioes", "E")])
def test_columns_have_a_text_comment_and_one_character_per_line(
    format: str, last: str, gold: Path, tmp_path: Path
) -> None:
    export(gold, tmp_path / "out", format)
    assert (tmp_path / "out").read_bytes().decode() == (
        f"# newdoc id = a\n# text = 𠮷野家在臺北市。\n𠮷\tB-ORG\n野\tI-ORG\n家\t{last}-ORG\n在\tO\n臺\tB-GPE\n"
        f"北\tI-GPE\n市\t{last}-GPE\n。\tO\n\n# text = 好天氣。\n好\tO\n天\tO\n氣\tO\n。\tO\n\n"
    )


def test_brat_has_pairs_of_files(gold: Path, tmp_path: Path) -> None:
    export(gold, tmp_path / "out", "brat")
    files = {path.name: path.read_bytes().decode() for path in (tmp_path / "out").iterdir()}
    assert files == {
        "000001.txt": "𠮷野家在臺北市。",
        "000001.ann": "T1\tORG 0 3\t𠮷野家\nT2\tGPE 4 7\t臺北市\n",
        "000002.txt": "好天氣。",
        "000002.ann": "",
    }


def test_every_input_format_can_be_exported(tmp_path: Path) -> None:
    (tmp_path / "gold.txt").write_text(GOLD, encoding="utf-8")
    assert export(tmp_path / "gold.txt", tmp_path / "a.jsonl", "jsonl") == 2
    assert export(tmp_path / "a.jsonl", tmp_path / "b.bio", "bio") == 2


def test_a_pipeline_annotates_texts_with_scores(finder: Language, texts: Path, tmp_path: Path) -> None:
    messages: list[str] = []
    n = export(texts, tmp_path / "out", "jsonl", nlp=finder, model="finder", notify=messages.append)
    assert n == 4
    assert messages == [f"{texts} is in no known annotation format, so each line is read as one text."]
    found = objects(tmp_path / "out")
    assert [data["text"] for data in found] == TEXTS
    assert found[0]["spans"] == [{"start": 0, "end": 1, "label": "A", "text": "甲", "score": 0.9}]
    assert found[1]["meta"]["origin"] == f"{texts}:3"


def test_label_studio_has_predictions_of_a_pipeline_not_annotations(
    finder: Language, texts: Path, tmp_path: Path
) -> None:
    export(texts, tmp_path / "out", "label-studio", nlp=finder, model="finder", notify=lambda message: None)
    first, _, third, _ = objects(tmp_path / "out")
    assert "annotations" not in first
    assert first["predictions"][0] | {"result": []} == {"model_version": "finder", "score": 0.9, "result": []}
    assert first["predictions"][0]["result"][0]["score"] == 0.9
    assert third["predictions"] == [{"model_version": "finder", "result": []}]


@pytest.mark.parametrize(
    ("format", "written"),
    [("doccano", '"scores": [0.3]'), ("hf", '"scores": [0.3]'), ("bio", "# score = 0.3000\n# text = 甲0.3乙\n")],
)
def test_doccano_hf_and_columns_have_scores(
    format: str, written: str, finder: Language, texts: Path, tmp_path: Path
) -> None:
    export(texts, tmp_path / "out", format, nlp=finder, notify=lambda message: None)
    assert written in (tmp_path / "out").read_text(encoding="utf-8")


def test_brat_has_scores_as_notes(finder: Language, texts: Path, tmp_path: Path) -> None:
    export(texts, tmp_path / "out", "brat", nlp=finder, order="uncertain", notify=lambda message: None)
    assert (tmp_path / "out" / "000001.ann").read_text() == "T1\tA 0 1\t甲\n#1\tAnnotatorNotes T1\t0.3000\n"


def test_the_lowest_scores_come_first(finder: Language, texts: Path, tmp_path: Path) -> None:
    export(texts, tmp_path / "out", "jsonl", nlp=finder, order="uncertain", notify=lambda message: None)
    assert [data["text"] for data in objects(tmp_path / "out")] == ["甲0.3乙", "甲0.6", "甲乙0.9", "丙丁"]


def test_sorting_changes_nothing_but_the_order() -> None:
    given = [Proposal(Record(f"{i}", [Entity(0, 1, "X")] * 2, "o", "d"), [0.5, 1 - i / 9]) for i in range(9)]
    assert list(most_uncertain_first(given)) == given[5:][::-1] + given[:5]


def test_gold_annotations_are_ignored_with_a_pipeline(finder: Language, gold: Path, tmp_path: Path) -> None:
    export(gold, tmp_path / "out", "jsonl", nlp=finder)
    assert [(data["spans"], data["meta"]["doc_id"]) for data in objects(tmp_path / "out")] == [([], "a")] * 2


def test_predicted_entities_are_trimmed_and_need_no_scores(nlp: Language) -> None:
    ruler: Any = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "X", "pattern": "\n臺北"}, {"label": "Y", "pattern": "\u3000"}])
    (proposal,) = propose(nlp, [Record("在\n臺北\u3000好", [], "x:1")])
    assert proposal == Proposal(Record("在\n臺北\u3000好", [Entity(2, 4, "X")], "x:1"), [])


@pytest.mark.parametrize(
    ("format", "text", "label", "reason"),
    [
        ("bio", "甲\n乙", "X", "a line break"),
        ("bioes", "甲乙\r", "X", "a line break"),
        ("bio", "甲乙", "X Y", "a label with white space"),
        ("hf", "甲乙", "X Y", "a label with white space"),
        ("brat", "甲乙", "X Y", "a label with white space"),
        ("brat", "\ufeff甲乙", "X", "a byte order mark"),
    ],
)
def test_an_unsuitable_format_is_an_error_that_lists_suitable_ones(
    format: str, text: str, label: str, reason: str, tmp_path: Path
) -> None:
    source, target = tmp_path / "a.jsonl", tmp_path / "out" / "b"
    start = text.index("甲")
    lines = [{"text": "好", "spans": []}, {"text": text, "spans": [{"start": start, "end": start + 1, "label": label}]}]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(CorpusError) as caught:
        export(source, target, format)
    assert str(caught.value).startswith(f"[ZT235] {format} cannot hold {reason}, as in {source}:2: ")
    assert "jsonl" in str(caught.value).rpartition("from ")[2]
    assert not (tmp_path / "out").exists()


def test_an_invalid_annotation_is_an_error(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "甲乙", "spans": [[0, 9, "X"]]}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"^\[ZT230\] .*a\.jsonl:1: the annotation X at 0–9"):
        export(source, tmp_path / "b", "doccano")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("format", WRITERS)
def test_no_files_are_left_when_reading_fails(format: str, tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "甲乙", "spans": [[0, 1, "X"]]}\n{"text": 5, "spans": []}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match="ZT201"):
        export(source, tmp_path / "b", format)
    assert list(tmp_path.iterdir()) == [source]


def test_a_file_is_replaced_with_force_but_a_folder_with_files_is_not(gold: Path, tmp_path: Path) -> None:
    for force in (False, True):
        export(gold, tmp_path / "out.jsonl", "jsonl", force=force)
    before = (tmp_path / "out.jsonl").read_bytes()
    with pytest.raises(OutputError, match="ZT670"):
        export(gold, tmp_path / "out.jsonl", "jsonl")
    with pytest.raises(OutputError, match="ZT673"):
        export(tmp_path / "out.jsonl", tmp_path / "out.jsonl", "doccano", force=True)
    assert (tmp_path / "out.jsonl").read_bytes() == before
    (tmp_path / "empty").mkdir()
    export(gold, tmp_path / "empty", "brat")
    for taken, format in (("empty", "brat"), ("out.jsonl", "brat"), ("empty", "jsonl"), ("nothing", "jsonl")):
        (tmp_path / "nothing").mkdir(exist_ok=True)
        with pytest.raises(CorpusError, match="ZT233"):
            export(gold, tmp_path / taken, format)
    assert len(list((tmp_path / "empty").iterdir())) == 4


def test_an_unknown_format_or_order_is_an_error_that_lists_the_choices(gold: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"^\[ZT232\] Unknown output format 'conll'.*doccano, label-studio, bio"):
        export(gold, tmp_path / "b", "conll")
    for order in ("best", "uncertain"):
        with pytest.raises(CorpusError, match=rf"^\[ZT231\] --order '{order}' is unknown, or needs a pipeline"):
            export(gold, tmp_path / "b", "jsonl", order=order)


def test_an_input_without_texts_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "甲", "spans": [], "answer": "reject"}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match="ZT234"):
        export(tmp_path / "a.jsonl", tmp_path / "b", "jsonl", notify=lambda message: None)


def test_texts_are_streamed(finder: Language) -> None:
    """Only a batch or two are read ahead from an endless source."""
    taken = 0

    def endless() -> Iterator[Record]:
        nonlocal taken
        while True:
            taken += 1
            yield Record("丙", [], "x")

    proposals = propose(finder, endless())
    assert next(proposals).record.text == "丙"
    assert taken <= 2 * finder.batch_size
