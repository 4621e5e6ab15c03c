"""Measure memory and time of documents of 10,000, 100,000 and 1,000,000 characters.

Each document is the sentences of the bundled corpus, repeated. The models are a 4 × 312 BERT with the 73 tags of
OntoNotes, and the BiLSTM of `configs/bilstm.cfg`, with random weights. Each document runs in a separate process, whose
peak memory is printed. The memory of the Doc (text, tokens) is measured before anything is computed: it grows with the
document, and nothing else should. Exported models need no Doc.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import spacy
import torch
from spacy.language import Language

from benchmarks.annotate import make_pipeline
from benchmarks.inference import FOUND, SIZES, save_checkpoint
from benchmarks.measure import machine, table
from benchmarks.service import memory_of
from benchmarks.synthetic import sentences
from spacy_zh_tw_ner.components.inspection import find_recognizer
from spacy_zh_tw_ner.export.export_onnx import write_onnx
from spacy_zh_tw_ner.export.from_hf import pipeline_from_hf
from spacy_zh_tw_ner.export.quantize import write_quantized
from spacy_zh_tw_ner.export.quantize_onnx import quantize_onnx

LENGTHS = [10_000, 100_000, 1_000_000]
EXPORTED = ", exported"
PIPELINES = ("4×312", "4×312, int8", f"4×312{EXPORTED}", f"4×312, int8{EXPORTED}", "bilstm")
HEADER = ("pipeline", "characters", "entities", "processor s", "characters/s", "Doc MiB", "peak MiB", "peak less Doc")

# Neither torch nor spaCy is there, and this file is not imported.
ALONE = """
import json, sys, time
from pathlib import Path
sys.modules.update(torch=None, spacy=None)
from spacy_zh_tw_ner.runtime import load
folder, text = sys.argv[1], Path(sys.argv[2]).read_text(encoding="utf-8")
recognizer = load(folder, threads=1)
recognizer(["臺北市。" * 100])
start = time.process_time()
(found,) = recognizer([text])
print(json.dumps([len(found), time.process_time() - start, Path("/proc/self/status").read_text()]))
"""


class Figures(NamedTuple):
    """Results. entities: Number. seconds: Processor time. doc, peak: MiB of the Doc alone, and peak of the process."""

    entities: int
    seconds: float
    doc: float
    peak: float


def save_pipeline(name: str, folder: Path) -> Path:
    """Save one of PIPELINES, and run it once, so that the kernels of the CRF are compiled and cached."""
    if name == "bilstm":
        make_pipeline(folder / name)
        nlp = spacy.load(folder / name)
        find_few(nlp)
        nlp.to_disk(folder / name)
    else:
        nlp = pipeline_from_hf(str(save_checkpoint(folder / "checkpoint", SIZES["4×312"])))
        if name.endswith(EXPORTED):
            (folder / name).mkdir()
            write_onnx(nlp, folder / name)
            if "int8" in name:
                quantize_onnx(nlp, folder / name)
            return folder / name
        if name.endswith("int8"):
            write_quantized(nlp, folder / name)
        else:
            nlp.to_disk(folder / name)
    nlp("臺北市")
    find_recognizer(nlp).min_score = 0.5
    nlp("臺北市")
    return folder / name


def find_few(nlp: Language) -> None:
    """Set the biases of a head so that it finds about as many entities as a real one; see `save_checkpoint`."""
    ner = find_recognizer(nlp)
    layer = ner.model.get_ref("output_layer")
    bias = layer.get_param("b")
    bias[[tag[0] in "BIE" for tag in ner.scheme.tags]] = -100.0
    rows, *_ = ner.potentials([nlp.make_doc(line) for line in islice(sentences(), 64)])
    bias[0] += float(np.quantile(rows[:, 1:].max(1) - rows[:, 0], 1 - FOUND))


def measure(folder: Path, length: int, min_score: float) -> Figures:
    """Run a pipeline on one document; for a separate process."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    nlp = spacy.load(folder, config={"components": {"ner": {"min_score": min_score}}})
    nlp("臺北市。" * 100)
    text = document(length)
    resident, _ = memory_now()
    start = time.process_time()
    doc = nlp.make_doc(text)
    doc_size = memory_now()[0] - resident
    doc = nlp(doc)
    seconds = time.process_time() - start
    return Figures(len(doc.ents), seconds, doc_size, memory_now()[1])


def measure_alone(folder: Path, length: int, min_score: float) -> Figures:
    """Run an exported model on one document; for a separate process."""
    about = folder / "pipeline.json"
    about.write_text(json.dumps(json.loads(about.read_text(encoding="utf-8")) | {"min_score": min_score}))
    text = folder.parent / "text.txt"
    text.write_text(document(length), encoding="utf-8")
    command = [sys.executable, "-c", ALONE, str(folder), str(text)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    entities, seconds, status = json.loads(done.stdout)
    return Figures(entities, seconds, 0.0, memory_of(status)[1])


def document(length: int) -> str:
    """Return a document of this many characters."""
    return "".join(islice(cycle("".join(sentences())), length))


def memory_now() -> tuple[float, float]:
    """Return the resident memory of this process and its peak, in MiB."""
    return memory_of(Path("/proc/self/status").read_text(encoding="utf-8"))


def main() -> None:
    """Print the table, each row as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    parser.add_argument("--pipelines", nargs="+", choices=PIPELINES, default=["4×312", "bilstm"])
    parser.add_argument(
        "--min-score", type=float, default=0.0, help="min_score of the recognizer; 0 decodes the best path"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(f"{machine()}; min_score {options.min_score:g}")
    print(table([], header=HEADER), flush=True)
    for name in options.pipelines:
        with TemporaryDirectory() as folder:
            saved = save_pipeline(name, Path(folder))
            for length in options.lengths:
                if name.endswith(EXPORTED):
                    found = measure_alone(saved, length, options.min_score)
                else:
                    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                        found = pool.submit(measure, saved, length, options.min_score).result()
                cells = f"{found.seconds:.1f}", f"{length / found.seconds:,.0f}", f"{found.doc:.0f}"
                row = (name, f"{length:,}", f"{found.entities:,}", *cells)
                row += (f"{found.peak:.0f}", f"{found.peak - found.doc:.0f}")
                print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
