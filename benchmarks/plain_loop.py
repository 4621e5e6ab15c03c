"""Train a tagger of `benchmarks.taggers` by a plain loop in torch.

    python -m benchmarks.plain_loop TAGGER CONFIG DATA OUTPUT

Base model, wordpieces, batches, schedule and number of steps are those of a training config, so that only the tagger
differs from a pipeline. The last weights are scored, and the results written to `OUTPUT/plain_loop.json`.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.util import registry, resolve_dot_names
from thinc.api import Config, fix_random_seed
from torch import nn

from benchmarks.corpora import gold_of
from benchmarks.taggers import TAGGERS, Tagger
from spacy_zh_tw_ner.atomic_writes import write_whole
from spacy_zh_tw_ner.cli.main import zh_tw_ner_cli  # noqa: F401  (registers what configs name)
from spacy_zh_tw_ner.evaluation.entity_counts import micro_f
from spacy_zh_tw_ner.export.quantize import backbone_shims
from spacy_zh_tw_ner.training.loop import BatchStream
from spacy_zh_tw_ner.training.measures import peak_memory
from spacy_zh_tw_ner.transformer.optimizers import parameter_groups

RESULT = "plain_loop.json"


def train(kind: type[Tagger], nlp: Language, config: dict[str, Any], labels: Sequence[str]) -> tuple[Tagger, float]:
    """Train a tagger as the config says; return it, and the seconds per step."""
    training = registry.resolve({"training": config["training"]})["training"]
    fix_random_seed(training["seed"])
    shim = next(backbone_shims(nlp))
    tagger = kind(shim, labels, training["dropout"])
    settings, clip = training["optimizer"].encoder, training["optimizer"].encoder.grad_clip
    groups = parameter_groups(tagger.encoder.model, rate=settings.rate, weight_decay=settings.weight_decay)
    head = {"params": [*tagger.head.parameters()], "weight_decay": 0.0, "name": "head"}
    known = {id(parameter) for group in [*groups, head] for parameter in group["params"]}
    own = [p for p in tagger.parameters() if p.requires_grad and id(p) not in known]
    added = {"params": own, "weight_decay": 0.0, "name": "added"}  # prefixes, places: at the rate of the encoder
    groups = [group for group in (*groups, added, head) if group["params"]]
    optimizer = torch.optim.AdamW(groups, lr=0.0, betas=settings.betas, eps=settings.eps)
    (corpus,) = resolve_dot_names(nlp.config.interpolate(), [training["train_corpus"]])
    stream = BatchStream(nlp, corpus, training["batcher"], training["max_epochs"], training["seed"])
    start = time.perf_counter()  # reading batches included, as in the other runs
    for _, batch in islice(stream, training["max_steps"]):
        tagger.train()
        docs, golds = zip(*((example.predicted, example.reference) for example in batch), strict=True)
        nn.functional.cross_entropy(tagger(docs), tagger.gold(golds)).backward()
        for group in optimizer.param_groups:
            group["lr"] = float(training["optimizer"].learn_rate if group["name"] == "head" else settings.rate)
        nn.utils.clip_grad_norm_([*tagger.encoder.parameters(), *own], clip)
        nn.utils.clip_grad_norm_(tagger.head.parameters(), clip)
        optimizer.step()
        optimizer.zero_grad()
        training["optimizer"].step_schedules()
    return tagger, (time.perf_counter() - start) / training["max_steps"]


def main() -> None:
    """Train and score a tagger, and write its results and weights."""
    kind, config_file, data, output = TAGGERS[sys.argv[1]], *map(Path, sys.argv[2:5])
    torch.set_num_threads(1)
    nlp = init_nlp(Config().from_disk(config_file).interpolate())
    labels = nlp.get_pipe("ner").labels  # type: ignore[attr-defined]
    tagger, seconds = train(kind, nlp, nlp.config.interpolate(), labels)
    scores = {split: micro_f(tagger.predict(nlp, gold_of(nlp, data / f"{split}.spacy"))) for split in ("dev", "test")}
    memory = peak_memory()  # evaluations included, as in the other runs
    torch.save(tagger.state_dict(), output / "tagger.pt")
    result = {**scores, "seconds_per_step": seconds, "peak_mib": memory.mib if memory else 0.0}
    write_whole(output / RESULT, json.dumps(result).encode())


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
