"""Commands run end to end, and their errors are one message."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.language import Language

from spacy_zh_tw_ner.proposals.annotation_queue import UncertainRanking

from .helpers import COMMANDS, fails, misused, only_message, plain, rows_of, run, spacy_command, succeeds


@pytest.mark.slow
def test_spacy_lists_the_commands() -> None:
    done = spacy_command("--help")
    assert done.returncode == 0, done.stderr
    listed = [line.split()[0] for line in done.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed == sorted(COMMANDS)


def test_an_error_is_one_message_and_exit_status_1(tmp_path: Path) -> None:
    source = tmp_path / "news.txt"
    source.write_text("# doc = a\n[臺北市(GPE)\n", encoding="utf-8")
    done = spacy_command("convert", source, tmp_path / "a.spacy")
    assert done.returncode == 1
    message = only_message(done.stdout + done.stderr)
    assert message.startswith(f"✘ [ZT201] {source}:2 cannot be used: an entity is not closed.")
    assert list(tmp_path.iterdir()) == [source]


def test_convert_prints_what_it_read_and_wrote(tiny_source: Path, tmp_path: Path) -> None:
    output = succeeds("convert", tiny_source, tmp_path / "out")
    rows = rows_of(output)
    assert rows["split"] == ["sentences", "entities", "repaired", "rejected"]
    for split in ("train", "dev", "test"):
        assert rows[split] == ["8", "18", "0", "0"]
        assert (tmp_path / "out" / f"{split}.spacy").is_file()
    assert "✔ Wrote" in output


def test_convert_lists_splits_in_their_usual_order(tiny_source: Path, tmp_path: Path) -> None:
    output = succeeds("convert", tiny_source, tmp_path / "out")
    assert [name for name in rows_of(output) if name in ("train", "dev", "test")] == ["train", "dev", "test"]


def test_convert_reports_the_held_out_split(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("[甲](A)\n" * 20, encoding="utf-8")
    output = succeeds("convert", tmp_path, tmp_path / "out", "--script", "none")
    assert "every tenth sentence of train is used as dev" in " ".join(output.split())


def test_convert_has_options_for_format_script_and_rejects(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text('{"text": "台湾", "label": {"A": {"台湾": [[0, 1]]}, "B": {"台": [[0, 0]]}}}\n', encoding="utf-8")
    options = ("--format", "cluener", "--script", "none")
    message = fails("convert", source, tmp_path / "a.spacy", *options)
    assert "[ZT208] 1 of 2 annotations were rejected" in message
    succeeds("convert", source, tmp_path / "a.spacy", *options, "--max-rejects", "1")
    succeeds("convert", source, tmp_path / "b.spacy", "-f", "cluener", "-s", "s2tw", "--max-rejects", "1")
    found = [
        spacy.tokens.DocBin().from_disk(tmp_path / name).get_docs(spacy.blank("zh_tw").vocab)
        for name in ("a.spacy", "b.spacy")
    ]
    assert [next(docs).text for docs in found] == ["台湾", "台灣"]


def test_convert_reports_the_detected_offsets(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "𠮷野家在臺北", "label": [[5, 7, "GPE"]]}\n', encoding="utf-8")
    output = succeeds("convert", source, tmp_path / "a.spacy", "-s", "none")
    assert "offsets are read as utf16" in " ".join(output.split())
    assert rows_of(output)["a"] == ["1", "1", "0", "0"]
    assert "[ZT208]" in fails("convert", source, tmp_path / "b.spacy", "-s", "none", "--offsets", "codepoint")


def test_export_writes_annotations_and_predictions(tiny_corpus: Path, tiny_pipeline: Path, tmp_path: Path) -> None:
    assert "✔ Wrote 8 texts" in succeeds("export", tiny_corpus / "test.spacy", tmp_path / "a.bio", "-f", "bio")
    succeeds("convert", tmp_path / "a.bio", tmp_path / "b.spacy")
    options = ("-f", "label-studio", "--order", "uncertain")
    for name in ("--pipeline", "-p", "--model", "-m"):  # the last two are the old names
        succeeds("export", tmp_path / "b.spacy", tmp_path / "c.json", *options, name, tiny_pipeline, "--force")
    tasks = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert all(0 < task["predictions"][0].get("score", 0.5) < 1 for task in tasks)
    # The largest entropy over all readings is first.
    ranking = UncertainRanking(spacy.load(tiny_pipeline))
    ranking.add([task["data"]["text"] for task in tasks])
    assert ranking.order() == list(range(len(tasks)))
    assert ranking.values[0] < ranking.values[-1]
    assert "'uncertain' needs --pipeline" in misused("export", "b.spacy", "d", "-f", "hf", "--order", "uncertain")
    assert "[ZT202]" in fails("export", tmp_path / "none.spacy", tmp_path / "d", "-f", "hf")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("convert", "nowhere", "out"), "[ZT202]"),
        (("convert", "text.txt", "out.spacy"), "[ZT205]"),
        (("convert", "empty.txt", "out.spacy"), "[ZT203]"),
        (("convert", "bare.txt", "out.spacy"), "[ZT204]"),
        (("convert", "latin.txt", "out.spacy"), "[ZT206]"),
        (("convert", ".", "out"), "[ZT207]"),
        (("validate", "."), "[ZT212]"),
        (("validate", "nowhere"), "[ZT212]"),
        (("evaluate", "PIPELINE", "nowhere.spacy", "-o", "out"), "[ZT202]"),
        (("evaluate", "PIPELINE", "text.txt", "-o", "out"), "[ZT210]"),
        (("evaluate", "nowhere", "text.txt", "-o", "out"), "nowhere"),
        (("calibrate", "PIPELINE", "nowhere.spacy", "out"), "[ZT202]"),
        (("calibrate", "PIPELINE", "text.txt", "out", "-d", "out.svg"), "[ZT210]"),
        (("calibrate", "nowhere", "text.txt", "out"), "nowhere"),
        (("visualize", "PIPELINE", "nowhere.spacy", "out"), "[ZT202]"),
        (("visualize", "PIPELINE", "text.txt", "out"), "[ZT210]"),
        (("visualize", "nowhere", "text.txt", "out"), "nowhere"),
        (("from-hf", "nowhere", "out"), "[ZT321]"),
        (("trim", "nowhere", "out"), "[ZT321]"),
        (("trim", "nowhere", "out", "--texts", "empty.txt"), "[ZT254]"),
        (("trim", "nowhere", "out", "--texts", "latin.txt"), "[ZT206]"),
        (("trim", "nowhere", "out", "--texts", "nowhere.txt"), "[ZT676]"),
        (("trim", "PIPELINE", "out"), "[ZT252]"),
        (("try", "nowhere", "好", "-o", "out"), "nowhere"),
    ],
)
def test_invalid_input_is_an_error_without_output(
    arguments: tuple[str, ...], code: str, tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "text.txt": "今天天氣很好。",
        "empty.txt": "",
        "bare.txt": "# doc = a\n好。\n",
        "good.txt": "[臺北](GPE)\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZH_TW_NER_CORPORA", raising=False)
    assert code in fails(*(str(tiny_pipeline) if a == "PIPELINE" else a for a in arguments))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*files, "latin.txt"])


def test_an_output_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("[臺北](GPE)\n", encoding="utf-8")
    (tmp_path / "file").write_text("")
    assert "file" in fails("convert", tmp_path / "good.txt", tmp_path / "file" / "out.spacy")


def test_validate_prints_and_writes_counts(tiny_corpus: Path, tmp_path: Path) -> None:
    output = succeeds("validate", tiny_corpus, "--output", tmp_path / "new" / "report.json", "--window", "5")
    rows = rows_of(output)
    assert rows["sentences"] == ["8", "8", "8"]
    assert rows["PERSON"] == ["4", "4", "4"]
    assert "✔ " in output
    assert "are in more than one split" in " ".join(output.split())
    assert rows["over"] == ["window", "8", "8", "8"]
    assert rows["names"] == ["that", "train", "leaves", "out,", "%", "0.0", "0.0", "0.0"]
    report = json.loads((tmp_path / "new" / "report.json").read_text(encoding="utf-8"))
    assert report["window"] == 5
    assert report["splits"]["dev"]["labels"] == {"GPE": 7, "ORG": 7, "PERSON": 4}
    assert report["errors"] == []


def test_validate_writes_its_report_also_if_there_are_errors(tmp_path: Path) -> None:
    for split, label in (("train", "A"), ("dev", "B")):
        (tmp_path / f"{split}.txt").write_text(f"[甲{split}](  X)\n".replace("  X", label), encoding="utf-8")
        succeeds("convert", tmp_path / f"{split}.txt", tmp_path / f"{split}.spacy")
    result = run("validate", tmp_path, "-o", tmp_path / "report.json")
    assert result.exit_code == 1
    said = " ".join(plain(result.output).split())
    assert "✘ [ZT209]" in said
    assert "label 'B' occurs in dev but not in train" in said
    assert "can be used for training" not in said
    (error,) = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["errors"]
    assert f"{tmp_path / 'dev.txt'}:1" in error


def test_evaluate_prints_and_writes_scores(tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    output = succeeds("evaluate", tiny_pipeline, tiny_corpus / "test.spacy", "-o", tmp_path / "scores.json")
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert (scores["pipeline"], scores["data"]) == (str(tiny_pipeline), str(tiny_corpus / "test.spacy"))
    assert scores["micro"]["gold"] == 18
    assert scores["micro"]["f"] > 60
    assert {label: counts["gold"] for label, counts in scores["per_type"].items()} == {"GPE": 7, "ORG": 7, "PERSON": 4}
    rows = rows_of(output)
    low, high = scores["micro"]["f_interval"]
    assert rows["micro"] == [f"{scores['micro'][key]:.2f}" for key in "prf"] + ["18", f"{low:.1f}–{high:.1f}"]
    assert rows["boundary"][-2:] == ["18", "{:.1f}–{:.1f}".format(*scores["boundary"]["f_interval"])]
    assert "Mistakes: " in output


def test_evaluate_writes_all_its_outputs(tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("seqeval")
    names = ("scores.json", "page.html", "figure.svg", "matrix.svg", "diagram.svg")
    outputs = [part for name in names for part in (f"--{name.split('.')[0]}", tmp_path / name)]
    outputs[0] = "--output"
    options = ("--train", tiny_corpus / "train.spacy", "--scripts", "--seqeval", "--resamples", "30", "--seed", "2")
    output = succeeds("evaluate", tiny_pipeline, tiny_corpus / "test.spacy", *options, *outputs)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert (scores["resamples"], scores["seed"]) == (30, 2)
    assert scores["by_surface"]["seen"]["gold"] == 18
    assert list(scores["by_script"]) == ["variants swapped", "Simplified"]
    assert list(scores["seqeval"]) == ["strict", "default"]
    for said in ("seen in train", "Simplified", "seqeval, strict mode", "seqeval, default mode", "2 characters"):
        assert said in output
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("<article") == 8
    for name in names[2:]:
        assert (tmp_path / name).read_text(encoding="utf-8").startswith("<svg")


def test_evaluate_replaces_diagrams_and_shows_no_progress_bar_without_a_terminal(
    tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    pictures = [f"--{name}={tmp_path / name}.svg" for name in ("figure", "matrix", "diagram")]
    for _ in range(2):
        output = succeeds("evaluate", tiny_pipeline, tiny_corpus / "dev.spacy", "--resamples", "10", *pictures)
        assert "documents" not in output


def test_evaluate_compares_pipelines(tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": [{"TEXT": "臺"}]}])  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "ruler")
    copy = shutil.copytree(tiny_pipeline, tmp_path / "copy")
    three = (tiny_pipeline, copy, tmp_path / "ruler")
    output = succeeds("evaluate", *three, tiny_corpus / "test.spacy", "-o", tmp_path / "s.json", "--resamples", "100")
    scores = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert [one["pipeline"] for one in scores["pipelines"]] == [str(path) for path in three]
    pairs = [(one["from"], one["to"]) for one in scores["comparisons"]]
    assert pairs == [(str(three[a]), str(three[b])) for a, b in ((0, 1), (0, 2), (1, 2))]
    same, worse = scores["comparisons"][0]["micro"], scores["comparisons"][1]["micro"]
    assert same == {"difference": 0.0, "interval": [0.0, 0.0], "p_value": 1.0}
    assert worse["difference"] == pytest.approx(-scores["pipelines"][0]["micro"]["f"])
    assert worse["p_value"] < 0.05
    assert f"{copy} against {tiny_pipeline}" in output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--seqeval",), "[ZT402]"), (("--figure", "out.png"), "[ZT403]")],
)
def test_evaluate_reports_missing_packages_before_it_loads_anything(
    arguments: tuple[str, ...], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("report.has_seqeval", "figures.has_resvg"):
        monkeypatch.setattr(f"spacy_zh_tw_ner.evaluation.{name}", lambda: False)
    assert code in fails("evaluate", "nowhere", "nowhere.spacy", *arguments)


def test_another_format_of_pictures_is_a_wrong_command_line() -> None:
    assert "[ZT404]" in misused("evaluate", "nowhere", "nowhere.spacy", "--matrix", "out.pdf")


def test_evaluate_agrees_with_spacy(tiny_pipeline: Path, tiny_corpus: Path, tiny_nlp: Language, tmp_path: Path) -> None:
    from spacy_zh_tw_ner.training.char_corpus import CharCorpus

    succeeds("evaluate", tiny_pipeline, tiny_corpus / "test.spacy", "-o", tmp_path / "scores.json")
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    expected = tiny_nlp.evaluate(CharCorpus(tiny_corpus / "test.spacy")(tiny_nlp))
    assert scores["micro"]["f"] == round(100 * expected["ents_f"], 2)


def test_evaluate_prints_the_calibration_error(tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    paths = ("-o", tmp_path / "scores.json", "-d", tmp_path / "picture.svg")
    output = succeeds("evaluate", tiny_pipeline, tiny_corpus / "test.spacy", *paths)
    calibration = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))["calibration"]
    error = calibration["expected_calibration_error"]
    assert f"Expected calibration error of the scores: {error:.4f}" in output
    bins = calibration["bins"]
    total = sum(found["n"] for found in bins)
    assert error == pytest.approx(sum(abs(b["accuracy"] - b["confidence"]) * b["n"] for b in bins) / total, abs=1e-3)
    assert (tmp_path / "picture.svg").read_text(encoding="utf-8").startswith("<svg")


def test_evaluate_accepts_a_pipeline_without_scores(tiny_corpus: Path, tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": "臺"}])  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "ruler")
    output = succeeds("evaluate", tmp_path / "ruler", tiny_corpus / "test.spacy", "-d", tmp_path / "picture.svg")
    assert "calibration" not in output
    assert "No entity has a score" in output
    assert not (tmp_path / "picture.svg").exists()


@pytest.mark.parametrize("in_place", [False, True])
def test_calibrate_writes_a_pipeline_and_a_diagram(
    tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path, in_place: bool
) -> None:
    source = Path(shutil.copytree(tiny_pipeline, tmp_path / "pipeline"))
    target = source if in_place else tmp_path / "new" / "calibrated"
    arguments = ("calibrate", source, tiny_corpus / "dev.spacy", target, "-d", tmp_path / "picture.svg")
    if in_place:
        assert "[ZT670]" in fails(*arguments)
    output = succeeds(*arguments, *(["--force"] if in_place else []))
    (said,) = re.findall(r"Temperature ([0-9.]+)", output)
    before, after = map(float, re.findall(r"error on this data: ([0-9.]+) → ([0-9.]+) \(", output)[0])
    nlp = spacy.load(target)
    assert f"{nlp.get_pipe('ner').temperature:.3f}" == said != "1.000"
    picture = (tmp_path / "picture.svg").read_text(encoding="utf-8")
    drawn = [float(error) for error in re.findall(r"calibration error ([0-9.]+)", picture)]
    assert drawn == pytest.approx([before, after], abs=6e-4)
    assert [path.name for path in target.parent.iterdir() if path.name.startswith(".")] == []


def test_calibrate_writes_png_diagrams(tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    picture = tmp_path / "picture.png"
    output = succeeds("calibrate", tiny_pipeline, tiny_corpus / "dev.spacy", tmp_path / "out", "-d", picture)
    assert str(picture) in output
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_calibrate_without_a_recognizer_is_an_error_that_lists_components(tiny_corpus: Path, tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "other")
    message = fails("calibrate", tmp_path / "other", tiny_corpus / "dev.spacy", tmp_path / "out")
    assert "[ZT113]" in message
    assert "sentencizer" in message
    assert not (tmp_path / "out").exists()


def test_from_hf_writes_a_pipeline(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    output = succeeds("from-hf", tiny_checkpoint("bert"), tmp_path / "pipeline", "--save-dtype", "fp16")
    assert "Labels: GPE" in output
    nlp = spacy.load(tmp_path / "pipeline")
    assert (nlp.lang, nlp.pipe_names, nlp.meta["name"]) == ("zh_tw", ["transformer", "ner", "doc_cleaner"], "ner")
    assert nlp("臺北市").text == "臺北市"


def test_ensemble_writes_a_pipeline(tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    output = succeeds("ensemble", tiny_pipeline, tiny_pipeline, tmp_path / "ensemble", "--min-score", "0.5")
    assert "an ensemble of 2 pipelines" in " ".join(output.split())
    nlp = spacy.load(tmp_path / "ensemble")
    assert (nlp.pipe_names, nlp.get_pipe("ner").min_score) == (["ner"], 0.5)
    assert "[ZT670]" in fails("ensemble", tiny_pipeline, tiny_pipeline, tmp_path / "ensemble")
    succeeds("ensemble", tiny_pipeline, tiny_pipeline, tmp_path / "ensemble", "--force")
    for name, pipeline in (("one", tiny_pipeline), ("two", tmp_path / "ensemble")):
        succeeds("evaluate", pipeline, tiny_corpus / "test.spacy", "-o", tmp_path / f"{name}.json")
    one, two = (json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")) for name in ("one", "two"))
    assert one["micro"] == two["micro"]


def test_ensemble_errors_leave_existing_pipelines_unchanged(tiny_pipeline: Path, tmp_path: Path) -> None:
    assert "[ZT370]" in misused("ensemble", tiny_pipeline, tmp_path / "out")
    assert "[ZT673]" in fails("ensemble", tiny_pipeline, tiny_pipeline, tiny_pipeline.parent / "." / tiny_pipeline.name)
    assert spacy.load(tiny_pipeline).get_pipe("ner").labels == ("GPE", "ORG", "PERSON")
    other = spacy.blank("zh_tw")
    other.add_pipe("zh_tw_crf_ner").add_label("GPE")  # type: ignore[attr-defined]
    other.to_disk(tmp_path / "other")
    message = fails("ensemble", tiny_pipeline, tmp_path / "other", tmp_path / "out")
    assert "[ZT371]" in message
    assert "ORG, PERSON" in message
    assert not (tmp_path / "out").exists()


def test_visualize_writes_a_page(tiny_pipeline: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    for limit, n in ((("--limit", "3"), 3), ((), 8), (("-n", "0"), 8)):
        output = succeeds("visualize", tiny_pipeline, tiny_corpus / "test.spacy", tmp_path / "a" / "page.html", *limit)
        page = (tmp_path / "a" / "page.html").read_text(encoding="utf-8")
        assert page.count("<article") == n
        assert "蔡英文" in page
        assert "✔ Wrote" in output


def test_try_prints_and_writes_entities(tiny_pipeline: Path, tmp_path: Path) -> None:
    output = succeeds("try", tiny_pipeline, "--output", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["text"] == "蔡英文總統在臺北市接見台積電董事長。"
    assert [(e["text"], e["label"]) for e in found["ents"]] == [
        ("蔡英文", "PERSON"),
        ("臺北市", "GPE"),
        ("台積電", "ORG"),
    ]
    assert all(0 < e["score"] <= 1 for e in found["ents"])
    assert [line.split()[:2] for line in output.splitlines() if line.startswith("臺北市")] == [["臺北市", "GPE"]]
    assert "林佳龍" in succeeds("try", tiny_pipeline, "昨天林佳龍走訪台中市的市場。")


def test_try_writes_null_for_missing_scores(tmp_path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": "臺"}])  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "ruler")
    succeeds("try", tmp_path / "ruler", "在臺灣", "-o", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["ents"] == [{"text": "臺", "label": "GPE", "score": None}]


def test_try_reads_an_exported_model(tiny_onnx: tuple[Path, Path]) -> None:
    pipeline, exported = (succeeds("try", folder) for folder in tiny_onnx)
    assert exported == pipeline


def test_a_lone_surrogate_is_an_error(tiny_pipeline: Path) -> None:
    assert "[ZT001]" in fails("try", tiny_pipeline, "台\ud83d")


def test_propose_writes_partial_annotations_and_prints_the_sources(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("鴻海今天在新竹設廠。\n天氣好。\n", encoding="utf-8")
    words = (
        '[[source]]\ntype = "gazetteer"\nprecision = 0.9\nwords = { ORG = ["鴻海"], LOC = ["新竹"], O = ["今天"] }\n'
    )
    (tmp_path / "sources.toml").write_text(f'labels = ["ORG", "LOC"]\n{words}', encoding="utf-8")
    arguments = ("propose", tmp_path / "texts.txt", tmp_path / "out.spacy", "--sources", tmp_path / "sources.toml")
    output = succeeds(*arguments, "--outside-weight", "0.5")
    assert rows_of(output)["gazetteer"] == ["1", "2", "0", "0", "2", "1", "0", "0"]
    assert "Characters: 29 % entities, 0 % alternatives, 14 % outside, 57 % silent. Conflicts: 0." in output
    assert "✔ Wrote 2 texts with 2 entities" in output
    assert "[ZT670]" in fails(*arguments)
    (tmp_path / "sources.toml").write_text(f'labels = ["ORG", "GPE"]\n{words}', encoding="utf-8")
    assert "proposes the label 'LOC', which is not in `labels` (ORG, GPE)" in misused(*arguments, "--force")
