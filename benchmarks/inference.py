"""Measure characters per second with the same weights on one thread: ours in 32 and 8 bits, and similar packages.

The weights are random, with biases by which one character in sixteen becomes an entity, so that all contestants output
about as many entities as with real weights. ckip-transformers, ours and the `transformers` pipeline have the same
labels and the same classifier; spacy-transformers has its own untrained `ner`. Each contestant takes a list of texts
and returns entities.

The row "limit" has the characters per second that the matrix products of this CPU allow in float32, see
`benchmarks.matrix_limit`. Ours in float32 is also shown as a share of it.
"""

import argparse
import random
import re
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import spacy
import torch
from spacy.language import Language

from benchmarks.matrix_limit import characters_per_second
from benchmarks.measure import interleaved, machine, table
from benchmarks.synthetic import make_checkpoint, sentences
from spacy_zh_tw_ner.export.export_onnx import write_onnx
from spacy_zh_tw_ner.export.from_hf import pipeline_from_hf
from spacy_zh_tw_ner.export.quantize import write_quantized
from spacy_zh_tw_ner.export.quantize_onnx import quantize_onnx
from spacy_zh_tw_ner.runtime import load

TYPES = (
    "CARDINAL DATE EVENT FAC GPE LANGUAGE LAW LOC MONEY NORP ORDINAL ORG PERCENT PERSON PRODUCT QUANTITY TIME "
    "WORK_OF_ART"
).split()
LABELS = ("O", *(f"{kind}-{label}" for label in TYPES for kind in "BIES"))
FOUND = 1 / 16  # entities per character, about as many as in the bundled corpus
FoundT = list[list[tuple[int, int, str]]]  # entities of each text, with offsets in code points
RunT = Callable[[Sequence[str]], FoundT]
PEER = "ckip-transformers"
FLOAT32 = ("ours", "ours, exported")  # contestants that are compared with the limit of products in float32


class Size(NamedTuple):
    """Size of a BERT: layers, hidden, heads. share: Share of the texts to use, to limit the time of large models."""

    layers: int
    hidden: int
    heads: int
    share: float


SIZES = {"4×312": Size(4, 312, 12, 1.0), "bert-base": Size(12, 768, 12, 0.2)}
# What a prototype reached beside ckip-transformers, which is the least to be reached here
GOALS = {
    ("bert-base", "ours"): (1.2, 4.3, 1.0),
    ("bert-base", "ours, int8"): (2.0, 6.7, 1.6),
    ("4×312", "ours"): (2.6, 7.6, 1.5),
    ("4×312", "ours, int8"): (3.6, 10.5, 2.1),
}


def make_texts(share: float) -> dict[str, list[str]]:
    """Return the texts of the three columns: sentences, one long text among headlines, and long documents."""
    lines = list(sentences())
    together, draw = "".join(lines), random.Random(0)
    bounds = list(accumulate((draw.randint(20, 120) for _ in range(round(500 * share))), initial=0))
    headlines = [line[:30] for line in draw.sample(lines, 300) if len(line) >= 10][:120]
    n_documents = max(2, round(10 * share))
    return {
        f"{len(bounds) - 1} sentences of 20–120": [together[start:end] for start, end in pairwise(bounds)],
        "500 characters among 120 headlines": [*headlines[:60], together[:500], *headlines[60:]],
        f"{n_documents} documents of 3,000": [together[i * 3000 : (i + 1) * 3000] for i in range(n_documents)],
    }


def save_checkpoint(folder: Path, size: Size) -> Path:
    """Save a token classification checkpoint that finds about as many entities as a real one."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    make_checkpoint(folder, layers=size.layers, hidden=size.hidden, heads=size.heads, labels=LABELS)
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=512)  # as in published checkpoints
    sample = [list(line) for line in list(sentences())[:64]]
    batch = tokenizer(sample, is_split_into_words=True, return_tensors="pt", padding=True)
    with torch.no_grad():
        single = torch.tensor([label[0] in "OS" for label in LABELS])
        model.classifier.bias[~single] = -100.0  # contestants treat illegal sequences of random tags differently
        logits = model(**batch).logits[batch["attention_mask"].bool()]
        model.classifier.bias[0] += (logits[:, 1:].amax(1) - logits[:, 0]).quantile(1 - FOUND)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def ours(nlp: Language) -> RunT:
    """Return a function that runs a pipeline of this package."""

    def run(texts: Sequence[str]) -> FoundT:
        return [[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in nlp.pipe(texts)]

    return run


def exported(folder: Path) -> RunT:
    """Return a function that runs an exported model, without torch and spaCy."""
    recognizer = load(folder, threads=1)

    def run(texts: Sequence[str]) -> FoundT:
        return [[(found.start, found.end, found.label) for found in of_text] for of_text in recognizer(texts)]

    return run


def ckip(checkpoint: Path) -> RunT:
    """Return a function that runs ckip-transformers' driver as in its documentation."""
    from ckip_transformers.nlp import CkipNerChunker

    driver = CkipNerChunker(model_name=str(checkpoint), tokenizer_name=str(checkpoint))

    def run(texts: Sequence[str]) -> FoundT:
        return [[(*e.idx, e.ner) for e in found] for found in driver(list(texts), show_progress=False)]

    return run


def hugging_face(checkpoint: Path, batch_size: int) -> RunT:
    """Return a function that runs the pipeline of transformers, in windows of 512 wordpieces that overlap by 16."""
    from transformers import AutoTokenizer, pipeline

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tagger: Any = pipeline(
        "token-classification",
        model=str(checkpoint),
        tokenizer=tokenizer,
        aggregation_strategy="simple",
        batch_size=batch_size,
        stride=16,
        device=-1,
    )

    def run(texts: Sequence[str]) -> FoundT:
        return [[(e["start"], e["end"], e["entity_group"]) for e in found] for found in tagger(list(texts))]

    return run


def spacy_transformers(checkpoint: Path) -> RunT:
    """Return a function that runs spacy-transformers with spaCy's `ner` and its default windows."""
    nlp = spacy.blank("zh_tw")
    model = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": str(checkpoint),
        "tokenizer_config": {"use_fast": True},
        "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 128, "stride": 96},
    }
    nlp.add_pipe("transformer", config={"model": model})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    parser = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 64,
        "maxout_pieces": 2,
        "use_upper": False,
        "tok2vec": listener,
    }
    ner: Any = nlp.add_pipe("ner", config={"model": parser})
    for label in TYPES:
        ner.add_label(label)
    nlp.initialize()
    return ours(nlp)


def contestants(checkpoint: Path, work: Path) -> dict[str, RunT]:
    """Return all contestants by name."""
    nlp = pipeline_from_hf(str(checkpoint))
    nlp.to_disk(work / "fp32")
    write_quantized(spacy.load(work / "fp32"), work / "int8")
    nlp = spacy.load(work / "fp32")
    (work / "exported").mkdir()
    write_onnx(nlp, work / "exported")
    copytree(work / "exported", work / "rounded")
    quantize_onnx(nlp, work / "rounded")
    return {
        PEER: ckip(checkpoint),
        "transformers, batches of 1": hugging_face(checkpoint, 1),
        "transformers, batches of 32": hugging_face(checkpoint, 32),
        "spacy-transformers + ner": spacy_transformers(checkpoint),
        "ours": ours(spacy.load(work / "fp32")),
        "ours, int8": ours(spacy.load(work / "int8")),
        "ours, exported": exported(work / "exported"),
        "ours, exported, int8": exported(work / "rounded"),
    }


def same(first: FoundT, second: FoundT) -> float:
    """Return the share of common entities among all entities of two contestants."""
    pairs = [(set(a), set(b)) for a, b in zip(first, second, strict=True)]
    return sum(len(a & b) for a, b in pairs) / max(1, sum(len(a | b) for a, b in pairs))


def measure(
    runs: Mapping[str, RunT], texts: Sequence[str], rounds: int, clock: Callable[[], float]
) -> dict[str, float]:
    """Return the characters per second of each contestant."""
    seconds = interleaved({who: partial(run, texts) for who, run in runs.items()}, rounds=rounds, clock=clock)
    return {who: sum(map(len, texts)) / taken for who, taken in seconds.items()}


def main() -> None:
    """Print one table per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="share of the texts of each column to use")
    parser.add_argument("--size", choices=[*SIZES, "all"], default="all")
    parser.add_argument("--only", nargs="+", default=[], help="contestants to run, in addition to ckip-transformers")
    parser.add_argument(
        "--processor-time", action="store_true", help="measure processor time, if there is other work on the machine"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(machine(), flush=True)
    clock = time.process_time if options.processor_time else time.perf_counter
    for name, size in SIZES.items():
        if options.size not in (name, "all"):
            continue
        columns = make_texts(options.share * size.share)
        with TemporaryDirectory() as folder:
            runs = contestants(save_checkpoint(Path(folder) / "checkpoint", size), Path(folder))
            # Ours folds Latin capitals and full-width digits, which ckip-transformers treats as unknown.
            chinese = [re.sub(r"[^一-鿿，。、]", "", text) for text in next(iter(columns.values()))[:20]]
            agreed = same(runs[PEER](chinese), runs["ours"](chinese))
            print(f"{name}: {agreed:.1%} of the entities in Chinese characters are those of {PEER}", flush=True)
            runs = {who: run for who, run in runs.items() if not options.only or who in (PEER, *options.only)}
            cells: dict[str, list[str]] = {who: [] for who in (*runs, "limit")}
            for i, texts in enumerate(columns.values()):
                # Before and after, since the speed of a shared machine changes
                limits = [characters_per_second(size.layers, size.hidden, texts, options.rounds)]
                speeds = measure(runs, texts, options.rounds, clock)
                limits.append(characters_per_second(size.layers, size.hidden, texts, options.rounds))
                limit = sum(limits) / len(limits)
                cells["limit"].append(f"{limit:,.0f}/s")
                for who, speed in speeds.items():
                    goal = f" (≥ {GOALS[name, who][i]})" if (name, who) in GOALS else ""
                    share = f", {speed / limit:.2f} of the limit" if who in FLOAT32 else ""
                    cells[who].append(f"{speed:,.0f}/s, {speed / speeds[PEER]:.2f}×{goal}{share}")
        print(table([(who, *row) for who, row in cells.items()], header=(name, *columns)), flush=True)


if __name__ == "__main__":
    main()
