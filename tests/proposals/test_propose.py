"""`propose` writes a `.spacy` file that training reads, a report, and what could not be used."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc

from spacy_zh_tw_ner.corpora.formats.docbin import read_docbin
from spacy_zh_tw_ner.errors import CorpusError, MissingExtraError, OutputError, PipelineError, UsageError
from spacy_zh_tw_ner.proposals import make_settings, propose
from spacy_zh_tw_ner.training.char_corpus import CharCorpus

WORDS = {"type": "gazetteer", "precision": 0.9, "words": {"LOC": ["新竹"], "ORG": ["鴻海"], "O": ["今天"]}}
TEXTS = ["鴻海今天在新竹設廠。", "天氣好"]


def run(folder: Path, texts: list[str], *sources: dict[str, Any], **settings: Any) -> tuple[list[Doc], dict[str, Any]]:
    (folder / "texts.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    content = {"labels": ["ORG", "LOC"], "source": list(sources), **settings}
    made = make_settings(content, folder=folder)
    propose(folder / "texts.txt", folder / "out.spacy", made, force=True, notify=lambda message: None)
    docs = list(read_docbin(folder / "out.spacy").get_docs(spacy.blank("zh_tw").vocab))
    return docs, json.loads((folder / "out.json").read_text(encoding="utf-8"))


def kinds(doc: Doc) -> str:
    return "".join("?IOB"[token.ent_iob] for token in doc)


def test_a_file_has_entities_o_and_unknown_tokens(tmp_path: Path) -> None:
    docs, report = run(tmp_path, TEXTS, WORDS, outside_weight=0.6)
    assert [kinds(doc) for doc in docs] == ["BIOO?BI???", "???"]
    assert [doc.user_data["outside_weight"] for doc in docs] == [0.6, 0.6]
    assert docs[0].user_data["origin"].endswith("texts.txt:1")
    assert report["characters_by_kind"] == {"entities": 4, "alternatives": 0, "outside": 2, "silent": 7}
    assert report["annotated"] == {"ORG": 1, "LOC": 1}
    examples = list(CharCorpus(tmp_path / "out.spacy")(spacy.blank("zh_tw")))
    assert [example.text for example in examples] == TEXTS
    assert not (tmp_path / "out.rejects.jsonl").exists()


def test_sources_that_agree_and_contradict_each_other_are_counted(tmp_path: Path) -> None:
    other = {"name": "other", "type": "gazetteer", "precision": 0.9, "words": {"LOC": ["新竹", "鴻海"]}}
    docs, report = run(tmp_path, TEXTS, WORDS, other)
    assert [(span.text, span.label_) for span in docs[0].spans["alternatives"]] == [("鴻海", "LOC"), ("鴻海", "ORG")]
    assert kinds(docs[0])[:2] == "??"
    for name in ("gazetteer", "other"):
        tally = report["sources"][name]
        assert (tally["proposals"], tally["agreed"], tally["contradicted"], tally["annotated"]) == (2, 1, 1, 1)
    assert report["conflicts"] == 1
    assert report["examples"][0]["text"] == TEXTS[0]


def test_a_source_that_proposes_overlapping_spans_gives_alternatives(tmp_path: Path) -> None:
    patterns = {"type": "patterns", "precision": 0.9, "patterns": {"ORG": ["鴻海", "鴻海今天"]}}
    docs, report = run(tmp_path, TEXTS, patterns, WORDS)
    assert [(span.text, span.label_) for span in docs[0].spans["alternatives"]][:2] == [
        ("鴻海", "ORG"),
        ("鴻海今天", "ORG"),
    ]
    assert report["sources"]["patterns"]["overlapping"] == 2


def test_an_unknown_label_is_rejected_and_listed(tmp_path: Path) -> None:
    lines = [{"text": TEXTS[0], "entities": [{"text": "新竹", "label": "CITY"}]}, {"text": "另一句", "entities": []}]
    answers = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (tmp_path / "answers.jsonl").write_text(answers, encoding="utf-8")
    llm = {"name": "llm", "type": "answers", "precision": 0.9, "file": "answers.jsonl"}
    _, report = run(tmp_path, TEXTS, WORDS, llm)
    assert report["sources"]["llm"]["rejected"] == {"not one of the texts to annotate": 1, "unknown label 'CITY'": 1}
    rejects = [json.loads(line) for line in (tmp_path / "out.rejects.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [reject["source"] for reject in rejects] == ["llm", "llm"]
    assert report["rejects"] == 2
    _, report = run(tmp_path, TEXTS, WORDS, {**llm, "labels": {"CITY": "LOC"}})
    assert report["sources"]["llm"]["agreed"] == 1


def test_texts_with_annotations_keep_them(tmp_path: Path) -> None:
    lines = [
        {"text": TEXTS[0], "entities": [[5, 7, "LOC"]]},
        {"text": TEXTS[1], "entities": []},
        {"text": " ", "entities": []},
    ]
    source = tmp_path / "texts.jsonl"
    source.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    settings, said = make_settings({"labels": ["ORG", "LOC"], "source": [WORDS]}, folder=tmp_path), []
    report = propose(source, tmp_path / "out.spacy", settings, notify=said.append)
    docs = list(read_docbin(tmp_path / "out.spacy").get_docs(spacy.blank("zh_tw").vocab))
    assert [kinds(doc) for doc in docs] == ["OOOOOBIOOO", "???"]
    assert "outside_weight" not in docs[0].user_data
    assert (report.texts, report.already_annotated) == (2, 1)
    assert any("1 texts without characters are left out" in message for message in said)


@pytest.mark.parametrize("text", ["鴻海 今天", "A 鴻海\u3000B", "𠮷鴻海👍"])
def test_spaces_and_rare_characters_move_no_offset(tmp_path: Path, text: str) -> None:
    docs, _ = run(tmp_path, [text], WORDS)
    assert [ent.text for ent in docs[0].ents] == ["鴻海"]
    assert docs[0].text == text


def test_nothing_is_written_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"ZT788.*sources: gazetteer"):
        run(tmp_path, ["天氣好"], WORDS)
    with pytest.raises(UsageError, match=r"ZT782.*none\.txt"):
        run(tmp_path, TEXTS, {**WORDS, "words": {"LOC": ["none.txt"]}})
    with pytest.raises(PipelineError):
        run(tmp_path, TEXTS, {"type": "pipeline", "precision": 0.9, "pipeline": "no_such_pipeline"})
    with pytest.raises(MissingExtraError, match="gliner"):
        run(tmp_path, TEXTS, {"type": "gliner", "precision": 0.9, "model": "a/b", "prompts": {"LOC": "city"}})
    assert [path.name for path in tmp_path.iterdir()] == ["texts.txt"]


def test_existing_and_wrong_outputs_are_refused(tmp_path: Path) -> None:
    run(tmp_path, TEXTS, WORDS)
    settings = make_settings({"labels": ["ORG", "LOC"], "source": [WORDS]}, folder=tmp_path)
    with pytest.raises(OutputError, match="ZT670"):
        propose(tmp_path / "texts.txt", tmp_path / "out.spacy", settings)
    with pytest.raises(OutputError, match="ZT787"):
        propose(tmp_path / "texts.txt", tmp_path / "out.jsonl", settings)
    propose(tmp_path / "texts.txt", tmp_path / "out.spacy", settings, force=True)
    for content in ("my notes", '[{"text": "a corpus"}]', '{"text": "an answer", "entities": []}'):
        (tmp_path / "out.json").write_text(content, encoding="utf-8")
        with pytest.raises(OutputError, match="ZT671"):
            propose(tmp_path / "texts.txt", tmp_path / "out.spacy", settings, force=True)
        assert (tmp_path / "out.json").read_text(encoding="utf-8") == content
    (tmp_path / "empty.txt").write_text("\n\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="ZT20"):
        propose(tmp_path / "empty.txt", tmp_path / "other.spacy", settings)
    with pytest.raises(CorpusError, match="ZT202"):
        propose(tmp_path / "none.txt", tmp_path / "other.spacy", settings)


def test_word_files_and_the_places_of_taiwan_are_read(tmp_path: Path) -> None:
    (tmp_path / "orgs.txt").write_text("\ufeff鴻海\r\n\n", encoding="utf-8")
    words = {**WORDS, "words": {"LOC": ["taiwan:places"], "ORG": ["orgs.txt"]}}
    docs, _ = run(tmp_path, ["鴻海在台北市大安區設廠，成功。"], words)
    assert [ent.text for ent in docs[0].ents] == ["鴻海", "台北市", "大安區"]
