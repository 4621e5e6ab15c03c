"""Pipelines converted from token classification checkpoints predict the same entities as the checkpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.util import load_config

from benchmarks.synthetic import make_checkpoint, sentences
from spacy_zh_tw_ner.components.inspection import find_recognizer
from spacy_zh_tw_ner.export.from_hf import create_init_from_hf_v1, pipeline_from_hf, read_classifier

ROOT = Path(__file__).parents[2]
SCHEMES = {
    "BIO": ["O", "B-GPE", "I-GPE", "B-ORG", "I-ORG"],
    "BIOES": ["E-GPE", "O", "S-ORG", "B-GPE", "I-GPE", "S-GPE", "B-ORG", "I-ORG", "E-ORG"],
    "BMES": ["B_GPE", "M_GPE", "E_GPE", "S_GPE", "O", "B_ORG", "M_ORG", "E_ORG", "S_ORG"],
}
TEXTS = ["".join(c for c in line if "\u4e00" <= c <= "\u9fff")[:60] for line in list(sentences())[:12]]
MakeT = Callable[..., Path]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> MakeT:
    made: dict[Any, Path] = {}

    def make(scheme: str, family: str = "bert", seed: int = 0) -> Path:
        if (key := (scheme, family, seed)) not in made:
            folder = tmp_path_factory.mktemp("checkpoint")
            made[key] = make_checkpoint(folder, family, labels=SCHEMES[scheme], seed=seed)
        return made[key]

    return make


def argmax_of(checkpoint: Path, text: str) -> list[str]:
    """Return the most probable label of each character, computed with transformers."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForTokenClassification.from_pretrained(checkpoint).eval()
    batch = tokenizer(list(text), is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        best = model(**batch).logits[0].argmax(1).tolist()
    return [model.config.id2label[i] for i, word in zip(best, batch.word_ids(), strict=True) if word is not None]


def entities_of(labels: list[str], *, has_ends: bool) -> list[tuple[int, int, str]] | None:
    """Decode labels of a scheme with or without E and S to entities; None if the sequence is not legal."""
    found: list[tuple[int, int, str]] = []
    inside: tuple[int, str] | None = None
    for i, text in enumerate([*labels, "O"]):
        kind, label = text[0], text[2:]
        if inside and kind in "IME" and label == inside[1]:
            if kind == "E":
                found.append((inside[0], i + 1, label))
                inside = None
            continue
        if inside:
            if has_ends:
                return None
            found.append((inside[0], i, inside[1]))
            inside = None
        if kind in "IME":
            return None
        if kind == "S":
            found.append((i, i + 1, label))
        elif kind == "B":
            inside = (i, label)
    return found


@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_entities_are_those_of_the_argmax_where_its_tags_are_legal(scheme: str, checkpoint: MakeT) -> None:
    n_legal = n_found = 0
    for seed in range(3):
        folder = checkpoint(scheme, seed=seed)
        nlp = pipeline_from_hf(str(folder))
        for text in TEXTS:
            # The labels of random weights are rarely legal for more than a few characters.
            for size in (1, 2, 3, 60):
                labels = argmax_of(folder, text[:size]) if size < 4 or seed == 0 else []
                expected = entities_of(labels, has_ends=scheme != "BIO") if labels else None
                if expected is not None:
                    doc = nlp(text[:size])
                    assert [(e.start, e.end, e.label_) for e in doc.ents] == expected, labels
                    n_legal += 1
                    n_found += len(expected)
    assert n_legal > 10
    assert n_found > 3


@pytest.mark.parametrize("family", ["bert", "albert", "electra", "deberta-v2", "qwen2", "llama"])
def test_emissions_are_the_logits_of_the_checkpoint(family: str, checkpoint: MakeT) -> None:
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    folder = checkpoint("BIOES", family)
    nlp = pipeline_from_hf(str(folder))
    component = find_recognizer(nlp)
    tokenizer, text = AutoTokenizer.from_pretrained(folder), f"{TEXTS[0]}用LINE"
    batch = tokenizer(list(text), is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        scores = AutoModelForTokenClassification.from_pretrained(folder).eval()(**batch).logits[0]
    words = np.array([-1 if word is None else word for word in batch.word_ids()])
    doc = nlp.get_pipe("transformer")(nlp.make_doc(text))
    (emissions,) = component.model.predict([doc])
    order = [SCHEMES["BIOES"].index(tag) for tag in component.scheme.tags]
    # The vector of a token is the mean over its wordpieces. The head is linear, so its emissions are means, too.
    expected = [scores[words == i].mean(0).numpy()[order] for i in range(len(text))]
    np.testing.assert_allclose(emissions, expected, atol=1e-4)


def test_a_saved_pipeline_loads_without_the_checkpoint(checkpoint: MakeT, tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "base", labels=SCHEMES["BIO"])
    nlp = pipeline_from_hf(str(folder))
    nlp.to_disk(tmp_path / "pipeline")
    folder.rename(tmp_path / "gone")
    loaded = spacy.load(tmp_path / "pipeline")
    assert loaded.get_pipe("ner").labels == ("GPE", "ORG")  # type: ignore[attr-defined]
    for one, two in zip(nlp.pipe(TEXTS), loaded.pipe(TEXTS), strict=True):
        assert [(e.text, e.label_, e._.score) for e in one.ents] == [(e.text, e.label_, e._.score) for e in two.ents]


def test_fine_tuning_starts_with_the_classifier_of_the_checkpoint(checkpoint: MakeT, tiny_corpus: Path) -> None:
    base = str(checkpoint("BIO"))
    overrides = {f"paths.{split}": str(tiny_corpus / f"{split}.spacy") for split in ("train", "dev")}
    config = load_config(ROOT / "configs" / "transformer.cfg", overrides=overrides | {"paths.base": base})
    config["initialize"]["after_init"] = {"@callbacks": "spacy-zh-tw-ner.init_from_hf.v1", "name": base}
    nlp = init_nlp(config.interpolate())
    component = find_recognizer(nlp)
    assert component.labels == ("GPE", "ORG", "PERSON")
    weight, classifier = component.model.get_ref("output_layer").get_param("W"), read_classifier(base)
    tags, rows = component.scheme.tags, SCHEMES["BIO"]
    for tag, row in (("O", "O"), ("B-GPE", "B-GPE"), ("S-GPE", "B-GPE"), ("I-ORG", "I-ORG"), ("E-ORG", "I-ORG")):
        np.testing.assert_array_equal(weight[tags.index(tag)], classifier.weight[rows.index(row)])
    assert np.any(weight[tags.index("B-PERSON")] != 0)


def save_with(folder: Path, change: Callable[[Any], None], source: Path) -> Path:
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    model = AutoModelForTokenClassification.from_pretrained(source)
    change(model)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return folder


def rename(*labels: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.config.id2label = dict(enumerate(labels))
        model.config.label2id = {label: i for i, label in enumerate(labels)}

    return change


def test_labels_without_names_are_refused(checkpoint: MakeT, tmp_path: Path) -> None:
    folder = save_with(tmp_path / "a", rename(*(f"LABEL_{i}" for i in range(5))), checkpoint("BIO"))
    with pytest.raises(ValueError, match=r"\[ZT352\] .*LABEL_0, LABEL_1"):
        pipeline_from_hf(str(folder))


def test_labels_in_no_tag_scheme_are_refused(checkpoint: MakeT, tmp_path: Path) -> None:
    folder = save_with(tmp_path / "a", rename("O", "NOUN", "VERB", "ADJ", "ADV"), checkpoint("BIO"))
    with pytest.raises(ValueError, match=r"\[ZT355\] The label 'NOUN'"):
        pipeline_from_hf(str(folder))


def test_a_checkpoint_without_a_head_is_refused(checkpoint: MakeT, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    AutoModel.from_pretrained(checkpoint("BIO")).save_pretrained(tmp_path / "base")
    AutoTokenizer.from_pretrained(checkpoint("BIO")).save_pretrained(tmp_path / "base")
    with pytest.raises(ValueError, match=r"\[ZT350\] .*BertModel"):
        pipeline_from_hf(str(tmp_path / "base"))


def test_a_missing_checkpoint_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\[ZT321\]"):
        pipeline_from_hf(str(tmp_path / "nowhere"))


def test_a_checkpoint_with_other_labels_or_width_is_refused(
    checkpoint: MakeT, tmp_path: Path, tiny_nlp: Language
) -> None:
    with pytest.raises(ValueError, match=r"\[ZT353\] .* has 32 inputs"):
        create_init_from_hf_v1(str(checkpoint("BIO")))(tiny_nlp)
    other = save_with(tmp_path / "a", rename("O", "B-X", "I-X", "B-Y", "I-Y"), checkpoint("BIO"))
    nlp = pipeline_from_hf(str(checkpoint("BIO")))
    with pytest.raises(ValueError, match=r"\[ZT354\] .*labels: X, Y\) .*labels: GPE, ORG"):
        create_init_from_hf_v1(str(other))(nlp)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_a_fine_tuned_classifier_keeps_its_entities(scheme: str, checkpoint: MakeT, tmp_path: Path) -> None:
    """A checkpoint that was fine-tuned by transformers alone, so that its tags are legal nearly everywhere."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    source = checkpoint(scheme)
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForTokenClassification.from_pretrained(source).train()
    texts = [
        f"{name}位於{place}。" for name in ("台積電", "鴻海", "中央研究院") for place in ("臺北市", "新竹市", "南港區")
    ]
    batch = tokenizer([list(text) for text in texts], is_split_into_words=True, padding=True, return_tensors="pt")
    labels = torch.full(batch["input_ids"].shape, -100)
    for i, text in enumerate(texts):
        tags = tags_of(text, text.index("位於"), scheme)
        for j, word in enumerate(batch.word_ids(i)):
            if word is not None:
                labels[i, j] = SCHEMES[scheme].index(tags[word])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(tmp_path / "tuned")
    tokenizer.save_pretrained(tmp_path / "tuned")

    nlp, n_legal = pipeline_from_hf(str(tmp_path / "tuned")), 0
    nlp.to_disk(tmp_path / "pipeline")
    loaded = spacy.load(tmp_path / "pipeline")
    for text in [*texts, *(f"昨天{a[:-1]}，{b}" for a in texts for b in texts[:3])]:
        expected = entities_of(argmax_of(tmp_path / "tuned", text), has_ends=scheme != "BIO")
        if expected is not None:
            n_legal += 1
            for pipeline in (nlp, loaded):
                assert [(e.start, e.end, e.label_) for e in pipeline(text).ents] == expected
    assert n_legal >= len(texts)
    assert [(e.text, e.label_) for e in nlp("鴻海位於臺北市。").ents] == [("鴻海", "ORG"), ("臺北市", "GPE")]


def tags_of(text: str, end: int, scheme: str) -> list[str]:
    """Return the tags of "[organization]位於[place]。" in a scheme; the organization ends at `end`."""
    tags = ["O"] * len(text)
    for first, last, label in ((0, end - 1, "ORG"), (end + 2, len(text) - 2, "GPE")):
        tags[first : last + 1] = [f"I-{label}"] * (last + 1 - first)
        tags[first] = f"B-{label}"
        if scheme == "BIOES":
            tags[last] = f"E-{label}"
    return tags
