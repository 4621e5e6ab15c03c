"""Small pipelines: a Transformer trained on one sentence, and every architecture with random weights.

Pipelines with random weights have strong dropout and scores far from 0 and 1. So tests of threads and processes notice
if dropout is active in a prediction.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_zh_tw_ner.components.ensemble import combine

SENTENCE = "蔡英文總統在臺北市接見台積電董事長。"
ENTITIES = [(0, 3, "PERSON"), (6, 9, "GPE")]
WINDOWS = {"@span_getters": "spacy-zh-tw-ner.clause_windows.v1"}
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}
LABELS = [(0, 3, "PERSON"), (6, 9, "GPE"), (11, 14, "ORG")]
PIECES = ["蔡英文總統", "在臺北市", "接見", "台積電董事長。", "AI 2024 年", "郭台銘到土城區，", "\n"]
TEXTS = ["".join(PIECES[(i * j + j) % len(PIECES)] for j in range(1 + i % 9)) for i in range(125)]
# Encoders must not apply dropout in predictions.
EMBED = {"@architectures": "spacy-zh-tw-ner.CharNgramEmbed.v1", "widths": [24, 8], "rows": [512, 512]}
MIN_SCORE = 0.05
LORA = {"@misc": "spacy-zh-tw-ner.lora.v1", "r": 4, "dropout": 0.5}


def make_pipeline(base: Path, folder: Path, *, inside_head: bool = False, **settings: Any) -> Language:
    """Train a pipeline with a Transformer on `SENTENCE`, save it, and load it from its folder."""
    fix_random_seed(0)
    nlp = spacy.blank("zh_tw")
    if inside_head:
        add_head(nlp, transformer_in_head(base, **settings))
    else:
        add_transformer(nlp, base, **settings)
        add_head(nlp, LISTENER)
    example = Example.from_dict(nlp.make_doc(SENTENCE), {"entities": ENTITIES})
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 0.01
    for _ in range(60):
        nlp.update([example], sgd=optimizer)
    nlp.to_disk(folder)
    return spacy.load(folder)


def add_transformer(nlp: Language, base: Path, **settings: Any) -> None:
    model = {"@architectures": "spacy-zh-tw-ner.TransformerModel.v1", "name": str(base), "get_spans": WINDOWS}
    nlp.add_pipe("transformer", config={"model": model | settings})


def transformer_in_head(base: Path, **settings: Any) -> dict[str, Any]:
    model = {"@architectures": "spacy-zh-tw-ner.Tok2VecTransformer.v1", "name": str(base), "get_spans": WINDOWS}
    return model | {"pooling": {"@layers": "reduce_mean.v1"}} | settings


def add_head(nlp: Language, tok2vec: dict[str, Any] | None = None, **settings: Any) -> None:
    """Add the recognizer `ner`, with the given encoder or with the default one of its factory."""
    if tok2vec is not None:
        settings["model"] = {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1", "tok2vec": tok2vec}
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config=settings)


def quantization(kind: str) -> dict[str, Any]:
    return {"@misc": "spacy-zh-tw-ner.quantization.v1", "kind": kind}


def bilstm(embed: dict[str, Any] = EMBED) -> dict[str, Any]:
    return {
        "@architectures": "spacy-zh-tw-ner.BiLSTM.v1",
        "hidden_width": 16,
        "depth": 1,
        "dropout": 0.5,
        "embed": embed,
    }


def masked_characters(tok2vec: dict[str, Any]) -> dict[str, Any]:
    return {"@architectures": "spacy-zh-tw-ner.MaskedCharacters.v1", "width": 8, "n_targets": 32, "tok2vec": tok2vec}


def with_words(folder: Path) -> dict[str, Any]:
    words = folder / "words.txt"
    words.write_text("總統\n臺北市\n董事長\n土城區\n", encoding="utf-8")
    return {"@architectures": "spacy-zh-tw-ner.LexiconEmbed.v1", "embed": EMBED, "lists": [str(words)], "width": 8}


def initialize(nlp: Language) -> Language:
    fix_random_seed(0)
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc(SENTENCE), {"entities": LABELS})])
    return nlp


def with_head(tok2vec: dict[str, Any] | None) -> Language:
    nlp = spacy.blank("zh_tw")
    add_head(nlp, tok2vec, min_score=MIN_SCORE)
    return initialize(nlp)


def with_transformer(base: Path, **settings: Any) -> Language:
    nlp = spacy.blank("zh_tw")
    add_transformer(nlp, base, dropout=0.5, **settings)
    add_head(nlp, LISTENER, min_score=MIN_SCORE)
    return initialize(nlp)


def curated(base: Path) -> Language:
    """Build a pipeline with a curated Transformer as in configs/curated.cfg."""
    sizes = srsly.read_json(base / "config.json")
    nlp = spacy.blank("zh_tw")
    package = "spacy-curated-transformers"
    model = {
        "@architectures": f"{package}.BertTransformer.v1",
        "vocab_size": sizes["vocab_size"],
        "hidden_width": sizes["hidden_size"],
        "intermediate_width": sizes["intermediate_size"],
        "num_attention_heads": sizes["num_attention_heads"],
        "num_hidden_layers": sizes["num_hidden_layers"],
        "hidden_dropout_prob": 0.5,
        "piece_encoder": {"@architectures": f"{package}.BertWordpieceEncoder.v1"},
        "with_spans": {"@architectures": f"{package}.WithStridedSpans.v1", "stride": 24, "window": 32},
    }
    nlp.add_pipe("curated_transformer", name="transformer", config={"model": model, "all_layer_outputs": False})
    listener = {
        "@architectures": f"{package}.LastTransformerLayerListener.v1",
        "width": sizes["hidden_size"],
        "upstream": "transformer",
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    add_head(nlp, listener, min_score=MIN_SCORE)
    nlp.config["initialize"]["components"]["transformer"] = {
        "encoder_loader": {"@model_loaders": f"{package}.HFTransformerEncoderLoader.v1", "name": str(base)},
        "piecer_loader": {"@model_loaders": f"{package}.HFPieceEncoderLoader.v1", "name": str(base)},
    }
    return initialize(nlp)


def ensemble(base: Path) -> Language:
    members = [("A", with_head(bilstm())), ("B", with_transformer(base)), ("C", with_head(masked_characters(bilstm())))]
    return combine(members, min_score=MIN_SCORE)


def with_gazetteer() -> Language:
    nlp = with_head(masked_characters(bilstm()))
    gazetteer: Any = nlp.add_pipe("zh_tw_gazetteer", before="ner")
    gazetteer.add("GPE", ["臺北市"])
    return nlp


# Name → function that builds a pipeline, given the folder of a tiny BERT and an empty folder
ARCHITECTURES: dict[str, Callable[[Path, Path], Language]] = {
    "BiLSTM": lambda base, folder: with_head(bilstm()),
    "LexiconEmbed": lambda base, folder: with_head(bilstm(with_words(folder))),
    "MaskedCharacters": lambda base, folder: with_head(masked_characters(bilstm())),
    "HashEmbedCNN": lambda base, folder: with_head(None),
    "gazetteer": lambda base, folder: with_gazetteer(),
    "Transformer": lambda base, folder: with_transformer(base),
    "Tok2VecTransformer": lambda base, folder: with_head(transformer_in_head(base, dropout=0.5)),
    "adapter": lambda base, folder: with_transformer(base, lora=LORA, save="adapter"),
    "int8_cpu": lambda base, folder: with_transformer(base, quantization=quantization("int8_cpu")),
    "int8": lambda base, folder: with_transformer(base, lora=LORA, quantization=quantization("int8")),
    "nf4": lambda base, folder: with_transformer(base, lora=LORA, quantization=quantization("nf4")),
    "curated": lambda base, folder: curated(base),
    "ensemble": lambda base, folder: ensemble(base),
}


def write(name: str, base: Path, folder: Path) -> None:
    """Save the pipeline of an architecture in an empty folder."""
    ARCHITECTURES[name](base, folder).to_disk(folder / "pipeline")


def scored(doc: Doc) -> list[tuple[int, int, str, float]]:
    """Return the entities of a document with their scores."""
    return [(ent.start, ent.end, ent.label_, ent._.score) for ent in doc.ents]
