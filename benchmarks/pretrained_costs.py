"""Score trained pipelines with weights of lower precision, after calibration, and on texts in other characters.

Each function takes the folder of a pipeline and that of its corpus, and returns the rows of a table.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from benchmarks.corpora import gold_of
from benchmarks.four_bits import quantize_linear
from spacy_zh_tw_ner.components.calibration import calibrate
from spacy_zh_tw_ner.evaluation.calibration_error import entity_confidence
from spacy_zh_tw_ner.evaluation.entity_counts import count_entities, micro_f
from spacy_zh_tw_ner.evaluation.predictions import compare, predict_golds
from spacy_zh_tw_ner.evaluation.script_robustness import script_scores
from spacy_zh_tw_ner.export.export_onnx import write_onnx
from spacy_zh_tw_ner.export.quantize import backbone_shims, write_quantized
from spacy_zh_tw_ner.export.quantize_onnx import quantize_onnx
from spacy_zh_tw_ner.runtime import load
from spacy_zh_tw_ner.transformer.serialization import merge
from spacy_zh_tw_ner.transformer.settings import QuantizationSettings

Rows = dict[str, list[tuple[str, ...]]]
RESAMPLES = 1000
IN_4_BITS = QuantizationSettings("nf4")


def precisions(pipeline: Path, data: Path) -> Rows:
    """Return F on test and characters per second as trained, in 8 bits, bfloat16, 8 bits by ONNX Runtime, and 4 bits.

    As trained is float32, and 4 bits with adapters for QLoRA, whose weights become float32 before they are converted.

    On a CPU without bfloat16 instructions, "bf16" is float32 with rounded weights.
    """
    rows: list[tuple[str, ...]] = []
    before = 0.0
    for name, f_score, speed in _in_precisions(pipeline, data / "test.spacy"):
        before = before if rows else f_score
        rows.append((name, f"{f_score:.2f}", f"{f_score - before:+.2f}", f"{speed:,.0f}"))
    return {"rows": rows}


def _in_precisions(pipeline: Path, test: Path) -> Iterator[tuple[str, float, float]]:
    """Yield the name, F and characters per second of each precision, as trained first."""
    yield "as trained", *_score(spacy.load(pipeline), test)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for to in ("int8", "bf16"):
            write_quantized(spacy.load(pipeline), folder / to, to, force=True)
            yield to, *_score(spacy.load(folder / to), test)
        nlp = _load_plain(pipeline)
        (folder / "onnx").mkdir()
        write_onnx(nlp, folder / "onnx")
        golds = gold_of(nlp, test)
        found = quantize_onnx(nlp, folder / "onnx", golds=golds)
        assert found.f_score is not None
        yield "ONNX int8", found.f_score, _characters_per_second(load(folder / "onnx", threads=1), golds)
    nlp = _load_plain(pipeline)
    for shim in backbone_shims(nlp):
        quantize_linear(shim.backbone.model, IN_4_BITS, "fp32")
    yield "4 bits (NF4)", *_score(nlp, test)


def _load_plain(pipeline: Path) -> Language:
    """Load a pipeline with weights in float32, and adapters added to them."""
    nlp = spacy.load(pipeline)
    for shim in backbone_shims(nlp):
        tokenizer = shim.table.tokenizer
        backbone = merge(shim.backbone, tokenizer)
        shim.settings = backbone.settings
        shim.hold(backbone, tokenizer)
    return nlp


def _score(nlp: Language, test: Path) -> tuple[float, float]:
    """Return F and characters per second of a pipeline."""
    golds = gold_of(nlp, test)
    start = time.perf_counter()
    pairs = list(predict_golds(nlp, golds))
    seconds = time.perf_counter() - start
    return micro_f(pairs), sum(len(gold.text) for gold in golds) / seconds


def _characters_per_second(recognizer: Any, golds: Iterable[Doc]) -> float:
    """Return the speed of an exported model."""
    texts = [gold.text for gold in golds]
    start = time.perf_counter()
    list(recognizer(texts))
    return sum(map(len, texts)) / (time.perf_counter() - start)


def calibration(pipeline: Path, data: Path) -> Rows:
    """Return the temperature fitted on dev, the calibration error on test before and after, and F after."""
    nlp = spacy.load(pipeline)
    golds = gold_of(nlp, data / "test.spacy")
    before = entity_confidence(predict_golds(nlp, golds))
    temperature = calibrate(nlp, gold_of(nlp, data / "dev.spacy"))
    pairs = list(predict_golds(nlp, golds))
    after = entity_confidence(pairs)
    cells = (f"{temperature:.2f}", f"{before.error:.4f}", f"{after.error:.4f}", f"{after.by_chance:.4f}")
    return {"rows": [(*cells, f"{micro_f(pairs):.2f}")]}


def respellings(pipeline: Path, data: Path) -> Rows:
    """Return F on test with character variants swapped (台 and 臺), and in Simplified characters."""
    nlp = spacy.load(pipeline)
    golds = gold_of(nlp, data / "test.spacy")
    counts = count_entities(compare(predict_golds(nlp, golds)))
    found = script_scores(nlp, golds, counts, resamples=RESAMPLES, seed=0)
    rows = []
    for name, (changed, scores, difference) in found.items():
        low, high = (f"{100 * bound:+.2f}" for bound in (difference.f.low, difference.f.high))
        cells = (str(changed), f"{100 * scores.f.value:.2f}", f"{100 * difference.f.value:+.2f}")
        rows.append((name, *cells, f"{low} to {high}"))
    return {"rows": rows}
