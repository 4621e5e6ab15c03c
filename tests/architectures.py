"""A small pipeline of every architecture that ships, with random weights and strong dropout.

What threads and processes share does not depend on what the weights are. Without training, scores are far from 0 and 1,
so that dropout left on by a neighbour would change them.
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
from trained import LISTENER, WINDOWS

from spacy_zh_tw_ner.components.ensemble import combine

TEXT = "蔡英文總統在臺北市接見台積電董事長。"
LABELS = [(0, 3, "PERSON"), (6, 9, "GPE"), (11, 14, "ORG")]
PIECES = ["蔡英文總統", "在臺北市", "接見", "台積電董事長。", "AI 2024 年", "郭台銘到土城區，", "\n"]
TEXTS = ["".join(PIECES[(i * j + j) % len(PIECES)] for j in range(1 + i % 9)) for i in range(125)]
# No encoder alters its dropout while it predicts; of Transformers, transformers' own would be as likely to.
EMBED = {"@architectures": "spacy-zh-tw-ner.CharNgramEmbed.v1", "widths": [24, 8], "rows": [512, 512]}
LORA = {"@misc": "spacy-zh-tw-ner.lora.v1", "r": 4, "dropout": 0.5}


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


def add_head(nlp: Language, tok2vec: dict[str, Any] | None = None) -> None:
    model: dict[str, Any] = {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1", "tok2vec": tok2vec}
    config = {"min_score": 0.05} if tok2vec is None else {"min_score": 0.05, "model": model}
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config=config)


def initialize(nlp: Language) -> Language:
    fix_random_seed(0)
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc(TEXT), {"entities": LABELS})])
    return nlp


def with_head(tok2vec: dict[str, Any] | None) -> Language:
    nlp = spacy.blank("zh_tw")
    add_head(nlp, tok2vec)
    return initialize(nlp)


def with_transformer(base: Path, **settings: Any) -> Language:
    nlp = spacy.blank("zh_tw")
    architecture = "spacy-zh-tw-ner.TransformerModel.v1"
    model = {"@architectures": architecture, "name": str(base), "get_spans": WINDOWS, "dropout": 0.5, **settings}
    nlp.add_pipe("transformer", config={"model": model})
    add_head(nlp, LISTENER)
    return initialize(nlp)


def in_head(base: Path) -> Language:
    architecture = "spacy-zh-tw-ner.Tok2VecTransformer.v1"
    pooling = {"@layers": "reduce_mean.v1"}
    return with_head(
        {"@architectures": architecture, "name": str(base), "get_spans": WINDOWS, "dropout": 0.5, "pooling": pooling}
    )


def curated(base: Path) -> Language:
    """As configs/curated.cfg has it."""
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
    add_head(nlp, listener)
    nlp.config["initialize"]["components"]["transformer"] = {
        "encoder_loader": {"@model_loaders": f"{package}.HFTransformerEncoderLoader.v1", "name": str(base)},
        "piecer_loader": {"@model_loaders": f"{package}.HFPieceEncoderLoader.v1", "name": str(base)},
    }
    return initialize(nlp)


def ensemble(base: Path) -> Language:
    members = [("A", with_head(bilstm())), ("B", with_transformer(base)), ("C", with_head(masked_characters(bilstm())))]
    return combine(members, min_score=0.05)


def with_gazetteer() -> Language:
    nlp = with_head(masked_characters(bilstm()))
    gazetteer: Any = nlp.add_pipe("zh_tw_gazetteer", before="ner")
    gazetteer.add("GPE", ["臺北市"])
    return nlp


# name → a function of a tiny BERT and an empty folder
ARCHITECTURES: dict[str, Callable[[Path, Path], Language]] = {
    "BiLSTM": lambda base, folder: with_head(bilstm()),
    "LexiconEmbed": lambda base, folder: with_head(bilstm(with_words(folder))),
    "MaskedCharacters": lambda base, folder: with_head(masked_characters(bilstm())),
    "HashEmbedCNN": lambda base, folder: with_head(None),
    "gazetteer": lambda base, folder: with_gazetteer(),
    "Transformer": lambda base, folder: with_transformer(base),
    "Tok2VecTransformer": lambda base, folder: in_head(base),
    "adapter": lambda base, folder: with_transformer(base, lora=LORA, save="adapter"),
    "int8_cpu": lambda base, folder: with_transformer(base, quantization=quantization("int8_cpu")),
    "int8": lambda base, folder: with_transformer(base, lora=LORA, quantization=quantization("int8")),
    "nf4": lambda base, folder: with_transformer(base, lora=LORA, quantization=quantization("nf4")),
    "curated": lambda base, folder: curated(base),
    "ensemble": lambda base, folder: ensemble(base),
}


def write(name: str, base: Path, folder: Path) -> None:
    """Write the pipeline of an architecture to a folder, which is empty."""
    ARCHITECTURES[name](base, folder).to_disk(folder / "pipeline")


def scored(doc: Doc) -> list[tuple[int, int, str, float]]:
    """The entities of a document with their scores."""
    return [(ent.start, ent.end, ent.label_, ent._.score) for ent in doc.ents]
