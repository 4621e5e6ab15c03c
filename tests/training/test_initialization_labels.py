"""Further training of a pipeline with additional labels."""

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_zh_tw_ner.components.inspection import find_recognizer
from spacy_zh_tw_ner.export.from_hf import pipeline_from_hf
from spacy_zh_tw_ner.training.initialization import create_add_labels_v1
from tests.cli.helpers import fails, misused, succeeds

LAWS = [
    ("林佳龍依著作權法在台中市。", [(0, 3, "PERSON"), (4, 8, "LAW"), (9, 12, "GPE")]),
    ("台積電違反勞動基準法。", [(0, 3, "ORG"), (5, 10, "LAW")]),
]


@pytest.fixture
def laws(nlp: Language, tmp_path: Path) -> Path:
    docs = []
    for text, entities in LAWS:
        doc = nlp.make_doc(text)
        doc.ents = [doc.char_span(start, end, label=label) for start, end, label in entities]
        docs.append(doc)
    DocBin(docs=docs * 4).to_disk(tmp_path / "laws.spacy")
    return tmp_path / "laws.spacy"


def test_labels_are_added_after_existing_ones(tiny_pipeline: Path, laws: Path) -> None:
    from spacy_zh_tw_ner.training.char_corpus import CharCorpus

    nlp = spacy.load(tiny_pipeline)
    before = [(ent.text, ent.label_) for ent in nlp("蔡英文總統在臺北市接見台積電董事長。").ents]
    with nlp.select_pipes(disable=["ner"]):  # spaCy disables sourced components while it initializes others
        create_add_labels_v1(["EVENT", "GPE"], CharCorpus(laws))(nlp)
    assert find_recognizer(nlp).labels == ("GPE", "ORG", "PERSON", "EVENT", "LAW")
    assert [(ent.text, ent.label_) for ent in nlp("蔡英文總統在臺北市接見台積電董事長。").ents] == before
    with pytest.raises(ValueError, match="ZT113"):
        create_add_labels_v1(["X"], component="names")(nlp)


def trained_further(source: Path, laws: Path, tmp_path: Path, *options: str) -> Language:
    config, out = tmp_path / "further.cfg", tmp_path / "further"
    assert "zh-tw-ner train" in succeeds("init-config", config, "--source", source, "--train", laws, "--dev", laws)
    steps = ("--training.max_steps", "60", "--training.eval_frequency", "60")
    succeeds("train", config, "-o", out, *steps, *options)
    return spacy.load(out / "model-last")


def check(nlp: Language) -> None:
    for text, entities in LAWS:
        assert [(ent.start_char, ent.end_char, ent.label_) for ent in nlp(text).ents] == entities


def test_a_bilstm_learns_added_labels_and_keeps_the_others(tiny_pipeline: Path, laws: Path, tmp_path: Path) -> None:
    nlp = trained_further(tiny_pipeline, laws, tmp_path)
    assert find_recognizer(nlp).labels == ("GPE", "ORG", "PERSON", "LAW")
    check(nlp)
    assert nlp.config["components"]["ner"]["factory"] == "zh_tw_crf_ner"  # no longer `source`


@pytest.mark.slow
def test_a_converted_checkpoint_learns_added_labels(
    tiny_checkpoint: Callable[[str], Path], laws: Path, tmp_path: Path
) -> None:
    source = tmp_path / "converted"
    pipeline_from_hf(str(tiny_checkpoint("bert"))).to_disk(source)
    rates = ("--training.optimizer.head_rate.initial_rate", "0.02")
    rates += ("--training.optimizer.encoder_rate.initial_rate", "0.003", "--training.batcher.size", "128")
    nlp = trained_further(source, laws, tmp_path, *rates)
    assert "LAW" in find_recognizer(nlp).labels
    assert nlp.pipe_names == ["transformer", "ner", "doc_cleaner"]
    check(nlp)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "ZT445"),
        (("--source", "a", "--preset", "4gb"), "ZT445"),
        (("--source", "a", "--base", "b"), "ZT446"),
        (("--source", "nowhere"), "ZT531"),
    ],
)
def test_conflicting_options_of_init_config_are_refused(arguments: tuple[str, ...], code: str, tmp_path: Path) -> None:
    refused = fails if code == "ZT531" else misused
    assert code in refused("init-config", tmp_path / "out.cfg", *arguments)
    assert not list(tmp_path.iterdir())
