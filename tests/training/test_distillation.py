"""Test distillation: texts, the pass of the teacher, the mixed corpus, and a student trained by the command."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_zh_tw_ner.components.ensemble import combine
from spacy_zh_tw_ner.components.soft_targets import target_of
from spacy_zh_tw_ner.crf import at_temperature, expect
from spacy_zh_tw_ner.errors import (
    CorpusError,
    OutputError,
    PipelineError,
    PipelineMismatchError,
    SettingError,
    UnreadableFileError,
)
from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from spacy_zh_tw_ner.training import distill_corpus, loop, teacher_posteriors
from spacy_zh_tw_ner.training.char_corpus import CharCorpus
from spacy_zh_tw_ner.training.distill_corpus import DistillCorpus
from spacy_zh_tw_ner.training.distillation import student_config
from spacy_zh_tw_ner.training.teacher_posteriors import compute_posteriors, read_chunk, read_manifest
from spacy_zh_tw_ner.training.unlabelled_texts import LONGEST, UnlabelledTexts, cut
from tests.cli.helpers import fails, misused, succeeds
from tests.tiny import tiny_config

TEXTS = ["林佳龍在臺北市。", "台積電到新竹市設廠，郭台銘沒有到場。", "今天天氣很好。", "鴻海與台積電在土城區。"]
READER = {"@readers": "spacy-zh-tw-ner.DistillCorpus.v1"}


@pytest.fixture(autouse=True)
def registered() -> None:
    """Register the reader, whose entry point older installations of the package lack."""
    spacy.registry.readers.register(READER["@readers"], func=distill_corpus.create_distill_corpus_v1)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join([*TEXTS, "", "  ", *TEXTS]), encoding="utf-8")
    return path


def run_pass(nlp: Language, texts: Path, folder: Path, **settings: Any) -> teacher_posteriors.Manifest:
    return compute_posteriors(nlp, UnlabelledTexts(texts), folder, make_doc=spacy.blank("zh_tw").make_doc, **settings)


class Stopped(Exception):
    """Simulates a killed process."""


def kill_after(n: int, module: Any, name: str, patch: pytest.MonkeyPatch) -> None:
    original, calls = getattr(module, name), iter(range(10_000))

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == n:
            raise Stopped
        return original(*args, **kwargs)

    patch.setattr(module, name, wrapped)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_texts_of_all_formats_are_equal(texts: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"text": text, "entities": [[0, 3, "PERSON"]][:i]}) for i, text in enumerate(TEXTS)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    nlp = spacy.blank("zh_tw")
    docs = list(nlp.pipe(TEXTS))
    docs[0].set_ents([docs[0].char_span(0, 3, "PERSON")])
    DocBin(docs=docs).to_disk(tmp_path / "a.spacy")
    for name, n_annotated in (("a.jsonl", 3), ("a.spacy", 1)):
        found = UnlabelledTexts(tmp_path / name)
        assert list(found) == TEXTS
        assert found.annotated == {tmp_path / name: n_annotated}
    assert list(UnlabelledTexts(texts)) == TEXTS * 2
    assert sorted(UnlabelledTexts(tmp_path)) == sorted(TEXTS * 4)


def test_long_texts_are_cut_after_clauses() -> None:
    text = "今天天氣很好，我們去吃飯吧。" * 50
    parts = cut(text)
    assert "".join(parts) == text
    assert all(len(part) <= LONGEST and part.endswith("。") for part in parts)
    assert all(len(part) <= LONGEST for part in cut("好" * 5000))
    assert cut(" \n") == cut("") == []


@given(text=st.text("好，。\n ", max_size=4 * LONGEST))
def test_cutting_loses_white_space_only(text: str) -> None:
    parts = cut(text)
    assert all(len(part) <= LONGEST and part.strip() for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.txt", b"\n \n", "ZT280"),
        ("a.txt", "林".encode("big5"), "ZT206"),
        ("a.jsonl", b'{"body": "x"}', "ZT201.*body.*--text-field"),
        ("a.jsonl", b'{"text": "\\ud800"}', "ZT201.*surrogate"),
        ("a.jsonl", b"nothing", "ZT201"),
        ("a.spacy", b"nothing", "ZT210"),
        ("a.csv", b"x", "ZT279"),
    ],
)
def test_texts_that_cannot_be_read_are_reported(name: str, content: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(CorpusError, match=code):
            list(UnlabelledTexts(path))
    with pytest.raises(FileNotFoundError):
        list(UnlabelledTexts(tmp_path / "nowhere"))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_stored_posteriors_are_those_of_the_teacher(
    temperature: float, tiny_nlp: Language, texts: Path, tmp_path: Path
) -> None:
    manifest = run_pass(tiny_nlp, texts, tmp_path / "teacher", temperature=temperature)
    assert manifest == read_manifest(tmp_path / "teacher")
    ner: Any = tiny_nlp.get_pipe("ner")
    stored = list(read_chunk(tmp_path / "teacher", 0, manifest))
    assert [text for text, _ in stored] == TEXTS * 2
    for text, target in stored:
        rows, lengths, transitions = ner.potentials([tiny_nlp.make_doc(text)])
        cooled, steps = at_temperature(rows, transitions, ner.temperature * temperature)
        exact = expect(cooled, lengths, steps)
        marginals, counts = target.arrays_for(ner.scheme)
        np.testing.assert_allclose(marginals, exact.marginals, atol=5e-4)
        np.testing.assert_allclose(counts, exact.counts[0], atol=1e-4)
        assert (target.temperature, target.weight) == (temperature, 1.0)


def test_a_killed_pass_continues_with_the_same_result(
    tiny_nlp: Language, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher_posteriors, "CHUNK", 20)
    run_pass(tiny_nlp, texts, tmp_path / "whole")
    assert read_manifest(tmp_path / "whole").n_chunks > 3
    with monkeypatch.context() as patch:
        kill_after(2, teacher_posteriors, "_predict", patch)
        with pytest.raises(Stopped):
            run_pass(tiny_nlp, texts, tmp_path / "parts")
    with pytest.raises(CorpusError, match="ZT284"):
        list(DistillCorpus(tmp_path / "parts")(tiny_nlp))
    (tmp_path / "parts" / ".00002.safetensors.zh-tw-ner-0123abcd").write_bytes(b"half")
    run_pass(tiny_nlp, texts, tmp_path / "parts")
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")
    with monkeypatch.context() as patch:
        kill_after(0, teacher_posteriors, "_predict", patch)
        run_pass(tiny_nlp, texts, tmp_path / "parts")  # complete: nothing is computed


def test_another_pass_is_replaced_with_force_only(tiny_nlp: Language, texts: Path, tmp_path: Path) -> None:
    folder = tmp_path / "teacher"
    run_pass(tiny_nlp, texts, folder)
    with pytest.raises(OutputError, match=r"ZT283.*temperature 1.0 → 2.0"):
        run_pass(tiny_nlp, texts, folder, temperature=2.0)
    run_pass(tiny_nlp, texts, folder, temperature=2.0, force=True)
    texts.write_text("另一句。", encoding="utf-8")
    with pytest.raises(OutputError, match=r"ZT283.*another texts"):
        run_pass(tiny_nlp, texts, folder, temperature=2.0)
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"ZT671.*mine\.txt"):
        run_pass(tiny_nlp, texts, folder, force=True)
    with pytest.raises(SettingError, match="ZT112"):
        run_pass(tiny_nlp, texts, tmp_path / "other", temperature=0.0)


@pytest.mark.parametrize("damage", ["cut", "text", "missing", "manifest"])
def test_damaged_files_are_reported(damage: str, tiny_nlp: Language, texts: Path, tmp_path: Path) -> None:
    run_pass(tiny_nlp, texts, tmp_path / "teacher")
    path = tmp_path / "teacher" / ("manifest.json" if damage == "manifest" else "00000.safetensors")
    content = path.read_bytes()
    path.write_bytes({"cut": content[:-9], "text": b"text", "manifest": b"{}", "missing": b""}[damage])
    if damage == "missing":
        path.unlink()
    with pytest.raises((UnreadableFileError, CorpusError)):
        list(DistillCorpus(tmp_path / "teacher")(tiny_nlp))
    run_pass(tiny_nlp, texts, tmp_path / "teacher", force=True)
    assert len(list(DistillCorpus(tmp_path / "teacher")(tiny_nlp))) == 8


def test_changed_bytes_are_reported_or_harmless(tiny_nlp: Language, texts: Path, tmp_path: Path) -> None:
    manifest = run_pass(tiny_nlp, texts, tmp_path / "teacher")
    path, generator = tmp_path / "teacher" / "00000.safetensors", random.Random(0)
    content = path.read_bytes()
    for i in range(150):
        damaged = bytearray(content)
        for _ in range(1 + i % 3):
            place = generator.randrange(600 if i % 2 else len(damaged))
            damaged[place] = generator.choice([0, 1, 0x22, 0x30, 0x7B, 0x7D, 0x80, 0xFF])
        path.write_bytes(damaged[: generator.randrange(len(damaged))] if i % 7 == 0 else damaged)
        try:
            for text, target in read_chunk(tmp_path / "teacher", 0, manifest):
                marginals, counts = target.arrays_for(tiny_nlp.get_pipe("ner").scheme)
                assert np.isfinite(marginals).all()
                assert np.isfinite(counts).all()
                assert text
        except UnreadableFileError:
            pass


def test_an_ensemble_can_teach(tiny_nlp: Language, tiny_pipeline: Path, texts: Path, tmp_path: Path) -> None:
    members = [("one", tiny_nlp), ("two", spacy.load(tiny_pipeline))]
    manifests = [run_pass(nlp, texts, tmp_path / str(i)) for i, nlp in enumerate((tiny_nlp, combine(members)))]
    one, two = (list(read_chunk(tmp_path / str(i), 0, manifest)) for i, manifest in enumerate(manifests))
    for (_, target), (_, other) in zip(one, two, strict=True):
        np.testing.assert_allclose(target.marginals, other.marginals, atol=1e-3)


def test_other_tokens_are_refused(tiny_nlp: Language, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("買 iPhone 手機", encoding="utf-8")
    grouped = spacy.blank("zh_tw", config={"nlp": {"tokenizer": {"group": ["latin"]}}})
    with pytest.raises(PipelineMismatchError, match="ZT285"):
        compute_posteriors(tiny_nlp, UnlabelledTexts(tmp_path), tmp_path / "teacher", make_doc=grouped.make_doc)
    run_pass(tiny_nlp, tmp_path / "a.txt", tmp_path / "other")
    with pytest.raises(PipelineMismatchError, match="ZT285"):
        list(DistillCorpus(tmp_path / "other")(grouped))


def test_gold_is_mixed_in_with_its_share(tiny_nlp: Language, texts: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    run_pass(tiny_nlp, texts, tmp_path / "teacher")
    gold = CharCorpus(tiny_corpus / "train.spacy")
    n_gold = len(list(gold(tiny_nlp)))
    corpus = DistillCorpus(tmp_path / "teacher", gold=gold, gold_share=0.2, weight=0.5)
    examples = list(corpus(tiny_nlp))
    targets = [target_of(example) for example in examples]
    assert [target is None for target in targets].count(True) == 2  # 8 texts
    assert {target.weight for target in targets if target} == {0.5}
    assert sorted(e.text for e, t in zip(examples, targets, strict=True) if t) == sorted(TEXTS * 2)
    again = [example for example in corpus(tiny_nlp) if target_of(example) is None]
    first = [example.text for example in examples if target_of(example) is None]
    expected = [example.text for example in gold(tiny_nlp)]
    assert [*first, *(example.text for example in again)] == (expected * 4)[:4]  # goes on where it stopped
    everything = DistillCorpus(tmp_path / "teacher", gold=gold, gold_share=None, shuffle=False)
    assert [e.text for e in everything(tiny_nlp)] == [*(e.text for e in gold(tiny_nlp)), *TEXTS, *TEXTS]
    assert n_gold
    random.seed(1)
    one = [example.text for example in corpus(tiny_nlp)]
    assert sorted(one) != one
    for wrong in ({"weight": 0.0}, {"gold_share": 1.0}):
        with pytest.raises(SettingError, match="ZT112"):
            DistillCorpus(tmp_path, **wrong)


def command(pipeline: Path, texts: Path, output: Path, config: Path, *more: str) -> list[str | Path]:
    return ["distill", pipeline, texts, output, "--config", config, *more]


@pytest.fixture
def student(tiny_corpus: Path, tmp_path: Path) -> Path:
    few = {"training.max_steps": 30, "training.eval_frequency": 10, "training.batcher.size": 200}
    quiet = {"training.logger": {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False}}
    config = tiny_config(tiny_corpus, **few, **quiet)
    config.to_disk(tmp_path / "student.cfg")
    return tmp_path / "student.cfg"


def test_a_student_learns_from_the_teacher_alone(
    tiny_pipeline: Path, tiny_nlp: Language, texts: Path, student: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    succeeds(*command(tiny_pipeline, texts, output, student, "--gold-share", "0", "--training.max_steps", "60"))
    nlp = spacy.load(output / "model-last")
    assert nlp.get_pipe("ner").labels == tiny_nlp.get_pipe("ner").labels
    assert nlp.config["corpora"]["train"]["@readers"] == READER["@readers"]
    marginals = []
    for pipeline in (tiny_nlp, nlp):
        ner: Any = pipeline.get_pipe("ner")
        rows, lengths, transitions = ner.potentials([pipeline.make_doc(text) for text in TEXTS])
        marginals.append(expect(rows, lengths, transitions).marginals)
    assert np.abs(marginals[0] - marginals[1]).mean() < 0.02


def test_a_killed_distillation_ends_with_the_same_weights(
    tiny_pipeline: Path, texts: Path, student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = ("--checkpoint-every", "3", "--temperature", "2", "--weight", "0.7")
    succeeds(*command(tiny_pipeline, texts, tmp_path / "whole", student, *every))
    with monkeypatch.context() as patch:
        kill_after(17, loop, "_update", patch)
        fails_with(Stopped, command(tiny_pipeline, texts, tmp_path / "parts", student, *every))
    assert "[ZT684]" in fails(*command(tiny_pipeline, texts, tmp_path / "parts", student, *every))
    succeeds(*command(tiny_pipeline, texts, tmp_path / "parts", student, *every, "--resume"))
    one, two = ((tmp_path / name / "model-last/ner/model").read_bytes() for name in ("whole", "parts"))
    assert one == two


def fails_with(error: type[Exception], arguments: list[str | Path]) -> None:
    from tests.cli.helpers import run

    result = run(*arguments)
    assert result.exit_code == 1
    assert error.__name__ in result.output


def test_settings_that_do_not_fit_are_reported(
    tiny_pipeline: Path, texts: Path, student: Path, tmp_path: Path, tiny_corpus: Path
) -> None:
    output = tmp_path / "out"
    config = spacy.util.load_config(student)
    other = config.copy()
    other["initialize"]["components"]["ner"]["labels"] = ["PERSON", "GPE"]
    other.to_disk(tmp_path / "other.cfg")
    message = fails(*command(tiny_pipeline, texts, output, tmp_path / "other.cfg"))
    assert "[ZT278]" in message
    assert "only the teacher has ORG" in message
    for option, value in (("--weight", "0"), ("--gold-share", "1")):
        assert "[ZT112]" in misused(*command(tiny_pipeline, texts, output, student, option, value))
    assert "[ZT279]" in fails(*command(tiny_pipeline, student, output, student))
    assert not output.exists()
    config["components"]["ner"]["factory"] = "ner"
    with pytest.raises(PipelineError, match=r"ZT286.*ner"):
        student_config(config, output, ["A"])


@pytest.mark.slow
def test_a_transformer_can_be_teacher_and_student(
    tiny_pipeline: Path, texts: Path, tiny_corpus: Path, tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    paths = {f"paths.{split}": str(tiny_corpus / f"{split}.spacy") for split in ("train", "dev")}
    logger = {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False}
    steps = {"training.max_steps": 4, "training.eval_frequency": 2, "training.logger": logger}
    base = {"paths.base": str(tiny_checkpoint("bert"))}
    with_settings(read_config("transformer"), paths | base | steps).to_disk(tmp_path / "transformer.cfg")
    first, second = tmp_path / "first", tmp_path / "second"
    succeeds(*command(tiny_pipeline, texts, first, tmp_path / "transformer.cfg"))
    few = ("--gold-share", "0.3", "--training.max_steps", "2")
    succeeds(*command(first / "model-last", texts, second, tmp_path / "transformer.cfg", *few))
    assert spacy.load(second / "model-last").pipe_names[0] == "transformer"


def test_annotated_texts_are_reported(tiny_pipeline: Path, student: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    texts = tiny_corpus / "dev.spacy"
    printed = succeeds(*command(tiny_pipeline, texts, tmp_path / "out", student, "--training.max_steps", "2"))
    assert "[ZT281]" in printed


def test_a_gold_corpus_without_examples_is_an_error(tiny_nlp: Language, texts: Path, tmp_path: Path) -> None:
    run_pass(tiny_nlp, texts, tmp_path / "teacher")
    with pytest.raises(CorpusError, match="ZT287"):
        list(DistillCorpus(tmp_path / "teacher", gold=lambda nlp: iter(()), gold_share=0.2)(tiny_nlp))


@pytest.mark.parametrize("force", [False, True])
def test_files_of_another_program_are_never_removed(
    force: bool, tiny_nlp: Language, texts: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "teacher"
    folder.mkdir()
    mine = {"manifest.json": b'{"name": "my app"}', "00001.safetensors": b"weights"}
    for name, content in mine.items():
        (folder / name).write_bytes(content)
    with pytest.raises(OutputError, match=r"ZT671.*manifest\.json is not that of a pass"):
        run_pass(tiny_nlp, texts, folder, force=force)
    assert files_of(folder) == mine
