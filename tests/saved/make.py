"""Save one small pipeline of each kind, a checkpoint and an exported model, for the test that old files keep working.

    python tests/saved/make.py tests/saved/v0_2_0

Run it with the code of a release before that code changes, and never again with later code: the files of a version
stay as that version wrote them. `tests/test_saved_files.py` loads all of them.
"""

import json
import os
import shutil
import sys
from contextlib import suppress
from io import StringIO
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS.parent))

import spacy
import torch
from spacy.training.initialize import init_nlp

from benchmarks import synthetic
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.export.export_onnx import write_onnx
from spacy_zh_tw_ner.export.quantize import write_quantized
from spacy_zh_tw_ner.runtime import load
from spacy_zh_tw_ner.training.loop import CHECKPOINT, train
from spacy_zh_tw_ner.transformer import wordpieces
from tests.pipelines import SENTENCE, make_pipeline
from tests.tiny import TINY, tiny_config

TEXTS = [SENTENCE, "昨天林佳龍走訪台中市的市場。"]
LORA = {"@misc": "spacy-zh-tw-ner.lora.v1", "r": 2, "target_modules": "all-linear"}
QUIET = {"training.logger": {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False}}


def make_transformers() -> None:
    """Save a Transformer in full, as an adapter, inside the head, in 8 bits and as an exported model."""
    synthetic.sentences = lambda: iter(TEXTS)  # a vocabulary of a few characters
    base = synthetic.make_checkpoint(Path("base"), "bert", hidden=16, heads=2, layers=2, max_length=256)
    make_pipeline(base, Path("transformer_full"))
    make_pipeline(base, Path("transformer_adapter"), lora=LORA, save="adapter")
    make_pipeline(base, Path("transformer_in_head"), inside_head=True)
    write_quantized(spacy.load("transformer_full"), _folder("transformer_int8"))
    wordpieces.RANGES = ((0, 0x500), (0x3000, 0x3100), (0x4E00, 0xA000), (0xFF00, 0xFFF0))
    write_onnx(spacy.load("transformer_full"), _folder("exported"))


def make_bilstm() -> None:
    """Save a trained BiLSTM, and the checkpoint of a run that has stopped half-way."""
    source = _folder("source")
    for split in ("train", "dev", "test"):
        (source / f"{split}.txt").write_text(TINY, encoding="utf-8")
    convert(source, Path("corpus"), ConvertSettings(script="none"), notify=str)
    shutil.rmtree(source)
    config = tiny_config(Path("corpus"), **QUIET, **{"training.eval_frequency": 10})
    config["training"]["max_steps"] = 40
    train(init_nlp(config.interpolate()), Path("trained"), stdout=StringIO(), stderr=StringIO())
    shutil.move("trained/model-best", "bilstm")
    with suppress(Interrupted):
        train(init_nlp(config.interpolate()), Path("run"), stdout=StopAt30(), stderr=StringIO())
    shutil.move(f"run/{CHECKPOINT}", "checkpoint.safetensors")
    shutil.rmtree("trained")
    shutil.rmtree("run")
    config.to_disk("checkpoint.cfg")


def expected() -> dict[str, object]:
    """Return what each pipeline finds, with its score."""
    names = ("bilstm", "transformer_full", "transformer_adapter", "transformer_in_head", "transformer_int8")
    pipelines = {name: spacy.load(name) for name in names}
    entities: dict[str, object] = {
        name: [[[ent.start_char, ent.end_char, ent.label_, ent._.score] for ent in nlp(text).ents] for text in TEXTS]
        for name, nlp in pipelines.items()
    }
    entities["exported"] = load(Path("exported"))(TEXTS)
    return {"texts": TEXTS, "entities": entities}


class Interrupted(Exception):
    """The run has written the checkpoint of step 20 and is stopped."""


class StopAt30(StringIO):
    """Stop a run when it prints the row of step 30, before that step's checkpoint is written."""

    def write(self, text: str) -> int:
        if text.split()[1:2] == ["30"]:
            raise Interrupted
        return super().write(text)


def _folder(name: str) -> Path:
    Path(name).mkdir()
    return Path(name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = Path(sys.argv[1])
    target.mkdir()
    os.chdir(target)  # so that no path of this machine is saved
    make_transformers()
    make_bilstm()
    Path("expected.json").write_text(json.dumps(expected(), ensure_ascii=False, indent=1), encoding="utf-8")
