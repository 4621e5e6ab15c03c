"""Measure a training step with 16 × 128 wordpieces: ours, a Hugging Face loop, spacy-transformers.

The base model is a 4 × 312 BERT with random weights, or that of --base, whose vocabulary is trimmed first. All have the
same weights. The plain loop gets the ids of ours, looked up before the measurement; the others tokenize in each step.
With --base, spacy-transformers is left out, because it would get other wordpieces.
The second table is the peak memory of a step according to torch's profiler, for all weights, adapters only, and
adapters with 4-bit weights; the third compares the optimizer's memory with that of the whole vocabulary.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import spacy
import torch
from spacy.language import Language
from spacy.training import Example
from thinc.api import Adam, Optimizer, fix_random_seed

from benchmarks.measure import interleaved, machine, peak_of, table
from benchmarks.synthetic import make_checkpoint, sentences
from spacy_zh_tw_ner.export.quantize import backbone_shims
from spacy_zh_tw_ner.export.trim_base import write_trimmed
from spacy_zh_tw_ner.training.optimizers import create_grouped_optimizer_v1
from spacy_zh_tw_ner.transformer.batches import make_micro_batches
from spacy_zh_tw_ner.transformer.windows import ClauseWindows, cut_documents
from spacy_zh_tw_ner.transformer.wordpieces import WordpieceTable

BATCH, LENGTH = 16, 128  # windows, and wordpieces of each, including [CLS] and [SEP]
GOAL, GOAL_WITH_BASE = 1.1, 0.8  # time relative to the plain loop
LABELS = [f"{kind}-L{i}" for i in range(18) for kind in "BIES"]
OURS = {
    "@architectures": "spacy-zh-tw-ner.TransformerModel.v1",
    "get_spans": {"@span_getters": "spacy-zh-tw-ner.clause_windows.v1"},
}
LORA = {"lora": {"@misc": "spacy-zh-tw-ner.lora.v1", "r": 16, "alpha": 32}}
WIDE = {
    "lora": {"@misc": "spacy-zh-tw-ner.lora.v1", "r": 32, "alpha": 8, "target_modules": "all-linear", "rslora": True}
}
NF4 = {"quantization": {"@misc": "spacy-zh-tw-ner.quantization.v1", "kind": "nf4"}}
MICRO = {"@misc": "spacy-zh-tw-ner.memory.v1", "micro_batch": 4}
MEMORY = {
    "all weights": OURS,
    "all weights, micro-batches of 4": OURS | {"memory": MICRO},
    "LoRA": OURS | LORA,
    "LoRA of all linear layers": OURS | WIDE,
    "LoRA of all linear layers, micro-batches of 4": OURS | WIDE | {"memory": MICRO},
    "QLoRA (NF4)": OURS | LORA | NF4,
    "QLoRA of all linear layers, micro-batches of 4": OURS | WIDE | NF4 | {"memory": MICRO},
    "the same with gradient checkpointing": OURS | WIDE | NF4 | {"memory": MICRO | {"gradient_checkpointing": True}},
}
THEIRS = {
    "@architectures": "spacy-transformers.TransformerModel.v3",
    "get_spans": {"@span_getters": "spacy-transformers.doc_spans.v1"},
    "tokenizer_config": {"use_fast": True},
}
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}


def texts() -> list[str]:
    """Return the texts of a batch, all of one length, with one wordpiece per character."""
    together = "".join(c for line in sentences() for c in line if "\u4e00" <= c <= "\u9fff")
    size = LENGTH - 2
    return [together[i * size : (i + 1) * size] for i in range(BATCH)]


def pipeline(model: dict[str, Any]) -> tuple[Language, list[Example]]:
    """Build a pipeline with a transformer and our head, and a batch with 18 labels."""
    fix_random_seed(0)
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("transformer", config={"model": model})
    head = {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1", "tok2vec": LISTENER}
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": head})
    examples = [
        Example.from_dict(nlp.make_doc(text), {"entities": [(4 * i, 4 * i + 3, f"L{i}") for i in range(18)]})
        for text in texts()
    ]
    nlp.initialize(lambda: examples)
    return nlp, examples


def step(model: dict[str, Any], optimizer: Optimizer) -> Callable[[], object]:
    """Return a function that updates a spaCy pipeline once."""
    nlp, examples = pipeline(model)
    return lambda: update(nlp, examples, optimizer)


def update(nlp: Language, examples: list[Example], optimizer: Optimizer) -> None:
    """Update a pipeline as `spacy train` does: first all gradients, then the weights."""
    nlp.update(examples, sgd=False)
    for name in nlp.pipe_names:
        nlp.get_pipe(name).finish_update(optimizer)  # type: ignore[attr-defined]


def plain_step(base: Path) -> Callable[[], object]:
    """Return a training step without spaCy: forward, cross-entropy, backward, clip, fused AdamW.

    Each text is one window, and its ids are looked up once, before the measurement.
    """
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    wordpieces = WordpieceTable(AutoTokenizer.from_pretrained(base))
    cut = cut_documents([*map(spacy.blank("zh_tw").make_doc, texts())], wordpieces, ClauseWindows())
    (batch,) = make_micro_batches(cut, wordpieces)
    inputs = {"input_ids": batch.input_ids.long(), "attention_mask": batch.attention_mask}
    model = AutoModelForTokenClassification.from_pretrained(base, num_labels=len(LABELS) + 1).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5, fused=True)
    tags = torch.randint(len(LABELS) + 1, batch.input_ids.shape)

    def run() -> None:
        model(**inputs, labels=tags).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return run


def optimizer_mib(base: str) -> float:
    """Return the MiB of AdamW's two averages for all weights of a base model in float32."""
    from transformers import AutoModel

    return sum(2 * weight.nbytes for weight in AutoModel.from_pretrained(base).parameters()) / 2**20


def peak(model: dict[str, Any]) -> float:
    """Return the peak memory of a step in MiB, weights included."""
    optimizer = create_grouped_optimizer_v1(3e-5, 1e-3)
    nlp, examples = pipeline(model)
    update(nlp, examples, optimizer)
    shim: Any = next(backbone_shims(nlp))
    held = [*shim.backbone.state_dict().values(), *(t for s in shim._optimizer.state.values() for t in s.values())]
    resident = sum(tensor.nbytes for tensor in held if isinstance(tensor, torch.Tensor))
    return (resident + peak_of(lambda: update(nlp, examples, optimizer))) / 2**20


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=312)
    parser.add_argument("--base", help="base model to trim and train, instead of a BERT with random weights")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    with TemporaryDirectory() as folder:
        base = Path(folder, "base")
        if options.base:
            write_trimmed(options.base, base)
        else:
            base.mkdir()
            make_checkpoint(base, layers=options.layers, hidden=options.hidden, heads=12, labels=["O", *LABELS])
        named = {"name": str(base)}
        steps = {"plain loop": plain_step(base), "ours": step(OURS | named, create_grouped_optimizer_v1(3e-5, 1e-3))}
        if not options.base:
            steps["spacy-transformers"] = step(THEIRS | named, Adam(3e-5, use_averages=False))
        seconds = interleaved(steps, rounds=options.rounds)
        rows: list[tuple[object, ...]] = [
            (name, f"{1000 * value:.0f}", f"{value / seconds['plain loop']:.2f}") for name, value in seconds.items()
        ]
        goal = GOAL_WITH_BASE if options.base else GOAL
        print(table(rows, header=("training step", "ms", f"relative to the plain loop (goal ≤ {goal})")))
        peaks = {name: peak(model | named) for name, model in MEMORY.items()}
        print(
            table(
                [(name, f"{mib:.0f}", f"{mib / peaks['all weights']:.2f}") for name, mib in peaks.items()],
                header=("trained weights", "peak MiB", "relative to all weights"),
            )
        )
        if options.base:
            whole, trimmed = optimizer_mib(options.base), optimizer_mib(str(base))
            cells: list[tuple[object, ...]] = [("whole", f"{whole:.0f}", "1.00")]
            cells.append(("trimmed", f"{trimmed:.0f}", f"{trimmed / whole:.2f}"))
            print(table(cells, header=("vocabulary", "MiB of the optimizer", "relative to the whole (goal ≤ 0.3)")))


if __name__ == "__main__":
    main()
