"""Corpora are converted to `.spacy` completely or not at all, and every rejected annotation is reported."""

import json
import tracemalloc
from functools import partial
from pathlib import Path

import opencc
import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.corpora.formats.docbin_writer import SpacyWriter
from spacy_zh_tw_ner.corpora.splits import CORPORA_VARIABLE
from spacy_zh_tw_ner.corpora.validate import validate
from spacy_zh_tw_ner.errors import CorpusError, OutputError

GOOD = "[臺北市](GPE)的夏天。\n[台積電](ORG)上漲。\n好天氣。\n"


def folder(tmp_path: Path, **files: str | bytes) -> Path:
    """Write a corpus of files named by split, and return its folder."""
    source = tmp_path / "source"
    source.mkdir()
    for split, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (source / f"x-{split}.txt").write_bytes(data)
    return source


def read(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(spacy.blank("zh_tw").vocab))


def texts(path: Path) -> list[str]:
    return [doc.text for doc in read(path)]


def fails(source: Path, target: Path, **settings: str | int) -> str:
    with pytest.raises(CorpusError) as caught:
        convert(source, target, ConvertSettings(**settings), notify=lambda message: None)  # type: ignore[arg-type]
    return str(caught.value)


def written(target: Path) -> list[str]:
    return sorted(path.name for path in target.rglob("*")) if target.exists() else []


def test_a_folder_with_splits_becomes_three_files(tmp_path: Path) -> None:
    source, target = folder(tmp_path, train=GOOD, dev="[台南](GPE)\n", test="[高雄](GPE)\n"), tmp_path / "out" / "a"
    messages: list[str] = []
    tallies = convert(source, target, ConvertSettings(), notify=messages.append)
    assert {path.name: (t.sentences, t.entities, t.repaired, t.rejected) for path, t in tallies.items()} == {
        "train.spacy": (3, 2, 0, 0),
        "dev.spacy": (1, 1, 0, 0),
        "test.spacy": (1, 1, 0, 0),
    }
    assert written(target) == ["dev.spacy", "test.spacy", "train.spacy"]
    assert messages == []
    first, second, third = read(target / "train.spacy")
    assert [(e.text, e.label_, e.start_char) for e in first.ents] == [("臺北市", "GPE", 0)]
    assert (first.text, first[0].ent_iob_, third[0].ent_iob_) == ("臺北市的夏天。", "B", "O")
    assert second.user_data["origin"] == f"{source / 'x-train.txt'}:2"


def test_a_file_becomes_one_spacy_file(tmp_path: Path) -> None:
    source, target = folder(tmp_path, train=GOOD) / "x-train.txt", tmp_path / "out" / "mine.spacy"
    (tally,) = convert(source, target, ConvertSettings()).values()
    assert (tally.sentences, tally.entities) == (3, 2)
    assert written(target.parent) == ["mine.spacy"]
    assert texts(target) == ["臺北市的夏天。", "台積電上漲。", "好天氣。"]


def test_split_folders_may_hold_any_number_of_files(tmp_path: Path) -> None:
    for split in ("train", "Valid", "test"):
        (tmp_path / "s" / split / "more").mkdir(parents=True)
        (tmp_path / "s" / split / "b.txt").write_text("[乙](X)\n", encoding="utf-8")
        (tmp_path / "s" / split / "a.bio").write_text("甲 B-X\n", encoding="utf-8")
        (tmp_path / "s" / split / "more" / "c.json").write_text('{"text": "丙"}\n', encoding="utf-8")
        (tmp_path / "s" / split / "README.md").write_text("no data", encoding="utf-8")
    convert(tmp_path / "s", tmp_path / "out", ConvertSettings(script="none"))
    for split in ("train", "dev", "test"):
        assert texts(tmp_path / "out" / f"{split}.spacy") == ["甲", "乙", "丙"]


@pytest.mark.parametrize("split", ["train", "dev", "test"])
@pytest.mark.parametrize("broken", ["[臺北(GPE)\n", b"[\xe8\x87\xba\xff](GPE)\n", "\n"])
def test_nothing_is_written_when_a_split_is_broken(split: str, broken: str | bytes, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"train": GOOD, "dev": GOOD, "test": GOOD} | {split: broken}
    message = fails(folder(tmp_path, **files), tmp_path / "out")
    assert f"x-{split}.txt" in message
    assert written(tmp_path / "out") == []


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_failed_conversion_leaves_existing_outputs_unchanged(split: str, tmp_path: Path) -> None:
    target = tmp_path / "out"
    source = folder(tmp_path, train=GOOD, dev="[台南](GPE)\n", test="[高雄](GPE)\n")
    convert(source, target, ConvertSettings())
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    (source / "x-train.txt").write_text("[花蓮](GPE)\n", encoding="utf-8")
    (source / f"x-{split}.txt").write_text("[壞\n", encoding="utf-8")
    with pytest.raises(OutputError, match="ZT670"):
        convert(source, target, ConvertSettings())
    with pytest.raises(CorpusError, match="ZT205"):
        convert(source, target, ConvertSettings(), force=True)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before


def test_rejects_are_written_with_line_and_reason(tmp_path: Path) -> None:
    good = '{"text": "甲乙丙", "label": {"A": {"甲乙": [[0, 1]]}}}\n'
    bad = '{"text": "甲乙丙", "label": {"A": {"甲乙": [[0, 1]]}, "B": {"甲乙丙": [[0, 2]]}}}\n'
    source, target = folder(tmp_path, train=good + bad, dev=good, test=good), tmp_path / "out"
    message = fails(source, target, script="none")
    assert message.startswith("[ZT208] 1 of 5 annotations were rejected, more than --max-rejects 0, so no .spacy file")
    assert f"{source / 'x-train.txt'}:2: '甲乙' overlaps B at 0–3" in message
    assert written(target) == ["rejects.jsonl"]
    (reject,) = map(json.loads, (target / "rejects.jsonl").read_text(encoding="utf-8").splitlines())
    assert reject == {
        "origin": f"{source / 'x-train.txt'}:2",
        "start": 0,
        "end": 2,
        "label": "A",
        "surface": "甲乙",
        "reason": "overlaps B at 0–3",
        "text": "甲乙丙",
    }
    tallies = convert(source, target, ConvertSettings(script="none", max_rejects=1))
    counts = {path.stem: (t.entities, t.rejected) for path, t in tallies.items()}
    assert counts == {"train": (2, 1), "dev": (1, 0), "test": (1, 0)}
    assert written(target) == ["dev.spacy", "rejects.jsonl", "test.spacy", "train.spacy"]


def test_an_old_rejects_file_is_removed_if_nothing_is_rejected(tmp_path: Path) -> None:
    source, target = folder(tmp_path, train=GOOD, dev=GOOD, test=GOOD), tmp_path / "out"
    target.mkdir()
    (target / "rejects.jsonl").write_text('{"origin": "a:1", "start": 0, "reason": "empty"}\n')
    convert(source, target, ConvertSettings())
    assert written(target) == ["dev.spacy", "test.spacy", "train.spacy"]


@pytest.mark.parametrize("name", ["rejects.jsonl", "a.spacy"])
def test_no_output_replaces_an_input(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_text('{"text": "甲乙", "label": [[0, 1, "A"]]}\n', encoding="utf-8")
    with pytest.raises(OutputError, match="ZT673"):
        convert(source, tmp_path / "a.spacy", ConvertSettings(format="doccano"), force=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["rejects.jsonl", "train.spacy"])
def test_files_of_the_user_are_not_replaced(name: str, tmp_path: Path) -> None:
    source, target = folder(tmp_path, train=GOOD, dev=GOOD, test=GOOD), tmp_path / "out"
    target.mkdir()
    (target / name).write_text("mine")
    with pytest.raises(OutputError, match=f"ZT671.*{name}"):
        convert(source, target, ConvertSettings(), force=True)
    assert (target / name).read_text() == "mine"


def test_rejects_of_a_file_are_written_to_the_folder_of_the_output(tmp_path: Path) -> None:
    source = folder(tmp_path, train='{"text": "甲乙", "label": {"A": {"甲": [[0, 0]]}, "B": {"甲乙": [[0, 1]]}}}\n')
    convert(source / "x-train.txt", tmp_path / "out" / "a.spacy", ConvertSettings(max_rejects=1))
    assert written(tmp_path / "out") == ["a.spacy", "rejects.jsonl"]


def test_invalid_utf8_is_reported_with_line_and_byte(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + "[臺北](GPE)\n\n好".encode() + b"\xe5\x8c\n"
    source = folder(tmp_path, train=data, dev=GOOD)
    message = fails(source, tmp_path / "out")
    byte = data.index(b"\xe5\x8c\n")
    assert f"x-train.txt:3: byte {byte} is not UTF-8" in message


@pytest.mark.parametrize("script", ["auto", "s2tw", "none"])
def test_a_lone_surrogate_is_reported_with_file_and_line(script: str, tmp_path: Path) -> None:
    source = folder(tmp_path, train='{"text": "好"}\n{"text": "\\ud83d台", "label": {"A": {"台": [[1, 1]]}}}\n')
    assert f"{source / 'x-train.txt'}:2" in fails(source, tmp_path / "out", script=script)
    assert written(tmp_path / "out") == []


def test_utf16_and_big5_files_are_reported(tmp_path: Path) -> None:
    for encoding in ("utf-16", "big5"):
        path = tmp_path / f"{encoding}.txt"
        path.write_bytes(GOOD.encode(encoding))
        assert fails(path, tmp_path / "out.spacy").startswith("[ZT206]")


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff\n"])
@pytest.mark.parametrize("format", ["auto", "markup", "columns", "cluener", "doccano", "jsonl", "hf", "label-studio"])
def test_an_empty_corpus_is_an_error(content: str, format: str, tmp_path: Path) -> None:
    source = folder(tmp_path, train=content)
    assert "holds no sentence" in fails(source / "x-train.txt", tmp_path / "a.spacy", format=format)
    assert "holds no sentence" in fails(source, tmp_path / "out", format=format)
    assert written(tmp_path / "out") == []
    assert not (tmp_path / "a.spacy").exists()


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_a_corpus_without_entities_is_an_error(split: str, tmp_path: Path) -> None:
    source = folder(tmp_path, **({"train": GOOD, "dev": GOOD, "test": GOOD} | {split: "# doc = a\n好天氣。\n好。\n"}))
    message = fails(source, tmp_path / "out")
    assert message.startswith("[ZT204]")
    assert "holds 2 sentences and no entities" in message
    assert split in message.replace(str(tmp_path), "")  # which of the three
    assert written(tmp_path / "out") == []


def test_a_missing_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CORPORA_VARIABLE, raising=False)
    message = fails(tmp_path / "nowhere.txt", tmp_path / "out")
    assert message.startswith(f"[ZT202] There is no file or folder {tmp_path / 'nowhere.txt'}.")
    assert written(tmp_path) == []


def test_a_folder_without_train_is_an_error_that_lists_its_files(tmp_path: Path) -> None:
    source = folder(tmp_path, dev=GOOD)
    (source / "notes.md").write_text("x")
    message = fails(source, tmp_path / "out")
    assert message.startswith("[ZT207]")
    assert "x-dev.txt" in message
    assert "notes.md" in message


def test_an_unknown_format_or_script_is_an_error_that_lists_the_choices(tmp_path: Path) -> None:
    source = folder(tmp_path, train=GOOD, dev=GOOD)
    assert fails(source, tmp_path / "out", format="conll").startswith("[ZT211] Unknown input format 'conll'.")
    with pytest.raises(ValueError, match="s2tw"):
        convert(source, tmp_path / "out", ConvertSettings(script="zh-tw"))
    assert written(tmp_path / "out") == []


def test_a_missing_source_is_searched_in_the_corpora_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(tmp_path, train=GOOD, dev=GOOD, test=GOOD)
    monkeypatch.setenv(CORPORA_VARIABLE, str(tmp_path))
    convert(Path("assets") / "source", tmp_path / "out", ConvertSettings())
    assert texts(tmp_path / "out" / "train.spacy")[0] == "臺北市的夏天。"
    monkeypatch.setenv(CORPORA_VARIABLE, str(source))
    assert fails(Path("assets") / "source", tmp_path / "out").startswith("[ZT202]")


MANY = "".join(f"[甲{i}](X)\n" for i in range(25))


def test_without_test_dev_becomes_test_and_a_tenth_of_train_becomes_dev(tmp_path: Path) -> None:
    messages: list[str] = []
    source, target = folder(tmp_path, train=MANY, dev="[丙](X)\n[丁](X)\n"), tmp_path / "out"
    tallies = convert(source, target, ConvertSettings(), notify=messages.append)
    assert texts(target / "test.spacy") == ["丙", "丁"]
    assert texts(target / "dev.spacy") == ["甲0", "甲10", "甲20"]
    assert len(texts(target / "train.spacy")) == 22
    assert not {"甲0", "甲10", "甲20"} & set(texts(target / "train.spacy"))
    assert {p.stem: (t.sentences, t.entities) for p, t in tallies.items()} == {
        "train": (22, 22),
        "dev": (3, 3),
        "test": (2, 2),
    }
    assert messages == ["There is no test split: dev is used as test, and every tenth sentence of train as dev."]


def test_without_dev_a_tenth_of_train_becomes_dev(tmp_path: Path) -> None:
    messages: list[str] = []
    convert(folder(tmp_path, train=MANY, test="[丙](X)\n"), tmp_path / "out", ConvertSettings(), notify=messages.append)
    assert texts(tmp_path / "out" / "test.spacy") == ["丙"]
    assert texts(tmp_path / "out" / "dev.spacy") == ["甲0", "甲10", "甲20"]
    assert messages == ["There is no dev split: every tenth sentence of train is used as dev."]


def test_train_alone_gives_train_and_dev(tmp_path: Path) -> None:
    convert(folder(tmp_path, train=MANY), tmp_path / "out", ConvertSettings(), notify=lambda message: None)
    assert written(tmp_path / "out") == ["dev.spacy", "train.spacy"]


def test_a_corpus_too_small_to_hold_out_a_dev_split_is_an_error(tmp_path: Path) -> None:
    message = fails(folder(tmp_path, train="[甲](X)\n"), tmp_path / "out")
    assert message.startswith("[ZT20")
    assert written(tmp_path / "out") == []


def test_converting_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    source = folder(tmp_path, train=GOOD, dev=GOOD, test=GOOD)
    for name in ("one", "two"):
        convert(source, tmp_path / name, ConvertSettings())
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert len(one) >= 3
    assert one == two


def test_auto_script_converts_only_simplified_text(tmp_path: Path) -> None:
    source = folder(tmp_path, train="[台湾银行](ORG)发布报告，认为经济会复苏。\n", test="[台灣](GPE)的台風和綫。\n" * 3)
    convert(source / "x-train.txt", tmp_path / "a.spacy", ConvertSettings())
    convert(source / "x-test.txt", tmp_path / "b.spacy", ConvertSettings())
    convert(source / "x-train.txt", tmp_path / "c.spacy", ConvertSettings(script="none"))
    assert [e.text for e in read(tmp_path / "a.spacy")[0].ents] == ["台灣銀行"]
    assert texts(tmp_path / "b.spacy") == ["台灣的台風和綫。"] * 3
    assert [e.text for e in read(tmp_path / "c.spacy")[0].ents] == ["台湾银行"]


def test_a_folder_converted_to_one_file_includes_all_its_files(tmp_path: Path) -> None:
    source = folder(tmp_path, train=GOOD, dev="[台南](GPE)\n")
    (source / "more").mkdir()
    (source / "more" / "a.jsonl").write_text('{"text": "花蓮", "label": [[0, 2, "GPE"]]}\n', encoding="utf-8")
    (tally,) = convert(source, tmp_path / "all.spacy", ConvertSettings(script="none")).values()
    assert (tally.sentences, tally.entities) == (5, 4)
    assert texts(tmp_path / "all.spacy")[0] == "花蓮"


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_zh_tw_ner.corpora.convert.SpacyWriter", partial(SpacyWriter, shard=20))


def test_a_large_corpus_becomes_a_folder_that_a_small_one_replaces_by_a_file(
    small_shards: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = folder(tmp_path, train=MANY, test="[丙](X)\n"), tmp_path / "out"
    messages: list[str] = []
    tallies = convert(source, target, ConvertSettings(), notify=messages.append)
    assert [name for name in written(target) if "0" not in name] == ["dev.spacy", "test.spacy", "train.spacy"]
    assert [path.is_dir() for path in tallies] == [True, False, False]
    assert messages[-1] == f"{target / 'train.spacy'} is a folder of several files, and can be used like a file."
    assert tallies[target / "train.spacy"].sentences == 22
    found = [doc.text for part in sorted((target / "train.spacy").iterdir()) for doc in read(part)]
    assert found == [f"甲{i}" for i in range(25) if i % 10]
    assert validate(target).splits["train"].sentences == 22
    monkeypatch.undo()
    for _ in range(2):
        convert(source, target, ConvertSettings(), force=True, notify=messages.append)
        assert written(target) == ["dev.spacy", "test.spacy", "train.spacy"]
        assert [path.is_file() for path in target.iterdir()] == [True] * 3


def test_a_converted_corpus_can_be_converted_again(small_shards: None, tmp_path: Path) -> None:
    source = folder(tmp_path, train=MANY) / "x-train.txt"
    convert(source, tmp_path / "a.spacy", ConvertSettings(), notify=lambda message: None)
    (tally,) = convert(
        tmp_path / "a.spacy", tmp_path / "b.spacy", ConvertSettings(format="spacy"), notify=print
    ).values()
    assert (tally.sentences, tally.entities, tally.repaired) == (25, 25, 0)


def test_memory_does_not_grow_with_the_file(
    small_shards: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacy_zh_tw_ner.corpora.text_files.CHUNK", 1 << 14)
    peaks = []
    for n in (2_000, 8_000):
        source = tmp_path / f"{n}.bio"
        source.write_text("台\tB-GPE\n北\tI-GPE\n好\tO\n\n" * n, encoding="utf-8")
        tracemalloc.start()
        convert(source, tmp_path / f"{n}.spacy", ConvertSettings(script="none"), notify=lambda message: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    source = folder(tmp_path, train=GOOD) / "x-train.txt"
    for name in ("notes.md", "train.spacy"):
        target = tmp_path / f"{name.partition('.')[0]}.spacy"
        target.mkdir()
        (target / name).write_text("mine")
        assert fails(source, target).startswith("[ZT233]")
        assert written(target) == [name]


def test_progress_is_reported_in_bytes(tmp_path: Path) -> None:
    source = folder(tmp_path, train=GOOD, dev='{"text": "𠮷", "label": [[0, 1, "X"]]}\n')
    for path in source.iterdir():
        read_: list[float] = []
        settings = ConvertSettings(script="none")
        target = tmp_path / f"{path.stem}.spacy"
        convert(path, target, settings, notify=lambda message: None, advance=read_.append)
        assert sum(read_) == pytest.approx(path.stat().st_size)


def test_the_unit_of_offsets_can_be_set(tmp_path: Path) -> None:
    source = folder(tmp_path, train='{"text": "𠮷野家在臺北", "label": [[5, 7, "GPE"]]}\n') / "x-train.txt"
    for offsets in ("auto", "utf16"):
        target = tmp_path / f"{offsets}.spacy"
        convert(source, target, ConvertSettings(offsets=offsets), notify=lambda message: None)
        assert [ent.text for ent in read(target)[0].ents] == ["臺北"]
    assert fails(source, tmp_path / "a.spacy", offsets="codepoint").startswith("[ZT208] 1 of 1")
    assert fails(source, tmp_path / "a.spacy", offsets="bytes").startswith("[ZT221]")


def test_a_file_of_tag_names_is_not_read_as_data(tmp_path: Path) -> None:
    source = tmp_path / "in" / "train"
    source.mkdir(parents=True)
    (source / "a.json").write_text('{"tokens": ["臺"], "ner_tags": [1]}\n' * 20, encoding="utf-8")
    (source / "labels.json").write_text('["O", "B-GPE"]')
    tallies = convert(tmp_path / "in", tmp_path / "out", ConvertSettings(), notify=lambda message: None)
    assert sum(tally.entities for tally in tallies.values()) == 20


def test_the_script_converter_is_recorded_in_each_document(tmp_path: Path) -> None:
    source = folder(tmp_path, train="带领[台湾](GPE)电影\n好\n[美国](GPE)[历史学家](X)\n") / "x-train.txt"
    converted_by = f"OpenCC {opencc.__version__} s2twp"
    (tally,) = convert(source, tmp_path / "a.spacy", ConvertSettings(script="s2twp")).values()
    assert (tally.repaired, tally.conversions) == (0, {converted_by: 2})
    docs = read(tmp_path / "a.spacy")
    assert [doc.user_data["converted_by"] for doc in docs] == [converted_by] * 3
    assert [ent.text for doc in docs for ent in doc.ents] == ["台灣", "美國", "歷史學家"]
    (tally,) = convert(source, tmp_path / "b.spacy", ConvertSettings(script="none")).values()
    assert tally.conversions == {}
    assert "converted_by" not in read(tmp_path / "b.spacy")[0].user_data


# The right counts of each file: (sentences, entities, repaired, rejected).
REAL = {
    "uner_zh_gsd": {"train": (3997, 6136, 0, 0), "dev": (500, 810, 0, 0), "test": (500, 767, 0, 0)},
    "resume_ner": {"train": (3821, 13440, 2, 0), "dev": (463, 1497, 0, 0), "test": (477, 1630, 0, 0)},
    "cluener2020": {"train": (10748, 23970, 0, 2), "dev": (1343, 3072, 0, 0)},
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in REAL])
def test_real_corpora_have_their_published_counts(name: str, corpora: Path, tmp_path: Path) -> None:
    for split, expected in REAL[name].items():
        (source,) = (path for path in (corpora / name).iterdir() if split in path.name and path.suffix != ".stats")
        (tally,) = convert(source, tmp_path / f"{split}.spacy", ConvertSettings(max_rejects=2)).values()
        assert (tally.sentences, tally.entities, tally.repaired, tally.rejected) == expected
        docs = read(tmp_path / f"{split}.spacy")
        assert (len(docs), sum(len(doc.ents) for doc in docs)) == expected[:2]


@pytest.mark.slow
def test_cluener_without_test_gets_a_held_out_dev_split(corpora: Path, tmp_path: Path) -> None:
    messages: list[str] = []
    tallies = convert(corpora / "cluener2020", tmp_path, ConvertSettings(max_rejects=2), notify=messages.append)
    assert {path.stem: t.sentences for path, t in tallies.items()} == {"train": 9673, "dev": 1075, "test": 1343}
    assert sum(t.entities for t in tallies.values()) == 23970 + 3072
    assert len(messages) == 1
